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


"""What others wait for while Prometheus, or CCMenu, reads of 10,000 pipelines.

    CCM_BUILDDIR=build tests/bench/scrape.py [pipelines]

A process of its own reads /metrics, then /cc.xml, one after the other; an
honest client asks for one pipeline all the time.  Prints the client's
latencies alone and beside it, the processor time of the api for each
scrape, and its resident memory.
"""

import http.client
import json
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       "integration"))

from daemon import Daemon  # noqa: E402

ALONE = 3			# seconds without anybody else
SCRAPES = 10			# of each kind
PACE = 0.002			# between the honest client's requests


def documents(n):
    return {"pipe_%012x" % i: {
        "pipeline_id": "pipe_%012x" % i,
        "repository": "acme/repository-%05d" % i,
        "workflow_file": ".github/workflows/deploy.yml", "status": "active",
        "created_at": "2026-01-05T%02d:%02d:%02dZ" % (
            i // 3600 % 24, i // 60 % 60, i % 60),
        "last_updated": "2026-01-05T10:30:00Z",
        "config": {"trigger_branches": ["production"]},
        "github": {"repository_id": i + 1, "workflow_id": i + 1}}
        for i in range(n)}


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def scrape(d, path):
    for _ in range(SCRAPES):
        assert d.raw("GET", path, timeout=60)[0] == 200


def honest(d, going_on):
    """Sorted latencies, in milliseconds."""
    c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=60)
    times = []
    while going_on():
        begin = time.monotonic()
        c.request("GET", "/api/pipelines/pipe_%012x" % 3,
                  headers={"CCM-Token": d.token})
        r = c.getresponse()
        assert r.status == 200 and r.read()
        times.append(1000 * (time.monotonic() - begin))
        time.sleep(PACE)
    c.close()
    return sorted(times)


def show(name, times, more=""):
    print("%-10s %5d requests beside it: p50 %.2f ms, p99 %.2f ms, "
          "most %.2f ms%s" % (name, len(times), times[len(times) // 2],
                              times[int(len(times) * 0.99)], times[-1],
                              more), flush=True)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    tmp = tempfile.mkdtemp()
    d = Daemon(tmp, start=False)
    d.state.mkdir(mode=0o700)
    (d.state / "pipelines.json").write_text(json.dumps({
        "pipelines": documents(n), "registry_version": "2.0",
        "last_updated": "2026-01-05T10:30:00Z"}))
    try:
        with d.start():
            api = d.pids()["ccmd-api"]
            scrape(d, "/metrics")
            end = time.monotonic() + ALONE
            alone = time.monotonic(), cpu(api)
            times = honest(d, lambda: time.monotonic() < end)
            rate = (cpu(api) - alone[1]) / len(times)
            show("alone", times)
            for path in ("/metrics", "/cc.xml"):
                p = multiprocessing.Process(target=scrape, args=(d, path))
                before = cpu(api)
                p.start()
                times = honest(d, p.is_alive)
                p.join()
                show(path, times, "; %.0f ms CPU a scrape" % (
                    1000 * (cpu(api) - before - rate * len(times)) /
                    SCRAPES))
            print("resident: %.1f MB" % resident(api))
    finally:
        shutil.rmtree(tmp)


if __name__ == "__main__":
    main()
