# Copyright (c) 2026 The CCM authors
#
# Permission to use, copy, modify, and distribute this software for any
# purpose with or without fee is hereby granted, provided that the above
# copyright notice and this permission notice appear in all copies.
#
# THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
# WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
# MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
# ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
# WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
# ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
# OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.


"""The HTTP API's width: updates, entity tags, large lists."""

import json
import socket

import pytest

import contract
from daemon import Daemon
from hostile import End
from registry_harness import Peer


def test_the_checker_checks(d):
    """What all other tests rely on."""
    good = {"success": True, "status": "ok"}
    contract.check(d, "GET", "/healthz", 200, good)
    for status, body in ((200, {"success": True}),
                         (200, {**good, "status": 1}),
                         (200, {**good, "surplus": 1}),
                         (201, good), (404, good),
                         (404, {"success": False, "error": "x"})):
        with pytest.raises(AssertionError):
            contract.check(d, "GET", "/healthz", status, body)
    with pytest.raises(AssertionError):
        contract.check(d, "GET", "/api/nothing", 200, good)


def test_update(d, sim):
    pipe = d.provision("acme/shop", linked_domain="a.example",
                       linked_app="shop", vps="srv1",
                       config={"environment": "staging", "mine": {"a": 1}})
    before = d.registry()["pipelines"][pipe]
    status, r = d.request("PATCH", "/api/pipelines/" + pipe, {
        "linked_domain": "b.example", "linked_app": None,
        "config": {"auto_deploy": False, "mine": {"b": 2}}})
    assert status == 200
    now = d.registry()["pipelines"][pipe]
    assert r["pipeline"] == now
    assert now["vps_integration"] == {
        **before["vps_integration"], "linked_domain": "b.example"}
    assert now["config"] == {**before["config"], "auto_deploy": False,
                             "mine": {"a": 1, "b": 2}}
    assert {k: now[k] for k in ("status", "created_at", "repository",
                                "github")} == \
        {k: before[k] for k in ("status", "created_at", "repository",
                                "github")}
    # Empty counts as absent.
    was = d.registry()
    assert d.request("PATCH", "/api/pipelines/" + pipe, {
        "linked_domain": "", "linked_app": "", "vps": ""})[0] == 200
    assert d.registry() == was
    # Unlinked: to none; the others stay, and what is given as well counts.
    status, r = d.request("PATCH", "/api/pipelines/" + pipe, {
        "unlink": ["linked_app", "vps", "linked_domain"],
        "linked_domain": "b.example"})
    assert status == 200
    assert d.registry()["pipelines"][pipe]["vps_integration"] == {
        "requested_by": before["vps_integration"]["requested_by"],
        "linked_domain": "b.example"}
    # A read after the answer sees it; the filters do too.
    _, r = d.request("GET", "/api/pipelines?domain=b.example")
    assert [p["pipeline_id"] for p in r["pipelines"]] == [pipe]
    assert d.request("GET", "/api/pipelines?domain=a.example")[1][
        "count"] == 0
    # Nothing given, nothing changed.
    was = d.registry()
    for body in ({}, {"config": None}, {"linked_domain": "b.example"}):
        assert d.request("PATCH", "/api/pipelines/" + pipe, body)[0] == 200
        assert d.registry() == was
    line = [x for x in d.audit() if x["verb"] == "pipeline.update"][0]
    assert (line["actor"], line["target"]) == ("test", pipe)


@pytest.mark.parametrize("body,status", [
    ({"linked_domain": "no host"}, 400), ({"linked_app": ".hidden"}, 400),
    ({"vps": 5}, 400), ({"config": []}, 400), ({"unlink": "vps"}, 400),
    ({"unlink": ["requested_by"]}, 400), ({"unlink": [1]}, 400),
    ({"unlink": ["vps"] * 4}, 400),
    ({"config": {"auto_deploy": "yes"}}, 400),
    ({"config": {"trigger_branches": [""]}}, 400), ("[]", 400), ("{", 400)])
def test_update_refuses(d, body, status):
    pipe = d.provision("acme/shop", linked_domain="a.example")
    was = d.registry()
    assert d.request("PATCH", "/api/pipelines/" + pipe, body)[0] == status
    assert d.registry() == was


def test_update_cannot_outgrow_the_config(d):
    """16 KB of what is not known: also together with what is there."""
    pipe = d.provision("acme/shop", config={"a": "x" * 9000})
    status, r = d.request("PATCH", "/api/pipelines/" + pipe,
                          {"config": {"b": "x" * 9000}})
    assert (status, r["code"]) == (400, "invalid_argument")
    assert "b" not in d.registry()["pipelines"][pipe]["config"]
    assert d.request("PATCH", "/api/pipelines/pipe_ffffffffffff",
                     {})[0] == 404


