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

"""Requests that are malformed or ambiguous, as bytes on a socket: each gets
what the table says, never two answers, and never changes anything.

Every request goes over a connection of its own: alone, before a good one,
and one byte at a time before a good one; all at once.
"""

import json
import re
import selectors
import socket
import time

import pytest

from daemon import Daemon, wait_until
from githubsim import GitHubSim
from http_cases import CASES, OTHER, PIPELINE, TOKEN, BODY, line, post

# Far more than it takes: for a machine under load.
PATIENCE = 60
# Open at a time.
AT_ONCE = 400
GOOD = line("GET /healthz HTTP/1.1", "Connection: close", token=None)


class Exchange:
    """A connection: bytes to send in pieces, and all that comes back."""

    def __init__(self, port, data, piece, shut):
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.data = data
        self.piece = piece
        self.shut = shut
        self.sent = 0
        self.got = b""
        self.ended = False

    def send(self):
        """One piece; returns whether more is to be sent."""
        end = min(self.sent + self.piece, len(self.data))
        try:
            self.sent += self.sock.send(self.data[self.sent:end])
        except BlockingIOError:
            return True
        except OSError:
            # It was refused, and the other end is gone.
            self.sent = len(self.data)
            return False
        if self.sent < len(self.data):
            return True
        if self.shut:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        return False

    def receive(self):
        try:
            chunk = self.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionResetError:
            chunk = b""
        self.got += chunk
        if not chunk:
            self.ended = True
            self.sock.close()


def run(exchanges):
    """Until every connection was ended by the daemon."""
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as sel:
        for e in exchanges:
            sel.register(e.sock, selectors.EVENT_READ, e)
        sending, left = list(exchanges), len(exchanges)
        while left > 0:
            assert time.monotonic() < deadline, [
                e.data for e in exchanges if not e.ended][:5]
            sending = [e for e in sending if not e.ended and e.send()]
            for key, _ in sel.select(0 if sending else 1):
                key.data.receive()
                if key.data.ended:
                    sel.unregister(key.fileobj)
                    left -= 1


def answers(got, head):
    """The final answers in those bytes, strictly: nothing may be left."""
    found = []
    while got:
        m = re.match(rb"HTTP/1\.1 (\d{3}) [A-Za-z -]+\r\n"
                     rb"((?:[A-Za-z-]+: [^\r\n\0]*\r\n)*)\r\n", got)
        assert m, "no answer: %r" % got[:200]
        got = got[m.end():]
        if m[1] == b"100":
            assert m[2] == b""
            continue
        fields = {k.lower(): v for k, v in (
            f.split(b": ", 1) for f in m[2].split(b"\r\n")[:-1])}
        status, length = int(m[1]), int(fields[b"content-length"])
        body = b"" if head and not found else got[:length]
        got = got[len(body):]
        if status == 405:
            assert fields.get(b"allow"), "405 without Allow"
        if status >= 400 and body:
            error = json.loads(body)
            assert error["success"] is False and error["error"], body
            assert re.fullmatch("[a-z_]+", error["code"]), body
        found.append((status, fields.get(b"connection")))
    return found


def judge(case, exchange, good_behind):
    """What is wrong with it, or None."""
    name, data, statuses, close = case
    expected = list(statuses)
    if good_behind and not close:
        expected.append(200)
    try:
        found = answers(exchange.got, data.startswith(b"HEAD "))
    except (AssertionError, ValueError, KeyError) as e:
        return "%s: %s: %r" % (name, e, exchange.got[:300])
    if [s for s, _ in found] != expected:
        return "%s: %r instead of %r" % (name, [s for s, _ in found],
                                         expected)
    if (found[len(statuses) - 1][1] == b"close") != close and good_behind:
        return "%s: Connection: %r" % (name, found[len(statuses) - 1][1])
    return None


class House:
    """The daemon with one active pipeline, and all that a request might
    change."""

    def __init__(self, tmp):
        self.sim = GitHubSim(tmp).start()
        try:
            self.sim.add_repo("acme/shop", workflows=["deploy.yml"])
            self.sim.add_repo(OTHER, workflows=["deploy.yml"])
            self.daemon = Daemon(tmp, github_url=self.sim.url, token=TOKEN,
                                 active=86400, idle=86400)
            self.settle(tmp)
        except BaseException:
            self.sim.stop()
            raise

    def settle(self, tmp):
        """An id that is known, and a GitHub that is asked no more."""
        d = self.daemon
        pipeline = d.provision("acme/shop")
        d.wait_stats(pipeline, lambda s: not s["stale"])
        d.stop()
        path = d.state / "pipelines.json"
        path.write_text(path.read_text().replace(pipeline, PIPELINE))
        mark = self.sim.mark()
        d.start()
        self.sim.wait_for(1, since=mark, path="/actions/runs")
        d.wait_stats(PIPELINE, lambda s: not s["stale"])

    def snapshot(self):
        state = self.daemon.state
        names = sorted(str(p.relative_to(state)) for p in state.rglob("*")
                       if not p.name.startswith(("history", "audit")))
        path = state / "pipelines.json"
        return (self.sim.counts()["total"], names, path.read_bytes(),
                path.stat().st_ino, path.stat().st_mtime_ns)

    def successes(self):
        return [a for a in self.daemon.audit() if a["outcome"] == "ok"]

    def stop(self):
        self.daemon.stop()
        self.sim.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    h = House(tmp_path_factory.mktemp("strict"))
    yield h
    h.stop()


def trial(house, behind, piece, shut):
    """All cases; returns what is wrong."""
    before = house.snapshot()
    wrong = []
    for i in range(0, len(CASES), AT_ONCE):
        part = CASES[i:i + AT_ONCE]
        exchanges = [Exchange(house.daemon.port, c[1] + behind,
                              piece or len(c[1] + behind), shut)
                     for c in part]
        run(exchanges)
        wrong += [w for c, e in zip(part, exchanges)
                  if (w := judge(c, e, bool(behind)))]
    if house.snapshot() != before:
        wrong.append("something changed")
    assert len(house.daemon.pids()) == 4
    return wrong


def test_alone(house):
    assert trial(house, b"", 0, True) == []


def test_before_a_good_one(house):
    assert trial(house, GOOD, 0, False) == []


def test_one_byte_at_a_time(house):
    assert trial(house, GOOD, 1, False) == []


def test_every_refusal_is_of_use(house):
    """What was refused would have changed something, and that is seen."""
    assert len(CASES) >= 120
    assert len({c[0] for c in CASES}) == len(CASES), "a name twice"
    before, successes = house.snapshot(), len(house.successes())
    e = Exchange(house.daemon.port, post(BODY, "Connection: close"), 1,
                 False)
    run([e])
    assert [s for s, _ in answers(e.got, False)] == [201]
    assert house.snapshot() != before
    wait_until(lambda: len(house.successes()) == successes + 1,
               what="the audit log")


def test_what_405_allows(house):
    for method, path, allow in (
            ("GET", "/api/pipelines/provision", {"POST"}),
            ("DELETE", "/api/pipelines/provision", {"POST"}),
            ("POST", "/api/stats", {"GET"}),
            ("OPTIONS", "/healthz", {"GET"})):
        status, headers, _ = house.daemon.raw(method, path, token=TOKEN)
        assert status == 405, (method, path)
        assert set(headers["Allow"].split(", ")) == allow, (method, path)
    _, headers, _ = house.daemon.raw("OPTIONS", "/api/pipelines/" + PIPELINE)
    assert {"GET", "DELETE"} <= set(headers["Allow"].split(", "))
    assert "POST" not in headers["Allow"]
