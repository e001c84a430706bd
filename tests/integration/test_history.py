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

"""What history.db keeps: attempts, jobs, for how long, and from where."""

import sqlite3
import time

import pytest

from registry_harness import Registry, run, stamp

DAY = 86400

# As the first version made them; never to be changed.
VERSION_1 = """
CREATE TABLE pipelines (
  key INTEGER PRIMARY KEY,
  pipeline_id TEXT NOT NULL UNIQUE,
  known INTEGER NOT NULL DEFAULT 0,
  fetched_at INTEGER NOT NULL DEFAULT 0,
  interval INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE runs (
  key INTEGER PRIMARY KEY,
  pipeline INTEGER NOT NULL,
  run_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  finished INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  status TEXT NOT NULL,
  conclusion TEXT NOT NULL,
  branch TEXT,
  packed BLOB NOT NULL,
  doc TEXT NOT NULL,
  UNIQUE (pipeline, run_id)) STRICT;
CREATE INDEX runs_created ON runs (pipeline, created_at, run_id);
CREATE INDEX runs_started ON runs (pipeline, started_at, run_id)
  WHERE finished = 1;
CREATE INDEX runs_open ON runs (pipeline, run_id) WHERE finished = 0;
CREATE TABLE looks (
  url TEXT NOT NULL PRIMARY KEY,
  etag TEXT NOT NULL,
  newest INTEGER NOT NULL) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
"""


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    return path


@pytest.fixture
def registries():
    made = []

    def make(*args, **kwargs):
        made.append(Registry(*args, **kwargs))
        return made[-1]

    yield make
    for r in made:
        if r.process.poll() is None:
            r.kill()


def tell(r, pipe, docs):
    for i in range(0, len(docs), 100):
        r.poller.send("RUNS", pipeline_id=pipe, docs=docs[i:i + 100])
    r.answer(r.outcome("pipeline.stats", target=pipe))


def known(r, pipe):
    return {x["run_id"] for x in r.query(pipe, limit=1000)[1]["runs"]}


