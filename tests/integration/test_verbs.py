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

"""What is done on GitHub for a pipeline: trigger, cancel, rerun, workflow."""

import calendar
import concurrent.futures
import json
import time

import pytest
import requests

from daemon import Daemon, wait_until
from githubsim import GitHubSim

PLAN = {"queued": 1, "in_progress": 600, "conclusion": "success"}
WORKFLOWS = [
    {"path": ".github/workflows/deploy.yml", "dispatch": True,
     "plan": PLAN, "jobs": ["build", "deploy"],
     "inputs": {"target": {}, "count": {}, "dry": {}}},
    {"path": ".github/workflows/ci.yml", "dispatch": False}]
# Quiet ones have their turn once a minute: what is seen sooner is seen because
# it was asked for.
DAEMON = {"idle": 60}


@pytest.fixture
def sim(tmp_path):
    with GitHubSim(tmp_path) as s:
        s.add_repo("acme/shop", branches=["production"], workflows=WORKFLOWS)
        s.add_repo("acme/other", workflows=["deploy.yml"])
        s.settings(cancel_delay=0)
        yield s


def post(d, path, body=None, **more):
    return d.request("POST", "/api/pipelines/" + path, body, **more)


def audited(d, verb):
    return [(x["status"], x["target"], x.get("detail"))
            for x in d.audit() if x["verb"] == verb]


def on_github(sim, run, repo="acme/shop"):
    r = requests.get("%s/repos/%s/actions/runs/%d" % (sim.url, repo, run),
                     headers={"Authorization": "Bearer look"}, timeout=10)
    assert r.status_code == 200, r.text
    return r.json()


# --- Trigger.

@pytest.mark.parametrize("plain", [False, True])
def test_trigger_tells_the_run(d, sim, pipe, plain):
    """Whether GitHub gives the id (200) or not (204, an old server that
    refuses to be asked for it)."""
    if plain:
        sim.fault("status", method="POST", path="/dispatches$", status=422,
                  count=1, body={
                      "message": 'Invalid request.\n\n"return_run_details" '
                                 'is not a permitted key.'})
    before = time.time()
    status, r = post(d, pipe + "/trigger", {
        "branch": "production",
        "inputs": {"target": "blue", "count": 3, "dry": True,
                   "none": None}})
    assert status == 202, r
    assert r["success"] is True and r["branch"] == "production"
    assert r["warnings"] == []
    at = calendar.timegm(time.strptime(r["triggered_at"],
                                       "%Y-%m-%dT%H:%M:%SZ"))
    assert before - 2 <= at <= time.time() + 1
    run = on_github(sim, r["run_id"])
    assert run["event"] == "workflow_dispatch"
    assert run["head_branch"] == "production"
    sent = [json.loads(x["body"]) for x in sim.requests(
        method="POST", path="/dispatches")]
    assert sent[-1]["inputs"] == {"target": "blue", "count": "3",
                                  "dry": "true"}
    assert [x.get("return_run_details") for x in sent] == (
        [True, None] if plain else [True])
    d.wait_stats(pipe, lambda s: s["current_run"] and
                 s["current_run"]["run_id"] == r["run_id"])
    assert audited(d, "pipeline.trigger") == [
        (202, pipe, "run %d" % r["run_id"])]


@pytest.mark.parametrize("skew", [0, 3600, -3600])
def test_trigger_finds_its_own_run(d, sim, pipe, skew):
    """Older runs, and those of other events, are not taken for it, however
    GitHub's clock goes."""
    if skew:
        sim.clock(offset=skew)
    others = sim.add_runs("acme/shop", [
        {"event": "workflow_dispatch", "head_branch": "main", "age": 30,
         "status": "in_progress"},
        {"event": "push", "head_branch": "main", "status": "queued"},
        {"event": "workflow_dispatch", "head_branch": "dev",
         "status": "queued"}])
    sim.fault("status", method="POST", path="/dispatches$", status=422,
              count=2, ms=500, body={
                  "message": '"return_run_details" is not a permitted key.'})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = list(pool.map(
            lambda _: post(d, pipe + "/trigger", {"branch": "main"}),
            range(2)))
    assert [status for status, _ in both] == [202, 202], both
    got = [r["run_id"] for _, r in both]
    assert None not in got and len(set(got)) == 2 and not set(got) & set(others)
    assert all(on_github(sim, x)["event"] == "workflow_dispatch" for x in got)


