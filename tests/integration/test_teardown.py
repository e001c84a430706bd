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

"""Teardown when GitHub is slow, silent or gone, when there is much to cancel,
and when the daemon ends in the middle; and who asks at the same time.
"""

import concurrent.futures
import json
import threading
import time

from daemon import Daemon, wait_until
from githubsim import token_id

PROMISED = 8	# seconds until DELETE is answered (the contract)
REPOSITORIES = {"acme/shop": ["deploy.yml", "ci.yml"]}


def run(sim, **more):
    return sim.add_run("acme/shop", "deploy.yml", conclusion=None,
                       **{"status": "in_progress", **more})


def delete(d, pipeline):
    began = time.monotonic()
    status, r = d.request("DELETE", "/api/pipelines/" + pipeline)
    took = time.monotonic() - began
    assert status == 200, r
    assert r["message"] == "Pipeline deactivated, repository preserved"
    assert took < PROMISED, took
    assert document(d, pipeline)["status"] == "inactive"
    return r


def document(d, pipeline):
    return d.registry()["pipelines"][pipeline]


def test_github_hangs_and_the_restart_follows_up(d, sim):
    mine = run(sim)
    pipeline = d.provision("acme/shop")
    d.wait_stats(pipeline, lambda s: s["active_runs"] == 1)
    sim.fault("hang")
    r = delete(d, pipeline)
    assert r["warnings"] and r["cancelled"] == []
    d.kill_all()
    sim.clear_faults()
    mark = sim.mark()
    d.start()
    sim.wait_for(1, since=mark, path="/runs/%d/cancel" % mine)
    wait_until(lambda: "teardown" not in document(d, pipeline),
               what="followed up")


def test_a_run_that_ends_late_is_told_and_followed_up(d, sim):
    sim.settings(cancel_delay=9)
    mine = run(sim)
    pipeline = d.provision("acme/shop")
    r = delete(d, pipeline)
    assert r["cancelling"] == [mine] and r["cancelled"] == []
    wait_until(lambda: "teardown" not in document(d, pipeline), timeout=30,
               what="followed up")
    d.wait_stats(pipeline, lambda s: s["active_runs"] == 0)


def test_the_repository_is_gone(d, sim):
    pipeline = d.provision("acme/shop")
    d.wait_stats(pipeline, lambda s: not s["stale"])
    sim.delete_repo("acme/shop")
    began = time.monotonic()
    assert "404" in delete(d, pipeline)["warnings"][0]
    assert time.monotonic() - began < 5, "there was nothing to wait for"


def test_killed_in_the_middle(d, sim):
    sim.settings(cancel_delay=3)
    mine = run(sim)
    pipeline = d.provision("acme/shop")
    mark = sim.mark()
    t = threading.Thread(target=lambda: d.request(
        "DELETE", "/api/pipelines/" + pipeline), daemon=True)
    threading.excepthook = lambda args: None	# its connection breaks
    t.start()
    sim.wait_for(1, since=mark, path="/runs/%d/cancel" % mine)
    d.kill_all()
    t.join()
    doc = document(d, pipeline)
    assert doc["status"] == "active" and doc["teardown"]["requested_at"]
    d.start()
    wait_until(lambda: document(d, pipeline)["status"] == "inactive",
               timeout=15, what="resumed")
    wait_until(lambda: [x["status"] for x in d.audit()
                        if x["verb"] == "pipeline.teardown"] == [200],
               what="audited once")


def test_a_reload_in_the_middle(d, sim):
    """Between a cancel and its verdict the credential becomes another one:
    what is left is asked with that."""
    late, refused = [sim.add_run("acme/shop", "deploy.yml", conclusion=None,
                                 status="in_progress", on_cancel=how)
                     for how in ("ignore", 403)]
    pipeline = d.provision("acme/shop")
    d.wait_stats(pipeline, lambda s: s["active_runs"] == 2)
    mark = sim.mark()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(delete, d, pipeline)
        for each in (late, refused):
            sim.wait_for(1, since=mark, path="/runs/%d/cancel" % each)
        (d.dir / "github.token").write_text("another\n")
        d.conf_path.write_text(d.conf_path.read_text().replace(
            'github "default"', 'github "main"'))
        assert d.ctl("reload").returncode == 0
        mark = sim.mark()
        looks = sim.wait_for(2, since=mark, path="/runs/%d$" % late)
        assert {x["token"] for x in looks} == {token_id("another")}
        sim.patch_run("acme/shop", late, status="completed",
                      conclusion="cancelled")
        r = answer.result()
    assert (r["cancelled"], r["cancelling"]) == ([late], [])
    assert [w.startswith("Run %d could not be cancelled: " % refused)
            for w in r["warnings"]] == [True]
    assert "teardown" not in document(d, pipeline)
    assert not sim.requests(since=mark, path="cancel$")