def test_the_first_version_s_history_is_taken_over(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    now = int(time.time())
    docs = [run(n, now - n * 100) for n in range(1, 6)]
    tell(r, pipe, docs)
    r.poller.send("READBACK", pipeline_id=pipe, at=now, interval=60)
    r.poller.send("LOOKED", url="https://h/x", etag='W/"1"', newest=5)
    r.expect(r.api, "READBACK")
    assert r.end() == 0
    # Back to what the first version would have left.
    path = state / "history.db"
    new = sqlite3.connect(path)
    tables = {t: new.execute("SELECT * FROM " + t).fetchall()
              for t in ("pipelines", "runs", "looks")}
    new.close()
    path.unlink()
    old = sqlite3.connect(path)
    old.executescript(VERSION_1)
    for table, rows in tables.items():
        for row in rows:
            old.execute("INSERT INTO %s VALUES (%s)" % (
                table, ",".join("?" * len(row))), row)
    old.commit()
    old.close()
    path.chmod(0o666)
    r = registries(state).begin()
    assert "from schema version 1" in r.log
    assert known(r, pipe) == {1, 2, 3, 4, 5}
    doc, = [m for n, m in r.sync["poller"] if n == "PIPELINE"]
    assert doc["known"] == 1
    looked, = [m for n, m in r.sync["poller"] if n == "LOOKED"]
    assert looked["etag"] == 'W/"1"'
    tell(r, pipe, [run(1, now - 100, run_attempt=2,
                       updated_at=stamp(now))])
    assert len(r.query(pipe, limit=1)[1]["runs"][0]["attempts"]) == 1
    assert r.end() == 0
    assert not list(state.glob("history.db.broken*"))


def test_former_attempts_are_kept(state, registries):
    r = registries(state).begin()
    now = int(time.time())
    pipe = r.provision(1)[1]["pipeline_id"]
    created = now - 9000
    tell(r, pipe, [run(1, created, conclusion="failure",
                       updated_at=stamp(created + 50)), run(2, created)])
    tell(r, pipe, [run(1, created, run_attempt=2, conclusion=None,
                       status="in_progress",
                       run_started_at=stamp(created + 100),
                       updated_at=stamp(created + 101))])
    tell(r, pipe, [run(1, created, run_attempt=2, conclusion="timed_out",
                       run_started_at=stamp(created + 100),
                       updated_at=stamp(created + 300))])
    tell(r, pipe, [run(1, created, run_attempt=4,
                       run_started_at=stamp(created + 1000),
                       updated_at=stamp(created + 1090))])
    for _ in range(2):
        runs = {x["run_id"]: x for x in r.query(pipe)[1]["runs"]}
        assert runs[1]["attempts"] == [
            {"run_attempt": 1, "status": "completed",
             "conclusion": "failure", "run_started_at": stamp(created),
             "updated_at": stamp(created + 50), "duration_seconds": 50},
            {"run_attempt": 2, "status": "completed",
             "conclusion": "timed_out",
             "run_started_at": stamp(created + 100),
             "updated_at": stamp(created + 300), "duration_seconds": 200}]
        assert "attempts" not in runs[2]
        r.end()
        r = registries(state).begin()


def job(n, name, began, seconds, conclusion="success"):
    return {"job_id": n, "name": name, "status": "completed",
            "conclusion": conclusion, "started_at": stamp(began),
            "completed_at": stamp(began + seconds)}


def test_what_jobs_took(state, registries):
    r = registries(state).begin()
    now = int(time.time())
    pipe = r.provision(1)[1]["pipeline_id"]
    docs = [run(n, now - 1000 * n) for n in range(1, 21)]
    tell(r, pipe, docs + [run(99, now - 60 * DAY)])
    for n in list(range(1, 21)) + [99]:
        at = now - 1000 * n
        r.poller.send("JOBS", pipeline_id=pipe, run_id=n, attempt=1, docs=[
            job(n * 10, "build", at, n),
            job(n * 10 + 1, "deploy \u2713", at, 7 * n,
                "failure" if n == 20 else "success"),
            job(n * 10 + 2, "skip", at, 0, "skipped"),
            {"job_id": n * 10 + 3, "name": "running", "conclusion": None},
            {"job_id": "x"}, 5])
    # Twice is once; of a run that is not there it goes nowhere.
    r.poller.send("JOBS", pipeline_id=pipe, run_id=1, attempt=1,
                  docs=[job(10, "build", now, 1)])
    r.poller.send("JOBS", pipeline_id=pipe, run_id=77, attempt=1,
                  docs=[job(770, "build", now, 5000)])
    r.poller.send("JOBS", pipeline_id=pipe, run_id=77, attempt=1, docs={})
    r.answer(r.outcome("pipeline.stats", target=pipe))
    assert "jobs that make no sense" in r.log
    t = r.query(pipe, "pipeline.trends")[1]["trends"]
    assert t["jobs"] == [
        {"name": "build", "success_count": 20, "failure_count": 0,
         "p50_duration_seconds": 10, "p95_duration_seconds": 19},
        {"name": "deploy \u2713", "success_count": 19, "failure_count": 1,
         "p50_duration_seconds": 70, "p95_duration_seconds": 133}]


def test_old_runs_go_but_for_what_figures_need(state, registries):
    r = registries(state).begin()
    now = int(time.time())
    pipe, quiet = [r.provision(n)[1]["pipeline_id"] for n in (1, 2)]
    young = [run(n, now - n * DAY // 4) for n in range(1, 41)]
    old = [run(n, now - 100 * DAY - n) for n in range(100, 400)]
    odd = [run(500, now - 200 * DAY, status="waiting", conclusion=None)]
    tell(r, pipe, young + old + odd)
    tell(r, quiet, [run(n, now - 300 * DAY + n, conclusion="cancelled"
                        if n % 2 else "success") for n in range(1, 100)])
    for n in (1, 399):
        r.poller.send("JOBS", pipeline_id=pipe, run_id=n, attempt=1,
                      docs=[job(n, "build", now, 5)])
    r.answer(r.outcome("pipeline.stats", target=pipe))
    assert r.end() == 0
    r = registries(state, days=30).begin()
    r.wait(lambda: "are gone" in r.log)
    assert known(r, pipe) == set(range(1, 41)) | {500}
    # 20 counted ones, and the newest completed one, which is not.
    assert known(r, quiet) == set(range(60, 99, 2)) | {99}
    assert "older than 30 days" in r.log
    assert r.end() == 0
    db = sqlite3.connect(state / "history.db")
    assert db.execute("SELECT count(*) FROM jobs").fetchone() == (1,)


def test_a_history_that_is_too_large_keeps_fewer_days(state, registries):
    r = registries(state).begin()
    now = int(time.time())
    pipe = r.provision(1)[1]["pipeline_id"]
    tell(r, pipe, [run(n, now - n * DAY // 50, title="x" * 900)
                   for n in range(1, 2001)])
    assert r.end() == 0
    size = 1500 * 1024
    r = registries(state, size=size).begin()
    r.wait(lambda: "days fit" in r.log)
    assert "days are kept" in r.log and "are gone" in r.log
    left = known(r, pipe)
    assert r.end() == 0
    db = sqlite3.connect(state / "history.db")
    pages, free, page = [db.execute("PRAGMA " + p).fetchone()[0] for p in (
        "page_count", "freelist_count", "page_size")]
    assert (pages - free) * page <= size
    # The newest are there, all of nine days and more.
    assert left == set(range(1, max(left) + 1))
    assert 9 * 50 <= max(left) < 2000
