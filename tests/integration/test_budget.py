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

"""GitHub's rate limits: what is left is told, and what they say is obeyed."""

import datetime
import json
import time

import pytest

from daemon import Daemon, wait_until
from githubsim import GitHubSim


def budget(d):
    status, r = d.request("GET", "/api/budget")
    assert status == 200 and r["success"] is True
    assert r["count"] == len(r["budgets"])
    return r["budgets"][0] if r["budgets"] else None


def wait_budget(d, condition, timeout=20):
    return wait_until(
        lambda: (lambda b: b if b and condition(b) else None)(budget(d)),
        timeout, "budget: %s" % budget(d))


def seconds_until(stamp):
    at = datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S%z")
    return at.timestamp() - time.time()


def test_budget_is_what_github_said(d, sim):
    d.wait_stats(d.provision("acme/shop"), lambda s: not s["stale"])
    b = wait_budget(d, lambda b: b["limit"] == 5000 and
                    b["repositories"]["watched"] == 1)
    assert b["credential"] == "default"
    assert b["used"] + b["remaining"] == 5000 and b["reserve"] == 1000
    assert 0 < b["used"] <= 50
    assert 3500 < seconds_until(b["reset"]) < 3700
    assert b["points"]["limit"] == 900
    assert b["concurrent"]["limit"] == 30
    assert b["interval_seconds"] == {"active": 1, "idle": 1}
    assert b["stretch"] == 1.0
    assert b["throttled_until"] is None and b["reason"] is None
    statuses = sim.counts()["statuses"]
    assert 0 < b["answers"]["ok"] <= statuses["200"]
    assert b["projected_per_hour"] > 0
    r = d.ctl("budget")
    assert r.returncode == 0, r.stderr
    assert "5000" in r.stdout and "default" in r.stdout
    r = d.ctl("budget", "-j")
    assert json.loads(r.stdout)["budgets"][0]["limit"] == 5000


def test_counts_come_in_later(d, sim):
    """304s are no news by themselves, but they are told in the end."""
    d.wait_stats(d.provision("acme/shop"), lambda s: not s["stale"])
    sim.wait_for(3, path="/actions/runs", status=304)
    b = wait_budget(d, lambda b: b["answers"]["not_modified"] >= 3)
    assert b["answers"]["failed"] == b["answers"]["limited"] == 0


def test_limits_are_kept_and_stretch_is_told(tmp_path, sim):
    """Five repositories each second are more than 60 points a minute."""
    sim.limits(points=60, concurrent=3, enforce_points=True,
               enforce_concurrent=True)
    for i in range(4):
        sim.add_repo("acme/r%d" % i, workflows=["deploy.yml"])
    with Daemon(tmp_path, github_url=sim.url,
                github_conf="limits concurrent 3 points 60") as d:
        for name in ["acme/shop"] + ["acme/r%d" % i for i in range(4)]:
            d.provision(name)
        b = wait_budget(d, lambda b: b["stretch"] > 3 and
                        b["repositories"]["watched"] == 5)
        assert "limit a minute" in b["reason"]
        assert b["interval_seconds"]["idle"] > 3
        assert b["points"]["used"] <= 60
        r = d.ctl("budget")
        assert "limit a minute" in " ".join(r.stdout.split())
        assert d.logged("stretched")
        mark = sim.mark()
        sim.wait_for(5, since=mark, path="/actions/runs", timeout=60)
        assert not {"403", "429"} & set(sim.counts()["statuses"])


def test_the_reserve_is_for_people(tmp_path, sim):
    """Of the hour's last requests: looks stop, commands go on."""
    with Daemon(tmp_path, github_url=sim.url) as d:
        pipeline = d.provision("acme/shop")
        d.wait_stats(pipeline, lambda s: not s["stale"])
        sim.limits(hourly=100, enforce_hourly=True, remaining=20,
                   reset_in=300)
        s = d.wait_stats(pipeline, lambda s: s.get("stale_reason"))
        assert "kept for commands" in s["stale_reason"]
        b = wait_budget(d, lambda b: b["throttled_until"])
        assert 200 < seconds_until(b["throttled_until"]) <= 302
        mark = sim.mark()
        sim.add_repo("acme/more", workflows=["deploy.yml"])
        d.provision("acme/more")
        assert not [q for q in sim.requests(since=mark)
                    if "/actions/runs" in q["path"]]


def test_what_the_limits_hold_up_is_said_to_be(tmp_path, sim):
    """GitHub was not asked, so it is not what failed: 503, and when to come
    back, not 502."""
    with Daemon(tmp_path, github_url=sim.url,
                github_conf="limits concurrent 10 points 20") as d:
        for i in range(15):
            sim.add_repo("acme/much%d" % i, workflows=["deploy.yml"])
        for i in range(15):
            status, head, data = d.raw(
                "POST", "/api/pipelines/provision",
                {"repo": "acme/much%d" % i, "workflow_file": "deploy.yml"})
            if status != 201:
                break
        r = json.loads(data)
        assert (status, r["code"]) == (503, "unavailable"), r
        assert "not asked" in r["error"]
        assert 1 <= int(head["Retry-After"]) <= 60
        assert sim.requests(path="much%d/actions/workflows" % i) == []


