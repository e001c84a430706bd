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

"""What a request costs with more and more API tokens, each of which is
compared; and what a reload of so many holds up.

    CCM_BUILDDIR=$PWD/build tests/bench/tokens.py [-r rounds] [n ...]

A daemon for each number of tokens; in each round all are asked in turn, over
one connection, so that they meet the same machine.  CPU is the api's, by
getrusage's clock in /proc, the median of the rounds counts.
"""

import argparse
import contextlib
import http.client
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       "integration"))

from daemon import Daemon  # noqa: E402

REQUESTS = 4000
TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    """Seconds of user and system time."""
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")")[1]
    return sum(int(n) for n in fields.split()[11:13]) / TICK


def ask(connection, token):
    connection.request("GET", "/api/pipelines", headers={"CCM-Token": token})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def one_round(d):
    """CPU of one request, and its time, in microseconds."""
    c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=30)
    pid = d.pids()["ccmd-api"]
    before, begin = cpu(pid), time.monotonic()
    for _ in range(REQUESTS):
        assert ask(c, "s1") == 200
    took, used = time.monotonic() - begin, cpu(pid) - before
    c.close()
    return used / REQUESTS * 1e6, took / REQUESTS * 1e6


def reload(d):
    """The longest wait of a client while it is taken anew, and how long that
    takes, in milliseconds."""
    c = http.client.HTTPConnection("127.0.0.1", d.port, timeout=30)
    assert ask(c, "s1") == 200
    done = threading.Event()

    def run():
        assert d.ctl("reload").returncode == 0
        done.set()
    thread = threading.Thread(target=run)
    worst, begin = 0, time.monotonic()
    thread.start()
    while not done.is_set():
        at = time.monotonic()
        assert ask(c, "s1") == 200
        worst = max(worst, time.monotonic() - at)
    took = time.monotonic() - begin
    thread.join()
    c.close()
    return worst * 1e3, took * 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-r", type=int, default=5, help="rounds")
    parser.add_argument("n", nargs="*", type=int, default=[1, 1000, 10000])
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        tmp = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        daemons = {n: stack.enter_context(Daemon(
            tmp / str(n), tokens={"t%d" % i: ("viewer", "s%d" % i)
                                  for i in range(1, n + 1)}, token="s1"))
            for n in args.n}
        figures = {n: [] for n in daemons}
        for _ in range(args.r):
            for n, d in daemons.items():
                figures[n].append(one_round(d))
        for n, rounds in figures.items():
            print("%6d tokens: CPU of a request %.1f us, its time %.1f us; "
                  "a reload holds a client up for at most %.1f of %.1f ms" % (
                      n, *(statistics.median(x) for x in zip(*rounds)),
                      *reload(daemons[n])))
        print("load average %.1f" % os.getloadavg()[0])


main()