def test_more_runs_than_a_page_and_one_refused(d, sim):
    """Slow lists are asked for again only when they are here."""
    runs = [{"workflow": "deploy.yml", "status": "queued",
             "conclusion": None} for _ in range(101)]
    sim.add_runs("acme/shop", runs)
    pipeline = d.provision("acme/shop")
    sim.fault("delay", path="runs[?]status=", ms=1200)
    sim.fault("status", path="/cancel", status=500, count=1)
    mark = sim.mark()
    r = delete(d, pipeline)
    assert len(set(r["cancelled"] + r["cancelling"])) == 101
    asked = [q["path"] for q in sim.requests(
        since=mark, path="runs[?]status=queued")]
    assert 2 <= len(asked) <= 4, asked
    assert 1 <= sum("&page=2" in path for path in asked) <= 2


def test_what_an_outage_said_goes_and_a_verdict_stays(d, sim):
    """The lists fail when a run's verdict is there, and then not."""
    refused, late = [sim.add_run("acme/shop", "deploy.yml", conclusion=None,
                                 status="in_progress", on_cancel=how)
                     for how in (403, "complete")]
    pipeline = d.provision("acme/shop")
    d.wait_stats(pipeline, lambda s: s["active_runs"] == 2)
    sim.fault("status", path="/runs/%d/cancel" % late, status=500, count=1)
    outage = sim.fault("status", path="runs[?]status=", status=500, skip=5,
                       count=5)
    r = delete(d, pipeline)
    wait_until(lambda: [f["hits"] for f in sim.faults()
                        if f["id"] == outage] == [5], what="outage")
    warnings = r["warnings"]
    if "teardown" in document(d, pipeline):
        # It took longer than the client's patience.
        wait_until(lambda: "follow" not in document(d, pipeline)["teardown"],
                   30, "followed up")
        warnings = document(d, pipeline)["teardown"]["warnings"]
    else:
        assert r["cancelled"] == [late] and r["cancelling"] == []
    assert len(warnings) == 1, warnings
    assert warnings[0].startswith(
        "Run %d could not be cancelled" % refused)


def test_all_at_once(d, sim):
    """One is told 201, the others who has it; then all deactivate it."""
    def together(method, path, body=None):
        answers, n = [], 20
        barrier = threading.Barrier(n)
        def one():
            barrier.wait()
            answers.append(d.request(method, path, body))
        threads = [threading.Thread(target=one) for _ in range(n)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(answers) == n
        return answers

    answers = together("POST", "/api/pipelines/provision", {
        "repo": "acme/shop", "workflow_file": "deploy.yml"})
    made = [r for status, r in answers if status == 201]
    assert len(made) == 1
    pipeline = made[0]["pipeline_id"]
    assert all(r["error"] == "Pipeline already provisioned: " + pipeline
               for status, r in answers if status != 201)
    assert {status for status, _ in answers} == {201, 409}
    answers = together("DELETE", "/api/pipelines/" + pipeline)
    assert {status for status, _ in answers} == {200}
    assert d.provision("acme/shop") == pipeline
    assert len(d.registry()["pipelines"]) == 1


def test_without_a_token_it_says_what_it_could_not_do(tmp_path):
    doc = {"pipeline_id": "pipe_old", "repository": "acme/shop",
           "workflow_file": ".github/workflows/deploy.yml",
           "status": "active", "created_at": "2026-01-05T10:30:00Z",
           "github": {"repository_id": 1, "workflow_id": 2}}
    with Daemon(tmp_path, start=False) as d:
        d.state.mkdir()
        (d.state / "pipelines.json").write_text(json.dumps(
            {"pipelines": {"pipe_old": doc}, "registry_version": "2.0"}))
        d.start()
        assert "token" in delete(d, "pipe_old")["warnings"][0]
