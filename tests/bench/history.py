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

"""A long history: how long a start takes, trends, and a commit meanwhile.

    CCM_BUILDDIR=build tests/bench/history.py [pipelines [runs]]

Makes a state directory with that many pipelines and rows (by default 10,000
and 1,000,000, evenly over 90 days), starts the four processes on it, and
prints times and memory.  GitHub is an address where nothing answers.
"""

import json
import os
import pathlib
import random
import shutil
import sqlite3
import statistics
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       "integration"))

from daemon import Daemon  # noqa: E402
from registry_harness import VERBS, Registry, found, run, stamp  # noqa: E402

DAY = 86400
ROUNDS = 5
NOWHERE = "https://127.0.0.1:9"
CA = "/etc/ssl/certs/ca-certificates.crt"


def packed(doc, created, seconds):
    """As run_pack of common/run.c."""
    out = struct.pack(">QQqqqI", doc["run_id"], doc["workflow_id"], created,
                      created, created + seconds, doc["run_attempt"])
    for word in (doc["status"], doc["conclusion"], doc["branch"]):
        out += struct.pack("B", len(word)) + word.encode()
    return out


def documents(n):
    now = int(time.time())
    return {"pipe_%012x" % i: {
        "pipeline_id": "pipe_%012x" % i, "repository": "owner/repo-%d" % i,
        "workflow_file": ".github/workflows/deploy.yml", "status": "active",
        "created_at": stamp(now - 100 * DAY + i),
        "last_updated": stamp(now - DAY),
        "config": {"trigger_branches": ["production"],
                   "environment": "production", "auto_deploy": True},
        "vps_integration": {"linked_domain": "app%d.example.com" % i,
                            "linked_app": "app%d" % i},
        "github": found(i)["github"]} for i in range(n)}


def fill(state, pipelines, rows, days=90):
    """Let the registry make the files, then put the rows in beside it."""
    r = Registry(state).begin()
    r.provision(1)
    assert r.end() == 0
    docs = documents(pipelines)
    (state / "pipelines.json").write_text(json.dumps({
        "pipelines": docs, "registry_version": "2.0",
        "last_updated": stamp(time.time())}))
    rng = random.Random(1)
    db = sqlite3.connect(state / "history.db")
    db.execute("DELETE FROM pipelines")
    db.executemany(
        "INSERT INTO pipelines VALUES (?, ?, 1, ?, 60)",
        ((i + 1, p, int(time.time())) for i, p in enumerate(docs)))

    def each():
        now = int(time.time())
        for i in range(rows):
            created = now - days * DAY + i * days * DAY // rows
            seconds = rng.randrange(30, 600)
            conclusion = "failure" if rng.random() < 0.1 else "success"
            doc = run(i + 1, created, conclusion=conclusion,
                      updated_at=stamp(created + seconds),
                      title="Deploy the change number %d" % i)
            yield (i % pipelines + 1, i + 1, 1, created, created,
                   created + seconds, 1, 1, "completed", conclusion, "main",
                   packed(doc, created, seconds), json.dumps(doc))
    db.executemany(
        "INSERT INTO runs (pipeline, run_id, attempt, created_at, started_at,"
        " updated_at, finished, counted, status, conclusion, branch, packed,"
        " doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", each())
    db.commit()
    db.close()
    return list(docs)


def rss(pid):
    for line in open("/proc/%d/status" % pid):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024


def ms(seconds):
    return "%.1f ms" % (1000 * seconds)


def timed(call):
    began = time.monotonic()
    result = call()
    return time.monotonic() - began, result


def bench_daemon(tmp, ids):
    """Ready, trends over HTTP, memory."""
    starts = []
    d = Daemon(tmp, github_url=NOWHERE, ca=CA, start=False, active=60,
               idle=300)
    shutil.copytree(tmp / "state", d.state)
    os.chmod(d.state, 0o700)
    for _ in range(3):
        # A start without the cache of the one before would be the disk's.
        starts.append(timed(d.start)[0])
        d.stop()
    d.start()
    print("start to ready: median %s of %s" % (
        ms(statistics.median(starts)), ", ".join(map(ms, starts))))
    one = []
    for i in range(20):
        path = "/api/pipelines/%s/trends?since=90d" % ids[i * 7]
        t, (status, r) = timed(lambda p=path: d.request("GET", p))
        assert status == 200 and r["trends"]["run_count"] > 0
        one.append(t)
    print("trends of one pipeline, 90 days, %d runs: median %s, worst %s" % (
        r["trends"]["run_count"], ms(statistics.median(one)), ms(max(one))))
    t, (status, r) = timed(lambda: d.request(
        "GET", "/api/trends?since=90d", timeout=60))
    assert status == 200
    print("trends of all, %d runs: %s" % (r["trends"]["run_count"], ms(t)))
    for name, pid in sorted(d.pids().items()):
        print("memory of %s: %.1f MB" % (name, rss(pid)))
    d.stop()


def bench_commit(state):
    """A provision alone, and one during the longest query."""
    r = Registry(state).begin()
    alone, beside = [], []
    for i in range(ROUNDS):
        alone.append(timed(lambda n=i: r.provision(10 ** 6 + n))[0])
    for i in range(ROUNDS):
        r.op += 1
        query = r.op
        r.api.send("QUERY", op=query, verb=VERBS["trends"], target="",
                   args={"since": 90 * DAY})
        time.sleep(0.2)		# it is under way by then
        beside.append(timed(lambda n=i: r.provision(10 ** 7 + n))[0])
        assert not any(n == "ANSWER" and m["op"] == query
                       for n, m in r.api.got), "it was over too soon"
        r.expect(r.api, "ANSWER", op=query, timeout=120)
        r.api.got = []
    print("a change, alone: median %s; during the longest query: median %s, "
          "worst %s; later by %s" % (
              ms(statistics.median(alone)), ms(statistics.median(beside)),
              ms(max(beside)), ms(statistics.median(beside) -
                                  statistics.median(alone))))
    r.end()


def main():
    pipelines = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="ccm-bench-"))
    tmp.chmod(0o755)
    try:
        (tmp / "state").mkdir(mode=0o700)
        t, ids = timed(lambda: fill(tmp / "state", pipelines, rows))
        print("%d pipelines, %d runs, history.db %.0f MB (made in %.0f s)" % (
            pipelines, rows,
            (tmp / "state" / "history.db").stat().st_size / 1e6, t))
        bench_daemon(tmp, ids)
        bench_commit(tmp / "state")
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
