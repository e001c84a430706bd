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


"""The api's operations when the others answer in pieces, wrongly, late or
not at all; and what lasts as long as its token."""

import json
import re
import socket
import subprocess
import time

import pytest

from api_harness import ADMIN, PIPELINE, VIEWER, Api
from daemon import BUILD, wait_until
from faults import Faults

REPOSITORIES = "/api/repositories?owner=acme"
LOGS = "/api/pipelines/pipe_1/runs/1/logs"
FRESH = "/api/pipelines/pipe_1/stats?fresh=1"
RUNS = "/api/pipelines/pipe_1/runs"
TEARDOWN = "/api/pipelines/pipe_1"
FETCHES = 64		# at a time


@pytest.fixture
def apis(tmp_path):
    """Makes one, and ends what a test left."""
    made = []

    def make(tokens=None, **more):
        a = Api(tmp_path, tokens or {"token": (ADMIN, 0)}, **more)
        made.append(a)
        return a.begin()
    yield make
    for a in made:
        if a.process.poll() is None:
            assert a.end() == 0, a.log


def test_an_answer_in_pieces(apis):
    """Over HTTP it is one, with a length; of what fails on the way nothing
    is seen."""
    a = apis()
    whole = json.dumps({"success": True, "repositories": [
        {"full_name": "acme/r%d" % n} for n in range(6000)]}).encode()
    assert len(whole) > 150000
    pieces = [whole[i:i + 65536] for i in range(0, len(whole), 65536)]
    client, op = a.asked(a.poller, "OP", REPOSITORIES)
    for piece in pieces:
        a.poller.send("ANSWER", op=op, status=200, body=piece,
                      more=piece is not pieces[-1])
    status, head, body = client.answer()
    assert (status, body) == (200, whole)
    assert head["Content-Length"] == str(len(whole))
    # What was taken makes room.
    assert sum(a.expect(a.poller, "CREDIT", op=op)["bytes"]
               for _ in pieces[:-1]) == 65536 * (len(pieces) - 1)
    client, op = a.asked(a.poller, "OP", REPOSITORIES)
    a.poller.send("ANSWER", op=op, status=200, body=pieces[0], more=1)
    error = {"success": False, "error": "It broke", "code": "github_error"}
    a.poller.send("ANSWER", op=op, status=502, body=error)
    status, _, body = client.answer()
    assert (status, json.loads(body)) == (502, error)
    # The client goes in the middle.
    client, op = a.asked(a.poller, "OP", REPOSITORIES)
    a.poller.send("ANSWER", op=op, status=200, body=pieces[0], more=1)
    a.expect(a.poller, "CREDIT", op=op)
    client.reset()
    a.expect(a.poller, "ABANDON", op=op)
    a.poller.send("ANSWER", op=op, status=200, body=pieces[1])
    client, op = a.asked(a.registry, "QUERY", RUNS)
    for piece in pieces:
        a.registry.send("ANSWER", op=op, status=200, body=piece,
                        more=piece is not pieces[-1])
    assert client.answer()[::2] == (200, whole)


@pytest.mark.parametrize("path,to,by,answer,what", [
    (REPOSITORIES, "poller", "poller", {"status": 404, "more": 1},
     "poller: op 1: a piece of what has none"),
    (FRESH, "poller", "registry", {"status": 200, "more": 1},
     "registry: op 1: a piece of what has none"),
    (RUNS, "registry", "registry", {"status": 503, "more": 1},
     "registry: op 1: a piece of what has none"),
    (REPOSITORIES, "poller", "registry", {"status": 200},
     "registry: answer to op 1, which is not its to give"),
    (RUNS, "registry", "poller", {"status": 200},
     "poller: answer to op 1, which is not its to give"),
    (FRESH, "poller", "poller", {"status": 200},
     "poller: answer to op 1, which is not its to give")])
def test_answers_that_are_none(apis, path, to, by, answer, what):
    """Whoever sends them is not in its right mind: the set ends."""
    a = apis()
    client, op = a.asked(getattr(a, to), "QUERY" if to == "registry" else
                         "OP", path)
    assert op == 1
    getattr(a, by).send("ANSWER", op=op, body="{}", **answer)
    with client:
        assert client.rest() == b""
    assert a.reap() == 1
    assert "fatal: " + what in a.log


