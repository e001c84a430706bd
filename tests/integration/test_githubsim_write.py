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


"""githubsim takes what a client writes as GitHub does: cancels, reruns,
dispatches, secrets; and what comes of it, jobs and logs."""

import io
import zipfile

import pytest
import requests

from githubsim import token_id
from githubsim_client import (  # noqa: F401 (fixtures)
    RUNS, TOKEN, WORKFLOWS, gh, sim)


# Writing.

def test_cancel(sim, gh):
    sim.clock(speed=0)
    run = sim.add_run("acme/Shop", status="in_progress")
    assert gh("POST", f"{RUNS}/{run}/cancel").status_code == 202
    assert gh.get(f"{RUNS}/{run}").json()["status"] == "in_progress"
    sim.clock(advance=3)
    r = gh.get(f"{RUNS}/{run}").json()
    assert (r["status"], r["conclusion"]) == ("completed", "cancelled")
    for verb in ("cancel", "force-cancel"):
        assert gh("POST", f"{RUNS}/{run}/{verb}").status_code == 409
    assert gh("POST", f"{RUNS}/1/cancel").status_code == 404


def test_stuck_and_zombie(sim, gh):
    sim.clock(speed=0)
    stuck = sim.add_run("acme/Shop", status="queued", on_cancel="ignore")
    assert gh("POST", f"{RUNS}/{stuck}/cancel").status_code == 202
    sim.clock(advance=3600)
    assert gh.get(f"{RUNS}/{stuck}").json()["status"] == "queued"
    assert gh("POST", f"{RUNS}/{stuck}/force-cancel").status_code == 202
    sim.clock(advance=3)
    assert gh.get(f"{RUNS}/{stuck}").json()["conclusion"] == "cancelled"
    for status in (409, 500):
        zombie = sim.add_run("acme/Shop", status="in_progress",
                             on_cancel=409, on_force_cancel=status)
        assert gh("POST", f"{RUNS}/{zombie}/cancel").status_code == 409
        r = gh("POST", f"{RUNS}/{zombie}/force-cancel")
        assert r.status_code == status
        assert gh.get(f"{RUNS}/{zombie}").json()["status"] == "in_progress"


def test_rerun(sim, gh):
    sim.patch_workflow("acme/Shop", "deploy.yml",
                       plan={"queued": 1, "conclusion": "success"})
    sim.clock(speed=0)
    run = sim.add_run("acme/Shop", "deploy.yml", conclusion="failure",
                      age=600, duration=60)
    path = f"{RUNS}/{run}"
    before = gh.get(path).json()
    assert gh("POST", path + "/rerun-failed-jobs").status_code == 201
    assert gh("POST", path + "/rerun").status_code == 403    # running
    after = gh.get(path).json()
    assert (after["run_attempt"], after["status"], after["conclusion"]) == \
        (2, "queued", None)
    assert after["created_at"] == before["created_at"]
    assert after["run_started_at"] > before["run_started_at"]
    assert gh.get(after["previous_attempt_url"]).json() == before
    sim.clock(advance=2)
    assert gh.get(path).json()["conclusion"] == "success"
    assert gh("POST", path + "/rerun-failed-jobs").status_code == 403
    assert gh("POST", path + "/rerun").status_code == 201
    assert gh.get(path + "/attempts/2").json()["conclusion"] == "success"
    assert gh.get(path + "/attempts/4").status_code == 404
    assert gh.get(path + "/attempts/x").status_code == 404
    jobs = gh.get(path + "/jobs?filter=all").json()
    assert [j["run_attempt"] for j in jobs["jobs"]] == [3, 2, 1]


def test_rerun_of_failed_jobs(sim, gh):
    sim.patch_workflow("acme/Shop", "ci.yml",
                       plan={"conclusion": "failure"})
    run = sim.add_run("acme/Shop", "ci.yml", conclusion="failure",
                      jobs={"build": "success"})
    path = f"{RUNS}/{run}"

    def jobs(query=""):
        return [(j["name"], j["run_attempt"], j["conclusion"]) for j in
                gh.get(path + "/jobs" + query).json()["jobs"]]
    first = [("build", 1, "success"), ("test", 1, "failure")]
    assert jobs() == first
    assert gh("POST", path + "/rerun-failed-jobs").status_code == 201
    assert jobs() == [("build", 1, "success"), ("test", 2, "failure")]
    assert jobs("?filter=all") == [("test", 2, "failure")] + first
    assert gh("POST", path + "/rerun").status_code == 201
    assert jobs() == [("build", 3, "failure"), ("test", 3, "failure")]
    job = gh.get(path + "/jobs").json()["jobs"][1]["id"]
    r = gh("POST", f"/repos/acme/Shop/actions/jobs/{job}/rerun")
    assert r.status_code == 201
    assert jobs() == [("build", 3, "failure"), ("test", 4, "failure")]
    assert gh("POST", "/repos/acme/Shop/actions/jobs/7/rerun"
              ).status_code == 404


