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

"""Looks at GitHub: each thing that its answers can hold, and what goes
wrong on the way."""

import datetime
import time

import pytest

from daemon import Daemon, wait_until
from sse import Stream
from test_build import sanitized

RUNS = "/repos/acme/shop/actions/runs"
REPOSITORIES = {"acme/shop": ["deploy.yml", "ci.yml"]}


def known(d, repo="acme/shop", workflow="deploy.yml"):
    pipeline = d.provision(repo, workflow)
    d.wait_stats(pipeline, lambda s: not s["stale"])
    return pipeline


def document(d, pipeline):
    return d.request("GET", "/api/pipelines/" + pipeline)[1]["pipeline"]


def runs(d, pipeline, n=100):
    return d.request("GET", "/api/pipelines/%s/runs?limit=%d" % (
        pipeline, n))[1]["runs"]


def list_looks(sim, since):
    return [q for q in sim.requests(since=since)
            if q["path"].split("?")[0].endswith("/actions/runs")]


def test_the_url_stands_still(d, sim):
    """One for all pipelines of a repository, without a moving filter."""
    first, second = known(d), known(d, workflow="ci.yml")
    mark = sim.mark()
    sim.add_run("acme/shop", "deploy.yml", conclusion="success")
    sim.add_run("acme/shop", "ci.yml", conclusion="failure")
    d.wait_stats(first, lambda s: s["metrics_24h"]["success_count"] == 1)
    d.wait_stats(second, lambda s: s["metrics_24h"]["failure_count"] == 1)
    sim.wait_for(3, since=mark, path="/actions/runs")
    assert {q["path"] for q in sim.requests(since=mark)} == {
        RUNS + "?per_page=100&exclude_pull_requests=true"}
    assert d.stats(first)["metrics_24h"]["failure_count"] == 0


def pages_since(sim, mark):
    """Of runs: their jobs are asked for by the way."""
    return [q["path"] for q in sim.requests(since=mark, status=200)
            if "/jobs" not in q["path"]]


def test_pages_only_while_they_bring_what_is_not_known(d, sim):
    sim.add_runs("acme/shop", [{"workflow": "deploy.yml", "conclusion":
                                "success", "age": 90 + i}
                               for i in range(150)])
    pipeline = known(d)
    # Beyond a page at once: two pages are new, the third is not asked for.
    mark = sim.mark()
    sim.add_runs("acme/shop", [{"workflow": "deploy.yml", "conclusion":
                                "failure", "age": 30}] * 130)
    d.wait_stats(pipeline,
                 lambda s: s["metrics_24h"]["failure_count"] == 130)
    pages = pages_since(sim, mark)
    assert len(pages) == 2, pages
    # GitHub's Link names the repository by its number.
    assert pages[1].startswith("/repositories/") and "page=2" in pages[1]
    # One new run: one page.
    mark = sim.mark()
    sim.add_run("acme/shop", "deploy.yml", conclusion="failure")
    d.wait_stats(pipeline,
                 lambda s: s["metrics_24h"]["failure_count"] == 131)
    assert len(pages_since(sim, mark)) == 1


def test_a_superseded_run_is_followed_to_its_end(d, sim):
    pipeline = known(d)
    old = sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                      conclusion=None)
    d.wait_stats(pipeline, lambda s: s["active_runs"] == 1)
    sim.add_runs("acme/shop", [{"workflow": "ci.yml",
                                "conclusion": "success"}] * 120)
    mark = sim.mark()
    sim.wait_for(1, since=mark, path="%s/%d" % (RUNS, old))
    assert d.stats(pipeline)["current_run"]["run_id"] == old
    # Without it the figures are not those of now.
    sim.fault("status", path="%s/%d" % (RUNS, old), status=500, count=1)
    d.wait_stats(pipeline, lambda s: "GitHub answered 500" in s.get(
        "stale_reason", ""))
    d.wait_stats(pipeline, lambda s: "stale_reason" not in s)
    sim.patch_run("acme/shop", old, status="completed",
                  conclusion="cancelled")
    d.wait_stats(pipeline, lambda s: s["active_runs"] == 0 and
                 s["current_run"] is None)
    assert d.stats(pipeline)["last_run"]["status"] == "cancelled"
    # And then no longer.
    mark = sim.mark()
    sim.wait_for(2, since=mark, path="/actions/runs")
    assert not sim.requests(since=mark, path="%s/%d" % (RUNS, old))