def test_nobody_answers(apis, tmp_path):
    """Nine seconds, and somewhat more: then the client is told; not in the
    first five, however long this test itself takes."""
    faults = Faults(tmp_path / "faults")
    a = apis(env=faults.env)
    fetch, n = a.asked(a.poller, "OP", REPOSITORIES)
    change, m = a.asked(a.poller, "OP", TEARDOWN, method="DELETE")
    query, q = a.asked(a.registry, "QUERY", RUNS)
    began, op = a.asked(a.poller, "OP", LOGS)
    a.poller.send("ANSWER", op=op, status=200, body="begun\n", more=1)
    began.read_until(b"begun\n")
    faults.set(monotonic=5000)
    time.sleep(0.6)             # it looks twice a second
    fetch.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        fetch.sock.recv(1)
    fetch.sock.settimeout(20)
    faults.set(monotonic=9700)
    for client in (fetch, change, query):
        status, head, body = client.answer()
        r = json.loads(body)
        assert (status, r["code"]) == (503, "unavailable"), r
        assert "not known" in r["error"] and head["Retry-After"]
    a.expect(a.poller, "ABANDON", op=n)
    # Too late, and nobody's any more.
    for peer, late in ((a.poller, n), (a.registry, m), (a.registry, q)):
        peer.send("ANSWER", op=late, status=200, body="{}")
    for peer, name, path in ((a.registry, "QUERY", RUNS),
                             (a.poller, "OP", REPOSITORIES)):
        client, new = a.asked(peer, name, path)
        peer.send("ANSWER", op=new, status=200, body='{"new": 1}')
        assert client.answer()[::2] == (200, b'{"new": 1}')
    # What has begun goes on.
    a.poller.send("ANSWER", op=op, status=200, body="end\n")
    assert began.rest().endswith(b"end\n\r\n0\r\n\r\n")
    began.sock.close()
    faults.close()