def test_trigger_without_a_run_in_time(d, sim, pipe):
    """The answer comes before a client that waits 10 s leaves."""
    sim.fault("status", method="POST", path="/dispatches$", status=204,
              count=1, body="")
    begin = time.monotonic()
    status, r = post(d, pipe + "/trigger", {"branch": "main"})
    assert status == 202 and r["run_id"] is None, r
    assert len(r["warnings"]) == 1 and "in time" in r["warnings"][0]
    assert time.monotonic() - begin < 9.5


def test_trigger_branch(d, sim, pipe):
    """Without one it is the pipeline's; where that is not, the default one,
    which is said."""
    status, r = post(d, pipe + "/trigger", {})
    assert status == 202 and r["branch"] == "production", r
    other = d.provision("acme/other")
    sim.patch_workflow("acme/other", "deploy.yml", dispatch=True)
    status, r = post(d, other + "/trigger")
    assert status == 202 and r["branch"] == "main", r
    assert "production" in r["warnings"][0]
    status, r = post(d, other + "/trigger", {"branch": "nowhere"})
    assert status == 502 and r["code"] == "github_error"
    assert "No ref found for: nowhere" in r["error"]


def test_trigger_refused(d, sim, pipe):
    def refused(body, status, code, words, p=pipe):
        got, r = post(d, p + "/trigger", body)
        assert (got, r["code"]) == (status, code), r
        assert words in r["error"]
    refused({"inputs": {"colour": "red"}}, 502, "github_error",
            "422: Unexpected inputs provided: [\"colour\"]")
    mark = sim.mark()
    refused({"inputs": {"n%d" % i: "x" for i in range(26)}}, 400,
            "invalid_argument", "at most 25")
    refused({"inputs": {"a": {"b": 1}}}, 400, "invalid_argument", "inputs.a")
    refused({"inputs": ["a"]}, 400, "invalid_argument", "object")
    refused({"branch": "x" * 256}, 400, "invalid_argument", "branch")
    assert sim.requests(mark, method="POST") == []
    refused({}, 404, "pipeline_not_found", "pipe_0", "pipe_0")
    ci = d.provision("acme/shop", "ci.yml")
    refused({}, 502, "not_dispatchable", "lacks \"workflow_dispatch\"", ci)
    status, _ = d.request("DELETE", "/api/pipelines/" + ci)
    assert status == 200
    refused({}, 409, "pipeline_inactive", ci, ci)
    sim.fault("status", method="POST", path="/dispatches$", status=403,
              count=1, headers={"Retry-After": "60"},
              body={"message": "You have exceeded a secondary rate limit"})
    status, head, body = d.raw("POST", "/api/pipelines/%s/trigger" % pipe,
                               {})
    assert status == 503, body
    assert 50 <= int(head["Retry-After"]) <= 61


# --- Cancel, rerun.

def test_cancel(d, sim, pipe):
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress")
    status, r = post(d, "%s/runs/%d/cancel" % (pipe, run))
    assert status == 202 and r["run_id"] == run and r["cancelled"] is True, r
    assert on_github(sim, run)["conclusion"] == "cancelled"
    d.wait_stats(pipe, lambda s: s["last_run"] and
                 s["last_run"]["status"] == "cancelled")
    status, r = post(d, "%s/runs/%d/cancel" % (pipe, run))
    assert (status, r["code"]) == (409, "run_completed"), r
    assert [x[::2] for x in audited(d, "run.cancel")] == [
        (202, "run %d" % run),
        (409, "Run %d is completed already: cancelled" % run)]


@pytest.mark.parametrize("how,ended", [("complete", True), (409, False)])
def test_cancel_is_verified(d, sim, pipe, how, ended):
    """Accepted is not done, and 409 may be either."""
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                      on_cancel=how)
    status, r = post(d, "%s/runs/%d/cancel" % (pipe, run))
    assert (status, r["cancelled"]) == (202, ended), r
    assert sim.requests(method="GET", path="/runs/%d$" % run)


def cancelling(d, pipe):
    return [x["run_id"] for x in d.registry()["pipelines"][pipe].get(
        "cancelling", [])]


