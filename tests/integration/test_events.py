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


"""Events: over HTTP (SSE) and over the control socket, from the real api."""

import datetime
import json
import os
import re
import select
import socket
import subprocess
import time

import pytest

from daemon import BUILD, Daemon, wait_until
from sse import Stream
from test_build import sanitized


REPOSITORIES = {"acme/" + name: ["deploy.yml"] for name in ("shop", "api")}


def settled(d, *names):
    """Provisioned and read back, so that nothing more is to come."""
    ids = [d.provision("acme/" + n) for n in names]
    for i in ids:
        d.wait_stats(i, lambda s: not s["stale"])
    return ids if len(ids) > 1 else ids[0]


def without_time(stats):
    return {k: v for k, v in stats.items()
            if k not in ("fetched_at", "age_seconds")}


def seconds(stamp):
    return datetime.datetime.fromisoformat(
        stamp.replace("Z", "+00:00")).timestamp()


def test_changes_are_told(d, sim):
    with Stream(d) as s:
        assert s.status == 200
        assert s.answer.getheader("Content-Type") == "text/event-stream"
        shop = d.provision("acme/shop")
        e = s.wait(lambda e: e.kind == "pipeline")
        assert e.data == d.registry()["pipelines"][shop]
        s.wait(lambda e: e.kind == "stats" and not e.data["stale"])
        # A run begins, and ends: each time the run and the figures.
        run = sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                          conclusion=None, head_branch="main")
        e = s.wait(lambda e: e.kind == "run")
        assert (e.data["pipeline_id"], e.data["run_id"], e.data["status"],
                e.data["conclusion"], e.data["branch"]) == (
                    shop, run, "in_progress", None, "main")
        s.wait(lambda e: e.kind == "stats" and e.data["active_runs"] == 1)
        sim.patch_run("acme/shop", run, status="completed",
                      conclusion="failure")
        e = s.wait(lambda e: e.kind == "run")
        assert (e.data["run_id"], e.data["conclusion"]) == (run, "failure")
        e = s.wait(lambda e: e.kind == "stats" and
                   e.data["active_runs"] == 0)
        assert without_time(e.data) == without_time(d.stats(shop))
        # Teardown is a change of the document.
        assert d.request("DELETE", "/api/pipelines/" + shop)[0] == 200
        s.wait(lambda e: e.kind == "pipeline" and
               e.data["status"] == "inactive")


def test_looks_without_news_tell_nothing(d, sim):
    settled(d, "shop")
    with Stream(d) as s:
        mark = sim.mark()
        sim.wait_for(4, since=mark, path="/actions/runs", status=304)
        sim.add_run("acme/shop", "deploy.yml", status="queued",
                    conclusion=None)
        s.wait(lambda e: e.kind == "stats")
        assert [e.kind for e in s.seen] == ["run", "stats"]


def test_a_start_tells_nothing_that_is_known(tmp_path, sim):
    """History and ETags come back: the first looks are no news."""
    names = ["shop", "api"] + ["r%d" % i for i in range(10)]
    for name in names[2:]:
        sim.add_repo("acme/" + name, workflows=["deploy.yml"])
    for name in names:
        sim.add_run("acme/" + name, "deploy.yml", conclusion="success")
    with Daemon(tmp_path, github_url=sim.url, active=30, idle=30) as d:
        ids = settled(d, *names)
        d.stop()
        mark = sim.mark()
        last = int(time.time())
        wait_until(lambda: int(time.time()) > last, what="a second")
        d.start()
        with Stream(d) as s:
            s.block()
            start = s.last.split("-")[0]
        # All since the start, as if one had been there.
        with Stream(d, last=start + "-0") as s:
            # Each is looked at once after the start, and that is told on.
            sim.wait_for(len(names), since=mark, path="/actions/runs",
                         status=304, timeout=60)
            wait_until(lambda: all(seconds(x["fetched_at"]) > last
                                   for x in d.request("GET", "/api/stats")[1][
                                       "stats"]), what="the looks")
            run = sim.add_run("acme/shop", "deploy.yml", status="queued",
                              conclusion=None)
            assert d.request("GET", "/api/pipelines/%s/stats?fresh=1" %
                             ids[0])[0] == 200
            s.wait(lambda e: e.kind == "stats" and
                   e.data["queue_length"] == 1)
            assert [(e.kind, e.data["pipeline_id"]) for e in s.seen] == [
                ("run", ids[0]), ("stats", ids[0])]
            assert s.seen[0].data["run_id"] == run


