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


"""Each operation of GitHub's OpenAPI description that githubsim has, in each
state that changes what it answers; and what a daemon was answered."""

import pytest

from daemon import Daemon
from githubsim import GitHubSim
from githubsim_app import APP, AT, CREATE, GRANTS, jwt, keys  # noqa: F401
from githubsim_client import (
    COUNT, DATA, Client, check_logged, openapi)

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(),
    reason=f"GitHub's reference data is not there: {DATA}")

REPO = "/repos/acme/Shop"
RUNS, FLOWS = REPO + "/actions/runs", REPO + "/actions/workflows"
SECRETS = REPO + "/actions/secrets"
ENVIRONMENT = REPO + "/environments/production/secrets"

# Operations of the description that it has not: README.md says why.
LEFT_OUT = ("variables", "/orgs/{org}/actions", "organization-secrets",
            "/contents/", "deployments", "/approve", "/environments",
            "/actions/permissions", "/workflows/{workflow_id}/timing")

# Each status that a run's list can show, with what the jobs look like then.
STATES = [("queued", None), ("in_progress", None), ("waiting", None),
          ("requested", None), ("pending", None)] + [
    ("completed", how) for how in (
        "success", "failure", "neutral", "cancelled", "skipped",
        "timed_out", "action_required", "stale", "startup_failure", None)]


def left_out(template):
    return any(part in template for part in LEFT_OUT) and \
        not template.startswith(
            "/repos/{owner}/{repo}/environments/{environment_name}/secrets")


def operations():
    return {(m.upper(), t) for t, ms in openapi().doc["paths"].items()
            for m in ms if m in ("get", "put", "post", "patch", "delete")}


def read_all(gh, run, job):
    """Every GET of a repository."""
    paths = [REPO, RUNS, FLOWS, FLOWS + "/ci.yml", FLOWS + "/ci.yml/runs",
             f"{RUNS}/{run}", f"{RUNS}/{run}/attempts/1",
             f"{RUNS}/{run}/jobs", f"{RUNS}/{run}/attempts/1/jobs",
             f"{RUNS}/{run}/timing", f"{RUNS}/{run}/artifacts",
             f"{RUNS}/{run}/logs", f"{REPO}/actions/jobs/{job}",
             f"{REPO}/actions/jobs/{job}/logs", REPO + "/branches",
             REPO + "/branches/main", SECRETS, SECRETS + "/public-key",
             SECRETS + "/TOKEN", ENVIRONMENT, ENVIRONMENT + "/public-key",
             ENVIRONMENT + "/TOKEN", "/user", "/user/repos",
             "/orgs/acme/repos", "/rate_limit", "/orgs/acme",
             "/users/acme", "/users/acme/repos"]
    return {path: gh.get(path).status_code for path in paths}


def write_all(gh, run):
    """Everything else, on a run in this state."""
    found = {}
    for method, path, body in [
            ("PUT", FLOWS + "/ci.yml/disable", None),
            ("PUT", FLOWS + "/ci.yml/disable", None),
            ("POST", FLOWS + "/ci.yml/dispatches", {"ref": "main"}),
            ("PUT", FLOWS + "/ci.yml/enable", None),
            ("POST", FLOWS + "/ci.yml/dispatches", {"ref": "main"}),
            ("POST", FLOWS + "/ci.yml/dispatches",
             {"ref": "main", "return_run_details": True}),
            ("POST", FLOWS + "/ci.yml/dispatches", {"ref": "none"}),
            ("POST", FLOWS + "/ci.yml/dispatches", {}),
            ("PUT", SECRETS + "/GITHUB_X", {}),
            ("PUT", SECRETS + "/TOKEN", {}),
            ("POST", f"{RUNS}/{run}/cancel", None),
            ("POST", f"{RUNS}/{run}/force-cancel", None),
            ("POST", f"{RUNS}/{run}/rerun", None),
            ("POST", f"{RUNS}/{run}/rerun-failed-jobs", None),
            ("DELETE", f"{RUNS}/{run}/logs", None),
            ("DELETE", f"{RUNS}/{run}", None)]:
        found[method, path] = gh(method, path, body).status_code
    for base in (SECRETS, ENVIRONMENT):
        key = gh.get(base + "/public-key")
        if key.status_code != 200:
            continue
        for value in ("eA==", "eQ=="):      # 201, 204
            gh("PUT", base + "/TOKEN", {
                "encrypted_value": value, "key_id": key.json()["key_id"]})
    return found


def test_every_state_of_a_run(tmp_path):
    with GitHubSim(tmp_path) as sim:
        sim.settings(cancel_delay=0)
        gh = Client(sim)
        for status, conclusion in STATES:
            sim.reset()
            sim.add_repo("acme/Shop", workflows=[
                {"path": "ci.yml", "jobs": ["build", "test"]}])
            run = sim.add_run("acme/Shop", status=status,
                              conclusion=conclusion, head_branch=None)
            read_all(gh, run, run * 1000 + 10)
            write_all(gh, run)
            read_all(gh, run, run * 1000 + 10)
        assert sim.stop() == 0