@pytest.mark.parametrize("late", [False, True])
def test_cancel_is_followed_over_a_restart(d, sim, pipe, late):
    """What was acknowledged is on disk: verified, then force-cancelled."""
    runs = [sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                        on_cancel="ignore", on_force_cancel=how)
            for how in ("complete", 500 if late else "complete")]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for status, r in pool.map(lambda run: post(
                d, "%s/runs/%d/cancel" % (pipe, run)), runs):
            assert (status, r["cancelled"]) == (202, False), r
            assert "follow" not in r
    assert sorted(cancelling(d, pipe)) == runs
    shown = d.request("GET", "/api/pipelines/" + pipe)[1]["pipeline"]
    assert sorted(x["run_id"] for x in shown["cancelling"]) == runs
    d.kill_all()
    if late:
        # It was asked for a minute ago: the time goes on meanwhile.
        path = d.state / "pipelines.json"
        registry = json.loads(path.read_text())
        for x in registry["pipelines"][pipe]["cancelling"]:
            x["requested_at"] = "2026-01-05T10:30:00Z"
        path.write_text(json.dumps(registry))
    mark = sim.mark()
    d.start()
    if late:
        for run in runs:
            sim.wait_for(1, since=mark, path="/runs/%d/force-cancel" % run)
    else:
        sim.wait_for(1, since=mark, path="/runs/%d$" % runs[0])
        assert not sim.requests(since=mark, path="force-cancel")
        sim.patch_run("acme/shop", runs[0], status="completed",
                      conclusion="cancelled")
        wait_until(lambda: cancelling(d, pipe) == runs[1:], 20, "one ended")
        # By the poller's end alone, too.
        d.kill("ccmd-poller")
        mark = sim.mark()
        sim.wait_for(1, since=mark, path="/runs/%d$" % runs[1], timeout=20)
        sim.patch_run("acme/shop", runs[1], status="completed",
                      conclusion="cancelled")
    wait_until(lambda: "cancelling" not in d.registry()["pipelines"][pipe],
               30, "followed up")
    def ends():
        return [sum(word in (x.get("detail") or "") for x in d.audit())
                for word in ("followed up", "Run %d could not be cancelled: "
                             "GitHub answered 500" % runs[1])]
    wait_until(lambda: ends() == ([1, 1] if late else [2, 0]),
               what="audited")
    assert not sim.requests(since=mark, path="/runs/[0-9]+/cancel$")


def test_a_reload_that_brings_the_token_takes_a_cancel_up(d, sim, pipe):
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                      on_cancel="ignore")
    assert post(d, "%s/runs/%d/cancel" % (pipe, run))[0] == 202
    d.stop()
    good = d.conf_path.read_text()
    d.conf_path.write_text(good.replace(
        'github "default" {', 'github "default" {\n\towners { "nobody" }'))
    mark = sim.mark()
    d.start().wait_ready()
    assert cancelling(d, pipe) == [run]
    assert sim.requests(since=mark) == []
    sim.patch_run("acme/shop", run, status="completed",
                  conclusion="cancelled")
    d.conf_path.write_text(good)
    for _ in range(2):
        assert d.ctl("reload").returncode == 0
    wait_until(lambda: cancelling(d, pipe) == [], 20, "followed up")
    assert d.logged("cancel of run %d taken up" % run) == 1


def test_a_rerun_is_not_taken_for_what_was_cancelled(d, sim, pipe):
    """Nor a run of another workflow, whatever the document says."""
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                      on_cancel="ignore")
    other = sim.add_run("acme/shop", "ci.yml", status="in_progress")
    assert post(d, "%s/runs/%d/cancel" % (pipe, run))[0] == 202
    d.kill_all()
    path = d.state / "pipelines.json"
    registry = json.loads(path.read_text())
    noted = registry["pipelines"][pipe]["cancelling"]
    assert noted[0]["run_attempt"] == 1
    noted[0]["requested_at"] = "2026-01-05T10:30:00Z"
    noted.append({"run_id": other, "requested_at": "2026-01-05T10:30:00Z"})
    noted += [{}, None, 7, {"run_id": "x"}, {"run_id": -1}]
    path.write_text(json.dumps(registry))
    sim.patch_run("acme/shop", run, status="in_progress", run_attempt=2)
    d.start()
    wait_until(lambda: "cancelling" not in d.registry()["pipelines"][pipe],
               20, "left alone")
    assert not sim.requests(method="POST", path="force-cancel")
    for each in (run, other):
        assert on_github(sim, each)["status"] == "in_progress"