def test_update_from_the_shell(d):
    pipe = d.provision("acme/shop", linked_domain="a.example")
    r = d.ctl("update", pipe, "-d", "b.example", "-a", "shop")
    assert r.returncode == 0, r.stderr
    assert "b.example" in r.stdout
    r = d.ctl("update", "-j", pipe, "-d", "")
    assert "linked_domain" not in json.loads(r.stdout)["pipeline"][
        "vps_integration"]
    assert d.ctl("update", pipe, "-d", "no host").returncode == 2


def tagged(d, path, tag=None):
    status, head, data = d.raw("GET", path, headers={
        "If-None-Match": tag} if tag else {})
    assert head["ETag"].startswith('W/"'), head
    assert (status == 304) == (data == b"")
    if status == 304:
        assert "Content-Length" not in head
    return status, head["ETag"]


PATHS = ["/api/pipelines", "/api/pipelines?include=stats", "/api/stats",
         "/api/pipelines/%s", "/api/pipelines/%s/stats"]


def test_entity_tags(d, sim):
    pipe = d.provision("acme/shop")
    d.wait_stats(pipe, lambda s: not s["stale"])
    paths = [p.replace("%s", pipe) for p in PATHS]
    tags = {p: tagged(d, p)[1] for p in paths}
    # The age goes on, the tags stay: a look does not change them.
    age = d.stats(pipe)["fetched_at"]
    d.wait_stats(pipe, lambda s: s["fetched_at"] != age)
    for p in paths:
        for sent in (tags[p], tags[p][2:], "*", 'W/"x", ' + tags[p],
                     '"y",%s , "z"' % tags[p]):
            assert tagged(d, p, sent) == (304, tags[p]), (p, sent)
        for sent in ('"x"', tags[p][:-2] + '"', "", "W/" + tags[p],
                     tags[p][3:-1]):
            assert tagged(d, p, sent) == (200, tags[p]), (p, sent)
    # News change those that show it.
    sim.add_run("acme/shop", "deploy.yml", conclusion="success")
    d.wait_stats(pipe, lambda s: s["last_run"])
    assert [p for p in paths if tagged(d, p)[1] == tags[p]] == [
        "/api/pipelines"]
    d.request("PATCH", "/api/pipelines/" + pipe, {"linked_app": "shop"})
    assert tagged(d, "/api/pipelines")[1] != tags["/api/pipelines"]


N = 10000