@pytest.fixture
def prepared(tmp_path):
    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/Shop", private=True, workflows=["ci.yml"])
        run = sim.add_run("acme/Shop", conclusion="failure")
        yield sim, run, run * 1000 + 10
        assert sim.stop() == 0


WHO = [
    ("revoked", {"valid": False}, 401), ("readonly", {"readonly": True}, 403),
    ("without a scope", {"scopes": "gist"}, 404),
    ("without a grant", {"grants": {}}, 403),
    ("of another owner", {"grants": {"actions": "write"},
                          "owner": "other"}, 404),
]


@pytest.mark.parametrize("who,members,status", WHO)
def test_every_token(prepared, who, members, status):
    sim, run, job = prepared
    sim.token("x", **members)
    gh = Client(sim, "x")
    read = read_all(gh, run, job)
    written = set(write_all(gh, run).values())
    assert written == {status}, who
    if who == "readonly":
        assert read[RUNS] == 200
    else:
        assert read[RUNS] == status


@pytest.mark.parametrize("how,status", [
    ({"enforce_hourly": True, "remaining": 0}, 403),
    ({"enforce_points": True, "points": 0}, 429),
])
def test_every_limit(prepared, how, status):
    sim, run, job = prepared
    sim.limits(status=status, **how)
    gh = Client(sim)
    read = read_all(gh, run, job)
    if "remaining" in how:
        assert read.pop("/rate_limit") == 200
    assert set(read.values()) == {status}
    assert set(write_all(gh, run).values()) == {status}


@pytest.mark.parametrize("how,status", [
    ({"deleted": True}, 404), ({"archived": True}, 403),
    ({"full_name": "acme/Store"}, 307)])
def test_every_fate(prepared, how, status):
    sim, run, job = prepared
    sim.patch_repo("acme/Shop", **how)
    gh = Client(sim)
    read = read_all(gh, run, job)
    assert read[RUNS] == {307: 301, 403: 200}.get(status, status)
    assert set(write_all(gh, run).values()) == {status}


def test_every_operation(tmp_path, keys):
    """What the description has and githubsim too was answered well."""
    openapi().seen.clear()
    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/Shop", workflows=["ci.yml"])
        sim.app(APP, public_key=keys[0][1], permissions=GRANTS,
                installations=[{"id": AT, "account": "acme"}])
        app = Client(sim, jwt(keys[0][0]))
        for path in ("/app", "/app/installations"):
            app.get(path)
        Client(sim, app("POST", CREATE).json()["token"]).get(
            "/installation/repositories")
        gh = Client(sim)
        run = sim.add_run("acme/Shop", conclusion="failure")
        write_all(gh, run)
        run = sim.add_run("acme/Shop", conclusion="failure")
        read_all(gh, run, run * 1000 + 10)
        for what in ("cancel", "force-cancel"):
            other = sim.add_run("acme/Shop", status="queued")
            gh("POST", f"{RUNS}/{other}/{what}")
        for what in ("rerun", "rerun-failed-jobs"):
            other = sim.add_run("acme/Shop", conclusion="failure")
            gh("POST", f"{RUNS}/{other}/{what}")
        other = sim.add_run("acme/Shop", conclusion="failure")
        gh("DELETE", f"{RUNS}/{other}")
        for base in (SECRETS, ENVIRONMENT):
            gh("DELETE", base + "/TOKEN")
        assert sim.stop() == 0
    good = {(m, t) for m, t, status in openapi().seen
            if t and status < 400}
    there = {o for o in operations() if not left_out(o[1])}
    assert good == there
    COUNT["operations of the description answered well"] = len(good)
    COUNT["operations of the description left out"] = \
        len(operations()) - len(good)


def test_what_a_daemon_is_answered(tmp_path):
    with GitHubSim(tmp_path) as sim:
        sim.settings(log_answers=True, cancel_delay=0)
        for i in range(3):
            sim.add_repo(f"acme/r{i}", workflows=["deploy.yml"], runs=[
                {"conclusion": "success"}, {"conclusion": "failure"}])
        sim.patch_workflow("acme/r1", "deploy.yml",
                           state="disabled_inactivity")
        with Daemon(tmp_path, github_url=sim.url) as d:
            made = [d.request("POST", "/api/pipelines/provision", {
                "repo": f"acme/r{i}", "workflow_file": "deploy.yml",
                "linked_domain": "example.com", "linked_app": f"r{i}"})
                for i in range(4)]
            assert [status for status, _ in made] == [201, 201, 201, 404]
            mark = sim.mark()
            sim.add_run("acme/r0", status="in_progress")
            sim.wait_for(1, since=mark, path="r0/actions/runs")
            d.request("DELETE", "/api/pipelines/" +
                      made[0][1]["pipeline_id"])
            sim.patch_repo("acme/r2", deleted=True)
            sim.wait_for(1, since=mark, status=404)
        assert check_logged(sim) > 10
        assert {q["status"] for q in sim.requests()} >= {200, 304, 404}