ON_GITHUB = [("runs/%d/cancel", None), ("runs/%d/rerun", None),
             ("trigger", {}), ("workflow/disable", None)]


@pytest.mark.parametrize("path,body", ON_GITHUB[:3])
def test_github_refuses(d, sim, pipe, path, body):
    """Said with its own words, audited, and nothing is followed up."""
    run = sim.add_run("acme/shop", "deploy.yml", **(
        {"conclusion": "failure"} if "rerun" in path else
        {"status": "in_progress"}))
    before = on_github(sim, run)
    sim.token("ght", readonly=True)
    path = pipe + "/" + path.replace("%d", str(run))
    status, r = post(d, path, body)
    assert (status, r["code"]) == (502, "github_error"), r
    assert "GitHub answered 403: " in r["error"]
    sim.token("ght", readonly=False)
    sim.fault("status", path="/actions/(runs|workflows)/", status=500,
              count=-1)
    status, r = post(d, path, body)
    assert (status, r["code"]) == (502, "github_error"), r
    assert "GitHub answered 500" in r["error"]
    sim.clear_faults()
    assert on_github(sim, run) == before
    assert "cancelling" not in d.registry()["pipelines"][pipe]
    assert [x["status"] for x in d.audit()][1:] == [502, 502]
    # Once it lets us, all is well.
    assert post(d, path, body)[0] in (200, 202)


def test_nobody_is_asked_without_a_token(d, sim, pipe):
    """Its owner is no GitHub's: said, and for a teardown no hindrance."""
    run = sim.add_run("acme/shop", "deploy.yml", status="in_progress")
    d.conf_path.write_text(d.conf_path.read_text().replace(
        'github "default" {', 'github "default" {\n\towners { "nobody" }'))
    assert d.ctl("reload").returncode == 0
    mark = sim.mark()
    details = "/api/pipelines/%s/runs/%d" % (pipe, run)
    for method, path, body in [
            ("POST", "/api/pipelines/%s/%s" % (pipe, p.replace(
                "%d", str(run))), b) for p, b in ON_GITHUB] + [
            ("GET", details, None), ("GET", details + "/logs", None),
            ("GET", "/api/repositories?owner=acme", None),
            ("GET", "/api/repositories/acme/shop/branches", None),
            ("POST", "/api/pipelines/provision", {
                "repo": "acme/other", "workflow_file": "deploy.yml"})]:
        status, r = d.request(method, path, body)
        assert (status, r["code"]) == (502, "github_error"), (path, r)
        assert "No GitHub token is configured for acme" in r["error"]
    status, r = d.request("DELETE", "/api/pipelines/" + pipe)
    assert (status, r["status"]) == (200, "inactive")
    assert ["no GitHub token is configured for its owner" in w
            for w in r["warnings"]] == [True]
    assert sim.requests(since=mark) == []


def test_runs_of_others(d, sim, pipe):
    """A run that is not the pipeline's is not there, and is not touched."""
    ci = sim.add_run("acme/shop", "ci.yml", status="in_progress")
    other = sim.add_run("acme/other", "deploy.yml", status="in_progress")
    for run in (ci, other, 1, 2 ** 62):
        for verb in ("cancel", "rerun"):
            status, r = post(d, "%s/runs/%d/%s" % (pipe, run, verb))
            assert (status, r["code"]) == (404, "run_not_found"), r
            assert r["error"] == "Run not found: %d" % run
    for bad in ("0", "-1", "x", "1%2f2", "99999999999999999999"):
        status, r = post(d, "%s/runs/%s/cancel" % (pipe, bad))
        assert (status, r["code"]) == (404, "run_not_found"), r
    assert sim.requests(method="POST") == []


@pytest.mark.parametrize("failed_only", [False, True])
def test_rerun(d, sim, pipe, failed_only):
    run = sim.add_run("acme/shop", "deploy.yml", conclusion="failure",
                      jobs={"build": "success"})
    status, r = post(d, "%s/runs/%d/rerun" % (pipe, run),
                     {"failed_only": failed_only})
    assert status == 202, r
    assert (r["run_id"], r["run_attempt"]) == (run, 2)
    assert r["failed_only"] is failed_only
    d.wait_stats(pipe, lambda s: s["current_run"] and
                 s["current_run"]["run_id"] == run)
    status, r = post(d, "%s/runs/%d/rerun" % (pipe, run))
    assert (status, r["code"]) == (409, "run_not_completed"), r
    assert [x["path"].rsplit("/", 1)[1] for x in sim.requests(
        method="POST")] == ["rerun-failed-jobs" if failed_only else "rerun"]


