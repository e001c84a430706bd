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

"""What a child that was taken over can do to the others: nothing that
outlives it."""

import fcntl
import json
import os
import pathlib
import re
import signal
import socket
import sys
import termios
import time

import pytest

from daemon import TOKEN, Daemon, wait_until
from faults import Faults
from githubsim import GitHubSim
from hostile import Hostile
from registry_harness import VERBS, Peer, Registry, found, run
from test_build import sanitized


def flood(child, messages):
    """Without ever reading; until it has gone, or is through."""
    try:
        child.sock.settimeout(20)
        for _ in range(200):
            child.sock.sendall(messages)
    except (BrokenPipeError, ConnectionResetError):
        pass
    child.close()


def unread(pipe):
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4),
                          sys.byteorder)


def resident(pid):
    """Kilobytes."""
    text = pathlib.Path("/proc/%d/status" % pid).read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def wait_for(h, line):
    try:
        wait_until(lambda: line in h.log(), 20)
    except AssertionError:
        raise AssertionError(line + " did not come:\n" + h.log()) from None


def starts_anew(h, why):
    """Another set comes, from the same parent."""
    wait_for(h, why)
    child = h.child()
    child.ready()
    assert h.process.poll() is None, h.log()
    return child


def test_ready_and_running_are_said_once(tmp_path):
    """Each READY of a set that starts would connect it anew, until the
    parent has no descriptor left."""
    with Hostile(tmp_path, "registry") as h:
        child = h.child()
        fds = len(os.listdir("/proc/%d/fd" % h.process.pid))
        child.expect("SETUP")
        flood(child, child.encode("READY", level="x") * 100)
        child = starts_anew(h, "registry: said READY twice")
        assert len(os.listdir("/proc/%d/fd" % h.process.pid)) <= fds + 16
        flood(child, child.encode("RUNNING", pid=1))
        starts_anew(h, "registry: said RUNNING unasked")


def test_a_child_that_asks_and_does_not_read(tmp_path):
    with Hostile(tmp_path, "poller") as h:
        child = h.child()
        child.ready()
        before = resident(h.process.pid)
        flood(child, child.encode("SIGN_JWT", credential=1, skew=0) * 1000)
        starts_anew(h, "poller: does not read what it is told")
        # A sanitizer keeps what was freed.
        assert sanitized() or resident(h.process.pid) - before < 32 * 1024
        # Nor does it fill the log with what we have to say to that.
        assert h.log().count("JWT not signed") <= 2 * 2000
        assert h.logged("lines were dropped")


