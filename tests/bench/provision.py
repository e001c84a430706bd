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

"""How fast provisions become durable.

    tests/bench/provision.py [-n 1000] [-c 64] [-r 3] [-p 10000]

1. n provisions from c clients (keep-alive, one request at a time each)
   against githubsim, `limits none`; r rounds, each on a new state.  All
   must be answered 201, and be there after a kill -9 of everything.
2. One change at a time at p pipelines: milliseconds until its answer, and
   beside it what writing, fsyncing and renaming such a file takes here.

The clients are one process without threads, so that they cost little.
"""

import argparse
import json
import os
import pathlib
import selectors
import shutil
import socket
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       "integration"))

import daemon				# noqa: E402
from daemon import TOKEN, wait_until	# noqa: E402
from githubsim import GitHubSim			# noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


class Daemon(daemon.Daemon):
    """As people run it: the tests' one logs every message."""

    def argv(self, *more):
        return [a for a in super().argv(*more) if a != "-v"]


def request(repo):
    body = json.dumps({"repo": repo, "workflow_file": "deploy.yml",
                       "linked_domain": "example.com"}).encode()
    return (b"POST /api/pipelines/provision HTTP/1.1\r\nHost: h\r\n"
            b"CCM-Token: %s\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % (TOKEN.encode(), len(body)) +
            body)


class Client:
    def __init__(self, port, work):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.work = work
        self.buf = b""

    def ask(self):
        """The next request, or False: there is none."""
        if not self.work:
            return False
        self.began = time.perf_counter()
        self.sock.sendall(self.work.pop())
        return True

    def read(self):
        """(status, body) once it is whole."""
        data = self.sock.recv(65536)
        if not data:
            raise SystemExit("connection closed")
        self.buf += data
        head, sep, rest = self.buf.partition(b"\r\n\r\n")
        if not sep:
            return None
        length = int(head.lower().split(b"content-length:")[1].split(
            b"\r\n")[0])
        if len(rest) < length:
            return None
        self.buf = rest[length:]
        return int(head[9:12]), rest[:length]


def drive(port, work, clients):
    """Seconds, [milliseconds of each], {status: how many}."""
    sel = selectors.DefaultSelector()
    conns = [Client(port, work) for _ in range(clients)]
    took, statuses, bodies = [], {}, []
    began = time.perf_counter()
    busy = 0
    for c in conns:
        if c.ask():
            sel.register(c.sock, selectors.EVENT_READ, c)
            busy += 1
    while busy:
        for key, _ in sel.select():
            c = key.data
            answer = c.read()
            if answer is None:
                continue
            took.append((time.perf_counter() - c.began) * 1000)
            statuses[answer[0]] = statuses.get(answer[0], 0) + 1
            bodies.append(answer[1])
            if not c.ask():
                sel.unregister(c.sock)
                busy -= 1
    return time.perf_counter() - began, took, statuses, bodies