def test_rerun_of_an_old_run_is_followed(d, sim, pipe):
    """Also one that is on no page of the list any more."""
    run = sim.add_run("acme/shop", "deploy.yml", conclusion="failure",
                      age=9 * 86400)
    sim.add_runs("acme/shop", [{"conclusion": "success", "age": 60 + i}
                               for i in range(120)])
    d.wait_stats(pipe, lambda s: True)
    assert post(d, "%s/runs/%d/rerun" % (pipe, run))[0] == 202
    d.wait_stats(pipe, lambda s: s["current_run"] and
                 s["current_run"]["run_id"] == run)
    sim.patch_run("acme/shop", run, status="completed", conclusion="success")
    d.wait_stats(pipe, lambda s: s["current_run"] is None)


def test_rerun_that_is_not_seen(d, sim, pipe):
    """GitHub took it, and says no more: so does the answer, in its time."""
    run = sim.add_run("acme/shop", "deploy.yml", conclusion="failure")
    sim.fault("hang", method="GET", path="/actions/runs/%d" % run, skip=1,
              count=-1)
    status, r = post(d, "%s/runs/%d/rerun" % (pipe, run))
    assert (status, r.get("run_attempt", 0)) == (202, None), r
    assert len(sim.requests(method="POST")) == 1


# --- Workflows, roles, the other door.

def test_workflow(d, sim, pipe):
    for verb, state in (("disable", "disabled_manually"),
                        ("disable", "disabled_manually"),
                        ("enable", "active"), ("enable", "active")):
        status, r = post(d, "%s/workflow/%s" % (pipe, verb))
        assert status == 200, r
        assert r["workflow_state"] == state
        assert [w["state"] for w in sim.repo("acme/shop")["workflows"]
                if w["path"].endswith("deploy.yml")] == [state]
    sim.token("ght", grants={"actions": "read", "metadata": "read"})
    status, r = post(d, pipe + "/workflow/disable")
    assert (status, r["code"]) == (502, "github_error"), r


def test_roles(tmp_path, sim):
    with Daemon(tmp_path, github_url=sim.url, tokens={
            "a": ("api", "test-token-0123456789"),
            "v": ("viewer", "viewer-token-0123456789")}) as d:
        p = d.provision("acme/shop")
        for path in ("/trigger", "/runs/1/cancel", "/runs/1/rerun",
                     "/workflow/enable", "/workflow/disable"):
            status, r = post(d, p + path, token="viewer-token-0123456789")
            assert (status, r["code"]) == (403, "forbidden"), path
        assert sim.requests(method="POST") == []


def test_ccmctl(d, sim, pipe):
    r = d.ctl("trigger", pipe, "-b", "main", "-i", "target=a=b", "-i",
              "count=", "-j")
    assert r.returncode == 0, r.stderr
    run = json.loads(r.stdout)["run_id"]
    assert json.loads(sim.requests(method="POST", path="/dispatches")[-1][
        "body"])["inputs"] == {"target": "a=b", "count": ""}
    r = d.ctl("cancel", pipe[:9], str(run))
    assert r.returncode == 0 and "Run cancelled: %d" % run in r.stdout, r
    r = d.ctl("rerun", pipe, str(run), "-f")
    assert r.returncode == 0 and "%d" % run in r.stdout, r
    r = d.ctl("workflow", "disable", pipe)
    assert r.returncode == 0 and "disabled" in r.stdout, r
    r = d.ctl("trigger", pipe)
    assert r.returncode == 1 and "disabled workflow" in r.stderr
    r = d.ctl("workflow", "enable", pipe)
    assert r.returncode == 0, r
    r = d.ctl("trigger", pipe, "-i", "novalue")
    assert r.returncode == 2 and "name=value" in r.stderr
    r = d.ctl("cancel", pipe, "x")
    assert r.returncode == 1 and "no run id" in r.stderr
