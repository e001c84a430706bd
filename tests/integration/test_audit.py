"""The audit log: kept in files of bounded size and number, and asked."""

import json
import os
import time

import pytest

from daemon import Daemon
from githubsim import GitHubSim
from registry_harness import UID, VERBS, stamp

SIZE = 16 * 1024 * 1024
FILES = 10
DAY = 86400


def line(t, n, **more):
    entry = {"time": stamp(t), "op": n, "actor": "a%d" % (n % 3),
             "verb": "pipeline.provision", "target": "pipe_%d" % (n % 5),
             "status": 201, "outcome": "ok"}
    entry.update(more)
    return json.dumps(entry, separators=(",", ":")) + "\n"


def write(state, name, text):
    (state / "logs").mkdir(mode=0o700, exist_ok=True)
    path = state / "logs" / name
    path.write_text(text)
    path.chmod(0o600)
    if os.getuid() == 0:
        os.chown(state / "logs", UID, UID)
        os.chown(path, UID, UID)
    return path


def ask(r, **args):
    r.op += 1
    r.api.send("QUERY", op=r.op, verb=VERBS["audit.list"], actor="t",
               target="", args=args)
    status, body, _ = r.answer(r.op)
    assert status == 200, body
    return body


def add(r, n):
    """One line, durable."""
    r.api.send("AUDIT", verb="test", actor="me", target=str(n), status=400)
    return ask(r, actor="me", limit=1)["entries"][0]


def test_a_full_file_is_put_aside(state, registries):
    now = int(time.time())
    one = line(now, 1, detail="x" * 900)
    text = one * (SIZE // len(one) + 1)
    write(state, "audit.log", text)
    for i in range(1, FILES):
        write(state, "audit.log.%d" % i, line(now - i, i))
    r = registries(state).begin()
    assert add(r, 1)["target"] == "1"
    assert add(r, 2)["target"] == "2"
    names = sorted(os.listdir(state / "logs"))
    assert names == sorted(["audit.log"] + [
        "audit.log.%d" % i for i in range(1, FILES)])
    full = (state / "logs" / "audit.log.1").read_text()
    assert full.startswith(text) and full.endswith('"refused"}\n')
    assert (state / "logs" / "audit.log.2").read_text() == line(now - 1, 1)
    assert (state / "logs" / "audit.log.9").read_text() == line(now - 8, 8)
    assert [a["target"] for a in r.audit()] == ["2"]
    assert (state / "logs" / "audit.log").stat().st_mode & 0o777 == 0o600
    # Across the files, in order.
    got = ask(r, limit=3)
    assert [e["target"] for e in got["entries"]][1:] == ["1", "2"]
    assert got["more"] is True


@pytest.mark.parametrize("days, put_aside", [(31, True), (29, False),
                                             (-400, False)])
def test_an_old_file_is_put_aside(state, registries, days, put_aside):
    write(state, "audit.log", line(time.time() - days * DAY, 1))
    r = registries(state).begin()
    add(r, 1)
    add(r, 2)
    assert (state / "logs" / "audit.log.1").exists() == put_aside
    assert len(r.audit()) == (1 if put_aside else 3)


def expected(entries, since=None, limit=100, **match):
    found = [e for e in entries if (since is None or
                                    e["time"] >= stamp(since)) and
             all(e[k] == v for k, v in match.items())]
    return found[-limit:], len(found) > limit


def test_questions(state, registries):
    """Against a plain reading, over pieces and files."""
    now = int(time.time())
    entries = []
    for i in range(3, -1, -1):
        lines = [line(now - (i * 3000 + 2999 - n) * 60, i * 3000 + n,
                      detail="d" * (n % 300)) for n in range(3000)]
        write(state, "audit.log" + (".%d" % i if i else ""),
              "".join(lines))
        entries += [json.loads(one) for one in lines]
    r = registries(state).begin()
    for args in ({}, {"limit": 1000}, {"actor": "a1", "limit": 1000},
                 {"target": "pipe_3"}, {"verb": "nothing"},
                 {"actor": "a2", "target": "pipe_0", "limit": 7},
                 {"since": 3600}, {"since": 40 * 3600, "actor": "a0",
                                   "limit": 1000}):
        want = dict(args)
        if "since" in want:
            want["since"] = now - want["since"]
        wanted, more = expected(entries, **want)
        got = ask(r, **args)
        # A second may have passed since.
        slack = 1 if "since" in args else 0
        assert got["entries"][slack:] == wanted[slack:] or \
            got["entries"] == wanted[slack:], args
        assert got["count"] == len(got["entries"])
        assert got["more"] == more


def test_lines_that_are_none(state, registries):
    now = int(time.time())
    write(state, "audit.log", line(now, 1) + "nonsense\n" + "x" * 200000 +
          "\n\n" + '{"time":"2026-01-05T10:30:00Z", broken\n' +
          line(now, 2) + '{"time":"' + stamp(now) + '","half')
    r = registries(state).begin()
    got = ask(r)
    assert [e["op"] for e in got["entries"]] == [1, 2]
    assert got["unreadable_lines"] >= 4


def test_a_filter_does_not_match_what_a_client_wrote(state, registries):
    r = registries(state).begin()
    r.api.send("AUDIT", verb="x", actor="eve", target="t", status=400,
               detail='"actor":"root"')
    r.api.send("AUDIT", verb="x", actor='q"\\', target="t", status=400)
    assert ask(r, actor="root")["count"] == 0
    assert ask(r, actor='q"\\')["count"] == 1


def test_a_long_search_keeps_no_commit_waiting(state, registries):
    now = int(time.time())
    one = line(now, 1, detail="x" * 200)
    text = one * (SIZE // len(one) - 1)
    for i in range(FILES):
        write(state, "audit.log" + (".%d" % i if i else ""), text)
    r = registries(state).begin()
    r.op += 1
    search = r.op
    r.api.send("QUERY", op=search, verb=VERBS["audit.list"], actor="t",
               target="", args={"actor": "nobody"})
    assert r.provision(1)[0] == 201
    assert not any(n == "ANSWER" and m["op"] == search for n, m in r.api.got)
    assert r.answer(search)[1]["count"] == 0


def test_ccmctl_audit(tmp_path):
    with GitHubSim(tmp_path) as sim, Daemon(tmp_path,
                                            github_url=sim.url) as d:
        sim.add_repo("acme/a", workflows=["deploy.yml"])
        p = d.provision("acme/a")
        d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/none", "workflow_file": "deploy.yml"})
        got = json.loads(d.ctl("-j", "audit", "--target", p).stdout)
        assert [(e["actor"], e["status"]) for e in got["entries"]] == [
            ("test", 201)]
        got = json.loads(d.ctl("-j", "audit", "--since=1h", "--actor",
                               "test", "--verb", "pipeline.provision",
                               "-n", "5").stdout)
        assert [e["status"] for e in got["entries"]] == [201, 404]
        text = d.ctl("audit").stdout
        assert "pipeline.provision" in text and p in text
        assert d.ctl("audit", "--since").returncode == 2
        assert d.ctl("audit", "--nothing", "x").returncode == 2
        assert d.ctl("audit", "-S", "yesterday").returncode != 0
        assert d.request("GET", "/api/audit")[0] == 404
