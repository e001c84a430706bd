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

"""What others wait for while a client reads a list of 10,000 pipelines for the
first time since a start, and once a second from then on.

    CCM_BUILDDIR=$PWD/build tests/bench/lists.py [-n pipelines] [-r rounds]

An honest client asks for one pipeline 500 times a second, by the clock: what
it waits for counts from when the request was due, so that a pause of 100 ms
is 50 late answers and not one.  A process of its own reads the list, once
for the first time, then once a second for three seconds.  Each pipeline
has 20 runs of the last eight days.  A line is the median of the rounds.
"""

import argparse
import http.client
import multiprocessing
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       "integration"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from daemon import Daemon  # noqa: E402
from history import CA, NOWHERE, fill  # noqa: E402

RUNS = 20
RATE = 500
SETTLE = 3			# seconds
PATHS = ("/api/stats", "/api/pipelines?include=stats", "/api/pipelines")


def honest(d, path, seconds):
    """Milliseconds from when each was due until its answer was there."""
    c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=60)
    begin, times = time.monotonic(), []
    for i in range(int(seconds * RATE)):
        due = begin + i / RATE
        while (left := due - time.monotonic()) > 0:
            time.sleep(left)
        c.request("GET", path, headers={"CCM-Token": d.token})
        r = c.getresponse()
        assert r.status == 200 and r.read()
        times.append(1000 * (time.monotonic() - due))
    c.close()
    return sorted(times)


def reader(d, path, times, pause, took):
    time.sleep(0.3)
    for _ in range(times):
        begin = time.monotonic()
        assert d.raw("GET", path, timeout=60)[0] == 200
        took.put(1000 * (time.monotonic() - begin))
        time.sleep(pause)


def beside(d, one, path, times, pause, seconds):
    """p50, p99 and most of the honest client, and the list's own time."""
    took = multiprocessing.Queue()
    p = multiprocessing.Process(target=reader,
                                args=(d, path, times, pause, took))
    p.start()
    waits = honest(d, one, seconds)
    p.join()
    return (waits[len(waits) // 2], waits[int(len(waits) * 0.99)], waits[-1],
            statistics.median(took.get() for _ in range(times)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=10000, help="pipelines")
    parser.add_argument("-r", type=int, default=5, help="rounds")
    args = parser.parse_args()
    tmp = pathlib.Path(tempfile.mkdtemp())
    try:
        (tmp / "state").mkdir(mode=0o700)
        ids = fill(tmp / "state", args.n, RUNS * args.n, days=8)
        d = Daemon(tmp, github_url=NOWHERE, ca=CA, start=False, active=3600,
                   idle=3600)
        shutil.copytree(tmp / "state", d.state)
        os.chmod(d.state, 0o700)
        one = "/api/pipelines/" + ids[3]
        for path in PATHS:
            first, later = [], []
            for _ in range(args.r):
                with d.start():
                    # What comes with the start is another matter.
                    honest(d, one, SETTLE)
                    first.append(beside(d, one, path, 1, 0, 1))
                    later.append(beside(d, one, path, 3, 1, 3))
            for what, rows in (("first", first), ("later", later)):
                print("%-29s %s: p50 %.2f ms, p99 %.2f ms, most %.2f ms; "
                      "the list took %.1f ms" % (
                          path, what, *(statistics.median(x)
                                        for x in zip(*rows))), flush=True)
        print("load average %.1f" % os.getloadavg()[0])
    finally:
        shutil.rmtree(tmp)


if __name__ == "__main__":
    main()
