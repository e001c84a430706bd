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

"""What is read from GitHub for a client: a run's details, logs, and what
there is to make pipelines of."""

import http.client
import json
import os
import re
import socket
import struct
import subprocess
import time

import pytest

from daemon import BUILD, Daemon, token_hash, wait_until
from test_build import sanitized

MB = 1024 * 1024
REPOSITORIES = {"acme/shop": [
    {"path": ".github/workflows/deploy.yml", "jobs": ["build", "deploy"]},
    {"path": ".github/workflows/ci.yml"}]}
DAEMON = {"idle": 60}


@pytest.fixture
def sim(sim):
    sim.settings(log_headers=True)
    return sim


def failed_run(sim, **more):
    return sim.add_run("acme/shop", "deploy.yml", conclusion="failure",
                       duration=90, jobs={"build": "success"}, **more)


def logs(d, pipe, run, query="", **more):
    return d.raw("GET", "/api/pipelines/%s/runs/%d/logs%s" % (
        pipe, run, query), **more)


class Deaf(Daemon):
    """One whose name server does not answer."""

    def argv(self, *more):
        path = self.dir / "resolv.conf"
        path.write_text("nameserver %s\n" % self.server.getsockname()[0])
        return ["unshare", "-m", "sh", "-c", 'mount --bind "$0" '
                '/etc/resolv.conf && exec "$@"', path, *super().argv(*more)]