@pytest.fixture
def cold(tmp_path, sim):
    """60 pipelines that nothing is known of, and 160 looks in this hour."""
    names = ["acme/r%d" % i for i in range(60)]
    for name in names:
        sim.add_repo(name, workflows=["deploy.yml"])
    with Daemon(tmp_path, github_url=sim.url, idle=3) as d:
        all = {d.provision(name): name for name in names}
        d.stop()
        (d.state / "history.db").unlink()
        sim.limits(hourly=200, enforce_hourly=True, remaining=200,
                   reset_in=3600)
        yield d, all


def first_looks(d):
    """Who was looked at, and who says that he waits for it."""
    stats = d.request("GET", "/api/stats")[1]["stats"]
    return ({s["pipeline_id"] for s in stats if s["fetched_at"]},
            [s for s in stats if "read back" in s.get("stale_reason", "")])


def test_a_cold_start_leaves_the_hour_to_what_is_watched(cold, sim):
    d, all = cold
    d.start().wait_ready()
    wait_until(lambda: sum(map(len, first_looks(d))) == 60, 20, "looks")
    known, waiting = first_looks(d)
    assert len(known) >= 10 and len(waiting) >= 10
    assert all.keys() == known | {s["pipeline_id"] for s in waiting}
    assert {(s["stale"], s["age_seconds"]) for s in waiting} == {(True, None)}
    # A quarter is theirs, and what was under way at the border.
    b = wait_budget(d, lambda b: b["reason"] and b["used"] >= 30)
    assert b["used"] <= 40 + 30
    assert b["repositories"]["watched"] == 60
    assert "read back" in b["reason"], b
    assert b["throttled_until"] is None
    assert d.logged("wait for their first look") == 1
    # What is known is watched as if nothing were.
    one = min(known)
    sim.add_run(all[one], "deploy.yml", conclusion="failure")
    d.wait_stats(one, lambda s: s["metrics_24h"]["failure_count"])
    # Somebody who asks does not wait for the hour.
    last = waiting[-1]["pipeline_id"]
    status, r = d.request("GET", "/api/pipelines/%s/stats?fresh=1" % last)
    assert status == 200 and r["stats"]["stale"] is False, r
    assert "stale_reason" not in r["stats"]
    # Nor where somebody started something.
    asked = waiting[-2]["pipeline_id"]
    status, r = d.request("POST", "/api/pipelines/%s/trigger" % asked, {})
    assert status == 202, r
    d.wait_stats(asked, lambda s: not s["stale"] and s["current_run"])
    assert not {"403", "429"} & set(sim.counts()["statuses"])


def test_a_file_without_numbers_leaves_the_hour_too(cold, sim):
    """Of the Python CCM: two requests more for each."""
    d, all = cold
    path = d.state / "pipelines.json"
    registry = json.loads(path.read_text())
    for doc in registry["pipelines"].values():
        del doc["github"]
    path.write_text(json.dumps(registry))
    mark = sim.mark()
    d.start().wait_ready()
    wait_until(lambda: len(first_looks(d)[1]) >= 30, 20, "looks")
    asked = sim.requests(since=mark)
    assert 30 <= len(asked) <= 40 + 30
    found = [doc for doc in d.registry()["pipelines"].values()
             if "github" in doc]
    assert 5 <= len(found) <= 30
    assert not {"403", "429"} & set(sim.counts()["statuses"])


def test_a_github_that_hangs_holds_up_its_own_numbers_alone(tmp_path, sim):
    """And who is not looked up any more leaves his turn to the next."""
    with GitHubSim(tmp_path) as other:
        other.add_repo("corp/app", workflows=["deploy.yml"])
        names = ["acme/r%d" % i for i in range(9)]
        for name in names:
            sim.add_repo(name, workflows=["deploy.yml"])
        with Daemon(tmp_path, github_url=sim.url, start=False) as d:
            secret = d.dir / "github.token"
            d.conf_path.write_text(
                d.conf_path.read_text() + 'github "corp" {\n\turl "%s"\n'
                '\ttoken file "%s"\n\towners { "corp" }\n}\n' % (
                    other.url, secret))
            d.start().wait_ready()
            ids = {name: d.provision(name) for name in names + ["corp/app"]}
            d.stop()
            path = d.state / "pipelines.json"
            registry = json.loads(path.read_text())
            for doc in registry["pipelines"].values():
                del doc["github"]
            # The order of ids is that of turns: corp's is the last.
            last = registry["pipelines"].pop(ids["corp/app"])
            last["pipeline_id"] = ids["corp/app"] = "z"
            registry["pipelines"]["z"] = last
            path.write_text(json.dumps(registry))
            sim.fault("hang")

            def found(name):
                return "github" in d.registry()["pipelines"][ids[name]]

            mark = sim.mark()
            d.start().wait_ready()
            asked = {q["path"][len("/repos/"):] for q in sim.wait_for(
                8, since=mark, timeout=20,
                path="^/repos/acme/r[0-8]$")}
            wait_until(lambda: found("corp/app"), 15, "of the other one")
            assert len(asked) == 8
            left = (set(names) - asked).pop()
            # A file without those that are being looked up.
            registry = d.registry()
            for name in asked:
                del registry["pipelines"][ids[name]]
            less = d.dir / "less.json"
            less.write_text(json.dumps(registry))
            r = d.ctl("registry", "restore", "-y", str(less))
            assert r.returncode == 0, r.stdout + r.stderr
            sim.wait_for(1, since=mark, timeout=20,
                         path="^/repos/%s$" % left)
