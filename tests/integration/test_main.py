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

"""The main job, through the real processes: provision, look, tear down."""

import os
import re

import pytest

from daemon import Daemon, wait_until
from test_build import sanitized

USERS = [None] + (["nobody"] if os.geteuid() == 0 else [])
REPOSITORIES = {"acme/shop": ["deploy.yml", "ci.yml"]}


class CCMClient:
    """Written only from the examples of the original description."""

    def __init__(self, daemon):
        self.daemon = daemon

    def provision_pipeline(self, repo, workflow_file, domain, app_name):
        status, r = self.daemon.request(
            "POST", "/api/pipelines/provision",
            {"repo": repo, "workflow_file": workflow_file,
             "linked_domain": domain, "linked_app": app_name})
        assert status == 201 and r["success"] is True
        return r["pipeline_id"]

    def get_pipeline_stats(self, pipeline):
        status, r = self.daemon.request(
            "GET", "/api/pipelines/%s/stats" % pipeline)
        assert status == 200
        return r["stats"]

    def teardown_pipeline(self, pipeline):
        status, r = self.daemon.request(
            "DELETE", "/api/pipelines/%s?preserve_repo=true" % pipeline)
        assert status == 200 and r["success"] is True
        return r


@pytest.mark.parametrize("user", USERS)
def test_the_description_s_client(tmp_path, sim, user):
    sim.add_run("acme/shop", "deploy.yml", conclusion="success")
    with Daemon(tmp_path, github_url=sim.url, user=user) as d:
        ccm = CCMClient(d)
        pipeline = ccm.provision_pipeline(
            repo="acme/shop", workflow_file=".github/workflows/deploy.yml",
            domain="shop.example.com", app_name="shop")
        assert re.fullmatch("pipe_[0-9a-f]{12}", pipeline)
        stats = d.wait_stats(pipeline, lambda s: not s["stale"])
        assert stats["pipeline_id"] == pipeline
        assert stats["metrics_24h"]["run_count"] == 1
        assert stats["last_run"]["status"] == "success"
        _, listing = d.request("GET", "/api/pipelines")
        assert [p["pipeline_id"] for p in listing["pipelines"]] == [pipeline]
        assert listing["pipelines"][0]["vps_integration"][
            "linked_domain"] == "shop.example.com"
        r = ccm.teardown_pipeline(pipeline)
        assert r["message"] == \
            "Pipeline deactivated, repository preserved"
        _, one = d.request("GET", "/api/pipelines/" + pipeline)
        assert one["pipeline"]["status"] == "inactive"
        assert one["pipeline"]["deactivated_at"]
        again = ccm.provision_pipeline("acme/shop", "deploy.yml",
                                       "shop.example.com", "shop")
        assert again == pipeline
        _, one = d.request("GET", "/api/pipelines/" + pipeline)
        assert one["pipeline"]["status"] == "active"
        assert "deactivated_at" not in one["pipeline"]


def test_provision_refusals(d, sim):
    def provision(**body):
        return d.request("POST", "/api/pipelines/provision", body)

    for body in ({}, {"repo": "acme/shop"}, {"workflow_file": "deploy.yml"},
                 {"repo": None, "workflow_file": "deploy.yml"}):
        status, r = provision(**body)
        assert status == 400
        assert r["error"] == "Missing required fields: repo, workflow_file"
        assert r["success"] is False and r["code"]
    status, r = provision(repo="acme/none", workflow_file="deploy.yml")
    assert status == 404
    assert r["error"].startswith("Repository not found: acme/none")
    assert "access" in r["error"]
    status, r = provision(repo="acme/shop", workflow_file="none.yml")
    assert status == 404 and r["error"].startswith("Workflow not found: ")
    pipeline = d.provision("acme/shop")
    for name in ("acme/shop", "ACME/Shop"):
        status, r = provision(repo=name, workflow_file="deploy.yml")
        assert status == 409
        assert r["error"] == "Pipeline already provisioned: " + pipeline
    assert len(d.registry()["pipelines"]) == 1