def test_resume_by_last_event_id(d, sim):
    shop, api = settled(d, "shop", "api")
    with Stream(d) as s:
        first = sim.add_run("acme/shop", "deploy.yml", status="queued",
                            conclusion=None)
        s.wait(lambda e: e.kind == "stats")
        last = s.last
    # Meanwhile, and nobody listens: two changes of one run, one of another.
    sim.patch_run("acme/shop", first, status="in_progress")
    d.wait_stats(shop, lambda x: x["active_runs"] == 1)
    sim.patch_run("acme/shop", first, status="completed",
                  conclusion="success")
    second = sim.add_run("acme/api", "deploy.yml", status="queued",
                         conclusion=None)
    d.wait_stats(shop, lambda x: x["active_runs"] == 0)
    d.wait_stats(api, lambda x: x["queue_length"] == 1)
    with Stream(d, last=last) as s:
        s.wait(lambda e: e.kind == "stats" and
               e.data["pipeline_id"] == api)
        while len([e for e in s.seen if e.kind == "stats"]) < 2:
            s.next()
        # What was superseded is not told again.
        assert sorted((e.data["run_id"], e.data["status"]) for e in s.seen
                      if e.kind == "run") == sorted(
                          [(first, "completed"), (second, "queued")])
        assert all(e.kind != "reset" for e in s.seen)
        assert len(s.seen) == 4
        assert s.last != last
    # Nothing happened since: nothing is told, the id stands.
    with Stream(d, last=s.last) as t:
        sim.patch_run("acme/api", second, status="in_progress")
        t.next()
        assert [e.kind for e in t.seen] == ["run"]


@pytest.mark.parametrize("last", [
    "0123456789abcdef-1", "1", "nonsense", "x" * 64, "-", "0-0",
    "x" * 65, "x" * 4000, "a b", "\xff\xfe", '"<>&\\'])
def test_unknown_id_resets(d, sim, last):
    with Stream(d, last=last) as s:
        e = s.next()
        assert (e.kind, e.data) == ("reset", {"reason": "gap"})
        assert e.id and e.id != last
    # With the new id one goes on.
    with Stream(d, last=e.id) as s:
        settled(d, "shop")
        assert s.next().kind == "pipeline"


def test_id_of_the_future_resets(d):
    with Stream(d) as s:
        s.block()
    start, number = s.last.split("-")
    with Stream(d, last="%s-%d" % (start, int(number) + 1)) as s:
        assert s.next().kind == "reset"
    with Stream(d, last="%s-0%s" % (start, number)) as s:
        assert s.next().kind == "reset"


def test_no_id_is_no_gap(d, sim):
    """Some clients send the field before they have an id to put into it."""
    with Stream(d, last="") as s:
        settled(d, "shop")
        assert s.next().kind == "pipeline"


def test_the_field_wins(d, sim):
    """An EventSource keeps the address that it was made with."""
    with Stream(d) as s:
        s.block()
    with Stream(d, "?last_event_id=nonsense", last=s.last) as s:
        settled(d, "shop")
        assert s.next().kind == "pipeline"


def test_snapshot(d, sim):
    shop, api = settled(d, "shop", "api")
    with Stream(d, "?snapshot=1") as s:
        e = s.wait(lambda e: e.kind == "synced")
        assert [x.kind for x in s.seen] == [
            "reset", "pipeline", "stats", "pipeline", "stats", "synced"]
        assert [x.id for x in s.seen if x.id] == [e.id]
        assert {x.data["pipeline_id"]: x.data for x in s.seen
                if x.kind == "pipeline"} == d.registry()["pipelines"]
    with Stream(d, "?snapshot=1&pipeline=" + api) as s:
        s.wait(lambda e: e.kind == "synced")
        assert {x.data["pipeline_id"] for x in s.seen
                if x.kind in ("pipeline", "stats")} == {api}
        sim.add_run("acme/shop", "deploy.yml", status="queued",
                    conclusion=None)
        d.wait_stats(shop, lambda x: x["queue_length"] == 1)
        sim.add_run("acme/api", "deploy.yml", status="queued",
                    conclusion=None)
        assert s.wait(lambda e: e.kind == "run").data["pipeline_id"] == api
        assert all(x.data["pipeline_id"] == api for x in s.seen[4:])


