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

"""The figures against an independent computation.

Written from contract.md alone, in exact rational arithmetic, sharing no code
with the daemon.  Runs generated at random with every status, conclusion and
oddity, and every list of runs in the recordings of GitHub's real traffic.
"""

import calendar
import gzip
import json
import os
import pathlib
import random
import re
import subprocess
import time
from fractions import Fraction

import pytest

from daemon import Daemon, wait_until
from githubsim import GitHubSim

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CCM_BUILDDIR") or ROOT / "build")
RECORDINGS = ROOT.parent / "shared/data/github/recordings.jsonl.gz"
DAY = 86400

STATUSES = ["queued", "in_progress", "completed", "waiting", "requested",
            "pending", "frozen", None]
CONCLUSIONS = ["success", "failure", "neutral", "cancelled", "skipped",
               "timed_out", "action_required", "stale", "startup_failure",
               None, "exploded"]


def seconds(text):
    m = re.fullmatch(r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(?:\.\d+)?"
                     r"(Z|[+-]\d\d:\d\d)", text)
    t = calendar.timegm(tuple(int(x) for x in m.groups()[:6]))
    if m[7] != "Z":
        sign = 1 if m[7][0] == "+" else -1
        t -= sign * (int(m[7][1:3]) * 3600 + int(m[7][4:6]) * 60)
    return t