def deaf_server():
    """A socket that takes questions, at an address of its own; None where
    there can't be one."""
    with open("/dev/urandom", "rb") as f:
        address = "127.%d.%d.%d" % tuple(1 + b % 250 for b in f.read(3))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.bind((address, 53))
        subprocess.run(["unshare", "-m", "true"], check=True,
                       capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        s.close()
        return None
    return s


@pytest.fixture
def deaf(tmp_path):
    """A daemon with a pipeline whose GitHub's name it asks for in vain, and
    another such server."""
    Deaf.server, other = deaf_server(), deaf_server()
    if Deaf.server is None or other is None:
        pytest.skip("no name server of our own here")
    with Deaf.server, other, Deaf(
            tmp_path, github_url="https://github.test", start=False,
            idle=600) as d:
        d.state.mkdir(mode=0o700)
        (d.state / "pipelines.json").write_text(json.dumps({
            "pipelines": {"pipe_1": {
                "pipeline_id": "pipe_1", "repository": "acme/shop",
                "workflow_file": ".github/workflows/deploy.yml",
                "github": {"repository_id": 1, "workflow_id": 2},
                "status": "active", "created_at": "2026-01-01T00:00:00Z"}},
            "registry_version": "2.0"}))
        d.other = other
        yield d.start()


def ask_and_go(d, server, timeout):
    """A question that leads to that server; its client goes without the
    answer.  Returns whether it came there."""
    server.settimeout(timeout)
    with socket.create_connection(("127.0.0.1", d.port), 10) as s:
        s.sendall(b"GET /api/pipelines/pipe_1/runs/7 HTTP/1.1\r\nHost: x"
                  b"\r\nCCM-Token: %s\r\n\r\n" % d.token.encode())
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
        try:
            return server.recv(512)
        except TimeoutError:
            return None


def test_nobody_waits_for_a_name_server_but_who_asked(deaf):
    """A question that was given up goes on in a thread of its own."""
    assert ask_and_go(deaf, deaf.server, 10)
    wait_until(lambda: "ABANDON from api" in deaf.log(), what="the end")
    # What needs no GitHub is done all the same.
    begin = time.monotonic()
    status, r = deaf.request("PATCH", "/api/pipelines/pipe_1",
                             {"linked_app": "shop"})
    assert status == 200, r
    assert time.monotonic() - begin < 4


@pytest.mark.skipif(os.geteuid() != 0, reason="root's poller has a copy")
def test_another_name_server_is_noticed(deaf):
    assert ask_and_go(deaf, deaf.server, 10)
    (deaf.dir / "resolv.conf").write_text(
        "nameserver %s\n" % deaf.other.getsockname()[0])
    wait_until(lambda: ask_and_go(deaf, deaf.other, 0.3), 20,
               "a question to the other name server")
    assert "/etc/resolv.conf has changed" in deaf.log()


# --- Details.

def test_run_with_jobs_and_steps(d, sim, pipe):
    run = failed_run(sim)
    status, r = d.request("GET", "/api/pipelines/%s/runs/%d" % (pipe, run))
    assert status == 200 and r["success"] is True, r
    r = r["run"]
    assert (r["run_id"], r["conclusion"]) == (run, "failure")
    assert r["duration_seconds"] == 90
    assert [(j["name"], j["conclusion"]) for j in r["jobs"]] == [
        ("build", "success"), ("deploy", "failure")]
    assert r["jobs"][1]["duration_seconds"] == 90
    steps = r["jobs"][1]["steps"]
    assert [s["number"] for s in steps] == list(range(1, len(steps) + 1))
    assert "failure" in [s["conclusion"] for s in steps]
    text = d.ctl("run", pipe, str(run))
    assert text.returncode == 0, text.stderr
    assert re.search(r"^deploy +failure", text.stdout, re.M)
    assert re.search(r"^  Deploy +failure", text.stdout, re.M)
    r = d.ctl("run", pipe[:9], str(run), "-j")
    assert json.loads(r.stdout)["run"]["run_id"] == run


def test_attempts(d, sim, pipe):
    run = failed_run(sim)
    status, _ = d.request("POST", "/api/pipelines/%s/runs/%d/rerun" % (
        pipe, run))
    assert status == 202
    url = "/api/pipelines/%s/runs/%d" % (pipe, run)
    first = d.request("GET", url + "?attempt=1")[1]["run"]
    assert (first["run_attempt"], first["conclusion"]) == (1, "failure")
    assert d.request("GET", url)[1]["run"]["run_attempt"] == 2
    assert d.request("GET", url + "?attempt=3")[0] == 404
    assert d.request("GET", url + "?attempt=0")[0] == 400


def test_refused(d, sim, pipe):
    ci = sim.add_run("acme/shop", "ci.yml", conclusion="success")
    for path, status, code in (
            ("/runs/%d" % ci, 404, "run_not_found"),
            ("/runs/%d/logs" % ci, 404, "run_not_found"),
            ("/runs/x", 404, "run_not_found"),
            ("/runs/99/logs", 404, "run_not_found")):
        got, r = d.request("GET", "/api/pipelines/" + pipe + path)
        assert (got, r["code"], r["success"]) == (status, code, False), path
    run = failed_run(sim)
    sim.fault("status", path="/jobs", status=500, count=1)
    got, r = d.request("GET", "/api/pipelines/%s/runs/%d" % (pipe, run))
    assert (got, r["code"]) == (502, "github_error"), r
    # At once behind a provision that was just answered.
    p = d.provision("acme/shop", "ci.yml")
    got, r = d.request("GET", "/api/pipelines/%s/runs/%d" % (p, ci))
    assert got == 200, r
    # Reads stand in no audit log.
    assert not [x for x in d.audit() if x["verb"] == "run.show"]


def test_jobs_go_into_the_history(d, sim, pipe):
    """A run that ends while it is watched, and one that is asked for."""
    run = sim.add_run("acme/shop", "deploy.yml", plan={
        "in_progress": 2, "conclusion": "success"})
    d.request("GET", "/api/pipelines/%s/stats?fresh=1" % pipe)

    def jobs():
        t = d.request("GET", "/api/pipelines/%s/trends" % pipe)[1]["trends"]
        return [(j["name"], j["success_count"]) for j in t["jobs"]]
    wait_until(lambda: jobs() == [("build", 1), ("deploy", 1)], 20,
               "jobs of a run that ended")
    asked = sim.requests(path="/runs/%d/attempts/1/jobs" % run)
    assert len(asked) == 1
    # None of the past: neither of a read-back nor after a restart.
    sim.add_runs("acme/shop", [
        {"id": 1000 + i, "conclusion": "success", "age": 3600 - i}
        for i in range(20)])
    d.request("GET", "/api/pipelines/%s/stats?fresh=1" % pipe)
    d.stop()
    d.start()
    old = sim.add_run("acme/shop", "deploy.yml", conclusion="success",
                      age=7200, id=900)
    d.request("GET", "/api/pipelines/%s/stats?fresh=1" % pipe)
    assert len(sim.requests(path="/jobs")) == 1
    assert d.request("GET", "/api/pipelines/%s/runs/%d" % (pipe, old))[
        0] == 200
    wait_until(lambda: jobs() == [("build", 2), ("deploy", 2)], 10,
               "jobs of a run that was asked for")


# --- Logs.

def test_logs(d, sim, pipe):
    run = failed_run(sim, log_bytes=100000)
    status, head, body = logs(d, pipe, run)
    assert status == 200, body
    assert head["Content-Type"].startswith("text/plain")
    assert len(body) > 200000
    assert re.findall(rb"^==> (.*)$", body, re.M) == [
        b"build (success)", b"deploy (failure)"]
    status, _, failed = logs(d, pipe, run, "?failed=1")
    assert status == 200 and failed.startswith(b"==> deploy (failure)\n")
    # Byte for byte what the storage has, behind our line.
    assert body.endswith(failed) and failed.count(b"==> ") == 1
    r = d.ctl("logs", pipe, str(run), "-f")
    assert r.returncode == 0 and r.stdout.encode() == failed, r.stderr
    # HTTP/1.0 has no chunks.
    with socket.create_connection(("127.0.0.1", d.port), 10) as s:
        s.sendall(b"GET /api/pipelines/%s/runs/%d/logs?failed=true HTTP/1.0"
                  b"\r\nCCM-Token: %s\r\n\r\n" % (
                      pipe.encode(), run, d.token.encode()))
        raw = b"".join(iter(lambda: s.recv(65536), b""))
    head, _, text = raw.partition(b"\r\n\r\n")
    assert text == failed and b"chunked" not in head
    # What never ran, or runs yet, has none: said, not failed.
    going = sim.add_run("acme/shop", "deploy.yml", status="in_progress")
    status, _, body = logs(d, pipe, going)
    assert (status, body) == (200, b"==> build (in_progress): no log\n"
                                   b"==> deploy (in_progress): no log\n")


def test_no_token_reaches_the_storage(d, sim, pipe):
    run = failed_run(sim)
    assert logs(d, pipe, run)[0] == 200
    there = sim.requests(port="storage")
    assert [x["status"] for x in there] == [200, 200]
    for x in there:
        names = {name.lower() for name in x["headers"]}
        assert x["token"] is None and names <= {
            "host", "accept", "user-agent"}, names
        assert "ght" not in json.dumps(x["headers"]).split()
    # Nor does a second redirect bring one there, and there is an end.
    sim.fault("status", port="storage", status=302, count=1, headers={
        "Location": there[0]["path"]})
    with pytest.raises(Exception):
        logs(d, pipe, run)


@pytest.mark.parametrize("location", [
    "ftp://127.0.0.1/x", "file:///etc/passwd", "http://a:b@127.0.0.1:1/x",
    "//127.0.0.1/x", "", "http:///x"])
def test_redirects_to_elsewhere(d, sim, pipe, location):
    run = failed_run(sim)
    sim.fault("status", path="/logs$", status=302, count=1, body="",
              headers={"Location": location})
    r = d.ctl("logs", pipe, str(run))
    assert r.returncode == 1, r
    assert "redirects" in r.stderr


@pytest.mark.parametrize("fault", [
    {"kind": "status", "status": 403}, {"kind": "truncate", "bytes": 5000},
    {"kind": "reset"}])
def test_a_log_that_is_cut_off_is_no_whole_one(d, sim, pipe, fault):
    run = failed_run(sim, log_bytes=100000)
    sim.fault(port="storage", count=-1, **fault)
    with socket.create_connection(("127.0.0.1", d.port), 10) as s:
        s.sendall(b"GET /api/pipelines/%s/runs/%d/logs HTTP/1.1\r\nHost: x"
                  b"\r\nCCM-Token: %s\r\n\r\n" % (
                      pipe.encode(), run, d.token.encode()))
        raw = b"".join(iter(lambda: s.recv(65536), b""))
    assert raw.startswith(b"HTTP/1.1 200 ") and b"==> cut off: " in raw
    assert not raw.endswith(b"0\r\n\r\n")
    r = d.ctl("logs", pipe, str(run))
    assert r.returncode == 1 and "storage" in r.stderr, r.stderr


def test_a_log_does_not_wait_for_another_hour(d, sim, pipe):
    """What is left of the hour is for one job's log, and not for the next:
    that is said, and not waited for."""
    run = failed_run(sim)
    sim.limits(remaining=3)  # the run, its jobs, the first one's log
    r = d.ctl("logs", pipe, str(run))
    assert r.returncode == 1, r
    assert "==> build (success)\n" in r.stdout
    assert "==> deploy" not in r.stdout
    assert "==> cut off: throttled until " in r.stdout
    assert "throttled until " in r.stderr and "used up" in r.stderr
    assert b"\nccm_operations 0\n" in d.raw("GET", "/metrics")[2]


def test_a_log_that_can_not_be_found_out_about(d, sim, pipe):
    """Before anything was told it is an error, behind that no end."""
    run = failed_run(sim, log_bytes=1000)
    for question in ("/jobs[?]", "/jobs/[0-9]+/logs$"):
        sim.fault("status", path=question, status=500, count=-1)
        status, _, body = logs(d, pipe, run)
        assert (status, json.loads(body)["code"]) == (502, "github_error")
        assert b"GitHub answered 500" in body
        sim.clear_faults()
    sim.fault("status", path="/jobs/[0-9]+/logs$", status=500, skip=1,
              count=-1)
    with pytest.raises(http.client.IncompleteRead) as e:
        logs(d, pipe, run)
    assert e.value.partial.startswith(b"==> build (success)\n")
    assert b"\n==> cut off: " in e.value.partial
    assert b"GitHub answered 500" in e.value.partial


def resident(pid, what="VmRSS"):
    text = open("/proc/%d/status" % pid).read()
    return int(re.search(what + r":\s+(\d+)", text)[1]) * 1024


def held_up(port):
    """How many connections of a server have what nobody takes."""
    with open("/proc/net/tcp") as f:
        lines = [line.split() for line in f][1:]
    return sum(1 for line in lines
               if int(line[1].split(":")[1], 16) == port and
               line[3] == "01" and int(line[4].split(":")[0], 16) > 0)


def test_a_slow_client_costs_no_memory(d, sim, pipe):
    """64 MB a job: neither a slow nor a fast reader makes us hold it; one
    that goes ends the transfer."""
    run = sim.add_run("acme/shop", "deploy.yml", conclusion="success",
                      log_bytes=64 * MB)
    assert logs(d, pipe, failed_run(sim, log_bytes=MB))[0] == 200
    pids = d.pids()
    before = {n: resident(pids[n], "VmHWM") for n in ("ccmd-api",
                                                      "ccmd-poller")}
    slow = []
    for _ in range(4):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", d.port))
        s.sendall(b"GET /api/pipelines/%s/runs/%d/logs HTTP/1.1\r\nHost: x"
                  b"\r\nCCM-Token: %s\r\n\r\n" % (
                      pipe.encode(), run, d.token.encode()))
        assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
        slow.append(s)
    # A fast one beside them gets all of it.
    r = subprocess.run([BUILD / "ccmctl/ccmctl", "-s", d.socket, "logs", pipe,
                        str(run)], stdout=subprocess.PIPE, timeout=60)
    assert r.returncode == 0 and len(r.stdout) > 128 * MB
    grown = {n: resident(pids[n], "VmHWM") - before[n] for n in before}
    print("grown:", grown)
    # What is freed stays for a while in a build with sanitizers.
    assert sanitized() or all(n < 4 * MB for n in grown.values()), grown
    assert d.pids() == pids
    # The storage is held up, and let go.
    assert held_up(sim.ports["storage"]) == len(slow)
    for s in slow:
        s.close()
    wait_until(lambda: held_up(sim.ports["storage"]) == 0, 20,
               "transfers whose clients went")


def test_a_client_that_sends_no_more_gets_its_log(d, sim, pipe):
    """Whether its end comes before or behind the log's begin."""
    run = sim.add_run("acme/shop", "deploy.yml", conclusion="success",
                      jobs={"build": "success"}, log_bytes=4 * MB)
    whole = logs(d, pipe, run)[2]
    for early in True, False:
        with socket.socket() as s:
            s.settimeout(30)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", d.port))
            s.sendall(b"GET /api/pipelines/%s/runs/%d/logs HTTP/1.0\r\n"
                      b"CCM-Token: %s\r\n\r\n" % (
                          pipe.encode(), run, d.token.encode()))
            if early:
                s.shutdown(socket.SHUT_WR)
            data = s.recv(1000)
            if not early:
                s.shutdown(socket.SHUT_WR)
            while more := s.recv(1 << 20):
                data += more
        assert data.partition(b"\r\n\r\n")[2] == whole


def test_a_log_ends_with_its_token(tmp_path, sim):
    """Whoever has an old token gets no more of it, and not as if it were
    all; others go on."""
    def begin(token):
        s = socket.socket()
        s.settimeout(30)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", d.port))
        s.sendall(b"GET /api/pipelines/%s/runs/%d/logs HTTP/1.1\r\nHost: x"
                  b"\r\nCCM-Token: %s\r\n\r\n" % (
                      pipe.encode(), run, token.encode()))
        assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
        return s

    def rest(s):
        n, last = 0, b""
        while data := s.recv(1 << 20):
            n, last = n + len(data), (last + data)[-5:]
        return n, last
    with Daemon(tmp_path, github_url=sim.url, idle=60, tokens={
            "test": ("admin", "test-token-0123456789"),
            "old": ("viewer", "older")}) as d:
        pipe = d.provision("acme/shop")
        run = sim.add_run("acme/shop", "deploy.yml", conclusion="success",
                          jobs={"build": "success"}, log_bytes=16 * MB)
        with begin("older") as old, begin(d.token) as kept:
            d.conf_path.write_text(d.conf_path.read_text().replace(
                token_hash("older"), token_hash("newer")))
            r = d.ctl("reload")
            assert r.returncode == 0, r.stderr
            n, last = rest(old)
            assert n < 8 * MB and last != b"0\r\n\r\n"
            # The one operation is over, the other one goes on.
            assert b"\nccm_operations 1\n" in d.raw("GET", "/metrics")[2]
            n, last = rest(kept)
            assert n > 16 * MB and last == b"0\r\n\r\n"
        assert d.logged("run.logs: cut off: its token is not") == 1


def test_clients_that_go_while_github_is_asked(d, sim, pipe):
    """At each question: it is taken back, and nothing is left of it."""
    run = failed_run(sim)
    pids = d.pids()
    details = "/api/pipelines/%s/runs/%d" % (pipe, run)
    look, jobs = "/runs/%d[?]" % run, "/runs/%d/.*jobs[?]" % run
    for path, question in (
            (details, look), (details, jobs),
            (details + "/logs", look), (details + "/logs", jobs),
            (details + "/logs", "/jobs/[0-9]+/logs$"),
            (details + "/logs", "/logs/[0-9]+/1/"),
            ("/api/repositories?owner=acme", "/users/acme$"),
            ("/api/repositories?owner=acme", "/orgs/acme/repos"),
            ("/api/repositories/acme/shop/branches", "/branches"),
            ("/api/repositories/acme/shop/workflows", "/workflows[?]")):
        fault = sim.fault("hang", path=question, count=1)
        with socket.create_connection(("127.0.0.1", d.port), 10) as s:
            s.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nCCM-Token: %s\r\n"
                      b"\r\n" % (path.encode(), d.token.encode()))
            wait_until(lambda: [f["hits"] for f in sim.faults()
                                if f["id"] == fault] == [1],
                       what=question)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack("ii", 1, 0))
        wait_until(lambda: b"\nccm_operations 0\n" in d.raw(
            "GET", "/metrics")[2], what="left off")
        sim.clear_faults()
        assert d.raw("GET", path)[0] == 200
    assert d.pids() == pids