def test_bad_arguments_change_nothing(d, sim):
    good = {"repo": "acme/shop", "workflow_file": "deploy.yml"}
    mark = sim.mark()
    for member, value in [
            ("repo", "acme"), ("repo", "acme/shop/x"), ("repo", 5),
            ("repo", "-a/b"), ("repo", "a/.."), ("repo", "a/b.git"),
            ("workflow_file", "deploy.txt"), ("workflow_file", "../x.yml"),
            ("workflow_file", ".github/workflows/a/b.yml"),
            ("workflow_file", "/etc/x.yml"), ("workflow_file", 1),
            ("linked_domain", "no domain"), ("linked_domain", "-x.de"),
            ("linked_domain", 7), ("linked_app", ".hidden"),
            ("linked_app", "a" * 65), ("linked_app", "a b"), ("vps", "a/b"),
            ("config", 1), ("config", {"trigger_branches": "x"}),
            ("config", {"trigger_branches": ["x"] * 101}),
            ("config", {"trigger_branches": [""]}),
            ("config", {"trigger_branches": ["x" * 256]}),
            ("config", {"auto_deploy": "yes"}),
            ("config", {"environment": 1}),
            ("config", {"more": "x" * 17000})]:
        status, r = d.request("POST", "/api/pipelines/provision",
                              {**good, member: value})
        assert status == 400, (member, value, r)
        assert member in r["error"], r
    assert sim.requests(since=mark) == []
    assert d.request("GET", "/api/pipelines")[1]["count"] == 0


@pytest.mark.parametrize("body,status", [
    (b'{"repo": "acme/shop", "repo": "acme/x"}', 400), (b"[]", 400),
    (b"{", 400), (b'{"repo": NaN}', 400), (b"{'repo': 1}", 400),
    (b'{"repo": 1e999}', 400), (b'{"x": 18446744073709551616}', 400),
    (b'{"repo": "\xff"}', 400), (b'{"a":' * 40 + b"1" + b"}" * 40, 400),
    (b'{} {}', 400), (b'{"repo": "a\\u0000b"}', 400)])
def test_bad_json(d, body, status):
    got, r = d.request("POST", "/api/pipelines/provision", body)
    assert got == status, r
    assert r["success"] is False and r["code"] == "invalid_json"


def test_statuses(d):
    assert d.request("GET", "/api/pipelines", token="wrong") == (
        401, {"success": False, "error": "Invalid CCM-Token",
              "code": "invalid_token"})
    assert d.request("GET", "/nothing")[0] == 404
    status, head, _ = d.raw("PUT", "/api/pipelines")
    assert status == 405 and head["Allow"] == "GET"
    assert d.raw("OPTIONS", "/api/pipelines")[0] == 405
    assert d.request("GET", "/api/pipelines/pipe_000000000000") == (
        404, {"success": False, "code": "pipeline_not_found",
              "error": "Pipeline not found: pipe_000000000000"})
    assert d.request("GET", "/api/pipelines/../x")[0] == 404
    assert d.request("POST", "/api/pipelines/provision", b"x=1", headers={
        "Content-Type": "text/plain"})[0] == 415
    assert d.request("GET", "/api/pipelines?limit=0")[0] == 400
    assert d.request("GET", "/api/pipelines?limit=1&limit=2")[0] == 400
    assert d.request("GET", "/api/pipelines?foo=1&foo=2")[0] == 200
    assert d.raw("GET", "/api/pipelines", headers={
        "Content-Type": "application/json", "Content-Length": "0"})[0] == 200
    assert d.request("GET", "/api/pipelines", headers={
        "CCM-Token": "", "Authorization": "Bearer " + d.token})[0] in (
            200, 401)