def text(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def half_up(x):
    """To the nearest whole number, halves up; x is not negative."""
    return int(Fraction(x) + Fraction(1, 2))


def one_decimal(x):
    return half_up(Fraction(x) * 10) / 10


class Run:
    def __init__(self, raw):
        self.id = raw["id"]
        self.status = raw["status"]
        self.conclusion = raw.get("conclusion")
        self.branch = raw.get("head_branch")
        self.created = seconds(raw["created_at"])
        started = raw.get("run_started_at")
        self.started = seconds(started) if started else self.created
        updated = raw.get("updated_at")
        self.updated = seconds(updated) if updated else self.created
        self.duration = max(0, self.updated - self.started)
        self.completed = self.status == "completed"
        self.counted = self.completed and self.conclusion in (
            "success", "failure", "timed_out", "startup_failure")
        self.success = self.completed and self.conclusion == "success"
        self.age_key = (self.started, self.id)

    def short(self):
        return {"run_id": self.id, "timestamp": text(self.created),
                "status": self.conclusion if self.completed else self.status,
                "duration_seconds": self.duration, "branch": self.branch}


def expected(raw, now):
    runs = [Run(r) for r in raw]
    done = [r for r in runs if r.completed]
    undone = [r for r in runs if not r.completed]
    day = [r for r in runs if r.created > now - DAY]
    counted = [r for r in day if r.counted]
    wins = [r for r in counted if r.success]
    out = {
        "last_run": max(done, key=lambda r: r.age_key).short()
        if done else None,
        "current_run": max(undone, key=lambda r: r.age_key).short()
        if undone else None,
        "metrics_24h": {
            "run_count": len(day), "completed_count": len(counted),
            "success_count": len(wins),
            "failure_count": len(counted) - len(wins),
            "success_rate": one_decimal(
                Fraction(100 * len(wins), len(counted))) if counted else 0.0,
            "avg_duration_seconds": half_up(
                Fraction(sum(r.duration for r in counted), len(counted)))
            if counted else 0},
        "active_runs": sum(r.status == "in_progress" for r in runs),
        "queue_length": sum(r.status in (
            "queued", "requested", "waiting", "pending") for r in runs)}
    every = sorted((r for r in runs if r.counted), key=lambda r: r.age_key)
    w = counted or every[-10:]
    if not w:
        out["health_score"] = 0
        out["health"] = {"state": "unknown", "success": 0.0, "last": 0.0,
                         "speed": 0.0}
        return out
    success = Fraction(60 * sum(r.success for r in w), len(w))
    last = 25 if every[-1].success else 0
    base = sorted(r.duration for r in runs if r.success
                  and now - 8 * DAY < r.created <= now - DAY)
    if len(base) < 5:
        speed = Fraction(15)
    else:
        half = len(base) // 2
        median = Fraction(base[half]) if len(base) % 2 else Fraction(
            base[half - 1] + base[half], 2)
        mean = Fraction(sum(r.duration for r in w), len(w))
        ratio = Fraction(1) if median == 0 else mean / median
        speed = 15 * min(max((3 - ratio) / 2, Fraction(0)), Fraction(1))
    score = half_up(success + last + speed)
    out["health_score"] = score
    out["health"] = {
        "state": "failing" if score < 50 else
        "degraded" if score < 80 else "ok",
        "success": one_decimal(success), "last": float(last),
        "speed": one_decimal(speed)}
    return out


def generate(rng, now):
    """A list of runs with every oddity; times dense at the edges."""
    runs = []
    kind = rng.randrange(6)
    for i in range(rng.choice([0, 1, 2, 5, 9, 10, 11, 30, 100])):
        if kind == 0:
            created = now - rng.randrange(0, DAY)
        elif kind == 1:
            created = now - rng.randrange(DAY, 9 * DAY)
        elif kind == 2:
            created = now - rng.choice([0, DAY - 1, DAY, DAY + 1, 8 * DAY - 1,
                                        8 * DAY, 8 * DAY + 1, 20 * DAY])
        else:
            created = now - rng.randrange(0, 12 * DAY)
        status = "completed" if rng.random() < 0.8 else rng.choice(STATUSES)
        conclusion = rng.choice(["success"] * 12 + CONCLUSIONS)
        if status != "completed" and rng.random() < 0.8:
            conclusion = None
        run = {"id": 10**9 + rng.randrange(10**6) * 1000 + i,
               "workflow_id": 7, "status": status, "conclusion": conclusion,
               "head_branch": rng.choice(["main", "production", None,
                                          "f/ü", ""]),
               "created_at": text(created), "run_number": i + 1}
        started = created + rng.choice([0, 0, 0, 5, 60, -30, 3600])
        how = rng.randrange(10)
        if how == 0:
            run["run_started_at"] = None
        elif how != 1:
            run["run_started_at"] = text(started)
        if rng.random() < 0.97:
            run["updated_at"] = text(
                started + rng.choice([0, 1, 2, 99, 100, 101, 187, 3000, -50,
                                      rng.randrange(5000)]))
        if rng.random() < 0.8:
            run["run_attempt"] = rng.choice([1, 1, 2, 7])
        if rng.random() < 0.5:
            run["path"] = ".github/workflows/x.yml@main"
        runs.append(run)
    return runs


def compute(cases):
    lines = "".join(json.dumps({"now": now, "runs": runs}) + "\n"
                    for runs, now in cases)
    out = subprocess.run([str(BUILD / "tests/unit/stats_oracle")],
                         input=lines.encode(), capture_output=True,
                         check=True)
    return [json.loads(line) for line in out.stdout.splitlines()]


def check(cases):
    for (runs, now), got in zip(cases, compute(cases), strict=True):
        want = expected(runs, now)
        assert {k: got.get(k) for k in want} == want, (now, runs)


def test_the_oracle_knows_the_contract_s_words():
    """By hand, so that the oracle itself is not taken on trust."""
    now = 1_800_000_000
    def run(i, age, conclusion, duration):
        return {"id": i, "workflow_id": 1, "status": "completed",
                "conclusion": conclusion, "head_branch": "main",
                "created_at": text(now - age),
                "updated_at": text(now - age + duration)}
    runs = [run(1, 100, "success", 10), run(2, 200, "failure", 11)]
    want = expected(runs, now)
    assert want["metrics_24h"] == {
        "run_count": 2, "completed_count": 2, "success_count": 1,
        "failure_count": 1, "success_rate": 50.0,
        "avg_duration_seconds": 11}
    assert want["health_score"] == 30 + 25 + 15
    base = [run(10 + i, 2 * DAY, "success", 7) for i in range(5)]
    # r = 10.5 / 7 = 1.5: speed = 15 * 0.75 = 11.25
    want = expected(runs + base, now)
    assert want["health"]["speed"] == 11.3
    assert want["health_score"] == 66
    check([(runs, now), (runs + base, now)])


def test_generated_lists():
    rng = random.Random(20260105)
    cases = []
    for _ in range(400):
        now = 1_767_000_000 + rng.randrange(10**8)
        cases.append((generate(rng, now), now))
    words = {r["status"] for runs, _ in cases for r in runs}
    assert words == set(STATUSES)
    ends = {r["conclusion"] for runs, _ in cases for r in runs}
    assert ends == set(CONCLUSIONS)
    check(cases)


def recorded_lists():
    with gzip.open(RECORDINGS) as f:
        for line in f:
            record = json.loads(line)
            body = record.get("body")
            if isinstance(body, str):
                try:
                    body = json.loads(body)
                except ValueError:
                    continue
            if isinstance(body, dict) and body.get("workflow_runs"):
                yield [r for r in body["workflow_runs"]]


@pytest.mark.skipif(not RECORDINGS.exists(),
                    reason="no recordings beside the checkout")
def test_recorded_lists():
    cases = []
    for runs in recorded_lists():
        unique = {r["id"]: r for r in runs}
        runs = list(unique.values())
        newest = max(seconds(r["created_at"]) for r in runs)
        for now in (newest, newest + 3600, newest + DAY - 1, newest + DAY,
                    newest + 5 * DAY, newest + 9 * DAY):
            cases.append((runs, now))
    assert len(cases) >= 6
    check(cases)


def test_through_the_daemon(tmp_path):
    """The same list, through GitHub's stand-in and all four processes."""
    rng = random.Random(7)
    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/shop", workflows=["deploy.yml"])
        now = int(time.time())
        runs = [r for r in generate_for_sim(rng, now)]
        sim.add_runs("acme/shop", [dict(r, workflow="deploy.yml")
                                   for r in runs])
        with Daemon(tmp_path, github_url=sim.url) as d:
            p = d.provision("acme/shop")
            d.wait_stats(p, lambda s: s["fetched_at"] is not None)
            def agrees():
                before = int(time.time())
                got = d.stats(p)
                wants = [expected(runs, t)
                         for t in range(before - 1, int(time.time()) + 1)]
                for want in wants:
                    for short in ("last_run", "current_run"):
                        if want[short] and got[short]:
                            want[short]["run_id"] = got[short]["run_id"]
                return any({k: got[k] for k in w} == w for w in wants)
            assert agrees(), (d.stats(p), expected(runs, now))


def generate_for_sim(rng, now):
    for i in range(60):
        created = now - 600 - rng.randrange(0, 10 * DAY)
        status = "completed" if i % 9 else "in_progress"
        yield {"id": 5_000_000_000 + i, "status": status,
               "conclusion": rng.choice(["success", "success", "failure",
                                         "cancelled"])
               if status == "completed" else None,
               "head_branch": "main", "created_at": text(created),
               "run_started_at": text(created + 3),
               "updated_at": text(created + 3 + rng.randrange(20, 400))}


def test_windows_slide_while_github_says_304(tmp_path):
    """A run leaves the 24 hours although nothing changes on GitHub."""
    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/shop", workflows=["deploy.yml"])
        edge = int(time.time()) - DAY + 6
        sim.add_run("acme/shop", "deploy.yml", status="completed",
                    conclusion="success", created_at=text(edge),
                    run_started_at=text(edge), updated_at=text(edge + 60))
        with Daemon(tmp_path, github_url=sim.url) as d:
            p = d.provision("acme/shop")
            s = d.wait_stats(p, lambda s: s["fetched_at"] is not None)
            assert s["metrics_24h"]["run_count"] == 1
            mark = sim.mark()
            wait_until(lambda: d.stats(p)["metrics_24h"]["run_count"] == 0,
                       timeout=15, what="the run leaves the window")
            assert time.time() >= edge + DAY
            looks = sim.requests(since=mark, path="/actions/runs")
            assert looks and {q["status"] for q in looks} == {304}