def test_restart_of_the_children(d, sim):
    shop = settled(d, "shop")
    with Stream(d) as s:
        s.block()
        last = s.last
        d.kill("ccmd-poller")
        assert s.next() is None         # the connection ends, not hangs
    d.wait_ready()
    with Stream(d, "?snapshot=true", last=last) as s:
        s.wait(lambda e: e.kind == "synced")
        assert s.seen[0].kind == "reset"
        assert s.seen[0].data == {"reason": "gap"}
        assert s.seen[1].data["pipeline_id"] == shop
        # Sent again on reconnect, the snapshot's id goes on from there.
        assert s.last != last


@pytest.mark.parametrize("what", ["ccmd-api", "ccmd-registry", "all",
                                  "power"])
def test_replay_over_restarts(d, sim, what):
    """Whatever restarts: the stream ends, the id is of a former start, and
    what happened meanwhile is in the state that one is told to read."""
    shop = settled(d, "shop")
    with Stream(d) as s:
        run = sim.add_run("acme/shop", "deploy.yml", status="queued",
                          conclusion=None)
        s.wait(lambda e: e.kind == "stats" and e.data["queue_length"] == 1)
        last = s.last
        if what == "all":
            assert d.stop() == 0
        elif what == "power":
            d.kill_all()
        else:
            d.kill(what)
        try:
            assert s.next() is None
        except ConnectionResetError:
            pass
    sim.patch_run("acme/shop", run, status="completed",
                  conclusion="success")
    if what in ("all", "power"):
        d.start()
    else:
        d.wait_ready()
    with Stream(d, last=last) as s:
        e = s.next()
        assert (e.kind, e.data) == ("reset", {"reason": "gap"})
        assert e.id.split("-")[0] != last.split("-")[0]
        # The list, read now, or the events from here on have the run's end.
        if d.stats(shop)["queue_length"] == 1:
            s.wait(lambda e: e.kind == "stats" and
                   e.data["queue_length"] == 0)
    # That id is good from here on.
    with Stream(d, last=e.id) as s:
        sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                    conclusion=None)
        s.wait(lambda e: e.kind == "stats" and e.data["active_runs"] == 1)
        assert all(e.kind != "reset" for e in s.seen)


def test_stale_by_the_clock_alone(d, sim):
    """Nothing comes any more: that itself is a change, and is told."""
    shop = settled(d, "shop")
    with Stream(d, timeout=60) as s:
        sim.fault("hang", path="/repos/acme/shop")
        e = s.wait(lambda e: e.kind == "stats" and e.data["stale"])
        assert e.data["pipeline_id"] == shop


@pytest.mark.parametrize("query,status", [
    ("?pipeline=pipe_ffffffffffff", 404), ("?pipeline=%2e%2e", 404),
    ("?snapshot=perhaps", 400), ("?last_event_id=" + "x" * 65, 400),
    ("?snapshot=1&snapshot=1", 400)])
def test_refusals(d, query, status):
    with Stream(d, query) as s:
        assert s.status == status
        assert json.loads(s.answer.read())["success"] is False


def test_needs_a_token(d):
    with Stream(d, token="wrong") as s:
        assert s.status == 401


def test_a_stopped_reader_holds_nobody_up(d, sim):
    shop = d.provision("acme/shop", config={"note": "x" * 15000})
    d.wait_stats(shop, lambda s: not s["stale"])
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", d.port))
        slow.sendall(b"GET /api/events?snapshot=1 HTTP/1.1\r\nHost: x\r\n"
                     b"CCM-Token: %s\r\n\r\n" % d.token.encode())
        with Stream(d) as s:
            for _ in range(3):
                run = sim.add_run("acme/shop", "deploy.yml",
                                  conclusion="success")
                assert s.wait(lambda e: e.kind == "run").data[
                    "run_id"] == run