def test_preserve_repo(d):
    pipeline = d.provision("acme/shop")
    path = "/api/pipelines/%s?preserve_repo=" % pipeline
    for value in ("false", "0", "no", "TRUE", ""):
        assert d.request("DELETE", path + value)[0] == 400, value
    assert d.request("GET", "/api/pipelines/" + pipeline)[1]["pipeline"][
        "status"] == "active"
    assert d.request("DELETE", path + "1")[0] == 200
    # Already inactive: well again.
    assert d.request("DELETE", "/api/pipelines/" + pipeline)[0] == 200


def test_disabled_workflow_is_enabled(d, sim):
    sim.patch_workflow("acme/shop", "deploy.yml",
                       state="disabled_inactivity")
    status, r = d.request("POST", "/api/pipelines/provision", {
        "repo": "acme/shop", "workflow_file": "deploy.yml"})
    assert status == 201
    assert any("disabled_inactivity" in w for w in r["warnings"])
    assert [q["method"] for q in sim.requests(path="/enable")] == ["PUT"]


def test_list_filters_and_pages(d, sim):
    for i in range(5):
        sim.add_repo("acme/r%d" % i, workflows=["deploy.yml"])
        d.provision("acme/r%d" % i, linked_domain="d%d.example.com" % (i % 2),
                    linked_app="app%d" % i)
    def names(query):
        status, r = d.request("GET", "/api/pipelines" + query)
        assert status == 200 and r["count"] == len(r["pipelines"])
        return [p["repository"] for p in r["pipelines"]]
    every = ["acme/r%d" % i for i in range(5)]
    assert sorted(names("")) == every
    assert sorted(names("?domain=d1.example.com")) == ["acme/r1", "acme/r3"]
    assert names("?app=app3") == ["acme/r3"]
    assert names("?repository=ACME/R2") == ["acme/r2"]
    assert names("?status=inactive") == []
    seen, query = [], "?limit=2"
    while True:
        _, r = d.request("GET", "/api/pipelines" + query)
        assert r["total"] == 5
        seen += [p["repository"] for p in r["pipelines"]]
        if "next" not in r:
            break
        query = "?limit=2&after=" + r["next"]
    assert seen == names("")
    _, r = d.request("GET", "/api/pipelines?include=stats")
    assert all(p["metrics"]["pipeline_id"] == p["pipeline_id"]
               for p in r["pipelines"])
    _, r = d.request("GET", "/api/stats")
    assert r["count"] == 5 and len(r["stats"]) == 5


def test_unchanged_poll_is_one_304(d, sim):
    pipeline = d.provision("acme/shop")
    d.wait_stats(pipeline, lambda s: not s["stale"])
    mark = sim.mark()
    looks = sim.wait_for(3, since=mark, path="/actions/runs")
    assert {q["status"] for q in looks} == {304}
    assert {q["path"].split("?")[0] for q in sim.requests(since=mark)} == {
        "/repos/acme/shop/actions/runs"}


def test_unchanged_poll_sends_nothing_but_fresh(d, sim):
    """-v names each message where it arrives."""
    others = ["acme/shop%d" % i for i in range(4)]
    for name in others:
        sim.add_repo(name, workflows=["deploy.yml"])
    for name in ["acme/shop"] + others:
        d.wait_stats(d.provision(name), lambda s: not s["stale"])
    # Each has been looked at, and found as it was.
    mark = sim.mark()
    for name in ["acme/shop"] + others:
        sim.wait_for(1, since=mark, path="/repos/%s/actions/runs" % name,
                     status=304)
    # Nothing of what came before is still on its way to the log.
    before = len(d.log())
    wait_until(lambda: d.log()[before:].count("FRESH from registry") >= 2,
               what="two batches")
    before = len(d.log())
    mark = sim.mark()
    looks = sim.wait_for(20, since=mark, path="/actions/runs", status=304)
    seen = re.findall(r"\b([A-Z_]{4,}) from (\w+)", d.log()[before:])
    # The counts of the budget, and what each takes up, are told every ten
    # seconds, once for all.
    rare = {("BUDGET", "poller"), ("USAGE", "parent"), ("USAGE", "poller"),
            ("USAGE", "registry")}
    assert all(seen.count(m) <= 1 for m in rare)
    fresh = [m for m in seen if m not in rare]
    assert set(fresh) == {("FRESH", "poller"), ("FRESH", "registry")}
    # At most one a second and hop, for all five repositories together.
    assert len(fresh) < len(looks)
    wait_until(lambda: all(
        d.request("GET", "/api/stats")[1]["stats"][i]["age_seconds"] < 4
        for i in range(5)), what="fresh figures")