def test_update_of_a_document_without_a_config(tmp_path):
    """As a Python CCM's may be."""
    with Daemon(tmp_path, start=False) as d:
        d.state.mkdir()
        (d.state / "pipelines.json").write_text(json.dumps({
            "pipelines": {"pipe_1": {
                "pipeline_id": "pipe_1", "repository": "acme/shop",
                "workflow_file": "deploy.yml", "status": "active",
                "created_at": "2026-01-01T00:00:00Z"}},
            "registry_version": "1.0"}))
        d.start()
        status, r = d.request("PATCH", "/api/pipelines/pipe_1",
                              {"linked_domain": "a.example"})
        assert status == 200, r
        doc = d.registry()["pipelines"]["pipe_1"]
        assert doc["vps_integration"] == {"linked_domain": "a.example"}
        assert "config" not in doc


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """10,000 pipelines, every other inactive, as a file of the Python
    CCM."""
    tmp = tmp_path_factory.mktemp("many")
    with Daemon(tmp, start=False) as d:
        d.state.mkdir()
        docs = {}
        for i in range(N):
            # The order of creation is not that of the ids.
            pid = "pipe_%012x" % ((i * 7919) % N)
            docs[pid] = {
                "pipeline_id": pid, "repository": "o%d/r%d" % (i % 50, i),
                "workflow_file": ".github/workflows/deploy.yml",
                "status": "inactive" if i % 2 else "active",
                "created_at": "2026-01-%02dT10:%02d:00Z" % (
                    1 + i % 28, i // 28 % 60),
                "vps_integration": {"linked_domain": "d%d.example" % (i % 7),
                                    "linked_app": "app%d" % (i % 11)}}
        (d.state / "pipelines.json").write_text(json.dumps(
            {"pipelines": docs, "registry_version": "2.0"}))
        d.start()
        d.docs = sorted(docs.values(), key=lambda p: (
            p["created_at"], p["pipeline_id"]))
        yield d


def pages(d, query, limit):
    found, after = [], ""
    while True:
        status, r = d.request("GET", "/api/pipelines?limit=%d%s%s" % (
            limit, query, after))
        assert status == 200 and r["count"] == len(r["pipelines"]) <= limit
        found += [p["pipeline_id"] for p in r["pipelines"]]
        if "next" not in r:
            return found, r["total"]
        assert r["count"] == limit
        after = "&after=" + r["next"]


def test_list_of_10000(many):
    """All of them, whole and in pages, each once and in order."""
    every = [p["pipeline_id"] for p in many.docs]
    status, _, data = many.raw("GET", "/api/pipelines")
    r = json.loads(data)
    assert (status, r["count"]) == (200, N)
    assert [p["pipeline_id"] for p in r["pipelines"]] == every
    for limit in 1000, 4999, N:
        assert pages(many, "", limit) == (every, N)


def control_answers(d, *asked):
    """All at once over the control socket: (op, answer) in the order in
    which they were answered."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(d.socket))
        s.sendall(b"".join(
            [Peer.encode("CTL_HELLO", version=1)] + [
                Peer.encode("CTL_OP", op=i, verb=verb, args=args)
                for i, (verb, args) in enumerate(asked)]))
        end, texts, order = End("api", s), {}, []
        while len(order) < len(asked):
            m = end.expect("CTL_ANSWER")
            assert m["status"] == 200
            texts[m["op"]] = texts.get(m["op"], b"") + m["body"]
            if not m["more"]:
                order.append(m["op"])
    return [(op, json.loads(texts[op])) for op in order]


def test_what_a_list_needs_is_made_in_turns(many):
    """Right after a start: a small question that comes behind large ones is
    answered before them, and each of them is whole."""
    every = [p["pipeline_id"] for p in many.docs]
    many.stop()
    many.start()
    # One that goes away meanwhile.
    with socket.create_connection(("127.0.0.1", many.port)) as s:
        s.sendall(b"GET /api/stats HTTP/1.1\r\nHost: x\r\nCCM-Token: %s\r\n"
                  b"\r\n" % many.token.encode())
    got = control_answers(
        many, ("stats.list", {}), ("pipeline.list", {"include": "stats"}),
        ("pipeline.list", {}), ("stats.list", {}),
        ("pipeline.show", {"id": every[3]}))
    assert got[0][0] == 4 and got[0][1]["pipeline"]["pipeline_id"] == every[3]
    answers = dict(got)
    for op in range(4):
        members = answers[op].get("stats") or answers[op]["pipelines"]
        assert [p["pipeline_id"] for p in members] == every
        assert answers[op]["count"] == N
    for p, q in zip(answers[1]["pipelines"], answers[2]["pipelines"]):
        assert p.pop("metrics")["pipeline_id"] == q["pipeline_id"]
        assert p == q


def test_filters_over_10000(many):
    for query, test in (
            ("&status=active", lambda p: p["status"] == "active"),
            ("&domain=D3.example",
             lambda p: p["vps_integration"]["linked_domain"] ==
             "d3.example"),
            ("&app=app5&status=inactive",
             lambda p: p["vps_integration"]["linked_app"] == "app5" and
             p["status"] == "inactive"),
            ("&repository=O7/r57", lambda p: p["repository"] == "o7/r57"),
            ("&app=none", lambda p: False)):
        wanted = [p["pipeline_id"] for p in many.docs if test(p)]
        assert pages(many, query, 999) == (wanted, len(wanted)), query


@pytest.mark.parametrize("query", [
    "limit=0", "limit=10001", "limit=x", "limit=1&limit=1", "status=gone",
    "include=everything", "after=", "limit=-1", "limit=1e2",
    "after=nonsense", "after=" + "x" * 129])
def test_list_refuses(many, query):
    assert many.request("GET", "/api/pipelines?" + query)[0] == 400


def test_odd_cursors(many):
    """A cursor is a place, not a promise."""
    for after, first in (("1970-01-01T00:00:00Z,x", 0),
                         ("9999-12-31T23:59:59Z,x", N),
                         (many.docs[5]["created_at"] + "," +
                          many.docs[5]["pipeline_id"], 6)):
        _, r = many.request("GET", "/api/pipelines?limit=1&after=" + after)
        assert [p["pipeline_id"] for p in r["pipelines"]] == [
            p["pipeline_id"] for p in many.docs[first:first + 1]]


def test_what_was_answered_before_is_still_asked_for(d):
    """An answer given again is for who may see it, and of now."""
    pipe = d.provision("acme/shop")
    for path in [p.replace("%s", pipe) for p in PATHS]:
        for _ in range(3):
            status, head, data = d.raw("GET", path)
            assert status == 200
            assert head["Content-Length"] == str(len(data))
        assert d.request("GET", path, token="wrong")[0] == 401
        status, answer = d.request("POST", path, {})
        assert (status, answer["success"]) == (405, False)
        status, head, data = d.raw("GET", path,
                                   headers={"Connection": "close"})
        assert (status, head["Connection"]) == (200, "close")
        assert json.loads(data)["success"] is True
    for i in range(20):
        d.request("PATCH", "/api/pipelines/" + pipe,
                  {"linked_app": "app%d" % i})
        for path in ("/api/pipelines", "/api/pipelines?limit=1",
                     "/api/pipelines?app=APP%d" % i):
            _, r = d.request("GET", path)
            assert [p["vps_integration"]["linked_app"] for p in
                    r["pipelines"]] == ["app%d" % i]
        _, r = d.request("GET", "/api/pipelines/" + pipe)
        assert r["pipeline"]["vps_integration"]["linked_app"] == "app%d" % i
    # Its age is that of the second.
    ages = {d.stats(pipe)["age_seconds"] for _ in range(3)}
    assert None not in ages