def test_stopped_readers_are_bounded(d, sim):
    """A hundred that take nothing of a snapshot of 600 KB each."""
    for i in range(40):
        sim.add_repo("acme/big%d" % i, workflows=["deploy.yml"])
        d.provision("acme/big%d" % i, config={"note": "x" * 15000})

    def resident():
        return int(re.search(
            rb'^process_resident_memory_bytes\{process="api"\} (\S+)$',
            d.raw("GET", "/metrics")[2], re.M)[1])
    with Stream(d, "?snapshot=1") as s:
        s.wait(lambda e: e.kind == "synced")
    before, slow = resident(), []
    for _ in range(100):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", d.port))
        s.sendall(b"GET /api/events?snapshot=1 HTTP/1.1\r\nHost: x\r\n"
                  b"CCM-Token: %s\r\n\r\n" % d.token.encode())
        slow.append(s)
    for s in slow:
        assert s.recv(100).startswith(b"HTTP/1.1 200 ")
    grown = resident() - before
    print("grown:", grown)
    # 64 KB and an event of 15 KB for each, in blocks that double; not what
    # they did not take.
    assert sanitized() or grown < 100 * 160 * 1024
    for s in slow:
        s.close()


def lines(process, n, timeout=20):
    """n lines of a program's unbuffered output, as JSON."""
    got, end = [], time.monotonic() + timeout
    while len(got) < n:
        left = end - time.monotonic()
        assert left > 0 and select.select([process.stdout], [], [], left)[0]
        line = process.stdout.readline()
        assert line, process.stderr.read()
        got.append(json.loads(line))
    return got


@pytest.fixture
def ctl(d):
    started = []

    def start(*args):
        started.append(subprocess.Popen(
            [str(BUILD / "ccmctl/ccmctl"), *args], bufsize=0,
            env={**os.environ, "CCM_SOCKET": str(d.socket)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE))
        return started[-1]
    yield start
    for p in started:
        p.kill()
        p.wait()
        p.stdout.close()
        p.stderr.close()


def test_control_socket(d, sim, ctl):
    shop, api = settled(d, "shop", "api")
    p = ctl("events", "-j", "-a", "-p", shop)
    got = lines(p, 4)
    assert [e["event"] for e in got] == ["reset", "pipeline", "stats",
                                         "synced"]
    assert got[1]["data"] == d.registry()["pipelines"][shop]
    run = sim.add_run("acme/shop", "deploy.yml", status="queued",
                      conclusion=None)
    got = lines(p, 2)
    assert [e["event"] for e in got] == ["run", "stats"]
    assert got[0]["data"]["run_id"] == run and got[0]["id"] != got[1]["id"]
    # The daemon restarts: that is an end with a code of its own.
    d.kill("ccmd-registry")
    assert p.wait(20) == 3
    d.wait_ready()


def test_control_socket_in_words(d, sim, ctl):
    shop = settled(d, "shop")
    p = ctl("events")
    sim.add_run("acme/shop", "deploy.yml", conclusion="failure",
                head_branch="main")
    line = p.stdout.readline().decode().split()
    assert line[1:3] == ["run", shop] and line[4:] == ["failure", "on", "main"]
    q = ctl("events", "-p", "pipe_ffffffffffff")
    assert q.wait(20) == 1
    assert b"Pipeline not found" in q.stderr.read()


def test_a_stopped_control_client_is_bounded(d, sim, ctl):
    """Its queue is bounded: it misses nothing but what was superseded."""
    shop = settled(d, "shop")
    p = ctl("events", "-j")
    run = sim.add_run("acme/shop", "deploy.yml", status="queued",
                      conclusion=None)
    lines(p, 2)
    os.kill(p.pid, 19)
    for status in ("in_progress", "queued", "in_progress"):
        sim.patch_run("acme/shop", run, status=status)
        wanted = int(status == "queued")
        d.wait_stats(shop, lambda s: s["queue_length"] == wanted)
    os.kill(p.pid, 18)
    while True:
        e, = lines(p, 1)
        if e["event"] == "run" and e["data"]["status"] == "in_progress":
            break