def test_new_run_is_seen_and_figures_move(d, sim):
    pipeline = d.provision("acme/shop")
    d.wait_stats(pipeline, lambda s: not s["stale"])
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                      conclusion=None)
    s = d.wait_stats(pipeline, lambda s: s["active_runs"] == 1)
    assert s["current_run"]["run_id"] == run
    sim.patch_run("acme/shop", run, status="completed",
                  conclusion="failure")
    s = d.wait_stats(pipeline, lambda s: s["active_runs"] == 0)
    assert s["last_run"]["status"] == "failure"
    assert s["metrics_24h"]["failure_count"] == 1
    status, r = d.request("GET", "/api/pipelines/%s/runs" % pipeline)
    assert status == 200
    assert [x["run_id"] for x in r["runs"]] == [run]


def test_never_figures_of_half_a_read_back(d, sim):
    """Two pages, the second one late; killed between; linked again."""
    sim.add_runs("acme/shop", [
        {"workflow": "deploy.yml", "conclusion": "success"}
        for _ in range(150)])
    sim.fault("delay", path="/workflows/[0-9]+/runs.*&page=2", ms=1000)

    def halves(pipeline):
        """How many answers came before the whole, which must be empty."""
        n = 0
        while (s := d.stats(pipeline))["fetched_at"] is None:
            assert s["stale"] and s["age_seconds"] is None
            assert s["last_run"] is None and s["health_score"] == 0
            assert set(s["metrics_24h"].values()) == {0}
            n += 1
        assert s["metrics_24h"]["run_count"] == 150
        return n

    pipeline = d.provision("acme/shop")
    sim.wait_for(1, path="/workflows/[0-9]+/runs.*per_page=100")
    d.kill_all()
    d.start()
    assert halves(pipeline) > 0
    assert d.request("DELETE", "/api/pipelines/" + pipeline)[0] == 200
    assert d.provision("acme/shop") == pipeline
    assert halves(pipeline) > 0


def test_other_workflows_do_not_count(d, sim):
    sim.add_run("acme/shop", "ci.yml", conclusion="failure")
    pipeline = d.provision("acme/shop")
    s = d.wait_stats(pipeline, lambda s: not s["stale"])
    assert s["metrics_24h"]["run_count"] == 0 and s["last_run"] is None


def test_teardown_cancels_only_its_own(d, sim):
    mine = [sim.add_run("acme/shop", "deploy.yml", status=status,
                        conclusion=None)
            for status in ("in_progress", "queued")]
    other = sim.add_run("acme/shop", "ci.yml", status="in_progress",
                        conclusion=None)
    pipeline = d.provision("acme/shop")
    status, r = d.request("DELETE", "/api/pipelines/" + pipeline)
    assert status == 200
    assert sorted(r["cancelled"]) == sorted(mine), r
    asked = [q["path"] for q in sim.requests(path="/cancel")]
    assert len(asked) == 2 and not any(str(other) in p for p in asked)


def test_teardown_in_an_outage(d, sim):
    pipeline = d.provision("acme/shop")
    sim.fault("status", status=502)
    status, r = d.request("DELETE", "/api/pipelines/" + pipeline)
    assert status == 200 and r["warnings"]
    assert d.registry()["pipelines"][pipeline]["status"] == "inactive"