def test_what_is_always_empty(sim, gh):
    run = sim.add_run("acme/Shop", "ci.yml", conclusion="success", age=90,
                      duration=60)
    assert gh.get(f"{RUNS}/{run}/artifacts").json() == {
        "total_count": 0, "artifacts": []}
    assert gh.get(f"{RUNS}/{run}/timing").json() == {
        "billable": {}, "run_duration_ms": 60000}
    job = gh.get(f"{RUNS}/{run}/jobs").json()["jobs"][0]["id"]
    assert gh.get(f"/repos/acme/Shop/check-runs/{job}/annotations"
                  ).json() == []
    for rest in ("artifacts", "timing"):
        assert gh.get(f"{RUNS}/1/{rest}").status_code == 404


def test_delete_run(sim, gh):
    run = sim.add_run("acme/Shop", status="in_progress")
    assert gh("DELETE", f"{RUNS}/{run}").status_code == 403
    sim.patch_run("acme/Shop", run, status="completed",
                  conclusion="success")
    assert gh("DELETE", f"{RUNS}/{run}").status_code == 204
    assert gh.get(f"{RUNS}/{run}").status_code == 404


def test_enable_disable(gh):
    path = WORKFLOWS + "/deploy.yml"
    assert gh("PUT", path + "/disable").status_code == 204
    assert gh.get(path).json()["state"] == "disabled_manually"
    assert gh("PUT", path + "/disable").status_code == 403
    for _ in range(2):
        assert gh("PUT", path + "/enable").status_code == 204
    assert gh.get(path).json()["state"] == "active"
    assert gh("PUT", WORKFLOWS + "/none.yml/enable").status_code == 404


def test_workflows(sim, gh):
    body = gh.get(WORKFLOWS).json()
    assert [w["path"] for w in body["workflows"]] == \
        [".github/workflows/deploy.yml", ".github/workflows/ci.yml"]
    assert gh.get(f"{WORKFLOWS}/{body['workflows'][0]['id']}").json() == \
        body["workflows"][0]
    assert gh.get(WORKFLOWS + "/none.yml").status_code == 404
    sim.patch_workflow("acme/Shop", "ci.yml", state="disabled_inactivity")
    assert gh.get(WORKFLOWS + "/ci.yml").json()["state"] == \
        "disabled_inactivity"
    run = sim.add_run("acme/Shop", "ci.yml", conclusion="success")
    sim.delete_workflow("acme/Shop", "ci.yml")
    assert gh.get(WORKFLOWS + "/ci.yml").status_code == 404
    assert gh.get(f"{RUNS}/{run}").status_code == 200


def test_dispatch(sim, gh):
    path = WORKFLOWS + "/deploy.yml/dispatches"
    assert gh("POST", path, {"ref": "main"}).status_code == 204
    r = gh("POST", path, {"ref": "refs/heads/main",
                          "return_run_details": True})
    assert r.status_code == 200
    run = gh.get(f"{RUNS}/{r.json()['workflow_run_id']}").json()
    assert (run["event"], run["head_branch"], run["status"]) == \
        ("workflow_dispatch", "main", "queued")
    assert run["url"] == r.json()["run_url"]
    assert run["html_url"] == r.json()["html_url"]
    sim.patch_workflow("acme/Shop", "deploy.yml", inputs={
        "version": {"required": True}, "note": {}})
    for body, message in (
            ({}, "ref"), ({"ref": "none"}, "No ref found for: none"),
            ({"ref": "main"}, "Required input 'version' not provided"),
            ({"ref": "main", "inputs": {"version": "1", "x": "y"}},
             "Unexpected inputs provided"),
            ({"ref": "main", "inputs": {str(i): "" for i in range(26)}},
             "No more than 25")):
        r = gh("POST", path, body)
        assert r.status_code == 422 and message in r.json()["message"]
    sim.patch_workflow("acme/Shop", "deploy.yml", dispatch=False)
    assert "trigger" in gh("POST", path, {"ref": "main"}).text
    gh("PUT", WORKFLOWS + "/deploy.yml/disable")
    assert "disabled" in gh("POST", path, {"ref": "main"}).text


# Jobs and logs.

@pytest.mark.parametrize("status,conclusion,steps", [
    ("queued", None, 0), ("in_progress", None, 5),
    ("completed", "success", 5), ("completed", "failure", 5)])
