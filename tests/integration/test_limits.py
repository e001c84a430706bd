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

"""What clients may take up: connections, time, sizes, descriptors, over HTTP
and on the control socket; as configured, counted, and taken anew."""

import os
import re
import selectors
import socket
import struct
import subprocess
import sys
import time

import pytest

import control_standin
from daemon import Daemon, drain, wait_until

LINE = b"GET /api/pipelines HTTP/1.1\r\nHost: ccm\r\n"


def limits(**members):
    return "limits http {\n%s}\n" % "".join(
        "\t%s %d\n" % item for item in members.items())


def connect(d, data=b""):
    s = socket.create_connection(("127.0.0.1", d.port), 20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if data:
        s.sendall(data)
    return s


def silent(d):
    """A client of the control socket that says nothing."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(str(d.socket))
    return s


def reached(d):
    """The metric, by limit."""
    text = d.raw("GET", "/metrics")[2].decode()
    return {m[1]: int(m[2]) for m in re.finditer(
        r'^ccm_limit_reached_total\{limit="([a-z]+)"\} (\d+)$', text, re.M)}


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_open(s):
    """What has arrived is thrown away."""
    s.setblocking(False)
    try:
        while s.recv(65536):
            pass
    except BlockingIOError:
        return True
    except ConnectionResetError:
        pass
    return False


def close(socks):
    for s in socks:
        s.close()


def test_who_reads_steadily_is_not_cut_off(tmp_path):
    """The limit is 32 KB in its time, and this one takes 16 times as much.
    What the kernel has taken ahead must not hide that it does."""
    with Daemon(tmp_path, conf=limits(answer=4)) as d:
        # More than the kernel would hold for one connection.
        asked, taken = 1000, 0
        s = connect(d, b"GET /api/openapi.json HTTP/1.1\r\nHost: ccm\r\n"
                    b"\r\n" * asked)
        end = time.monotonic() + 7
        while time.monotonic() < end:
            got = len(s.recv(4096))
            assert got > 0, "cut off after %d bytes" % taken
            taken += got
            time.sleep(4096 / 131072)
        assert reached(d)["answer"] == 0
        # Who takes nothing is cut off.
        wait_until(lambda: reached(d)["answer"] == 1, 30, "cut off")
        s.close()


def test_a_401_that_waits_comes_behind_a_slow_answer(tmp_path):
    """Both wait: the client has not taken what it asked for before, and its
    address was wrong too often."""
    wrong = b"GET /api/pipelines HTTP/1.1\r\nHost: ccm\r\nCCM-Token: x\r\n\r\n"
    with Daemon(tmp_path) as d:
        s = connect(d, wrong * 15)
        got = b""
        while got.count(b"HTTP/1.1 401") < 15:
            got += s.recv(65536)
        s.close()
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(20)
        s.connect(("127.0.0.1", d.port))
        s.sendall(b"GET /api/openapi.json HTTP/1.1\r\nHost: ccm\r\n\r\n" * 3 +
                  wrong)
        assert s.recv(1) == b"H"
        # Longer than a wrong token waits.
        time.sleep(0.5)
        got = b""
        while b"HTTP/1.1 401" not in got:
            data = s.recv(65536)
            assert data, "closed without the 401"
            got += data
        assert got.count(b"HTTP/1.1 200") == 2
        s.close()


def test_who_is_idle_makes_room(tmp_path):
    with Daemon(tmp_path, conf=limits(connections=16)) as d:
        socks = []
        for _ in range(16):
            socks.append(connect(d, LINE + b"CCM-Token: %s\r\n\r\n" %
                                 d.token.encode()))
            assert socks[-1].recv(65536).startswith(b"HTTP/1.1 200")
        for _ in range(3):
            assert d.request("GET", "/api/pipelines")[0] == 200
        assert reached(d)["connections"] >= 1
        # The oldest went, and only as many as were needed.
        assert not is_open(socks[0]) and is_open(socks[-1])
        assert sum(map(is_open, socks)) >= 16 - 7
        close(socks)


def test_slow_ones_make_room_and_end(tmp_path):
    """All places are taken by requests that never get complete."""
    with Daemon(tmp_path, conf=limits(connections=16, request=3)) as d:
        socks = [connect(d, LINE) for _ in range(16)]
        begin = time.monotonic()
        assert d.request("GET", "/api/pipelines", timeout=20)[0] == 200
        assert time.monotonic() - begin < 10
        # Those that are left get one answer, in time, however they go on.
        with selectors.DefaultSelector() as sel:
            for s in socks:
                s.setblocking(False)
                sel.register(s, selectors.EVENT_READ, bytearray())
            while sel.get_map():
                assert time.monotonic() - begin < 20
                for s in [k.fileobj for k in sel.get_map().values()]:
                    try:
                        s.send(b"X")
                    except OSError:
                        pass
                for key, _ in sel.select(0.2):
                    try:
                        chunk = key.fileobj.recv(4096)
                    except ConnectionResetError:
                        chunk = b""
                    key.data.extend(chunk)
                    if not chunk:
                        assert key.data.count(b"HTTP/1.1 ") <= 1
                        assert not key.data or b" 408 " in key.data
                        sel.unregister(key.fileobj)
        assert reached(d)["request"] >= 1
        close(socks)


def test_times_and_a_reload(tmp_path):
    """One wait for all of them: idle, a request, the control socket."""
    with Daemon(tmp_path) as d:
        quiet = [silent(d) for _ in range(64)]
        # All places are taken by those, and yet:
        r = d.ctl("status")
        assert r.returncode == 0, r.stderr
        assert reached(d)["control"] >= 1
        idle, slow = connect(d), connect(d, LINE)
        half = connect(d, LINE + b"CCM-Token: " + d.token.encode() +
                       b"\r\nX: " + b"x" * 1500)
        wait_until(lambda: b"ccm_http_connections 4" in d.raw(
            "GET", "/metrics")[2], what="four connections")
        conf = d.conf_path.read_text()
        d.conf_path.write_text(conf + limits(idle=1, request=1, header=1,
                                             body=1))
        assert d.ctl("reload").returncode == 0
        # What began before keeps its sizes.
        half.sendall(b"\r\n\r\n")
        assert half.recv(4096).startswith(b"HTTP/1.1 200")
        assert drain(idle) == b""
        assert drain(slow).startswith(b"HTTP/1.1 408 ")
        big = {"X": "x" * 1000}
        assert d.request("GET", "/api/pipelines", headers=big)[0] == 431
        status, answer = d.request("POST", "/api/pipelines/provision",
                                   "{%s}" % (" " * 1023))
        assert status == 413 and answer["code"] == "invalid_request"
        for s in quiet:
            assert drain(s) == b""
        counted = reached(d)
        for limit in ("idle", "request", "header", "body", "hello"):
            assert counted[limit] >= 1, (limit, counted)
        assert counted["hello"] >= 60 and counted["descriptors"] == 0
        close(quiet + [idle, slow, half])


LISTEN = control_standin.frame(
    control_standin.OP, struct.pack(">Q", 1) + control_standin.text("events")
    + struct.pack(">I", 2) + b"{}")


def greeted(d, more=b""):
    """A client of the control socket that said hello, and perhaps more."""
    s = silent(d)
    s.sendall(control_standin.hello() + more)
    assert s.recv(4096)
    return s


def test_idle_control_clients_make_room(tmp_path):
    """All places are taken by clients that greeted and do nothing more."""
    with Daemon(tmp_path) as d:
        idle = [greeted(d) for _ in range(64)]
        for _ in range(3):
            r = d.ctl("status")
            assert r.returncode == 0, r.stderr
        # Who was idle for longest went, and no more than were needed.
        assert [is_open(s) for s in idle] == [False] + [True] * 63
        assert reached(d)["control"] == 1
        close(idle)
        # Who listens gives no place to others of the same user.
        listening = [greeted(d, LISTEN) for _ in range(64)]
        r = d.ctl("status")
        assert r.returncode == 3 and "connection" in r.stderr, r.stderr
        assert d.logged("control: no place for one more client")
        assert all(map(is_open, listening))
        close(listening)


CROWD = """
import socket, sys
socks = []
for _ in range(63):
    s = socket.socket(socket.AF_UNIX)
    s.connect("ccmd.sock")
    s.sendall(bytes.fromhex(sys.argv[1]))
    assert s.recv(4096)
    socks.append(s)
print("there", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_no_user_keeps_another_out(tmp_path):
    """A member of the group takes all places, and listens on each."""
    with Daemon(tmp_path) as d:
        d.socket.chmod(0o666)
        listening = greeted(d, LISTEN)
        crowd = subprocess.Popen(
            [sys.executable, "-c", CROWD,
             (control_standin.hello() + LISTEN).hex()],
            cwd=d.dir, user="nobody", group="nogroup", extra_groups=[],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert crowd.stdout.readline() == b"there\n"
            for _ in range(3):
                r = d.ctl("status")
                assert r.returncode == 0, r.stderr
            assert is_open(listening)
        finally:
            crowd.stdin.close()
            crowd.wait(20)
            crowd.stdout.close()
            listening.close()


def test_an_answer_must_be_taken(tmp_path):
    """Drop by drop does not count as taking it."""
    docs = "{%s}" % ",".join(
        '"p%d": {"pipeline_id": "p%d", "repository": "a/r%d", "status": '
        '"inactive", "workflow_file": "x.yml", "created_at": '
        '"2026-01-05T10:30:00Z"}' % (i, i, i) for i in range(3000))
    with Daemon(tmp_path, start=False, conf=limits(answer=2)) as d:
        d.state.mkdir()
        (d.state / "pipelines.json").write_text(
            '{"pipelines": %s, "registry_version": "2.0"}' % docs)
        d.start()
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", d.port))
        s.sendall((LINE + b"CCM-Token: " + d.token.encode() + b"\r\n\r\n") *
                  20)
        begin = time.monotonic()
        s.settimeout(20)
        while reached(d)["answer"] == 0:
            assert time.monotonic() - begin < 20
            s.recv(512)
            time.sleep(0.1)
        s.close()


class Poor(Daemon):
    """With few descriptors for each of its processes."""

    def argv(self, *more):
        return ["prlimit", "--nofile=50:50", *super().argv(*more)]


def test_without_descriptors(tmp_path):
    """Nothing spins, and who comes later is answered."""
    with Poor(tmp_path, conf=limits(request=3600, idle=3600)) as d:
        pid = d.pids()["ccmd-api"]
        # One that is idle makes room.
        idle = [connect(d, LINE + b"CCM-Token: %s\r\n\r\n" %
                        d.token.encode()) for _ in range(60)]
        assert d.request("GET", "/api/pipelines")[0] == 200
        wait_until(lambda: not is_open(idle[0]), what="room")
        close(idle)
        # None can go: those that are too many wait, and cost nothing.
        events = [connect(d, LINE.replace(b"pipelines", b"events") +
                          b"CCM-Token: %s\r\n\r\n" % d.token.encode())
                  for _ in range(60)]
        assert events[0].recv(100).startswith(b"HTTP/1.1 200")
        quiet = [silent(d) for _ in range(4)]
        wait_until(lambda: len(os.listdir("/proc/%d/fd" % pid)) == 50,
                   what="no descriptor left")
        before = cpu(pid)
        time.sleep(1)
        assert cpu(pid) - before <= 0.1
        late = connect(d, LINE + b"CCM-Token: %s\r\nConnection: close\r\n"
                       b"\r\n" % d.token.encode())
        close(events + quiet)
        assert drain(late).startswith(b"HTTP/1.1 200")
        assert reached(d)["descriptors"] >= 2
        assert d.ctl("status").returncode == 0


def test_many_slow_and_idle_ones(tmp_path):
    """An honest client is answered meanwhile; the slow ones go in time.
    tests/bench/slow.py does it with a thousand of each, and the clock."""
    with Daemon(tmp_path, conf=limits(request=2)) as d:
        socks = [connect(d) for _ in range(150)]
        slow = [connect(d, LINE) for _ in range(150)]
        end = time.monotonic() + 20
        left = set(slow)
        while left:
            assert time.monotonic() < end, len(left)
            assert d.request("GET", "/healthz", timeout=5)[0] == 200
            for s in list(left):
                if not is_open(s):
                    left.remove(s)
                    continue
                s.setblocking(False)
                try:
                    if b" 408 " in s.recv(4096):
                        left.remove(s)
                except OSError:
                    pass
            time.sleep(0.05)
        assert reached(d)["request"] == 150
        assert all(map(is_open, socks))
        close(socks + slow)


@pytest.mark.parametrize("text,why", [
    ("limits http { header 33 }", "header: a number from 1 to 32"),
    ("limits http { body 0 }", "body: a number from 1 to 64"),
    ("limits http { connections 15 }", "connections: a number from 16 to"),
    ("limits http { idle 0 }", "idle: a number from 1 to 86400"),
    ("limits http { time 5 }", "one of connections address header body "
     "request idle answer pause was expected"),
    ("limits https { idle 5 }", "http was expected"),
    ("limits http { idle }", "a number was expected, not }"),
    ("limits { idle 5 }", "a word was expected, not {")])
def test_what_is_refused(tmp_path, text, why):
    with Daemon(tmp_path, start=False, conf=text + "\n") as d:
        r = subprocess.run([*d.argv(), "-n"], capture_output=True, text=True,
                           env=d.env, timeout=20)
        number = len(d.conf_path.read_text().splitlines())
        assert r.returncode != 0
        assert "ccmd.conf:%d: " % number in r.stderr and why in r.stderr


def test_what_is_printed(tmp_path):
    conf = limits(connections=100, address=10, header=4, body=5, request=6,
                  idle=7, answer=8, pause=90)
    with Daemon(tmp_path, start=False, conf=conf) as d:
        r = subprocess.run([*d.argv(), "-n"], capture_output=True, text=True,
                           env=d.env, timeout=20)
        assert r.returncode == 0, r.stderr
        assert ("limits http connections 100 address 10 header 4 body 5 "
                "request 6 idle 7 answer 8 pause 90\n") in r.stdout
