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

"""What the parent tells the service manager, and where its log goes."""

import os
import pathlib
import pwd
import signal
import socket
import subprocess
import time

import pytest

from daemon import BUILD, Daemon, wait_until

USER = "nobody" if os.geteuid() == 0 else None


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A service manager's socket, and how NOTIFY_SOCKET names it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        if request.param == "path":
            name = str(tmp_path / "notify")
            s.bind(name)
        else:
            name = "@ccmd-test-%d" % os.getpid()
            s.bind("\0" + name[1:])
        yield s, name


def told(s):
    return dict(line.split("=", 1) for line in
                s.recv(4096).decode().splitlines())


def until(s, member):
    """What is told from now on, up to the first with that member."""
    seen = [told(s)]
    while member not in seen[-1]:
        seen.append(told(s))
    return seen


def test_service_manager(tmp_path, manager):
    s, name = manager
    with Daemon(tmp_path, env={"NOTIFY_SOCKET": name,
                               "WATCHDOG_USEC": "200000"},
                start=False) as d:
        d.start(wait=False)
        ready = until(s, "READY")[-1]
        assert ready["READY"] == "1" and ready["STATUS"] == "Running"
        assert int(ready["MAINPID"]) == d.process.pid
        # READY is no promise: it answers.
        assert d.request("GET", "/readyz")[0] in (200, 503)
        d.wait_ready()
        assert [until(s, "WATCHDOG")[-1]["WATCHDOG"] for _ in range(3)] == [
            "1"] * 3
        before = time.monotonic_ns() // 1000
        os.kill(d.process.pid, signal.SIGHUP)
        reloading = until(s, "RELOADING")[-1]
        assert before <= int(reloading["MONOTONIC_USEC"]) <= \
            time.monotonic_ns() // 1000
        assert until(s, "READY")[-1]["STATUS"] == "Running"
        # A configuration that is refused: ready again all the same.
        with d.conf_path.open("a") as f:
            f.write("nonsense\n")
        assert d.ctl("reload").returncode == 1
        until(s, "RELOADING")
        assert "refused" in until(s, "READY")[-1]["STATUS"]
        # A set that dies does not end the service.
        d.kill("ccmd-api")
        assert any(x.get("STATUS") == "Starting anew"
                   for x in until(s, "READY"))
        for pid in d.pids().values():
            environ = pathlib.Path("/proc/%d/environ" % pid).read_bytes()
            assert pid == d.process.pid or environ == b""
        os.kill(d.process.pid, signal.SIGTERM)
        assert until(s, "STOPPING")[-1]["STOPPING"] == "1"


def test_a_watchdog_of_another_process(tmp_path, manager):
    s, name = manager
    with Daemon(tmp_path, env={"NOTIFY_SOCKET": name, "WATCHDOG_PID": "1",
                               "WATCHDOG_USEC": "20000"}):
        until(s, "READY")
        s.settimeout(0.3)
        with pytest.raises(TimeoutError):
            told(s)


def test_nobody_listens(tmp_path):
    """A socket that is not there, and a name that is none: it runs."""
    for i, name in enumerate((str(tmp_path / "none"), "relative", "@")):
        with Daemon(tmp_path / str(i), env={"NOTIFY_SOCKET": name}) as d:
            assert d.request("GET", "/readyz")[0] == 200


def test_log_file_is_rotated(tmp_path):
    """In the background, as an ordinary user; its file goes, a new one
    comes with SIGHUP."""
    with Daemon(tmp_path, user=USER, start=False) as d:
        argv = [a for a in d.argv() if a != "-d"]
        r = subprocess.run(argv, env=d.env, capture_output=True, text=True,
                           timeout=30, stdin=subprocess.DEVNULL)
        assert r.returncode == 0, r.stderr
        pid = int((d.state / ".lock").read_text())
        log = d.state / "logs/ccmd.log"
        try:
            assert "running" in log.read_text()
            assert log.stat().st_mode & 0o777 == 0o600
            if USER:
                assert log.stat().st_uid == pwd.getpwnam(USER).pw_uid
            old = log.rename(log.with_suffix(".1"))
            os.kill(pid, signal.SIGHUP)
            wait_until(lambda: log.exists() and "in force" in log.read_text(),
                       what="a new file")
            assert "in force" not in old.read_text()
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not os.path.exists("/proc/%d" % pid), 15,
                       "the end")
        assert "ended" in log.read_text()


def test_a_child_that_floods_the_log(tmp_path):
    """What it writes is made visible, cut, and not more than so much."""
    bin = tmp_path / "bin"
    bin.mkdir()
    for name in ("ccmd", "ccmd-api", "ccmd-registry"):
        (bin / name).symlink_to(BUILD / "ccmd" / name)
    flood = bin / "ccmd-poller"
    flood.write_text("#!/bin/sh\nexec yes \"$(printf 'a\\033[31mb\\tc%03000d' "
                     "1)\" >&2\n")
    flood.chmod(0o755)
    with Daemon(tmp_path / "d", start=False) as d:
        d.bin = bin
        started = time.monotonic()
        d.start(wait=False)
        wait_until(lambda: "lines were dropped" in d.log(), 9, "dropping")
        # It is not kept from its other duties.
        d.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "ending" in d.log(), 3, "the signal")
        d.kill("yes")
        d.process.wait(15)
        lines = [x for x in d.log().splitlines() if " poller: " in x]
        seconds = int(time.monotonic() - started) + 2
        assert 100 <= len(lines) <= 2001 * seconds
        assert sum(map(len, lines)) <= 320 * 1024 * seconds
        assert max(map(len, lines)) < 2200
        text = d.log_path.read_bytes()
        assert b"\033" not in text
        assert b"poller: a^[[31mb\\tc000" in text
