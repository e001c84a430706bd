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

"""ccmctl against a daemon of this test's own, which speaks the control
socket's protocol as msg.def has it and shares no code with ours."""

import datetime
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

import pytest

from control_standin import (ANSWER, CHUNK, EVENT, OP, Daemon, answer, event,
                             frame, hello)
from terminal import (CCMCTL, TOP, WAIT, Terminal, display_width,
                      environment, strip)


@pytest.fixture
def daemon(tmp_path):
    d = Daemon(tmp_path / "sock")
    yield d
    d.stop()


def run(d, *args, env=None, stdin=subprocess.DEVNULL):
    r = subprocess.run([CCMCTL, "-s", d.path, *args], stdin=stdin,
                       capture_output=True, timeout=WAIT + 30,
                       env=env or environment())
    assert r.returncode in (0, 1, 2, 3), r.stderr.decode()
    # Nothing raw from outside: only printable text and newlines.
    for out in (r.stdout, r.stderr):
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]",
                             out), out
    r.out = r.stdout.decode()
    r.err = r.stderr.decode()
    return r


def ago(**delta):
    t = datetime.datetime.now(datetime.timezone.utc) \
        - datetime.timedelta(**delta)
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def stats(pid, **over):
    s = {"pipeline_id": pid, "status": "active",
         "last_run": {"run_id": 7, "timestamp": ago(hours=2, minutes=20),
                      "status": "success", "duration_seconds": 192,
                      "branch": "production"},
         "current_run": None,
         "metrics_24h": {"run_count": 4, "completed_count": 3,
                         "success_count": 2, "failure_count": 1,
                         "success_rate": 66.7,
                         "avg_duration_seconds": 187},
         "health_score": 81,
         "health": {"state": "ok", "success": 40.0, "last": 25.0,
                    "speed": 15.0},
         "active_runs": 0, "queue_length": 0, "fetched_at": ago(seconds=4),
         "age_seconds": 4, "stale": False}
    s.update(over)
    return s


def pipeline(pid="pipe_0123456789ab", repository="myuser/myapp", domain=
             "myapp.com", metrics=None, **over):
    p = {"pipeline_id": pid, "repository": repository,
         "workflow_file": ".github/workflows/deploy.yml",
         "status": "active", "created_at": "2026-01-05T10:30:00Z",
         "config": {}, "vps_integration": {"linked_domain": domain,
                                           "linked_app": "my-app"}}
    if metrics is not None:
        p["metrics"] = metrics
    p.update(over)
    return p


def listing(*pipelines):
    return (200, {"success": True, "pipelines": list(pipelines),
                  "count": len(pipelines)})


def missing(pid):
    return (404, {"success": False, "code": "pipeline_not_found",
                  "error": "Pipeline not found: " + pid})


THREE = (pipeline(metrics=stats("pipe_0123456789ab")),
         pipeline("pipe_abcdef012345", "someorganisation/a-long-service",
                  "very.long.domain.name.example.org",
                  metrics=stats("pipe_abcdef012345", stale=True,
                                current_run={
                                    "run_id": 9, "timestamp": ago(hours=2),
                                    "status": "in_progress", "branch": "b",
                                    "duration_seconds": 5},
                                active_runs=1)),
         pipeline("pipe_ffffffffffff", "日本/アプリ", "", status="inactive",
                  metrics=stats("pipe_ffffffffffff", last_run=None,
                                stale=True,
                                health={"state": "unknown"},
                                metrics_24h={
                                    "run_count": 0, "completed_count": 0,
                                    "success_count": 0, "failure_count": 0,
                                    "success_rate": 0.0,
                                    "avg_duration_seconds": 0})))


# --- The command line. -------------------------------------------------

@pytest.mark.parametrize("args, why", [
    ((), "a command is missing"),
    (("frobnicate",), "frobnicate: no such command"),
    (("show",), "show: id is missing"),
    (("show", "a", "b"), "too many arguments: b"),
    (("show", ""), "id is empty"),
    (("runs", "-n"), "option -n needs a value"),
    (("runs", "x", "-n", "0"), "limit must be"),
    (("runs", "x", "-n", "ten"), "limit must be"),
    (("list", "-Z"), "unknown option -Z"),
    (("list", "-y"), "unknown option -y"),
    (("list", "-s", "broken"), "status must be"),
    (("provision", "noslash"), "repo must be owner/name"),
    (("provision", "a/b", "-w", "x.txt"), "workflow_file must be"),
    (("provision", "a/b", "-d", "-"), "linked_domain must be"),
    (("monitor", "-i", "0"), "interval must be"),
    (("help", "frobnicate"), "no such command"),
    (("help", "runs", "frobnicate"), "no such command"),
    (("registry",), "registry: one of status, backups, "),
    (("registry", "frobnicate"), "registry: one of "),
    (("--help",), "unknown option --help"),
    (("-s", "", "list"), "-s: a path was expected"),
    (("teardown", "x"), "-y is needed"),
    (("list\x1b[31m",), "list\\033[31m: no such command"),
])
def test_usage(daemon, args, why):
    r = run(daemon, *args)
    assert r.returncode == 2
    assert why in r.err and r.out == ""
    assert daemon.seen == []


