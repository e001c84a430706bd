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

"""Trends of a history: against a computation of their own, and in slices."""

import calendar
import datetime
import fractions
import json
import math
import random
import time

import pytest

from daemon import Daemon
from githubsim import GitHubSim
from registry_harness import VERBS, Registry, run, stamp

DAY = 86400
COUNTED = {"success": True, "failure": False, "timed_out": False,
           "startup_failure": False}
OTHER = ["cancelled", "skipped", "neutral", "stale", "action_required",
         "something_new"]


@pytest.fixture
def registry(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    r = Registry(state, days=3650).begin()
    yield r
    if r.process.poll() is None:
        r.end()


# --- The oracle: from the manual's words, with fractions and calendars.

def half_up(x, digits=0):
    scaled = fractions.Fraction(x) * 10 ** digits
    n = math.floor(scaled + fractions.Fraction(1, 2))
    return n if digits == 0 else float(fractions.Fraction(n, 10 ** digits))


def nearest_rank(values, per_cent):
    if not values:
        return None
    return sorted(values)[math.ceil(
        fractions.Fraction(per_cent * len(values), 100)) - 1]


def seconds(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def start_of(t, by):
    d = datetime.datetime.fromtimestamp(t, datetime.timezone.utc).date()
    if by == "week":
        d -= datetime.timedelta(days=d.weekday())
    return d.strftime("%Y-%m-%dT00:00:00Z")


class Known:
    def __init__(self, doc):
        self.created = seconds(doc["created_at"])
        started = doc["run_started_at"]
        self.started = self.created if started is None else seconds(started)
        self.updated = seconds(doc["updated_at"])
        self.key = (self.created, doc["run_id"])
        self.counted = doc["status"] == "completed" and \
            doc["conclusion"] in COUNTED
        self.good = self.counted and COUNTED[doc["conclusion"]]
        self.duration = max(0, self.updated - self.started)
        waited = self.started - self.created
        first = doc["run_attempt"] in (None, 1)
        self.queue = max(0, waited) if first and (
            self.counted or waited > 0) else None


def counts(runs):
    done = [x for x in runs if x.counted]
    good = sum(x.good for x in done)
    queues = [x.queue for x in runs if x.queue is not None]
    return {
        "run_count": len(runs), "completed_count": len(done),
        "success_count": good, "failure_count": len(done) - good,
        "success_rate": half_up(fractions.Fraction(100 * good, len(done)), 1)
        if done else 0.0,
        "p50_duration_seconds": nearest_rank([x.duration for x in done], 50),
        "p95_duration_seconds": nearest_rank([x.duration for x in done], 95),
        "p50_queue_seconds": nearest_rank(queues, 50),
        "p95_queue_seconds": nearest_rank(queues, 95),
    }


def streaks(runs):
    best, recoveries, failed = {True: 0, False: 0}, [], None
    last, length = None, 0
    for x in sorted((x for x in runs if x.counted), key=lambda x: x.key):
        length = length + 1 if last is x.good else 1
        best[x.good] = max(best[x.good], length)
        if not x.good and last is not False:
            failed = x.updated
        if x.good and failed is not None:
            recoveries.append(max(0, x.updated - failed))
            failed = None
        last = x.good
    return best, length if last else -length, recoveries


def figures(runs, since, until, recoveries):
    f = counts(runs)
    f["deployments_per_day"] = half_up(
        fractions.Fraction(f["success_count"] * DAY, until - since), 2)
    f["change_failure_rate"] = half_up(fractions.Fraction(
        100 * f["failure_count"], f["completed_count"]), 1) \
        if f["completed_count"] else None
    f["recoveries"] = len(recoveries)
    f["mean_time_to_recovery_seconds"] = half_up(fractions.Fraction(
        sum(recoveries), len(recoveries))) if recoveries else None
    return f


def expected(docs, since, until, by):
    runs = [Known(d) for d in docs]
    runs = [x for x in runs if since < x.created <= until]
    best, now, recoveries = streaks(runs)
    f = figures(runs, since, until, recoveries)
    f.update(longest_success_streak=best[True],
             longest_failure_streak=best[False], current_streak=now)
    starts, t = [], since + 1
    while t <= until:
        if start_of(t, by) not in starts[-1:]:
            starts.append(start_of(t, by))
        t += DAY
    if start_of(until, by) not in starts[-1:]:
        starts.append(start_of(until, by))
    f["buckets"] = [
        dict(start=s, **counts([x for x in runs
                                if start_of(x.created, by) == s]))
        for s in starts]
    return f, runs, recoveries


# --- Histories.

def history(rng, now, days, n, first_id):
    """Gaps of days, re-runs, clocks that disagree, everything unknown."""
    docs, t = [], now - days * DAY
    for i in range(n):
        t += rng.choice([0, 1, 59, 600, 3600, 3600, 40000,
                         rng.choice([1, 9 * DAY])])
        if t > now:
            t = now - rng.randrange(days * DAY)
        started = t + rng.choice([0, 0, 3, 15, 300, -2])
        attempt = rng.choice([1, 1, 1, 1, 2, 5])
        if attempt > 1:
            started += rng.randrange(2 * DAY)
        conclusion = rng.choice(
            ["success"] * 12 + list(COUNTED) * 2 + OTHER)
        docs.append(run(
            first_id + i, t, run_attempt=attempt, conclusion=conclusion,
            run_started_at=rng.choice([stamp(started)] * 9 + [None]),
            updated_at=stamp(started + rng.choice([0, 7, 60, 187, 3599, -1,
                                                   9000]))))
        if rng.random() < 0.05:
            docs[-1].update(conclusion=None, status=rng.choice(
                ["queued", "in_progress", "waiting", "brand_new"]))
    return docs


def tell(r, pipe, docs):
    for i in range(0, len(docs), 100):
        r.poller.send("RUNS", pipeline_id=pipe, docs=docs[i:i + 100])
    r.expect(r.api, "ROWS")


def check(answer, want):
    for name, value in want.items():
        assert answer[name] == value, name


@pytest.mark.parametrize("seed", range(12))
def test_figures_of_one(registry, seed):
    rng = random.Random(seed)
    r = registry
    now = int(time.time())
    pipe = r.provision(1)[1]["pipeline_id"]
    docs = history(rng, now, rng.choice([2, 40, 100, 500]),
                   rng.choice([0, 1, 2, 19, 250, 700]), 1)
    if docs:
        tell(r, pipe, docs)
    for by, since in (("day", 30 * DAY), ("week", 84 * DAY),
                      ("day", 3600), ("day", 400 * DAY)):
        status, body, _ = r.query(pipe, "pipeline.trends", since=since,
                                  by=by)
        assert status == 200
        t = body["trends"]
        until = seconds(t["until"])
        assert now <= until <= time.time() and t["by"] == by
        assert seconds(t["since"]) == until - since
        want, _, _ = expected(docs, until - since, until, by)
        check(t, want)


def test_days_are_utc_where_clocks_change(registry):
    """A summer time's end and beginning, on the minute around midnight."""
    r = registry
    pipe = r.provision(1)[1]["pipeline_id"]
    edges = [calendar.timegm((y, m, d, h, 0, 0)) + off
             for y, m, d in ((2025, 10, 26), (2026, 3, 29), (2025, 11, 2),
                             (2026, 3, 8))
             for h in (0, 1, 2, 3, 24) for off in (-1, 0, 1)]
    docs = [run(i + 1, t) for i, t in enumerate(edges)]
    tell(r, pipe, docs)
    for by in ("day", "week"):
        t = r.query(pipe, "pipeline.trends", since=3650 * DAY,
                    by=by)[1]["trends"]
        until = seconds(t["until"])
        check(t, expected(docs, until - 3650 * DAY, until, by)[0])
    assert sum(b["run_count"] for b in t["buckets"]) == len(edges)


def test_figures_of_all(registry):
    rng = random.Random(7)
    r = registry
    now = int(time.time())
    docs = {}
    for n in range(6):
        pipe = r.provision(n)[1]["pipeline_id"]
        docs[pipe] = history(rng, now, 30, [0, 1, 40, 200, 90, 300][n],
                             1000 * n + 1)
        if docs[pipe]:
            tell(r, pipe, docs[pipe])
    status, body, _ = r.query("", "trends", limit=3)
    assert status == 200
    t = body["trends"]
    until = seconds(t["until"])
    since = until - 30 * DAY
    ones = {p: expected(d, since, until, "day") for p, d in docs.items()}
    runs = [x for _, rs, _ in ones.values() for x in rs]
    check(t, figures(runs, since, until,
                     [s for _, _, rec in ones.values() for s in rec]))
    assert "current_streak" not in t
    for b in t["buckets"]:
        check(b, counts([x for x in runs
                         if start_of(x.created, "day") == b["start"]]))
    busy = sorted((p for p in ones if ones[p][1]),
                  key=lambda p: (-len(ones[p][1]), p))
    assert body["total"] == len(busy) and body["count"] == 3
    assert [p["pipeline_id"] for p in body["pipelines"]] == busy[:3]
    for p in body["pipelines"]:
        want = dict(ones[p["pipeline_id"]][0])
        want["run_counts"] = [b["run_count"] for b in want.pop("buckets")]
        check(p, want)
        assert p["repository"].startswith("owner/repo-")
    # By its id it is the same as by its path.
    one = r.query(busy[0], "trends")[1]["trends"]
    assert one["run_count"] == len(ones[busy[0]][1])
    assert r.query("pipe_none", "trends")[0] == 404
    assert r.query("pipe_none", "pipeline.trends")[0] == 404


def test_a_run_run_again_counts_once(registry):
    r = registry
    now = int(time.time())
    pipe = r.provision(1)[1]["pipeline_id"]
    first = run(1, now - 5000, conclusion="failure",
                updated_at=stamp(now - 4000))
    tell(r, pipe, [first])
    tell(r, pipe, [run(1, now - 5000, run_attempt=2,
                       run_started_at=stamp(now - 100),
                       updated_at=stamp(now - 40))])
    t = r.query(pipe, "pipeline.trends")[1]["trends"]
    assert (t["run_count"], t["success_count"]) == (1, 1)
    assert t["p50_duration_seconds"] == 60
    assert t["p50_queue_seconds"] is None


def test_a_commit_does_not_wait_for_a_query(registry):
    """What comes in behind a long query is answered before it."""
    r = registry
    now = int(time.time())
    pipe = r.provision(1)[1]["pipeline_id"]
    for part in range(100):
        r.poller.send("RUNS", pipeline_id=pipe, docs=[
            run(part * 200 + n + 1, now - part * 200 - n, title="x" * 200)
            for n in range(200)])
    r.answer(r.outcome("pipeline.stats", target=pipe))
    r.api.send("QUERY", op=1, verb=VERBS["pipeline.runs"], target=pipe,
               args={"id": pipe, "branch": "none", "limit": 1000})
    r.api.send("QUERY", op=2, verb=VERBS["trends"], target="", args={})
    op = r.outcome("pipeline.provision", {
        "repository": "owner/late", "workflow_file":
        ".github/workflows/deploy.yml",
        "github": {"repository_id": 9, "workflow_id": 9}})
    seen = []

    def answered():
        seen.extend(m["op"] for n, m in r.api.got
                    if n == "ANSWER" and m["op"] not in seen)
        return set(seen) >= {1, 2, op}

    r.wait(answered)
    assert seen[0] == op
    body = b"".join(m["body"] for n, m in r.api.got
                    if n == "ANSWER" and m["op"] == 2)
    assert json.loads(body)["trends"]["run_count"] == 20000


def test_through_the_daemon(tmp_path):
    """Over HTTP, and with what is asked in any of the three ways wrong."""
    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/shop", workflows=["deploy.yml"])
        sim.add_run("acme/shop", "deploy.yml", conclusion="success")
        with Daemon(tmp_path, github_url=sim.url) as d:
            pipe = d.provision("acme/shop")
            d.wait_stats(pipe, lambda s: not s["stale"])
            path = "/api/pipelines/%s/trends" % pipe
            for query, weeks in (("?since=12w&by=week", (13, 14)),
                                 ("", (31,)), ("?since=24h", (2,))):
                status, r = d.request("GET", path + query)
                assert status == 200
                assert len(r["trends"]["buckets"]) in weeks
                assert r["trends"]["run_count"] == 1
            status, r = d.request("GET", "/api/trends")
            assert status == 200 and r["count"] == 1
            for bad in ("since=30", "since=d", "since=-1d", "since=0h",
                        "since=4000d", "since=1e3d", "since=30d30d",
                        "since=", "by=month", "limit=0", "id=a%2Fb"):
                status, r = d.request("GET", "/api/trends?" + bad)
                assert status == (404 if bad[:2] == "id" else 400), bad
            out = d.ctl("trends", "-S", "7d").stdout
            assert pipe in out and "acme/shop" in out and "100.0%" in out
            out = d.ctl("trends", "-b", "week", pipe).stdout
            assert "now 1 successes" in out
