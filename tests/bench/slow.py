#!/usr/bin/python3
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

"""An honest client beside a thousand slow and a thousand idle ones, and what
it costs to have no descriptors.

    CCM_BUILDDIR=build tests/bench/slow.py [clients of each kind]

The slow ones send a byte a second of a request that never ends, from a
process of their own; the limits are the defaults.  Prints the latencies of
the honest client alone and beside them, when the last slow one was gone, and
the processor time of the api with a full backlog and no descriptor left.
"""

import http.client
import json
import multiprocessing
import os
import pathlib
import resource
import selectors
import shutil
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       "integration"))

from daemon import Daemon  # noqa: E402

ALONE = 5			# seconds without the others
PACE = 0.01			# between the honest client's requests
REQUEST = 30			# `request` of limits http, by default
POOR = 50			# descriptors
STARVED = 10			# seconds measured
HEAD = b"GET /api/pipelines HTTP/1.1\r\nHost: ccm\r\nX: " + b"x" * 1000


class Poor(Daemon):
    def argv(self, *more):
        return ["prlimit", "--nofile=%d:%d" % (POOR, POOR),
                *super().argv(*more)]


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slow_clients(port, n, pipe):
    """Connects, says so, sends a byte a second on each until all are gone;
    tells how many got a 408, when the last one went, and how many of the
    idle ones are left then."""
    sel = selectors.DefaultSelector()
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(n)]
    told = 0
    for _ in range(n):
        s = socket.create_connection(("127.0.0.1", port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.setblocking(False)
        s.send(HEAD[:1])
        sel.register(s, selectors.EVENT_READ, [1, b""])
    begin = time.monotonic()
    pipe.send("connected")
    due = begin
    while sel.get_map():
        if time.monotonic() >= due:
            due += 1
            for key in list(sel.get_map().values()):
                at = key.data[0]
                key.data[0] += 1
                try:
                    key.fileobj.send(HEAD[at:at + 1])
                except OSError:
                    pass
        for key, _ in sel.select(max(0, due - time.monotonic())):
            try:
                chunk = key.fileobj.recv(4096)
            except ConnectionResetError:
                chunk = b""
            key.data[1] += chunk
            if not chunk:
                told += b" 408 " in key.data[1]
                sel.unregister(key.fileobj)
                key.fileobj.close()
    took = time.monotonic() - begin
    left = 0
    for s in idle:
        s.setblocking(False)
        try:
            s.recv(1)
        except BlockingIOError:
            left += 1
        except OSError:
            pass
    pipe.send((told, took, left))


class Honest:
    def __init__(self, d):
        self.d = d
        self.c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=30)

    def ask(self):
        begin = time.monotonic()
        self.c.request("GET", "/api/pipelines",
                       headers={"CCM-Token": self.d.token})
        r = self.c.getresponse()
        assert r.status == 200 and len(r.read()) > 10000
        return time.monotonic() - begin

    def ask_until(self, done):
        times = []
        while not done():
            times.append(self.ask())
            time.sleep(PACE)
        return sorted(times)


def show(name, times):
    def ms(q):
        return 1000 * times[min(len(times) - 1, int(q * len(times)))]
    print("%-28s %6d requests: p50 %.2f ms, p99 %.2f ms, most %.2f ms" % (
        name, len(times), ms(0.5), ms(0.99), ms(1)))


def beside_slow_ones(tmp, n):
    docs = {"p%d" % i: {
        "pipeline_id": "p%d" % i, "repository": "acme/r%d" % i,
        "workflow_file": ".github/workflows/deploy.yml",
        "status": "inactive", "created_at": "2026-01-05T10:30:00Z",
        "github": {"html_url": "https://github.com/acme/r%d" % i + "x" * 200}}
        for i in range(50)}
    with Daemon(tmp, start=False) as d:
        d.state.mkdir()
        (d.state / "pipelines.json").write_text(json.dumps(
            {"pipelines": docs, "registry_version": "2.0"}))
        d.start()
        pid = d.pids()["ccmd-api"]
        honest = Honest(d)
        end = time.monotonic() + ALONE
        show("alone", honest.ask_until(lambda: time.monotonic() > end))
        here, there = multiprocessing.Pipe()
        p = multiprocessing.Process(target=slow_clients,
                                    args=(d.port, n, there))
        p.start()
        show("while they connect", honest.ask_until(here.poll))
        assert here.recv() == "connected"
        before, begin = cpu(pid), time.monotonic()
        show("beside %d slow, %d idle" % (n, n), honest.ask_until(here.poll))
        used = (cpu(pid) - before) / (time.monotonic() - begin)
        told, took, left = here.recv()
        p.join()
        print("the last slow one was gone after %.1f s (limit %d s); %d of "
              "%d got 408; %d of %d idle ones are there; the api used "
              "%.1f %% of a processor" % (took, REQUEST, told, n, left, n,
                                          100 * used))


def without_descriptors(tmp):
    """Its places taken by those who listen to events, who make no room."""
    with Poor(tmp) as d:
        pid = d.pids()["ccmd-api"]
        socks = [socket.create_connection(("127.0.0.1", d.port))
                 for _ in range(200)]
        for s in socks:
            s.sendall(b"GET /api/events HTTP/1.1\r\nHost: ccm\r\n"
                      b"CCM-Token: %s\r\n\r\n" % d.token.encode())
        time.sleep(2)
        before = cpu(pid)
        time.sleep(STARVED)
        print("%d descriptors of %d in use, 200 connections: %.2f s of "
              "processor in %d s" % (len(os.listdir("/proc/%d/fd" % pid)),
                                     POOR, cpu(pid) - before, STARVED))
        for s in socks:
            s.close()
        begin = time.monotonic()
        assert d.request("GET", "/api/pipelines")[0] == 200
        print("answered %.0f ms after they went" % (
            1000 * (time.monotonic() - begin)))


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    tmp = pathlib.Path(tempfile.mkdtemp())
    try:
        beside_slow_ones(tmp / "slow", n)
        without_descriptors(tmp / "poor")
    finally:
        shutil.rmtree(tmp)


if __name__ == "__main__":
    main()