def test_help_names_every_command(daemon):
    table = (TOP / "common/verb.def").read_text()
    rows = re.findall(r"^VERB\((.*?)\)$", table, re.M | re.S)
    words = {"menu", "monitor", "help"}
    for row in rows:
        name, method, path, word = re.findall(r'"[^"]*"|\bNULL\b', row)[:4]
        if word != "NULL" and "CTL" in row:
            words.add(word.strip('"'))
    assert {"provision", "list", "show", "stats", "runs", "teardown",
            "status"} <= words
    r = run(daemon, "help")
    assert r.returncode == 0
    for w in words:
        assert re.search(r"^  %s " % w, r.out, re.M)
        one = run(daemon, "help", *w.split())
        assert one.out == run(daemon, "help", w).out
        assert one.returncode == 0
        assert one.out.startswith("usage: ccmctl %s%s" % (
            w, "" if w == "menu" else " [-j]"))
    r = run(daemon, "help", "registry")
    assert r.out.splitlines() == [
        x for w in re.findall(r"^  (registry \w+)", run(daemon, "help").out,
                              re.M)
        for x in run(daemon, "help", w).out.splitlines()[:1]]
    assert len(r.out.splitlines()) == 5
    r = run(daemon, "help", "provision")
    assert "[-w workflow_file]" in r.out and " repo\n" in r.out
    assert "[.github/workflows/deploy.yml]" in r.out


def test_arguments_reach_the_daemon(daemon):
    daemon.answers["pipeline.provision"] = (201, {
        "success": True, "pipeline_id": "pipe_1", "status": "active",
        "created_at": ago(seconds=1), "repository": "a/b",
        "warnings": ["the workflow was disabled; it is enabled now"]})
    r = run(daemon, "provision", "a/b", "-d", "x.org", "-a", "app")
    assert r.returncode == 0
    assert "Pipeline provisioned: pipe_1\n" in r.out
    assert "it is enabled now" in r.out
    run(daemon, "provision", "-w", "ci.yml", "--", "a/b")
    run(daemon, "runs", "-n", "3", "p1", "-b", "main", "-s", "failure")
    run(daemon, "stats", "-f", "p1")
    run(daemon, "list", "-s", "active", "-j")
    assert daemon.seen[:5] == [
        ("pipeline.provision", {
            "repo": "a/b", "linked_domain": "x.org", "linked_app": "app",
            "workflow_file": ".github/workflows/deploy.yml"}),
        ("pipeline.provision", {
            "repo": "a/b", "workflow_file": ".github/workflows/ci.yml"}),
        ("pipeline.runs", {"id": "p1", "limit": 3, "branch": "main",
                           "status": "failure"}),
        ("pipeline.stats", {"id": "p1", "fresh": True}),
        ("pipeline.list", {"status": "active"})]


# --- Exit codes. -------------------------------------------------------

def test_no_daemon(tmp_path):
    class Nobody:
        path = str(tmp_path / "nobody")
    r = run(Nobody, "status")
    assert r.returncode == 3 and "no daemon at" in r.err
    r = run(Nobody, "-j", "status")
    assert r.returncode == 3 and r.err == ""
    assert json.loads(r.out)["code"] == "unavailable"
    s = socket.socket(socket.AF_UNIX)
    s.bind(Nobody.path)                 # bound, nobody listens
    assert run(Nobody, "list").returncode == 3
    assert run(Nobody, "monitor", "-1").returncode == 3
    Nobody.path = "/" + "x" * 200
    r = run(Nobody, "list")
    assert r.returncode == 3 and "too long" in r.err


def test_socket_from_environment(daemon):
    daemon.answers["pipeline.list"] = listing()

    def bare(**env):
        return subprocess.run([CCMCTL, "list"], capture_output=True,
                              env=environment(**env), timeout=WAIT)
    assert bare(CCM_SOCKET=daemon.path).returncode == 0
    assert bare(CCM_SOCKET=daemon.path + "x").returncode == 3
    home, name = os.path.split(daemon.path)
    assert bare(CCM_SOCKET="~/" + name, HOME=home).returncode == 0
    # -s wins.
    env = environment(CCM_SOCKET=daemon.path + "x")
    assert run(daemon, "list", env=env).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
def test_own_socket_of_an_ordinary_user():
    nobody = 65534
    # Not tmp_path: that is closed to others, as a build tree may be.
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o755)
        program = shutil.copy(CCMCTL, home)
        os.mkdir(home + "/.ccm")

        def bare(**who):
            return subprocess.run([program, "list"], capture_output=True,
                                  env=environment(HOME=home), timeout=WAIT,
                                  **who)
        r = bare(user=nobody)
        assert r.returncode == 3 and b"ccmd.sock" in r.stderr
        d = Daemon(home + "/.ccm/ccmd.sock")
        d.answers["pipeline.list"] = listing()
        os.chmod(d.path, 0o600)
        r = bare(user=nobody)
        assert r.returncode == 3 and b"Permission denied" in r.stderr
        os.chmod(d.path, 0o666)
        assert bare(user=nobody).returncode == 0
        # Root's is the system's, whatever the home directory is.
        bare()
        assert len(d.seen) == 1
        d.stop()


@pytest.mark.parametrize("greet", [True, False])
def test_connection_lost(daemon, greet):
    if greet:
        daemon.raw["daemon.status"] = lambda op: None
    else:
        daemon.greeting = None
    r = run(daemon, "status")
    assert r.returncode == 3 and "connection lost" in r.err