def test_more_runs_are_followed_than_a_look_asks_for(tmp_path, sim):
    """As where nobody approves: each has its turn, not the same ones."""
    many = 220
    with Daemon(tmp_path, github_url=sim.url, github_conf="limits none",
                active=1, idle=1) as d:
        waiting = sim.add_runs("acme/shop", [
            {"workflow": "deploy.yml", "status": "waiting",
             "conclusion": None}] * many)
        sim.add_runs("acme/shop", [{"workflow": "ci.yml",
                                    "conclusion": "success"}] * 100)
        pipeline = known(d)
        d.wait_stats(pipeline, lambda s: s["queue_length"] == many)
        for run in (waiting[0], waiting[-1], waiting[many // 2]):
            many -= 1
            sim.patch_run("acme/shop", run, status="completed",
                          conclusion="failure")
            d.wait_stats(pipeline, lambda s: s["queue_length"] == many)


def test_a_run_that_is_deleted_does_not_go_on(d, sim):
    """Nobody will ever say that it is completed."""
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress")
    pipeline = known(d)
    d.wait_stats(pipeline, lambda s: s["active_runs"] == 1)
    sim.delete_run("acme/shop", run)
    s = d.wait_stats(pipeline, lambda s: s["active_runs"] == 0)
    # Neither a success nor a failure.
    assert s["current_run"] is None
    assert s["metrics_24h"]["completed_count"] == 0
    assert [(r["run_id"], r["status"], r["conclusion"])
            for r in runs(d, pipeline)] == [(run, "completed", "deleted")]
    mark = sim.mark()
    list_again = sim.wait_for(2, since=mark, path="/actions/runs[?]")
    assert list_again and not sim.requests(since=mark, path="/runs/%d" % run)


def test_fresh_figures_say_when_they_were_fetched(tmp_path, sim):
    """The time of the look that was asked for, not of the one before."""
    with Daemon(tmp_path, github_url=sim.url, active=60, idle=60) as d:
        pipeline = known(d)
        path = "/api/pipelines/%s/stats" % pipeline
        before = d.stats(pipeline)["fetched_at"]
        wait_until(lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                         time.gmtime()) > before,
                   what="another second")
        for i in range(3):
            asked = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            status, r = d.request("GET", path + "?fresh=1")
            assert status == 200
            assert r["stats"]["fetched_at"] >= asked
            assert d.stats(pipeline)["fetched_at"] >= asked


@pytest.mark.parametrize("members,expected", [
    ({"conclusion": "success", "created_at": -600, "run_started_at": -900,
      "updated_at": -500}, {"status": "success", "duration_seconds": 400}),
    ({"conclusion": "brand_new"}, {"status": "brand_new"}),
    ({"conclusion": "success", "head_branch": None}, {"branch": None}),
    ({"conclusion": "success", "set": {
        "path": ".github/workflows/deploy.yml@refs/heads/main"}},
     {"status": "success"}),
    ({"conclusion": "success", "set": {"name": None}, "omit": [
        "run_started_at", "run_attempt", "path"]}, {"status": "success"}),
], ids=["started_before_created", "unknown_conclusion", "null_branch",
        "path_with_ref", "members_missing"])
def test_what_a_run_can_be(d, sim, members, expected):
    now = int(time.time())
    members = {k: v + now if k.endswith("_at") else v
               for k, v in members.items()}
    pipeline = known(d)
    run = sim.add_run("acme/shop", "deploy.yml", **members)
    s = d.wait_stats(pipeline, lambda s: s["last_run"])
    assert s["last_run"]["run_id"] == run
    for name, value in expected.items():
        assert s["last_run"][name] == value
    unknown = expected.get("status") == "brand_new"
    assert s["metrics_24h"]["run_count"] == 1
    assert s["metrics_24h"]["failure_count"] == 0
    assert s["metrics_24h"]["completed_count"] == (0 if unknown else 1)


@pytest.mark.parametrize("weak", [True, False])
def test_304_with_and_without_w(d, sim, weak):
    sim.settings(weak_304=weak)
    known(d)
    mark = sim.mark()
    looks = sim.wait_for(2, since=mark, path="/actions/runs")
    assert {q["status"] for q in looks} == {304}
    assert len({q["if_none_match"] for q in looks}) == 1


@pytest.mark.parametrize("new", ["acme/store", "other/shop"])
def test_rename_and_transfer(d, sim, new):
    pipeline = known(d)
    sim.rename_repo("acme/shop", new)
    wait_until(lambda: document(d, pipeline)["repository"] == new,
               what="the new name")
    assert document(d, pipeline)["status"] == "active"
    sim.add_run(new, "deploy.yml", conclusion="failure")
    d.wait_stats(pipeline, lambda s: s["metrics_24h"]["failure_count"] == 1)
    # Remembered: the old name is asked for no more.
    mark = sim.mark()
    looks = sim.wait_for(2, since=mark, path="/actions/runs")
    assert {q["path"].split("?")[0] for q in looks} == {
        "/repos/%s/actions/runs" % new}
    assert [x["target"] for x in d.audit() if x.get("detail") ==
            "renamed or transferred: acme/shop is %s now" % new] == [pipeline]


def test_another_repository_takes_the_old_name(d, sim):
    """Found by its number, whoever has its name now."""
    pipeline = known(d)
    d.stop()
    sim.rename_repo("acme/shop", "acme/store")
    sim.add_repo("acme/shop", workflows=["deploy.yml"])
    sim.add_run("acme/shop", "deploy.yml", conclusion="failure")
    sim.add_run("acme/store", "deploy.yml", conclusion="success")
    d.start()
    wait_until(lambda: document(d, pipeline)["repository"] == "acme/store",
               what="its own repository")
    s = d.wait_stats(pipeline, lambda s: s["last_run"])
    assert s["last_run"]["status"] == "success"
    assert s["metrics_24h"]["failure_count"] == 0


def test_redirects_end(d, sim):
    where = "/repos/acme/shop"
    fault = sim.fault("status", path=where + "$", status=301, count=-1,
                      headers={"Location": sim.url + where})
    status, r = d.request("POST", "/api/pipelines/provision", {
        "repo": "acme/shop", "workflow_file": "deploy.yml"})
    assert (status, r["code"]) == (502, "github_error"), r
    assert "redirects without end" in r["error"]
    assert [f["hits"] for f in sim.faults() if f["id"] == fault] == [4]


def test_deleted_and_back(d, sim):
    pipeline = known(d)
    sim.patch_repo("acme/shop", deleted=True)
    wait_until(lambda: document(d, pipeline)["status"] == "error",
               what="error")
    assert "no access" in document(d, pipeline)["error"]
    sim.patch_repo("acme/shop", deleted=False)
    wait_until(lambda: document(d, pipeline)["status"] == "active",
               timeout=20, what="active again")
    d.wait_stats(pipeline, lambda s: not s["stale"])


def ask(d, pipeline):
    return d.request("GET", "/api/pipelines/%s/stats?fresh=1" % pipeline)


@pytest.mark.parametrize("how,words", [
    ("state", "deleted on GitHub"), ("404", "no access")])
def test_workflow_deleted_and_back(d, sim, how, words):
    """The list of runs does not say it: asked for when figures are."""
    pipeline = known(d)
    mark = sim.mark()
    if how == "state":
        sim.patch_workflow("acme/shop", "deploy.yml", state="deleted")
    else:
        sim.fault("status", path="/repos/acme/shop/actions/workflows/",
                  status=404)
    ask(d, pipeline)
    gone = wait_until(lambda: document(d, pipeline).get("error"),
                      what="error")
    assert gone.startswith("Workflow not found: ") and words in gone
    assert document(d, pipeline)["status"] == "error"
    # Looks go on, and none of them asks again or takes the error away.
    sim.wait_for(3, since=mark, path="/actions/runs")
    assert len(sim.requests(since=mark, path="/actions/workflows/")) == 1
    assert document(d, pipeline)["error"] == gone
    assert d.stats(pipeline)["stale_reason"] == gone
    # Nor does a restart.
    d.stop()
    mark = sim.mark()
    d.start()
    sim.wait_for(2, since=mark, path="/actions/runs")
    assert document(d, pipeline)["status"] == "error"
    if how == "state":
        sim.patch_workflow("acme/shop", "deploy.yml", state="active")
    sim.clear_faults()
    # A run is a reason to ask whether it is back.
    sim.add_run("acme/shop", "deploy.yml", conclusion="success")
    wait_until(lambda: document(d, pipeline)["status"] == "active",
               what="active again")
    d.wait_stats(pipeline, lambda s: not s["stale"])
    assert "error" not in document(d, pipeline)


def test_a_workflow_that_is_there_costs_nothing_after_a_restart(d, sim):
    pipeline = known(d)
    path = "/actions/workflows/"
    mark = sim.mark()
    ask(d, pipeline)
    assert [q["status"] for q in sim.requests(since=mark, path=path)] == [200]
    d.stop()
    d.start()
    mark = sim.mark()
    ask(d, pipeline)
    assert [q["status"] for q in sim.requests(since=mark, path=path)] == [304]


def test_a_change_is_seen_within_the_interval(d, sim):
    """By a subscriber and by whoever asks: an interval and a second."""
    pipeline = known(d)
    lags = {"subscriber": [], "client": []}
    with Stream(d, "?snapshot=1") as stream:
        stream.wait(lambda e: e.kind == "synced")
        for n in range(1, 4):
            begun = time.monotonic()
            run = sim.add_run("acme/shop", "deploy.yml",
                              conclusion="success")
            stream.wait(lambda e: str(run) in str(e.data))
            lags["subscriber"].append(time.monotonic() - begun)
            d.wait_stats(pipeline, lambda s: s["metrics_24h"][
                "success_count"] == n)
            lags["client"].append(time.monotonic() - begun)
    print(lags)
    # The median: this machine may have something else to do.
    for seen in lags.values():
        assert sorted(seen)[1] <= 1 + 1, lags


@pytest.mark.parametrize("kind,members,words", [
    ("status", {"status": 500}, "GitHub answered 500"),
    ("hang", {}, "has not answered in the time"),
])
def test_a_fresh_look_that_fails_says_so(tmp_path, sim, kind, members, words):
    """No error: what is known, how old it is, and why there is no newer."""
    with Daemon(tmp_path, github_url=sim.url, idle=60, active=60) as d:
        pipeline = known(d)
        fault = sim.fault(kind, path=RUNS, **members)
        before = d.stats(pipeline)
        assert "stale_reason" not in before
        began = time.monotonic()
        status, r = ask(d, pipeline)
        assert (status, r["success"]) == (200, True), r
        assert time.monotonic() - began < 12
        assert r["stats"]["fetched_at"] == before["fetched_at"]
        assert words in r["stats"]["stale_reason"], r
        # Three intervals have not passed: by the contract it is not stale.
        assert r["stats"]["stale"] is False
        assert words in " ".join(d.ctl("stats", pipeline).stdout.split())
        if kind == "hang":      # until the look's own time-out
            return
        sim.clear_fault(fault)
        d.wait_stats(pipeline, lambda s: ask(d, pipeline)[0] == 200 and
                     d.stats(pipeline)["fetched_at"] > before["fetched_at"])
        d.wait_stats(pipeline, lambda s: "stale_reason" not in s)


def test_access_lost_to_the_token(d, sim):
    pipeline = known(d)
    sim.fault("status", status=403, body={
        "message": "Resource not accessible by personal access token"})
    wait_until(lambda: document(d, pipeline)["status"] == "error",
               what="error")
    assert "not accessible" in document(d, pipeline)["error"]
    sim.clear_faults()
    wait_until(lambda: document(d, pipeline)["status"] == "active",
               timeout=20, what="active again")


def test_another_token_refetches_once(tmp_path, sim):
    with Daemon(tmp_path, github_url=sim.url) as d:
        pipeline = known(d)
        d.stop()
        (d.dir / "github.token").write_text("another\n")
        mark = sim.mark()
        d.start()
        looks = sim.wait_for(4, since=mark, path="/actions/runs")
        assert [q["status"] for q in looks] == [200, 304, 304, 304]
        d.wait_stats(pipeline, lambda s: not s["stale"])


@pytest.mark.parametrize("hours", [1, -1])
def test_an_hour_of_skew(d, sim, hours):
    """Of GitHub's clock against ours: resets are told by ours."""
    sim.clock(offset=hours * 3600)
    pipeline = known(d)
    sim.limits(hourly=60, enforce_hourly=True, remaining=0, reset_in=30)
    sim.add_run("acme/shop", "deploy.yml", conclusion="success")
    s = d.wait_stats(pipeline, lambda s: s.get("stale_reason"))
    until = s["stale_reason"].split(": ")[0].removeprefix("throttled until ")
    at = datetime.datetime.strptime(until, "%Y-%m-%dT%H:%M:%S%z")
    assert 10 < at.timestamp() - time.time() < 40, s["stale_reason"]


@pytest.mark.parametrize("header", [{"Retry-After": "3"}, {}])
def test_a_secondary_limit_is_obeyed(d, sim, header):
    pipeline = known(d)
    sim.fault("status", status=403, count=1, headers=header, body={
        "message": "You have exceeded a secondary rate limit."})
    s = d.wait_stats(pipeline, lambda s: s.get("stale_reason"))
    assert s["stale_reason"].startswith("throttled until 20")
    refused = sim.requests(status=403)[0]
    budget = wait_until(lambda: next(
        (b for b in d.request("GET", "/api/budget")[1]["budgets"]
         if b["throttled_until"]), None), what="the budget says so")
    assert budget["answers"]["limited"] == 1
    mark = sim.mark()
    if not header:
        # A minute: long enough to see that nothing comes.
        with pytest.raises(TimeoutError):
            sim.wait_for(1, since=mark, timeout=2)
        return
    nxt = sim.wait_for(1, since=mark, path="/actions/runs")[0]
    assert nxt["time"] - refused["time"] >= 3000
    d.wait_stats(pipeline, lambda s: not s["stale"])


def memory(d):
    """The most that the poller ever had resident, in MB."""
    with open("/proc/%d/status" % d.pids()["ccmd-poller"]) as f:
        return next(int(line.split()[1]) / 1024 for line in f
                    if line.startswith("VmHWM"))


HOSTILE = {
    "hang": {}, "reset": {}, "truncate": {"bytes": 40}, "garbage": {},
    "endless_body": {}, "endless_header": {}, "drip": {"interval": 50}}


def test_hostile_answers(d, sim):
    """Seven ways of it at once, two repositories each: bounded memory, and
    the others are looked at on time."""
    well = known(d)
    names = ["%s/r%d" % (kind.replace("_", "-"), i)
             for kind in HOSTILE for i in range(2)]
    for name in names:
        sim.add_repo(name, workflows=["deploy.yml"])
    ill = {name: known(d, name) for name in names}
    before = memory(d)
    for kind, members in HOSTILE.items():
        sim.fault(kind, path="/repos/%s/" % kind.replace("_", "-"), **members)
    for name in names:
        sim.add_run(name, "deploy.yml", conclusion="success")
    mark = sim.mark()
    looks = sim.wait_for(4, since=mark, path="/repos/acme/shop", timeout=30)
    gaps = [b["time"] - a["time"] for a, b in zip(looks, looks[1:])]
    # An interval of a second, and what a machine under load adds.
    assert max(gaps) < 2500, gaps
    assert not d.stats(well)["stale"]
    for name, pipeline in ill.items():
        if not name.startswith(("hang", "drip")):
            d.wait_stats(pipeline, lambda s: s.get("stale_reason"))
    print("%.1f MB before, at most %.1f MB" % (before, memory(d)))
    # Two bodies of 8 MB, in buffers that double.
    assert sanitized() or memory(d) < before + 60
    sim.clear_faults()
    # Whoever asks need not wait for the next try.
    for name in ("reset/r0", "endless-body/r0", "garbage/r0"):
        ask(d, ill[name])
        d.wait_stats(ill[name], lambda s: not s["stale"], timeout=20)