def test_jobs(sim, gh, status, conclusion, steps):
    run = sim.add_run("acme/Shop", "ci.yml", status=status,
                      conclusion=conclusion)
    body = gh.get(f"{RUNS}/{run}/jobs").json()
    assert [j["name"] for j in body["jobs"]] == ["build", "test"]
    job = body["jobs"][1]
    assert (job["status"], job["conclusion"], len(job["steps"])) == \
        (status, conclusion, steps)
    assert gh.get(job["url"]).json() == job
    assert gh.get(f"{RUNS}/{run}/attempts/1/jobs").json() == body
    r = gh.get(f"{RUNS}/{run}/jobs?per_page=1")
    assert len(r.json()["jobs"]) == 1 and "next" in r.links
    assert gh.get("/repos/acme/Shop/actions/jobs/12").status_code == 404


def test_logs(sim, gh):
    run = sim.add_run("acme/Shop", "ci.yml", conclusion="success")
    r = gh.get(f"{RUNS}/{run}/logs")
    assert r.status_code == 302
    where = r.headers["location"]
    assert where.startswith(sim.storage_url + "/logs/")
    with zipfile.ZipFile(io.BytesIO(requests.get(where).content)) as z:
        assert z.testzip() is None
        assert z.namelist() == ["0_build.txt", "1_test.txt"] + [
            f"{job}/{i + 1}_{step}.txt" for job in ("build", "test")
            for i, step in enumerate((
                "Set up job", "Check out the source", "Build", "Deploy",
                "Complete job"))]
        assert b"acme/Shop" in z.read("1_test.txt")
    job = gh.get(f"{RUNS}/{run}/jobs").json()["jobs"][0]["id"]
    r = gh.get(f"/repos/acme/Shop/actions/jobs/{job}/logs")
    text = requests.get(r.headers["location"])
    assert "build: success" in text.text
    assert requests.get(where[:-1] + "g").status_code == 403
    # A token that reaches the other host is refused, and it shows.
    bad = requests.get(where, headers={"Authorization": "Bearer " + TOKEN})
    assert bad.status_code == 400
    seen = sim.requests(port="storage")
    assert [s["token"] for s in seen] == [None] * 3 + [token_id(TOKEN)]
    assert "Authorization" in seen[3]["headers"]
    assert "Authorization" not in seen[0]["headers"]
    sim.clock(advance=120)
    assert requests.get(where).status_code == 403
    large = sim.add_run("acme/Shop", conclusion="success",
                        log_bytes=1000000)
    r = gh.get(f"{RUNS}/{large}/logs")
    text = requests.get(r.headers["location"])
    with zipfile.ZipFile(io.BytesIO(text.content)) as z:
        assert z.getinfo("0_deploy.txt").file_size > 1000000
    running = sim.add_run("acme/Shop", status="in_progress")
    assert gh.get(f"{RUNS}/{running}/logs").status_code == 404
    assert gh("DELETE", f"{RUNS}/{run}/logs").status_code == 204
    assert gh.get(f"{RUNS}/{run}/logs").status_code == 404


# Secrets.

@pytest.mark.parametrize("below", ["actions", "environments/production"])
def test_secrets(sim, gh, below):
    path = f"/repos/acme/Shop/{below}/secrets"
    key = gh.get(path + "/public-key").json()
    value = seal(key["key"], b"v\xc3\xa4lue")
    body = {"encrypted_value": value, "key_id": key["key_id"]}
    assert gh("PUT", path + "/db_url", body).status_code == 201
    assert gh("PUT", path + "/DB_URL", body).status_code == 204
    assert gh.get(path).json()["total_count"] == 1
    assert gh.get(path + "/DB_URL").json()["name"] == "DB_URL"
    env = "production" if below != "actions" else None
    assert sim.secrets("acme/Shop", env) == {"DB_URL": "välue"}
    assert gh("PUT", path + "/GITHUB_X", body).status_code == 422
    assert gh("PUT", path + "/1X", body).status_code == 422
    body["key_id"] = "1"
    assert gh("PUT", path + "/X", body).status_code == 422
    assert gh("DELETE", path + "/DB_URL").status_code == 204
    assert gh("DELETE", path + "/DB_URL").status_code == 404
    assert gh.get(path + "/DB_URL").status_code == 404


def seal(key, value):
    """crypto_box_seal, by the library itself."""
    import base64
    import ctypes
    import ctypes.util
    name = ctypes.util.find_library("sodium")
    if name is None:
        pytest.skip("libsodium is not installed")
    sodium = ctypes.CDLL(name)
    out = ctypes.create_string_buffer(len(value) + 48)
    assert sodium.crypto_box_seal(out, value, ctypes.c_ulonglong(
        len(value)), base64.b64decode(key)) == 0
    return base64.b64encode(out.raw).decode()