def test_daemon_says_no(daemon):
    body = {"success": False, "error": "Repository not found: a/\x1b[2Jb",
            "code": "repository_not_found"}
    daemon.answers["pipeline.provision"] = (404, body)
    r = run(daemon, "provision", "a/b")
    assert r.returncode == 1 and r.out == ""
    assert r.err == "ccmctl: Repository not found: a/\\033[2Jb\n"
    r = run(daemon, "provision", "a/b", "-j")
    assert r.returncode == 1 and r.err == ""
    assert json.loads(r.out) == body


BROKEN = {
    "other op": lambda op: answer(op + 1, 200, b"{}"),
    "two hellos": lambda op: hello(),
    "an operation": lambda op: frame(OP, b"\0" * 20),
    "unknown type": lambda op: frame(9999, b"x"),
    "type zero": lambda op: frame(0, b"x"),
    "no payload": lambda op: frame(ANSWER, b""),
    "short payload": lambda op: frame(ANSWER, b"\0" * 10),
    "trailing byte": lambda op: frame(
        ANSWER, struct.pack(">QHBI", op, 200, 0, 2) + b"{}!"),
    "length beyond": lambda op: frame(
        ANSWER, struct.pack(">QHBI", op, 200, 0, 2 ** 31) + b"{}"),
    "too large a piece": lambda op: answer(op, 200, b" " * (CHUNK + 1)),
    "oversized message": lambda op: struct.pack(
        "=IIII", ANSWER, 0x7fffffff, 0, 0) + b"x" * 1000,
    "undersized message": lambda op: struct.pack("=IIII", ANSWER, 3, 0, 0),
    "no JSON": lambda op: answer(op, 200, b"hello"),
    "JSON twice": lambda op: answer(op, 200, b"{}{}"),
    "no object": lambda op: answer(op, 200, b"[1]"),
    "NaN": lambda op: answer(op, 200, b'{"a": NaN}'),
    "raw escape": lambda op: answer(op, 200, b'{"a": "\x1b[2J"}'),
    "no UTF-8": lambda op: answer(op, 200, b'{"a": "\xff\xfe"}'),
    "deep": lambda op: answer(op, 200, b'{"a":' + b"[" * 5000),
    "empty": lambda op: answer(op, 200, b""),
    "status 0": lambda op: answer(op, 0, b"{}"),
    "status 65535": lambda op: answer(op, 65535, b"{}"),
    "empty pieces": lambda op: answer(op, 200, b"", 1),
}


@pytest.mark.parametrize("what", BROKEN)
def test_protocol_error(daemon, what):
    daemon.raw["pipeline.list"] = BROKEN[what]
    r = run(daemon, "list")
    assert r.returncode == 1, r.err
    assert r.err.startswith("ccmctl: protocol error: ") and r.out == ""


def test_truncated_message(daemon):
    daemon.raw["pipeline.list"] = lambda op: answer(op, 200, b"{}")[:20]
    p = subprocess.Popen([CCMCTL, "-s", daemon.path, "list"],
                         stderr=subprocess.PIPE, env=environment())
    daemon.wait_seen(1)
    for s in daemon.connections:
        s.shutdown(socket.SHUT_RDWR)
    assert p.wait(WAIT) == 3
    assert b"connection lost" in p.stderr.read()


@pytest.mark.parametrize("version", [0, 2, 2 ** 32 - 1])
def test_other_version(daemon, version):
    daemon.greeting = hello(version)
    r = run(daemon, "list")
    assert r.returncode == 1
    assert "protocol error: the daemon speaks version %d" % version in r.err
    assert daemon.seen == []


def test_endless_answer(daemon):
    """Pieces without end stop at the bound of 64 MB."""
    daemon.raw["pipeline.list"] = \
        lambda op: answer(op, 200, b" " * CHUNK, 1) * 1025
    r = run(daemon, "list")
    assert r.returncode == 1 and "without end" in r.err


@pytest.mark.parametrize("body", [
    {}, {"pipelines": None}, {"pipelines": {}}, {"pipelines": [None, 1, "x",
     [], {}]}, {"pipelines": [{"pipeline_id": 5, "status": [],
                               "vps_integration": "x", "metrics": {
                                   "metrics_24h": [], "health": 3,
                                   "last_run": "y"}}]},
    {"pipeline": {}}, {"pipeline": []}, {"pipeline": {"metrics": {
        "last_run": {}, "metrics_24h": {}, "health": {"state": 1}}}},
    {"stats": {}}, {"stats": 1}, {"runs": [None, {}, {"run_id": "x"}]},
    {"pipelines": [{"metrics": {"metrics_24h": {"completed_count": 1},
                                "health": {"state": "ok"},
                                "last_run": {"timestamp": "never"}}}]},
    {"cancelling": [None], "warnings": [None, {}]},
])
@pytest.mark.parametrize("command", [
    ("list",), ("show", "x"), ("stats", "x"), ("runs", "x"), ("status",),
    ("monitor", "-1"), ("provision", "a/b"), ("teardown", "-y", "x")])
def test_unexpected_members(daemon, body, command):
    for verb in ("list", "show", "stats", "runs", "provision", "teardown"):
        daemon.answers["pipeline." + verb] = (200, body)
    daemon.answers["daemon.status"] = (200, body)
    assert run(daemon, *command).returncode == 0


# --- JSON. -------------------------------------------------------------