def test_a_child_that_does_not_start_reload_or_end(tmp_path):
    """Whatever it should say or do: after its time the set is another one."""
    faults = Faults(tmp_path / "faults")
    waited = 0

    def wait(child, seconds, what):
        """By the clock of the parent, which what it logs wakes up."""
        nonlocal waited
        n = h.log().count(what)
        for more in (seconds // 2, seconds - seconds // 2):
            assert h.log().count(what) == n
            waited += more * 1000
            faults.set(monotonic=waited)
            child.stderr.write(b"<6>at %d\n" % waited)
            wait_for(h, "at %d\n" % waited)
        wait_until(lambda: h.log().count(what) == n + 1, 20, what)
    with Hostile(tmp_path, "registry", env=faults.env) as h:
        child = h.child()
        child.expect("SETUP")
        wait(child, 10, "the start takes too long")
        for times in (1, 2):
            wait(child, 5, "registry does not end: killed")
            child = h.child()
            child.ready()
            child.send("RUNNING", pid=1)
            wait_until(lambda n=times: h.log().count("ccmd: running") == n,
                       20, "running")
            if times == 1:
                h.process.send_signal(signal.SIGHUP)
                child.expect("CONF_END")
                wait(child, 30, "the reload takes too long")
    faults.close()


def test_last_words_are_heard(tmp_path):
    """Why it died, behind more than the log takes."""
    with Hostile(tmp_path, "registry") as h:
        child = h.child()
        child.ready()
        child.stderr.write(b"<6>noise\n" * 4000 + b"<3>fatal: that is why\n")
        child.close()
        starts_anew(h, "registry: fatal: that is why")
        assert h.log().count("registry: noise\n") < 4000
        assert " lines were dropped" in h.log()


def test_last_words_of_a_second_ago(tmp_path):
    """They count among what was dropped once, though what it asked for had
    the parent say how much that was."""
    faults = Faults(tmp_path / "faults")
    with Hostile(tmp_path, "poller", env=faults.env) as h:
        child = h.child()
        child.ready()
        child.stderr.write(b"<6>noise\n" * 4000 + b"<3>fatal: that is why\n")
        wait_until(lambda: unread(child.stderr) == 0, 20, "all taken")
        faults.set(monotonic=1500)
        child.send("SIGN_JWT", credential=1, skew=0)
        child.expect("JWT")
        child.close()
        starts_anew(h, "poller: fatal: that is why")
        counts = re.findall(r"poller: (\d+) lines were dropped", h.log())
        assert counts and all(int(n) <= 4001 for n in counts), counts
    faults.close()


@pytest.mark.parametrize("which", ["api", "poller", "registry"])
def test_nobody_who_runs_says_that_it_is_hopeless(tmp_path, which):
    """That ends the daemon for good; it is for a registry that starts."""
    with Hostile(tmp_path, which) as h:
        child = h.child()
        child.ready()
        child.send("RUNNING", pid=1)
        wait_for(h, "ccmd: running")
        child.exit(78)
        starts_anew(h, which + " ended with status 78")


# --- The registry, and who talks to it.

@pytest.fixture
def registry(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    r = Registry(state).begin()
    yield r
    if r.process.poll() is None:
        r.process.kill()
        r.process.wait()


def test_an_export_does_not_leave_the_machine(registry):
    """Values of secrets are in it, and the api has connections."""
    r = registry
    with socket.create_server(("127.0.0.1", 0)) as s, \
            socket.create_connection(s.getsockname()) as far:
        near, _ = s.accept()
        with near:
            r.api.send("STORE_FILE", fd=near.fileno(), op=1, actor="t",
                       verb=VERBS["registry.export"], target="",
                       args={"file": "x", "secrets": True})
        assert r.answer(1)[0] == 503
        assert far.recv(1) == b""


def test_an_api_that_asks_and_does_not_read(registry):
    r = registry
    pipe = r.provision(1)[1]["pipeline_id"]
    now = int(time.time())
    for part in range(10):
        r.poller.send("RUNS", pipeline_id=pipe, docs=[
            run(part * 100 + n + 1, now - n, title="x" * 500)
            for n in range(100)])
        r.expect(r.api, "ROWS")
    before = resident(r.process.pid)
    query = r.api.encode("QUERY", op=9, verb=VERBS["pipeline.runs"],
                         target=pipe, args={"id": pipe, "limit": 1000})
    peak = before
    try:
        r.api.sock.settimeout(20)
        for _ in range(80):
            r.api.sock.sendall(query * 50)
            peak = max(peak, resident(r.process.pid))
    except (BrokenPipeError, ConnectionResetError, FileNotFoundError,
            IndexError):
        pass
    r.wait(lambda: r.errors == -1)
    assert "more queries than it admits" in r.log
    # An answer is half a megabyte.
    assert sanitized() or peak - before < 100 * 1024


def test_queries_that_pile_up_are_refused(registry):
    """An api that gave up on some asks for others: no reason to die."""
    r = registry
    pipe = r.provision(1)[1]["pipeline_id"]
    now = int(time.time())
    r.poller.send("RUNS", pipeline_id=pipe, docs=[
        run(n + 1, now - n) for n in range(100)])
    r.expect(r.api, "ROWS")
    n = 1500
    r.api.send_raw(b"".join(r.api.encode(
        "QUERY", op=1000 + i, actor="t", verb=VERBS["pipeline.trends"],
        target=pipe, args={"id": pipe}) for i in range(n)))
    got = [r.answer(1000 + i) for i in range(n)]
    assert {x[0] for x in got} == {200, 503}
    assert all(x[1]["code"] == "busy" and x[2] > 0 for x in got
               if x[0] == 503)
    assert sum(x[0] == 200 for x in got) >= 1024
    assert r.query(pipe)[0] == 200


@pytest.mark.parametrize("message,verb,with_fd", [
    ("QUERY", "pipeline.runs", False), ("STORE", "project.init", False),
    ("STORE", "registry.restore", False),
    ("STORE_FILE", "project.delete", True)])
def test_operations_that_the_api_does_not_let_through(
        registry, message, verb, with_fd):
    with socket.socketpair()[0] as s:
        registry.api.send(message, fd=s.fileno() if with_fd else None, op=1,
                          actor="t", verb=VERBS[verb], target="", args={})
    assert registry.reap() == 1
    assert "fatal: api: " in registry.log


def test_refusals_do_not_push_out_the_audit_log(registry):
    r = registry
    audit = dict(verb="pipeline.provision", target="", status=403,
                 detail="The role does not suffice")
    r.api.send_raw(r.api.encode("AUDIT", actor="low", **audit) * 250)
    r.api.send("AUDIT", actor="low", **{**audit, "count": 5})
    r.api.send("AUDIT", actor="other", **audit)
    assert r.provision(1)[0] == 201
    lines = r.audit()
    assert [e["actor"] for e in lines] == ["low"] * 100 + ["other", "tester"]
    # The end is a minute's end, too.
    r.end()
    more, = r.audit()[len(lines):]
    assert more["verb"] == "audit.refusals" and more["actor"] == "low"
    assert more["count"] == 155 and more["outcome"] == "refused"


def test_a_refusal_is_one_line(tmp_path):
    tokens = {"test": ("admin", TOKEN), "low": ("viewer", "low-token-012345")}
    with Daemon(tmp_path, tokens=tokens) as d:
        status, _ = d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"},
            token="low-token-012345")
        assert status == 403
        wait_until(lambda: (d.state / "logs/audit.log").exists() and
                   d.audit(), what="audit")
        d.stop()
        assert [(e["actor"], e["status"]) for e in d.audit()] == [
            ("low", 403)]


# --- The poller's addresses, and who has a word in them.

@pytest.fixture
def sim(tmp_path):
    with GitHubSim(tmp_path) as s:
        s.add_repo("acme/shop", workflows=["deploy.yml"])
        yield s


@pytest.mark.parametrize("verb,args,later", [
    ("repository.branches", {"owner": "..", "repo": "user"}, 0),
    ("repository.branches", {"owner": "acme", "repo": "shop?x=#"}, 0),
    ("pipeline.provision", {"repo": "a/b/../../user",
                            "workflow_file": "deploy.yml"}, 0),
    ("pipeline.provision", {"workflow_file": "deploy.yml"}, 0),
    ("repository.branches", {"owner": "acme", "repo": "shop"}, 1 << 62)])
def test_operations_that_the_poller_does_not_begin(
        tmp_path, sim, verb, args, later):
    with Hostile(tmp_path, "api", github_url=sim.url) as h:
        api = h.child()
        api.ready()
        poller = api.sister("poller")
        poller.send("OP", op=1, verb=VERBS[verb], actor="t", target="",
                    args=args, deadline=int(time.monotonic() * 1000) +
                    5000 + later)
        wait_for(h, "poller: fatal: api: operation that is none")
        api.close()
        starts_anew(h, "starting anew")


def test_operations_that_wait_too_long(tmp_path, sim):
    """For a change that never comes: room is made at the expense of those
    whose time is over, which are answered; else there is none."""
    admitted = 1024
    with Hostile(tmp_path, "api", github_url=sim.url) as h:
        api = h.child()
        api.ready()
        poller, registry = api.sister("poller"), api.sister("registry")

        def op(n, verb, later, **args):
            return poller.encode(
                "OP", op=n, seen=1 << 40, verb=VERBS[verb], actor="t",
                target=args.get("id", ""), args=args,
                deadline=int(time.monotonic() * 1000) + later)
        fetch = op(1, "repository.branches", 0, owner="acme", repo="shop")
        late = range(2, admitted + 1)
        poller.send_raw(fetch + b"".join(
            op(n, "pipeline.teardown", 0, id="pipe_1") for n in late) +
            op(admitted + 1, "pipeline.teardown", 60000, id="pipe_1"))
        for n in late:
            r = registry.expect("ANSWER")
            assert (r["op"], r["status"]) == (n, 503)
            assert b'"busy"' in r["body"] and r["retry_after"] > 0
        # What is read from GitHub the api gives up by itself.
        poller.send("ABANDON", op=1)
        poller.send_raw(b"".join(
            op(n, "pipeline.teardown", 60000, id="pipe_1")
            for n in range(admitted + 2, 2 * admitted + 1)))
        poller.send("ABANDON", op=1)
        poller.send_raw(op(2 * admitted + 1, "pipeline.teardown", 60000,
                           id="pipe_1"))
        wait_for(h, "poller: fatal: api: more operations than it admits")
        assert len(h.audit()) == len(late)
        api.close()
        starts_anew(h, "starting anew")


def test_a_teardown_that_nobody_waits_for_long(tmp_path, sim):
    """Answered in the time that is left, and followed up behind that: to
    its verdicts, or until the pipeline is linked again."""
    sim.settings(cancel_delay=0)
    with Hostile(tmp_path, "api", github_url=sim.url) as h:
        api = h.child()
        api.ready()
        poller, registry = api.sister("poller"), api.sister("registry")

        def ask(verb, later, **args):
            ask.op += 1
            poller.send("OP", op=ask.op, verb=VERBS[verb], actor="t",
                        target=args.get("id", ""), args=args,
                        deadline=int(time.monotonic() * 1000) + later)
            while True:
                r = registry.expect("ANSWER")
                if r["op"] == ask.op:
                    return r["status"], json.loads(r["body"])
        ask.op = 0

        def add(how):
            return sim.add_run("acme/shop", "deploy.yml", conclusion=None,
                               status="in_progress", on_cancel=how)

        def provision():
            status, r = ask("pipeline.provision", 9000, repo="acme/shop",
                            workflow_file=".github/workflows/deploy.yml")
            assert status == 201, r
            assert "teardown" not in document(r["pipeline_id"])
            return r["pipeline_id"]

        def document(pipe):
            return h.registry()["pipelines"][pipe]
        pipe = provision()
        late, refused = add("ignore"), add(403)
        status, r = ask("pipeline.teardown", 1800, id=pipe)
        assert status == 200 and late in r["cancelling"], r
        assert document(pipe)["teardown"]["follow"] is True
        sim.patch_run("acme/shop", late, status="completed",
                      conclusion="cancelled")
        wait_until(lambda: "follow" not in document(pipe)["teardown"], 20,
                   "followed up")
        assert [w.startswith("Run %d could not be cancelled" % refused)
                for w in document(pipe)["teardown"]["warnings"]] == [True]
        # Linked again: what is left is left alone, until the next time.
        assert provision() == pipe
        sim.delete_run("acme/shop", refused)
        late = add("ignore")
        assert ask("pipeline.teardown", 1800, id=pipe)[0] == 200
        assert document(pipe)["teardown"]["follow"] is True
        assert provision() == pipe
        mark = sim.mark()
        assert ask("pipeline.teardown", 0, id=pipe)[0] == 200
        sim.wait_for(1, since=mark, path="/runs/%d/cancel" % late)
        sim.patch_run("acme/shop", late, status="completed",
                      conclusion="cancelled")
        wait_until(lambda: "teardown" not in document(pipe), 20,
                   "followed up once more")
        api.close()


def test_cancels_of_more_runs_than_are_followed(tmp_path, sim):
    with Hostile(tmp_path, "api", github_url=sim.url) as h:
        api = h.child()
        api.ready()
        poller, registry = api.sister("poller"), api.sister("registry")
        now = int(time.monotonic() * 1000)
        poller.send("OP", op=1, verb=VERBS["pipeline.provision"], actor="t",
                    target="", deadline=now + 9000, args={
                        "repo": "acme/shop", "workflow_file":
                        ".github/workflows/deploy.yml"})
        pipe = json.loads(registry.expect("ANSWER")["body"])["pipeline_id"]
        sim.fault("hang", path="/actions/runs/[0-9]+")
        poller.send_raw(b"".join(poller.encode(
            "OP", op=n, verb=VERBS["run.cancel"], actor="t", target=pipe,
            args={"id": pipe, "run": n}, deadline=now + 1500)
            for n in range(2, 260)))
        got = {}
        while len(got) < 258:
            r = registry.expect("ANSWER")
            got[r["op"]] = r["status"], json.loads(r["body"])["code"]
        assert list(got)[:2] == [258, 259], "at once"
        assert got[258] == got[259] == (503, "busy")
        assert {s for s, _ in list(got.values())[2:]} <= {502, 503}
        api.close()


def test_a_pipeline_that_the_registry_makes_up(tmp_path, sim):
    """A change at that address would be another one's."""
    with Hostile(tmp_path, "registry", github_url=sim.url) as h:
        registry = h.child()
        registry.ready()
        poller = registry.sister("poller")
        doc = {**found(1), "pipeline_id": "pipe_1", "status": "active",
               "created_at": "2026-01-05T10:30:00Z",
               "repository": "acme/shop/keys?x="}
        poller.send("PIPELINE", number=1, known=0, doc=doc)
        wait_for(h, "poller: pipeline document: repository must be "
                 "owner/name")
        registry.close()


def test_more_of_an_answer_than_is_taken(tmp_path):
    """For a client that reads nothing nothing piles up in the api."""
    with Hostile(tmp_path, "poller") as h, socket.socket(
            socket.AF_UNIX) as client:
        child = h.child()
        child.ready()
        child.send("RUNNING", pid=1)
        api = child.sister("api")
        wait_for(h, "ccmd: running")
        client.connect(str(h.socket))
        client.sendall(Peer.encode("CTL_HELLO", version=1) + Peer.encode(
            "CTL_OP", op=1, verb="repository.list", args={"owner": "acme"}))
        op = api.expect("OP")["op"]
        try:
            for _ in range(64):
                api.send("ANSWER", op=op, status=200, more=1,
                         body=b"x" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        wait_for(h, "more than there was credit for")
        child.close()
        starts_anew(h, "starting anew")


@pytest.mark.parametrize("message", ["OUTCOME", "INTENT"])
def test_operations_that_nobody_asked_for(registry, message):
    """But for the end of a teardown that was cut off."""
    more = {"status": 201, "result": found(1)} if message == "OUTCOME" else {}
    verb = "pipeline." + ("provision" if more else "teardown")
    registry.poller.send(message, op=0, verb=VERBS[verb], actor="root",
                         target="", **more)
    assert registry.reap() == 1
    assert "what nobody asked for" in registry.log
    assert not (registry.state / "pipelines.json").exists()