def test_gone_and_back(d, sim):
    pipeline = d.provision("acme/shop")
    d.wait_stats(pipeline, lambda s: not s["stale"])
    fault = sim.fault("status", path="/repos/acme/shop", status=404)
    def state():
        return d.request("GET", "/api/pipelines/" + pipeline)[1]["pipeline"]
    wait_until(lambda: state()["status"] == "error", what="error")
    assert "404" in state()["error"]
    sim.clear_faults()
    wait_until(lambda: state()["status"] == "active", what="active again")
    assert "error" not in state()
    assert fault is not None


@pytest.mark.parametrize("kind,members", [
    ("status", {"status": 500}), ("garbage", {}), ("truncate", {"bytes": 40}),
    ("reset", {}), ("endless_body", {})])
def test_faults_make_stale_and_others_go_on(d, sim, kind, members):
    sim.add_repo("acme/well", workflows=["deploy.yml"])
    ill, well = d.provision("acme/shop"), d.provision("acme/well")
    for p in (ill, well):
        d.wait_stats(p, lambda s: not s["stale"])
    sim.fault(kind, path="/repos/acme/shop/actions/runs", **members)
    # Something to tell, so that the answer has a body.
    sim.add_run("acme/shop", "deploy.yml", conclusion="success")
    s = d.wait_stats(ill, lambda s: s.get("stale_reason"))
    assert "GitHub" in s["stale_reason"]
    mark = sim.mark()
    sim.wait_for(3, since=mark, path="/repos/acme/well")
    assert not d.stats(well)["stale"]
    d.wait_stats(ill, lambda s: s["stale"])
    sim.clear_faults()
    d.wait_stats(ill, lambda s: not s["stale"] and "stale_reason" not in s)
    # Whatever came: the answer's bound, its growth, and little more.
    with open("/proc/%d/status" % d.pids()["ccmd-poller"]) as f:
        most = int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1])
    assert sanitized() or most < 80 * 1024, most


def test_a_hang_makes_stale_and_others_go_on(d, sim):
    sim.add_repo("acme/well", workflows=["deploy.yml"])
    ill, well = d.provision("acme/shop"), d.provision("acme/well")
    for p in (ill, well):
        d.wait_stats(p, lambda s: not s["stale"])
    sim.fault("hang", path="/repos/acme/shop/actions/runs")
    s = d.wait_stats(ill, lambda s: s["stale"])
    assert s["metrics_24h"]["run_count"] == 0 and s["fetched_at"]
    mark = sim.mark()
    sim.wait_for(3, since=mark, path="/repos/acme/well")
    assert not d.stats(well)["stale"]


def test_audit_names_everything(d, sim):
    pipeline = d.provision("acme/shop")
    d.request("DELETE", "/api/pipelines/" + pipeline)
    d.request("POST", "/api/pipelines/provision", {"repo": "x"})
    # What the api refuses by itself it tells the registry afterwards.
    wait_until(lambda: len(d.audit()) >= 3, what="the refusal's line")
    lines = d.audit()
    assert [(x["verb"], x["status"]) for x in lines] == [
        ("pipeline.provision", 201), ("pipeline.teardown", 200),
        ("pipeline.provision", 400)]
    assert all(x["actor"] == "test" for x in lines)


def test_no_secret_where_it_must_not_be(tmp_path, sim):
    secret = "ghp_" + "S3cretS3cret" * 3
    api = "api-token-S3cret"
    with Daemon(tmp_path, github_url=None, tokens={"t": ("admin", "x")},
                env={"GHT": secret, "CCM_API_TOKEN": api,
                     "CCM_GITHUB_URL": sim.url}) as d:
        status, _ = d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"}, token=api)
        assert status == 201
        for name, pid in d.pids().items():
            for what in ("environ", "cmdline"):
                try:
                    with open("/proc/%d/%s" % (pid, what), "rb") as f:
                        data = f.read()
                except PermissionError:
                    # Undumpable: not even its own user may look.
                    assert what == "environ" and os.geteuid() != 0
                    continue
                assert secret.encode() not in data, (name, what)
                assert api.encode() not in data, (name, what)
        assert secret not in d.log() and api not in d.log()
        for path in d.state.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert secret.encode() not in data, path
                assert api.encode() not in data, path