@pytest.mark.parametrize("how", ["short", "refused", "gone"])
def test_an_export_that_is_not_whole(apis, tmp_path, how):
    """The former file stays, and nothing of a half one."""
    a = apis()
    path = tmp_path / "export"
    path.write_text("the former one")
    ctl = subprocess.Popen(
        [BUILD / "ccmctl/ccmctl", "-s", a.path, "registry", "export", path],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    op = a.expect(a.registry, "STORE_FILE")["op"]
    with socket.socket(fileno=a.registry.fds.pop()) as s:
        s.sendall(b"x" * 100000)
    if how == "gone":
        assert a.end() == 0
    else:
        a.registry.send("ANSWER", op=op, status=200 if how == "short" else
                        503, body={"success": how == "short",
                                   "bytes": 100001, "error": "No room",
                                   "code": "unavailable"})
    out, err = ctl.communicate(timeout=20)
    assert ctl.returncode == (3 if how == "gone" else 1), (out, err)
    assert {"short": "not all of it came", "refused": "No room",
            "gone": ""}[how] in err
    assert path.read_text() == "the former one"
    assert list(tmp_path.glob("export?*")) == []


def test_too_many_at_once(apis):
    """Reads of GitHub's, which last; whoever has one keeps it."""
    a = apis()
    clients = [a.asked(a.poller, "OP", REPOSITORIES)
               for _ in range(FETCHES)]
    status, head, body = a.get(REPOSITORIES).answer()
    assert (status, json.loads(body)["code"]) == (503, "busy")
    assert head["Retry-After"]
    # Others are not in their way.
    query, op = a.asked(a.registry, "QUERY", RUNS)
    a.registry.send("ANSWER", op=op, status=200, body="{}")
    assert query.answer()[0] == 200
    gone, op = clients.pop()
    gone.reset()
    a.expect(a.poller, "ABANDON", op=op)
    clients.append(a.asked(a.poller, "OP", REPOSITORIES))
    for client, op in clients:
        a.poller.send("ANSWER", op=op, status=200, body="{}")
        assert client.answer()[::2] == (200, b"{}")


def test_what_lasts_ends_with_its_token(apis, tmp_path):
    """By its date alone: nothing is configured anew.  A log without its
    end, as what fails; events; others go on."""
    faults = Faults(tmp_path / "faults")
    a = apis({"short": (VIEWER, int(time.time()) + 3600),
              "long": (VIEWER, 0)}, env=faults.env)
    logs = {}
    for token in ("short", "long"):
        client, op = a.asked(a.poller, "OP", LOGS, token=token)
        a.poller.send("ANSWER", op=op, status=200, body="begun\n", more=1)
        client.read_until(b"begun\n")
        logs[token] = client, op
    with a.get("/api/events", token="short") as events, \
            a.get("/api/events", token="long") as others:
        for client in (events, others):
            client.read_until(b"text/event-stream")
        faults.set(clock=3600)
        client, op = logs["short"]
        assert not client.rest().endswith(b"0\r\n\r\n")
        a.expect(a.poller, "ABANDON", op=op)
        events.rest()
        assert a.get(RUNS, token="short").answer()[0] == 401
        a.wait(lambda: a.log.count("cut off: its token is not") == 2)
        client, op = logs["long"]
        a.poller.send("ANSWER", op=op, status=200, body="end\n")
        assert client.rest().endswith(b"end\n\r\n0\r\n\r\n")
        others.sock.setblocking(False)
        try:
            while others.sock.recv(65536):
                pass
            raise AssertionError("events ended without a reason")
        except BlockingIOError:
            pass


def test_events_when_nothing_happens(apis, tmp_path):
    """A comment each 15 seconds, so that nobody between takes it for dead."""
    faults = Faults(tmp_path / "faults")
    a = apis(env=faults.env)
    with a.get("/api/events") as events:
        events.read_until(b"text/event-stream")
        for n in range(1, 3):
            faults.set(monotonic=n * 15000)
            assert events.read_until(b":\n\n").endswith(b":\n\n")


def test_news_that_make_no_sense(apis):
    """Said in the log, and nothing of it is shown; what is said at the ends
    of its range is."""
    a = apis()
    big = (1 << 64) - 1
    nonsense = [
        ("PIPELINE", dict(doc=doc)) for doc in (
            b"", b"7", b"{}", b"[]", b'{"pipeline_id": 7}',
            b'{"pipeline_id": "pipe_2"')] + [
        ("ROWS", dict(pipeline_id="pipe_1", rows=b"\xff" * 43)),
        ("ROWS", dict(pipeline_id="pipe_1", rows=b"\xff" * 200)),
        ("ROWS", dict(pipeline_id="none", rows=b"")),
        ("FRESH", dict(looks=b"\x40abc")), ("FRESH", dict(looks=b"\0")),
        ("READBACK", dict(pipeline_id="none", at=1)),
        ("STALE", dict(pipeline_id="none", reason="x")),
        ("PROJECT", dict(name="p", doc=b"[]")),
        ("PROJECT", dict(name="p", doc=b"7"))]
    for name, values in nonsense:
        a.registry.send(name, **values)
    a.registry.send("GONE", number=big, pipeline_id="none")
    a.registry.send("READBACK", pipeline_id="pipe_1", at=-(1 << 63),
                    interval=(1 << 32) - 1)
    a.registry.send("HEALTH", saves=big, changes=big, failures=big,
                    took=(1 << 32) - 1, since=-(1 << 63))
    for peer in (a.registry, a.poller):
        peer.send("USAGE", started=-(1 << 63), cpu=big, resident=big,
                  virtual=big, fds=(1 << 32) - 1, max_fds=big)
    for values in (dict(index=0), dict(index=1 << 31, total=1 << 31),
                   dict(index=0, total=1, limit=-2),
                   dict(index=0, total=1, reserve=101)):
        a.poller.send("BUDGET", name="odd", **values)
    a.poller.send("BUDGET", index=2, total=3, name="third", limit=-1,
                  used=-1, remaining=-1, reset=(1 << 63) - 1,
                  throttled=-(1 << 63), projected=(1 << 32) - 1)
    # Each of their connections is in order; which is first is not known.
    for peer, name, path in ((a.registry, "QUERY", RUNS),
                             (a.poller, "OP", REPOSITORIES)):
        client, op = a.asked(peer, name, path)
        peer.send("ANSWER", op=op, status=200, body="{}")
        assert client.answer()[0] == 200
    for path in ("/api/pipelines?include=stats", "/api/stats", "/metrics",
                 "/api/pipelines/pipe_1", "/api/budget", "/cc.xml",
                 "/badge/pipe_1.svg", "/readyz", "/api/projects"):
        status, _, body = a.get(path).answer()
        assert status == 200, (path, body)
        assert b"odd" not in body and b"pipe_2" not in body, path
    a.wait(lambda: a.log.count("that is none") >= 11)


def test_times_as_long_as_they_may_be(apis):
    """What goes through all pipelines in turns comes to each of them once,
    and to an end."""
    a = apis()
    ids = ["pipe_1"] + ["long_%03d" % n for n in range(600)]
    for n, id in enumerate(ids[1:], 2):
        a.registry.send("PIPELINE", number=n, known=1, doc=dict(
            PIPELINE, pipeline_id=id,
            created_at="2026-02-05T10:30:00.%s+00:00" % ("7" * 37)))
    wait_until(lambda: json.loads(a.get("/api/pipelines").answer()[2])[
        "count"] == len(ids), 20, "all")
    with a.get("/api/events?snapshot=true") as events:
        told = events.read_until(b"event: synced")
    told = told[:told.index(b"event: synced")].decode()
    assert [json.loads(x)["pipeline_id"] for x in re.findall(
        "^event: pipeline\ndata: (.*)$", told, re.M)] == ids
    told = a.get("/metrics").answer()[2].decode()
    assert re.findall(r'^ccm_pipeline_stale\{pipeline="(\w+)"',
                      told, re.M) == ids