@pytest.mark.parametrize("env,colour,text", [
    ({"TERM": "xterm"}, True, "caf\u00e9 \u00a9"),
    ({"TERM": "dumb"}, False, "caf\u00e9 \u00a9"),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False, "caf\u00e9 \u00a9"),
    ({"TERM": "xterm", "LC_ALL": "C"}, True, r"caf\303\251 \302\251"),
])
def test_a_log_on_a_terminal_commands_nothing(d, sim, pipe, env, colour,
                                              text):
    run = failed_run(sim)
    body = (b"\x1b]0;owned\x07\x1b[31mred\x1b[0m\x1b[2Jgone\xc2\x9b2Jc1 "
            b"\x1b[2;" + b"1" * 40 + b"m caf\xc3\xa9 \xc2\xa9\n")
    sim.fault("status", port="storage", status=200, body=body.decode())
    out = subprocess.run(
        ["script", "-qec", "%s -s %s logs %s %d -f" % (
            BUILD / "ccmctl/ccmctl", d.socket, pipe, run), "/dev/null"],
        capture_output=True, timeout=30, stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8", **env}).stdout
    assert (b"\x1b[31mred\x1b[0m" in out) == colour
    assert b"red" in out and text in out.decode()
    out = out.replace(b"\x1b[31m", b"").replace(b"\x1b[0m", b"")
    for bad in (b"\x1b", b"\x07", b"\xc2\x9b"):
        assert bad not in out, out


ODD = ["[]", "7", '"x"', "{}", "[null]", "[7]", "[[]]", '[{"name": 7}]',
       '{"id": "x"}', '{"id": -1}', '{"id": 9223372036854775807}',
       '{"type": 7, "login": []}', '{"workflow_runs": {}}',
       '{"workflow_runs": [null]}', '{"workflow_runs": [{"id": 7}]}',
       '{"jobs": 7}', '{"jobs": [null]}', '{"jobs": [{"id": "x"}]}',
       '{"workflows": {}}', '{"workflows": [[]]}',
       '{"total_count": -1, "workflow_runs": []}']


def test_answers_of_another_kind(d, sim, pipe):
    """JSON, and not what it should be, whatever is asked."""
    run = failed_run(sim)
    p = "/api/pipelines/" + pipe
    pids = d.pids()
    for body in ODD:
        sim.clear_faults()
        sim.fault("status", status=200, count=-1, body=body, headers={
            "Content-Type": "application/json"})
        for method, path, what in (
                ("POST", "/api/pipelines/provision", {
                    "repo": "acme/shop", "workflow_file": "ci.yml"}),
                ("GET", "/api/repositories?owner=acme", None),
                ("GET", "/api/repositories/acme/shop/branches", None),
                ("GET", "/api/repositories/acme/shop/workflows", None),
                ("GET", "%s/runs/%d" % (p, run), None),
                ("GET", "%s/runs/%d/logs" % (p, run), None),
                ("POST", "%s/runs/%d/cancel" % (p, run), None),
                ("POST", "%s/runs/%d/rerun" % (p, run), None),
                ("GET", p + "/stats?fresh=1", None),
                ("GET", "/api/doctor", None)):
            if path == "/api/doctor" and body not in ODD[2:4]:
                continue        # it takes a second
            status, _, answer = d.raw(method, path, what)
            ok = status == 200 and method == "GET"
            assert ok or status == 502 or (
                status == 404 and b'"run_not_found"' in answer), (
                    body, path, status, answer)
    assert d.pids() == pids
    # None of it is believed, and all of it was for a while.
    sim.clear_faults()
    assert d.request("GET", p + "/stats?fresh=1")[1]["stats"]["stale"] \
        is False
    assert d.request("GET", p + "/runs")[1]["count"] == 1
    assert d.request("GET", "%s/runs/%d" % (p, run))[0] == 200


# --- What there is.

def test_repositories(d, sim):
    sim.add_repo("acme/secret", private=True, archived=True)
    sim.add_repo("octocat/mine", owner_type="User",
                 branches=["production", "dev"], workflows=[
                     {"path": ".github/workflows/x.yml", "name": "CI / CD"},
                     {"path": ".github/workflows/release-it.yml",
                      "name": "Ship"},
                     {"path": ".github/workflows/abcd.yml", "name": "Tests"},
                     {"path": ".github/workflows/y.yml",
                      "name": "Redeploy all"}])
    status, r = d.request("GET", "/api/repositories?owner=acme")
    assert status == 200, r
    assert {x["full_name"]: (x["private"], x["archived"])
            for x in r["repositories"]} == {
        "acme/shop": (False, False), "acme/secret": (True, True)}
    assert (r["count"], r["truncated"]) == (2, False)
    status, r = d.request("GET", "/api/repositories?owner=octocat")
    assert [x["full_name"] for x in r["repositories"]] == ["octocat/mine"]
    # Another user's than the token's.
    sim.add_repo("stranger/theirs", owner_type="User")
    status, r = d.request("GET", "/api/repositories?owner=stranger")
    assert [x["full_name"] for x in r["repositories"]] == ["stranger/theirs"]
    url = "/api/repositories/octocat/mine/"
    status, r = d.request("GET", url + "branches")
    assert status == 200 and {b["name"] for b in r["branches"]} == {
        "main", "production", "dev"}
    assert all(re.fullmatch("[0-9a-f]{40}", b["sha"]) for b in r["branches"])
    status, r = d.request("GET", url + "workflows")
    assert status == 200 and {w["path"].rsplit("/", 1)[1]: w["deploy"]
                              for w in r["workflows"]} == {
        "x.yml": True, "release-it.yml": True, "abcd.yml": False,
        "y.yml": True}
    r = d.ctl("repo", "workflows", "octocat/mine")
    assert r.returncode == 0 and "Redeploy all" in r.stdout
    r = d.ctl("repo", "branches", "octocat", "mine", "-j")
    assert json.loads(r.stdout)["count"] == 3
    r = d.ctl("repo", "list", "acme")
    assert "acme/secret" in r.stdout


def test_lists_of_many_pages(d, sim):
    """All of them up to a thousand, and whether there are more; longer than
    a message."""
    names = ["feature/%04d-with-a-name-of-some-length" % n
             for n in range(1050)]
    sim.add_repo("acme/large", branches=names[:249])
    sim.add_repo("acme/larger", branches=names)
    status, r = d.request("GET", "/api/repositories/acme/large/branches")
    assert status == 200, r
    assert (r["count"], r["truncated"]) == (250, False)
    assert {b["name"] for b in r["branches"]} == {"main", *names[:249]}
    status, head, body = d.raw(
        "GET", "/api/repositories/acme/larger/branches")
    assert status == 200 and len(body) > 65536
    r = json.loads(body)
    assert (len(r["branches"]), r["count"], r["truncated"]) == (
        1000, 1000, True)
    r = d.ctl("repo", "branches", "acme/larger")
    assert r.returncode == 0 and names[500] in r.stdout
    assert "There are more than these 1000." in r.stdout


def test_repositories_refused(tmp_path, sim):
    with Daemon(tmp_path, github_url=sim.url, tokens={
            "a": ("api", "api-token-0123456789"),
            "t": ("admin", "test-token-0123456789")}) as d:
        for path in ("?owner=acme", "/acme/shop/branches",
                     "/acme/shop/workflows"):
            status, r = d.request("GET", "/api/repositories" + path,
                                  token="api-token-0123456789")
            assert (status, r["code"]) == (403, "forbidden"), path
        mark = sim.mark()
        for path, status in (("", 400), ("?owner=a/b", 400),
                             ("?owner=..", 400), ("/acme/../branches", 400),
                             ("/acme/%2e%2e/branches", 400),
                             ("/a%2fb/c/branches", 400)):
            assert d.request("GET", "/api/repositories" + path)[0] == status
        assert sim.requests(mark) == []
        status, r = d.request("GET", "/api/repositories/acme/no/branches")
        assert (status, r["code"]) == (404, "repository_not_found"), r
        status, r = d.request("GET", "/api/repositories?owner=nobody")
        assert (status, r["code"]) == (404, "owner_not_found"), r


# --- Watching.

def watch(d, *args):
    return subprocess.Popen(
        [BUILD / "ccmctl/ccmctl", "-s", d.socket, "runs", "watch", *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("conclusion,code", [("success", 0), ("failure", 1),
                                             ("cancelled", 1)])
def test_watch(d, sim, pipe, conclusion, code):
    """Its exit code is the run's outcome, soon after GitHub has it."""
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress")
    d.request("GET", "/api/pipelines/%s/stats?fresh=1" % pipe)
    p = watch(d, pipe[:9])              # the one that runs
    lines = [p.stdout.readline() for _ in range(3)]
    assert [line.split(None, 1)[1] for line in lines] == [
        "in_progress  run\n", "in_progress  build\n",
        "in_progress  deploy\n"]
    assert p.poll() is None
    sim.patch_run("acme/shop", run, status="completed",
                  conclusion=conclusion)
    out, err = p.communicate(timeout=13)    # before it looks by itself
    assert p.returncode == code, (out, err)
    assert "Run %d: %s, " % (run, conclusion) in out
    # One that ended already is told at once, also among others.
    p = watch(d, pipe, str(run), "-j")
    out, err = p.communicate(timeout=20)
    assert p.returncode == code and err == ""
    assert json.loads(out)["conclusion"] == conclusion


@pytest.mark.parametrize("known", [False, True])
def test_watch_in_an_outage(d, sim, pipe, known):
    """Its details can't be had when the run ends: that is told once, and
    how it ended all the same."""
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress")
    d.request("GET", "/api/pipelines/%s/stats?fresh=1" % pipe)
    p = watch(d, pipe, str(run))
    assert "in_progress" in p.stdout.readline()
    sim.fault("status", path="/runs/%d" % run, status=500, count=-1)
    if known:
        # Something about it changes, for which it is looked at.
        sim.patch_run("acme/shop", run, status="waiting")
        d.request("GET", "/api/pipelines/%s/stats?fresh=1" % pipe)
        assert "GitHub answered 500" in p.stderr.readline()
    sim.patch_run("acme/shop", run, status="completed", conclusion="failure")
    out, err = p.communicate(timeout=20)
    assert p.returncode == 1, (out, err)
    assert "Run %d: failure" % run in out
    assert err.count("GitHub answered 500") == (not known)


def test_watch_survives_a_restart(d, sim, pipe):
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress")
    d.request("GET", "/api/pipelines/%s/stats?fresh=1" % pipe)
    p = watch(d, pipe, str(run))
    assert "in_progress" in p.stdout.readline()
    d.kill("ccmd-api")
    d.wait_ready()
    sim.patch_run("acme/shop", run, status="completed", conclusion="success")
    out, err = p.communicate(timeout=30)
    assert p.returncode == 0, (out, err)


def test_watch_of_nothing(d, sim, pipe):
    p = watch(d, pipe)
    out, err = p.communicate(timeout=20)
    assert p.returncode == 1 and "no run to watch" in err
    p = watch(d, pipe, "99")
    out, err = p.communicate(timeout=20)
    assert p.returncode == 1 and "Run not found: 99" in err
    p = watch(d, "pipe_none")        # no hex: of no id the beginning
    out, err = p.communicate(timeout=20)
    assert p.returncode == 1 and "Pipeline not found" in err