def cpu(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def status(d):
    return json.loads(d.ctl("-j", "status").stdout)["registry"]


def saves(d, changes):
    """Told within a second."""
    wait_until(lambda: status(d)["changes"] >= changes, what="figures")
    return status(d)["saves"]


def many(tmp, n, clients):
    with GitHubSim(tmp / "sim") as sim:
        sim.bulk(n, runs=0)
        sim.limits(hourly=1000000)
        names = ["bulk/repo-%d" % i for i in range(n)]
        with Daemon(tmp, github_url=sim.url, github_conf="limits none",
                    active=3600, idle=3600) as d:
            work = [request(name) for name in names]
            pids = d.pids()
            pids["githubsim"] = sim.process.pid
            before = {name: cpu(pid) for name, pid in pids.items()}
            seconds, took, statuses, bodies = drive(d.port, work, clients)
            used = {name: cpu(pid) - before[name]
                    for name, pid in pids.items()}
            assert statuses == {201: n}, (statuses, bodies[:1])
            ids = {json.loads(b)["pipeline_id"] for b in bodies}
            nsaves = saves(d, n)
            d.kill_all()
            assert ids == set(d.registry()["pipelines"]) and len(ids) == n
    took.sort()
    print("  %d provisions, %d clients: %.2f s, %.0f a second; median %.0f "
          "ms, 99%% %.0f ms; %d changes in %d saves" % (
              n, clients, seconds, n / seconds, statistics.median(took),
              took[len(took) * 99 // 100], n, nsaves))
    print("    CPU, ms a provision: " + ", ".join(
        "%s %.2f" % (name, 1000 * s / n) for name, s in
        sorted(used.items())))
    return n / seconds


def document(n):
    return {"pipeline_id": "pipe_%012x" % n, "repository": "old/r%d" % n,
            "workflow_file": ".github/workflows/deploy.yml",
            "status": "inactive", "created_at": "2026-01-05T10:30:00Z",
            "last_updated": "2026-01-05T10:30:00Z",
            "deactivated_at": "2026-01-06T10:30:00Z",
            "config": {"trigger_branches": ["production"],
                       "environment": "production", "auto_deploy": True,
                       "notifications_enabled": True},
            "vps_integration": {"requested_by": "x", "vps": "srv1",
                                "linked_domain": "example.com",
                                "linked_app": "app"},
            "github": {"repository_id": 10**9 + n, "workflow_id": n + 1,
                       "default_branch": "main",
                       "html_url": "https://github.com/old/r%d" % n}}


def plain_save(path, data):
    """What the disk wants for it, milliseconds."""
    began = time.perf_counter()
    fd = os.open(str(path) + ".t", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)
    os.rename(str(path) + ".t", path)
    fd = os.open(path.parent, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    return (time.perf_counter() - began) * 1000


def one(tmp, pipelines, changes):
    with GitHubSim(tmp / "sim") as sim:
        for i in range(changes):
            sim.add_repo("acme/r%d" % i, workflows=["deploy.yml"])
        with Daemon(tmp, github_url=sim.url, github_conf="limits none",
                    active=3600, idle=3600, start=False) as d:
            d.state.mkdir(mode=0o700)
            (d.state / "pipelines.json").write_text(json.dumps({
                "pipelines": {doc["pipeline_id"]: doc for doc in
                              map(document, range(pipelines))},
                "registry_version": "2.0"}))
            (d.state / "pipelines.json").chmod(0o600)
            d.start()
            work = [request("acme/r%d" % i) for i in range(changes)]
            _, took, statuses, _ = drive(d.port, work, 1)
            assert statuses == {201: changes}, statuses
            n = saves(d, changes)
            data = (d.state / "pipelines.json").read_bytes()
            plain = [plain_save(tmp / "plain", data) for _ in range(changes)]
    print("  at %d pipelines (%.1f MB): a change is answered after %.1f ms "
          "(median of %d, most %.1f); %d saves; the file alone %.1f ms" % (
              pipelines, len(data) / 1e6, statistics.median(took), changes,
              max(took), n, statistics.median(plain)))


def load():
    return "load average %s, %d cores" % (
        open("/proc/loadavg").read().split()[0], os.cpu_count())


def main():
    print(load())
    p = argparse.ArgumentParser()
    p.add_argument("-n", type=int, default=1000)
    p.add_argument("-c", type=int, default=64)
    p.add_argument("-r", type=int, default=3)
    p.add_argument("-p", type=int, default=10000)
    p.add_argument("-o", type=int, default=51, help="single changes")
    a = p.parse_args()
    top = pathlib.Path(tempfile.mkdtemp(prefix="ccm-bench-"))
    top.chmod(0o755)
    try:
        rates = []
        for i in range(a.r):
            (top / str(i) / "sim").mkdir(parents=True)
            rates.append(many(top / str(i), a.n, a.c))
        if rates:
            print("median: %.0f provisions a second" %
                  statistics.median(rates))
        if a.o:
            (top / "one" / "sim").mkdir(parents=True)
            one(top / "one", a.p, a.o)
    finally:
        shutil.rmtree(top)


main()