def test_json_is_the_body(daemon):
    body = ('{"success": true,  "pipelines": [], "count": 0, '
            '"note": "Ünïcode 日本 😀"}').encode()
    daemon.answers["pipeline.list"] = (200, body)
    for args in (("-j", "list"), ("list", "-j"), ("monitor", "-j")):
        for locale in ("C.UTF-8", "C"):
            r = run(daemon, *args, env=environment(LC_ALL=locale))
            assert r.returncode == 0 and r.stdout == body + b"\n"


def test_json_shows_no_terminal_command(daemon):
    evil = "x\x7fy\x9b31mz\u202eabc\ufeff\U000e0041"
    body = {"success": True, "note": evil}
    daemon.answers["daemon.status"] = (200, body)
    r = run(daemon, "status", "-j")
    assert json.loads(r.out) == body
    assert not re.search("[\x7f-\x9f\u202e\ufeff\U000e0041]", r.out)
    assert "\\u202e" in r.out and "\\udb40\\udc41" in r.out


def test_long_answer_in_pieces(daemon):
    many = [pipeline("pipe_%012x" % i) for i in range(2000)]
    daemon.answers["pipeline.list"] = listing(*many)
    r = run(daemon, "list", "-j")
    assert json.loads(r.out)["pipelines"] == many
    assert len(run(daemon, "list").out.splitlines()) == 2001
    # A pipe that closes early is no crash.
    p = subprocess.Popen([CCMCTL, "-s", daemon.path, "list"], env=
                         environment(), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    p.stdout.read(10)
    p.stdout.close()
    assert p.wait(WAIT) == 1
    assert p.stderr.read() == b""


# --- Tables, piped. ----------------------------------------------------

def test_list(daemon):
    daemon.answers["pipeline.list"] = listing(*THREE)
    lines = run(daemon, "list").out.splitlines()
    assert re.split(r"\s{2,}", lines[0]) == [
        "Pipeline ID", "Repository", "Status", "Domain", "Created"]
    assert re.split(r"\s{2,}", lines[1]) == [
        "pipe_0123456789ab", "myuser/myapp", "active", "myapp.com",
        "2026-01-05 10:30"]
    assert lines[2].split()[1] == "someorganisation/a-long-service"
    assert lines[3].split()[1:4] == ["日本/アプリ", "inactive", "-"]
    # Each of these characters takes two columns.
    assert lines[3].index("inactive") == lines[0].index("Status") - 5
    status, body = listing(*THREE)
    daemon.answers["pipeline.list"] = (status, dict(body, total=17,
                                                    next="cursor"))
    assert run(daemon, "list", "-n", "3").out.endswith("\n3 of 17\n")
    daemon.answers["pipeline.list"] = listing()
    assert run(daemon, "list").out == "No pipelines.\n"


def test_show_and_stats(daemon):
    daemon.answers["pipeline.show"] = (200, {"success": True, "pipeline":
                                             pipeline(metrics=stats("p"))})
    r = run(daemon, "show", "pipe_0123456789ab")
    for line in ("Pipeline      pipe_0123456789ab",
                 "Repository    myuser/myapp",
                 "Workflow      .github/workflows/deploy.yml",
                 "Status        active", "Domain        myapp.com",
                 "App           my-app", "Latest run", "Status        success",
                 "Branch        production", "Duration      3m 12s",
                 "Last 24 hours", "Runs          4, 3 completed",
                 "Success       66.7%, 2 of 3", "Average       3m 7s",
                 "Health        81/100 ok (success 40.0, last 25.0, "
                 "speed 15.0)", "Looked        4s ago"):
        assert line in r.out.splitlines()
    assert "(2h ago)" in r.out
    daemon.answers["pipeline.stats"] = (200, {
        "success": True, "stats": stats("p", stale=True, last_run=None,
                                        stale_reason="GitHub says 503")})
    r = run(daemon, "stats", "p")
    assert "Looked        4s ago, stale" in r.out
    assert "Reason        GitHub says 503" in r.out
    assert "Latest run\nnone\n" in r.out


def test_runs(daemon):
    daemon.answers["pipeline.runs"] = (200, {"success": True, "count": 2,
        "runs": [{"run_id": 12345678901, "status": "completed",
                  "conclusion": "failure", "branch": "main",
                  "event": "push", "title": "Fix it",
                  "created_at": ago(hours=3), "run_started_at":
                  ago(hours=3), "duration_seconds": 61},
                 {"run_id": 2, "status": "queued", "conclusion": None,
                  "branch": None, "title": None, "created_at":
                  ago(days=2, hours=1), "duration_seconds": 0}]})
    lines = run(daemon, "runs", "p").out.splitlines()
    assert re.split(r"\s{2,}", lines[1]) == [
        "12345678901", "failure", "main", "push", "3h ago", "1m 1s",
        "Fix it"]
    assert lines[2].split() == ["2", "queued", "-", "-", "2d", "ago", "0s",
                                "-"]
    daemon.answers["pipeline.runs"] = (200, {"success": True, "runs": []})
    assert run(daemon, "runs", "p").out == "No runs.\n"


def test_status(daemon):
    daemon.answers["daemon.status"] = (200, {
        "success": True, "version": "0.1", "uptime_seconds": 3672,
        "pipelines": {"active": 3, "inactive": 0}, "operations": 1,
        "processes": [{"name": "api", "pid": 5}], "later": True})
    assert run(daemon, "status").out.splitlines() == [
        "version               0.1", "uptime                1h 1m",
        "pipelines.active      3", "pipelines.inactive    0",
        "operations            1", "processes.0.name      api",
        "processes.0.pid       5", "later                 true"]


def test_dashboard_piped(daemon):
    daemon.answers["pipeline.list"] = listing(*THREE)
    r = run(daemon, "monitor", "-1")
    assert daemon.seen == [("pipeline.list", {"include": "stats"})]
    lines = r.out.splitlines()
    assert lines[0] == "Pipeline Status Dashboard"
    assert re.fullmatch(r"\d\d:\d\d:\d\d UTC  3 pipelines: 2 active, "
                        r"1 inactive, 0 error  1 stale  1 running",
                        lines[1])
    assert [re.split(r"\s{2,}", line) for line in lines[2:]] == [
        ["Pipeline", "Repository", "Status", "Success", "Duration",
         "Health", "Last run", "Domain"],
        ["pipe_0123456789ab", "myuser/myapp", "active", "66.7%", "3m 7s",
         "81", "success 2h ago", "myapp.com"],
        ["pipe_abcdef012345", "someorganisation/a-long-service", "stale",
         "66.7%", "3m 7s", "81", "in_progress 2h ago",
         "very.long.domain.name.example.org"],
        ["pipe_ffffffffffff", "日本/アプリ", "inactive", "-", "-", "-", "-",
         "-"]]
    # The same without a locale: no byte above ASCII.
    r = run(daemon, "monitor", "-1", env=environment(LC_ALL="C"))
    assert r.stdout.isascii()
    # Not a terminal: once is all there is.
    assert run(daemon, "monitor").out.startswith("Pipeline Status Dash")


HOSTILE = ["\x1b[2J\x1b[H", "\x9b31m", "a\nb", "tab\there", "\x7f\x07\x08",
           "\u202egnp.exe", "zero\u200bwidth", "%s%n", "x" * 5000,
           "日" * 3000, "e" + "\u0301" * 500, "\ud7ff\ue000\U0010ffff"]


@pytest.mark.parametrize("evil", HOSTILE)
@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_hostile_text(daemon, evil, locale):
    """run() refuses raw control characters; lines stay lines."""
    env = environment(LC_ALL=locale)
    m = stats(evil, stale=True, stale_reason=evil)
    m["last_run"].update(branch=evil, status=evil)
    m["health"]["state"] = evil
    p = pipeline(evil, evil, evil, metrics=m, status=evil, error=evil,
                 created_at=evil)
    daemon.answers["pipeline.list"] = listing(p)
    daemon.answers["pipeline.show"] = (200, {"success": True, "pipeline": p})
    daemon.answers["pipeline.runs"] = (200, {"success": True, "runs": [
        {"run_id": 1, "status": evil, "branch": evil, "title": evil,
         "event": evil}]})
    daemon.answers["daemon.status"] = (200, {"success": True, evil: evil,
                                             "o": {evil: [evil]}})
    assert len(run(daemon, "list", env=env).out.splitlines()) == 2
    assert len(run(daemon, "runs", "x", env=env).out.splitlines()) == 2
    assert len(run(daemon, "status", env=env).out.splitlines()) == 2
    assert len(run(daemon, "monitor", "-1", env=env).out.splitlines()) == 4
    out = run(daemon, "show", "x", env=env).out
    assert "\u202e" not in out and "\u200b" not in out


# --- Abbreviated ids. --------------------------------------------------

def by_prefix(daemon, verb, member, value):
    known = [p["pipeline_id"] for p in THREE]
    daemon.answers["pipeline.list"] = listing(*THREE)
    daemon.answers[verb] = lambda args: (
        (200, {"success": True, member: value}) if args["id"] in known
        else missing(args["id"]))


def test_abbreviated_id(daemon):
    by_prefix(daemon, "pipeline.runs", "runs", [])
    assert run(daemon, "runs", "pipe_ab").returncode == 0
    assert daemon.seen[-1] == ("pipeline.runs", {"id": "pipe_abcdef012345"})
    r = run(daemon, "runs", "pipe_")
    assert r.returncode == 1 and "3 pipelines begin with it" in r.err
    r = run(daemon, "runs", "nothing")
    assert r.returncode == 1
    assert r.err == "ccmctl: Pipeline not found: nothing\n"
    r = run(daemon, "runs", "-j", "nothing")
    assert r.returncode == 1
    assert json.loads(r.out) == {
        "success": False, "error": "Pipeline not found: nothing",
        "code": "pipeline_not_found"}
    r = run(daemon, "runs", "-j", "pipe_")
    assert r.returncode == 1
    assert json.loads(r.out)["code"] == "ambiguous_id"
    r = run(daemon, "runs", "no/id")
    assert r.returncode == 1 and "Pipeline not found" in r.err


def test_times_are_utc(daemon):
    """As those of the daemon are, wherever one sits."""
    daemon.answers["pipeline.list"] = listing(*THREE)
    daemon.answers["daemon.status"] = (200, {"success": True})
    daemon.answers["pipeline.show"] = (200, {
        "success": True, "pipeline": pipeline("p1")})
    daemon.answers["run.show"] = (200, {"success": True, "run": {
        "run_id": 7, "status": "completed", "conclusion": "success",
        "duration_seconds": 3, "jobs": []}})
    env = environment(TZ="XYZ-05:30")

    def minutes(text):
        return {int(m) for m in re.findall(r"^\d\d:(\d\d):\d\d ", text, re.M)}
    before = datetime.datetime.now(datetime.timezone.utc).minute
    p = subprocess.Popen([CCMCTL, "-s", daemon.path, "events", "-a"],
                         stdout=subprocess.PIPE, env=env, text=True)
    text = p.stdout.readline() + p.stdout.readline()
    p.terminate()
    p.stdout.close()
    p.wait(WAIT)
    text += run(daemon, "runs", "watch", "p1", "7", env=env).out
    now = datetime.datetime.now(datetime.timezone.utc).minute
    assert len(re.findall(r"^\d\d:", text, re.M)) == 3, text
    assert minutes(text) <= {before, now}, text


def test_abbreviated_id_of_logs(daemon):
    """The list that the id is looked up in is not taken for the log."""
    daemon.answers["pipeline.list"] = listing(*THREE)
    daemon.answers["run.logs"] = lambda args: (
        (200, b"what a job wrote\n") if args["id"] == "pipe_abcdef012345"
        else missing(args["id"]))
    r = run(daemon, "logs", "pipe_ab", "7")
    assert (r.returncode, r.out, r.err) == (0, "what a job wrote\n", "")
    r = run(daemon, "logs", "pipe_", "7")
    assert (r.returncode, r.out) == (1, "")
    assert "3 pipelines begin with it" in r.err


# --- On a terminal. ----------------------------------------------------

def on_terminal(daemon, *args, columns=80, rows=24, **env):
    return Terminal([CCMCTL, "-s", daemon.path, *args], environment(**env),
                    columns, rows)


def teardown_answers(daemon):
    by_prefix(daemon, "pipeline.show", "pipeline", THREE[0])
    daemon.answers["pipeline.teardown"] = lambda args: (200, {
        "success": True, "pipeline_id": args["id"],
        "message": "Pipeline deactivated, repository preserved",
        "cancelled": [1], "cancelling": [41, 42],
        "warnings": ["run 40 could not be cancelled"]})


def verbs_seen(daemon):
    return [verb for verb, _ in daemon.seen]


@pytest.mark.parametrize("word", ["y", "Y", "yes"])
def test_teardown_asks(daemon, word):
    teardown_answers(daemon)
    t = on_terminal(daemon, "teardown", "pipe_012")
    t.expect("Deactivate pipeline pipe_0123456789ab? "
             "(Repository will be preserved): ")
    assert "pipeline.teardown" not in verbs_seen(daemon)
    t.type(word + "\n")
    t.expect("Pipeline deactivated: ")
    assert t.wait() == 0
    assert "Repository preserved: myuser/myapp" in t.text
    assert "run 41" in t.text and "run 42" in t.text
    assert "run 40 could not be cancelled" in t.text
    assert daemon.seen[-1] == ("pipeline.teardown",
                               {"id": "pipe_0123456789ab"})


@pytest.mark.parametrize("word", ["n\n", "\n", "yep\n", "\x04",
                                  "x" * 200 + "\n"])
def test_teardown_not_confirmed(daemon, word):
    teardown_answers(daemon)
    t = on_terminal(daemon, "teardown", "pipe_0123456789ab")
    t.expect("preserved): ")
    t.type(word)
    t.expect("nothing was changed")
    assert t.wait() == 1
    assert "pipeline.teardown" not in verbs_seen(daemon)


def test_teardown_without_asking(daemon):
    teardown_answers(daemon)
    r = run(daemon, "teardown", "pipe_0123456789ab", "-y")
    assert r.returncode == 0
    assert r.out.startswith("Pipeline deactivated: pipe_0123456789ab\n")
    assert r.out.endswith("Repository preserved: myuser/myapp\n")
    r = run(daemon, "-j", "teardown", "-y", "pipe_0123456789ab")
    assert json.loads(r.out)["cancelling"] == [41, 42]
    daemon.seen.clear()
    for name in ("unknown", "pipe_012"):    # no abbreviation unasked
        r = run(daemon, "teardown", "-y", name)
        assert r.returncode == 1
        assert r.err == "ccmctl: Pipeline not found: %s\n" % name
    assert "pipeline.teardown" not in verbs_seen(daemon)


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
@pytest.mark.parametrize("command", [("list",), ("monitor", "-1"),
                                     ("runs", "x"), ("show", "x")])
def test_fits_the_terminal(daemon, columns, command):
    daemon.answers["pipeline.list"] = listing(*THREE)
    daemon.answers["pipeline.show"] = (200, {
        "success": True, "pipeline": dict(THREE[1], status="error",
                                          error="it failed again " * 20)})
    daemon.answers["pipeline.runs"] = (200, {"success": True, "runs": [
        {"run_id": 1, "status": "completed", "conclusion": "success",
         "branch": "日本" * 40, "title": "t" * 500, "event": "push",
         "created_at": ago(days=3), "duration_seconds": 100000}]})
    t = on_terminal(daemon, *command, columns=columns)
    assert t.wait() == 0
    lines = strip(t.text).replace("\r", "").splitlines()
    bound = columns
    if command[0] == "show" and columns < 40:
        return              # labels and values need that much: it wraps
    if command == ("monitor", "-1") and columns < 30:
        lines = lines[2:]
    assert max(map(display_width, lines)) <= bound, lines
    if command == ("list",) and columns >= 80:
        assert "…" in t.text or columns > 100
        assert "✓ active" in t.text and "⏸ inactive" in t.text
    if command == ("monitor", "-1"):
        framed = [x for x in lines if x[0] in "┌│└"]
        assert len(framed) == 6
        assert len(set(map(display_width, framed))) == 1


def test_unknown_words_stay_words(daemon):
    """GitHub may invent a conclusion: there is no sign for it."""
    m = stats("p")
    m["last_run"]["status"] = "postponed"
    daemon.answers["pipeline.list"] = listing(
        pipeline(metrics=m, status="paused"))
    t = on_terminal(daemon, "monitor", "-1", columns=120)
    assert t.wait() == 0
    assert "postponed 2h ago" in t.text and "⚠ Paused" in t.text


def test_colour(daemon):
    daemon.answers["pipeline.list"] = listing(*THREE)
    t = on_terminal(daemon, "list")
    assert t.wait() == 0 and "\x1b[32m✓ active\x1b[0m" in t.text
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        t = on_terminal(daemon, "list", **env)
        assert t.wait() == 0 and "\x1b" not in t.text
        assert "✓ active" in t.text
    t = on_terminal(daemon, "list", LC_ALL="C")
    assert t.wait() == 0 and strip(t.text).isascii()
    assert "active" in t.text


# --- The monitor. ------------------------------------------------------

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


BROKEN_EVENTS = {
    "other op": lambda op: event(op + 1, "stats", {}),
    "no object": lambda op: event(op, "stats", b"[1]"),
    "no JSON": lambda op: event(op, "stats", b"{"),
    "raw escape": lambda op: event(op, "stats", b'{"a": "\x1b[2J"}'),
    "long kind": lambda op: event(op, "k" * 65, {}),
    "trailing byte": lambda op: frame(EVENT, event(op, "s", {})[16:] + b"!"),
    "an answer": lambda op: answer(op, 200, b"{}"),
    "too large": lambda op: event(op, "stats", b" " * (128 * 1024 + 1)),
}


@pytest.mark.parametrize("what", BROKEN_EVENTS)
def test_monitor_broken_events(daemon, what):
    """The daemon is left, and said why; then asked anew."""
    daemon.answers["pipeline.list"] = listing(*THREE)
    t = on_terminal(daemon, "monitor")
    t.expect("q quit")
    daemon.tell(BROKEN_EVENTS[what])
    t.expect("waiting for the daemon: protocol error")
    daemon.wait_seen(3)
    t.type("q")
    assert t.wait() == 0
    assert verbs_seen(daemon) == ["daemon.status", "events", "events"]


def test_monitor_unexpected_events(daemon):
    """What it does not know, or what has no place, changes nothing."""
    daemon.answers["pipeline.list"] = listing(*THREE)
    t = on_terminal(daemon, "monitor", columns=200)
    t.expect("q quit")
    for kind, data in (
            ("stats", {}), ("stats", {"pipeline_id": "unknown"}),
            ("stats", {"pipeline_id": 1}), ("pipeline", {}), ("news", {}),
            ("pipeline", {"pipeline_id": None}), ("synced", {}), ("", {}),
            ("\x1b[31m", {"pipeline_id": "\x1b[2J"}), ("run", {})):
        daemon.tell(lambda op: event(op, kind, data))
    for evil in HOSTILE:
        daemon.tell(lambda op: event(op, "pipeline", {
            "pipeline_id": "evil", "repository": evil, "status": evil,
            "created_at": evil}))
        daemon.tell(lambda op: event(op, "stats", {
            "pipeline_id": "evil", "last_run": {
                "status": evil, "timestamp": evil}}))
    daemon.tell(lambda op: event(op, "pipeline", pipeline(
        "last", "the/last", "")))
    t.expect("the/last")
    assert "5 pipelines: 3 active, 1 inactive, 1 error" in t.text
    t.type("q")
    assert t.wait() == 0
    assert not re.search("[\x07\x08\x7f-\x9f\u202e\u200b]", t.text)
    assert set(re.findall("\x1b(.[^A-Za-z]*[A-Za-z])", t.text)) <= {
        "[0m", "[1m", "[2m", "[31m", "[32m", "[33m", "[36m", "[H", "[J",
        "[K", "[2J", "[?7l", "[?7h", "[?25l", "[?25h", "[?1049h",
        "[?1049l"}


@pytest.mark.parametrize("end", ["q", "\x03", "TERM", "HUP", "INT"])
def test_monitor_restores_the_terminal(daemon, end):
    daemon.answers["pipeline.list"] = listing(*THREE)
    t = on_terminal(daemon, "monitor")
    t.expect("pipe_")
    assert ENTER in t.text and LEAVE not in t.text
    if len(end) > 1:
        os.kill(t.pid, getattr(signal, "SIG" + end))
    else:
        t.type(end)
    assert t.wait() == 0
    assert t.text.rstrip().endswith(LEAVE)


def test_monitor_needs_a_daemon_at_first(tmp_path):
    class Nobody:
        path = str(tmp_path / "nobody")
    t = on_terminal(Nobody, "monitor")
    assert t.wait() == 3
    assert "\x1b[?1049h" not in t.text


def test_monitor_on_a_screen(daemon, tmux):
    daemon.answers["pipeline.list"] = listing(*THREE)
    tmux.start("LC_ALL=C.UTF-8 %s -s %s monitor -i 3600" % (
        CCMCTL, daemon.path))
    screen = tmux.expect(lambda s: "q quit" in s)
    assert tmux.state() == "1 0"
    lines = screen.splitlines()
    assert lines[0] == "Pipeline Status Dashboard"
    assert "3 pipelines: 2 active, 1 inactive, 0 error" in lines[1]
    assert "⚠ 1 stale  1 running" in lines[1]
    framed = [x for x in lines if x and x[0] in "┌│└"]
    assert len(framed) == 6
    assert {display_width(x) for x in framed} <= set(range(60, 81))
    assert len({display_width(x) for x in framed}) == 1, screen
    assert "✓ Active" in framed[2] and "⚠ Stale" in framed[3]
    assert "⏸ Inactive" in framed[4]
    assert len(lines) <= 24

    # Wider: everything is told, and drawn at once.
    tmux.call("resize-window", "-t", "s", "-x", "170", "-y", "40")
    tmux.expect(lambda s: "very.long.domain.name.example.org" in s)
    tmux.call("resize-window", "-t", "s", "-x", "80", "-y", "24")

    # What changes is shown, and only that.
    daemon.tell(lambda op: event(op, "stats", stats(
        "pipe_0123456789ab", health_score=17)))
    tmux.expect(lambda s: re.search(r"myuser/\S+ +✓ Active .* 17 ", s))
    daemon.tell(lambda op: event(op, "pipeline", pipeline(
        status="error")))
    tmux.expect(lambda s: re.search(r"myuser/\S+ +✗ Error .* 17 ", s))
    daemon.tell(lambda op: event(op, "pipeline", pipeline(
        "pipe_first", "first/one", created_at="2026-01-05T10:29:59Z")))
    screen = tmux.expect("first/one")
    assert screen.index("first/one") < screen.index("myuser/")
    assert "4 pipelines: 2 active, 1 inactive, 1 error" in screen
    # All anew.
    new = pipeline(repository="new/repo", metrics=stats("p"))
    daemon.answers["pipeline.list"] = listing(new)
    daemon.tell(lambda op: event(op, "reset", {"reason": "gap"}) +
                event(op, "pipeline", new) + event(op, "synced", {}))
    screen = tmux.expect(lambda s: "new/repo" in s and "1 pipeline:" in s)
    lines = screen.splitlines()
    assert lines[1].endswith("0 error"), screen     # nothing of the old one
    assert len([x for x in lines if x]) == 7, screen

    # The daemon goes, and comes back.
    daemon.stop()
    tmux.expect(lambda s: "waiting for the daemon" in s and "new/repo" in s)
    daemon.answers["pipeline.list"] = (503, {
        "success": False, "error": "Starting", "code": "unavailable"})
    daemon.start()
    tmux.expect(lambda s: "waiting for the daemon: Starting" in s)
    daemon.answers["pipeline.list"] = listing(*THREE)
    tmux.expect(lambda s: "3 pipelines" in s and "waiting" not in s)

    # Ctrl-Z and back.
    tmux.call("send-keys", "-t", "s", "C-z")
    tmux.expect(lambda s: tmux.state() == "0 1")
    tmux.call("send-keys", "-t", "s", "fg", "Enter")
    tmux.expect(lambda s: "q quit" in s and tmux.state() == "1 0")

    tmux.call("send-keys", "-t", "s", "q")
    tmux.expect(lambda s: tmux.state() == "0 1" and
                s.rstrip()[-1:] in ("#", "$"))
    tmux.call("send-keys", "-t", "s", "echo back-$?", "Enter")
    assert "Dashboard" not in tmux.expect(lambda s: "back-0" in s)


def test_monitor_with_more_than_fits(daemon, tmux):
    many = [pipeline("pipe_%012x" % i, "o/r%d" % i,
                     metrics=stats("p")) for i in range(60)]
    daemon.answers["pipeline.list"] = listing(*many)
    tmux.start("LC_ALL=C.UTF-8 %s -s %s monitor -i 3600"
               % (CCMCTL, daemon.path))
    screen = tmux.expect(lambda s: "q quit" in s)
    assert screen.splitlines()[0] == "Pipeline Status Dashboard"
    shown = re.findall(r"o/r\d+", screen)
    assert shown == ["o/r%d" % i for i in range(len(shown))]
    assert 15 <= len(shown) <= 18
    assert "1 to %d of 60" % len(shown) in screen
    tmux.call("send-keys", "-t", "s", "j")
    tmux.expect(lambda s: "2 to %d of 60" % (len(shown) + 1) in s)
    for _ in range(10):
        tmux.call("send-keys", "-t", "s", "Space")
    tmux.expect(lambda s: "o/r59" in s)
    # Another size is drawn at once, not with the next look.
    tmux.call("resize-window", "-t", "s", "-x", "150", "-y", "40")
    tmux.expect(lambda s: s.startswith("Pipeline Status Dashboard\n") and
                max(map(display_width, s.splitlines())) > 80)
    assert verbs_seen(daemon) == ["daemon.status", "events"]
    tmux.call("send-keys", "-t", "s", "q")
    tmux.expect(lambda s: tmux.state() == "0 1")
