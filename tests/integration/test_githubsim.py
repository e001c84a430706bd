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


"""githubsim is what it says it is: its answers fit GitHub's own OpenAPI
description, and it keeps GitHub's rules.  What is written is in
test_githubsim_write.py, who may in test_githubsim_access.py, what it is
driven by in test_githubsim_control.py, recorded traffic in
test_githubsim_replay.py."""

import re
import socket
import threading
import time

import pytest
import requests

from githubsim import GitHubSim
from githubsim_client import (  # noqa: F401 (fixtures)
    OTHER, RUNS, TOKEN, WORKFLOWS, Client, gh, sim)


# Authentication.

def test_no_token(sim):
    r = requests.get(sim.url + "/user")
    assert r.status_code == 401
    assert r.json()["message"] == "Requires authentication"


def test_unknown_token(tmp_path):
    with GitHubSim(tmp_path, tokens=[TOKEN]) as s:
        assert Client(s).get("/user").status_code == 200
        r = Client(s, "wrong").get("/user")
        assert (r.status_code, r.json()["message"]) == \
            (401, "Bad credentials")


def test_token_revoked(sim, gh):
    assert gh.get(RUNS).status_code == 200
    sim.token(TOKEN, valid=False)
    assert gh.get(RUNS).status_code == 401


def test_token_headers(sim, gh):
    sim.token(TOKEN, scopes="repo, workflow",
              expiration="2027-01-01 00:00:00 UTC")
    r = gh.get("/user")
    assert r.headers["x-oauth-scopes"] == "repo, workflow"
    assert r.headers["github-authentication-token-expiration"] == \
        "2027-01-01 00:00:00 UTC"
    sim.token(TOKEN, scopes=None, permissions="actions=write", readonly=True)
    r = gh("PUT", WORKFLOWS + "/deploy.yml/disable")
    assert r.status_code == 403
    assert r.headers["x-accepted-github-permissions"] == "actions=write"
    assert "x-oauth-scopes" not in r.headers


def test_user_agent_required(sim):
    conn = socket.create_connection(("127.0.0.1", sim.ports["http"]))
    conn.sendall(b"GET /user HTTP/1.1\r\nHost: x\r\n"
                 b"Authorization: Bearer t\r\nConnection: close\r\n\r\n")
    answer = conn.makefile("rb").read()
    conn.close()
    assert answer.startswith(b"HTTP/1.1 403 ") and b"User-Agent" in answer


# Repositories.

def test_repository(gh):
    r = gh.get("/repos/ACME/shop")
    assert r.status_code == 200
    assert r.json()["full_name"] == "acme/Shop"
    assert gh.get(f"/repositories/{r.json()['id']}").json() == r.json()
    assert gh.get("/repos/acme/none").json() == {
        "message": "Not Found", "status": "404", "documentation_url":
        "https://docs.github.com/rest/repos/repos#get-a-repository"}
    assert gh.get("/repositories/1").status_code == 404
    assert gh.get("/no/such/path").status_code == 404
    assert gh("DELETE", RUNS).status_code == 404


@pytest.mark.parametrize("new", ["acme/Store", "other/Shop"])
def test_rename_and_transfer(sim, gh, new):
    ident = gh.get("/repos/acme/Shop").json()["id"]
    sim.rename_repo("acme/Shop", new)
    r = gh.get(RUNS + "?per_page=5")
    moved = f"{sim.url}/repositories/{ident}/actions/runs?per_page=5"
    assert (r.status_code, r.headers["location"]) == (301, moved)
    assert (r.json()["url"], r.json()["message"]) == \
        (moved, "Moved Permanently")
    assert gh.get(moved).status_code == 200
    r = gh("PUT", WORKFLOWS + "/deploy.yml/disable")
    assert r.status_code == 307
    assert gh("PUT", r.headers["location"]).status_code == 204
    sim.add_repo("acme/Shop")       # the name is taken: no redirect
    assert gh.get("/repos/acme/shop").json()["id"] != ident


def test_access_lost(sim, gh):
    sim.patch_repo("acme/Shop", access=[OTHER], private=True)
    assert gh.get("/repos/acme/Shop").status_code == 404
    assert gh.get("/user/repos").json() == []
    assert Client(sim, OTHER).get(RUNS).status_code == 200
    sim.patch_repo("acme/Shop", access=None)
    assert gh.get("/repos/acme/Shop").status_code == 200
    sim.patch_repo("acme/Shop", deleted=True)
    assert gh.get("/repos/acme/Shop").status_code == 404
    sim.patch_repo("acme/Shop", deleted=False)
    assert gh.get("/repos/acme/Shop").status_code == 200


def test_repository_lists(sim, gh):
    for i in range(3):
        sim.add_repo(f"acme/extra-{i}")
    sim.add_repo("someone/else", owner_type="User")
    assert len(gh.get("/user/repos").json()) == 5
    r = gh.get("/orgs/acme/repos?per_page=3")
    assert len(r.json()) == 3
    assert r.links["next"]["url"] == \
        sim.url + "/orgs/acme/repos?per_page=3&page=2"
    assert gh.get("/orgs/someone/repos").status_code == 404


# Runs and lists.

def test_run_order_and_pages(sim, gh):
    ages = [30, 10, 20, 10, 40]
    ids = sim.add_runs("acme/Shop", [
        {"age": a * 60, "conclusion": "success"} for a in ages])
    newest = [i for _, i in sorted(zip(ages, ids),
                                   key=lambda p: (p[0], -p[1]))]
    # The two of the same age were made a moment apart.
    body = gh.get(RUNS).json()
    assert body["total_count"] == 5
    assert [r["id"] for r in body["workflow_runs"]] == newest
    r = gh.get(RUNS + "?per_page=2")
    ident = sim.repo("acme/Shop")["id"]
    base = f"{sim.url}/repositories/{ident}/actions/runs?per_page=2&page="
    assert r.headers["link"] == \
        f'<{base}2>; rel="next", <{base}3>; rel="last"'
    assert [x["id"] for x in r.json()["workflow_runs"]] == newest[:2]
    r = gh.get(r.links["next"]["url"])
    assert set(r.links) == {"prev", "next", "last", "first"}
    assert [x["id"] for x in r.json()["workflow_runs"]] == newest[2:4]
    r = gh.get(r.links["next"]["url"])
    assert set(r.links) == {"prev", "first"}
    assert [x["id"] for x in r.json()["workflow_runs"]] == newest[4:]
    assert gh.get(base + "9").json()["workflow_runs"] == []


def test_per_page_is_bounded(sim, gh):
    sim.bulk(1, 120, owner="b", prefix="x")
    runs = gh.get("/repos/b/x-0/actions/runs?per_page=500").json()
    assert (len(runs["workflow_runs"]), runs["total_count"]) == (100, 120)
    assert len(gh.get("/repos/b/x-0/actions/runs").json()
               ["workflow_runs"]) == 30


def test_filtered_lists_end_at_1000(sim, gh):
    sim.bulk(1, 1100, owner="b", prefix="x")
    path = "/repos/b/x-0/actions/runs?per_page=100"
    assert gh.get(path + "&page=11").json()["workflow_runs"] != []
    r = gh.get(path + "&status=completed&page=10")
    assert len(r.json()["workflow_runs"]) == 100
    assert "next" not in r.links
    r = gh.get(path + "&status=completed&page=11")
    assert r.json()["workflow_runs"] == []


@pytest.mark.parametrize("query,found", [
    ("status=success", {0}), ("status=completed", {0, 1}),
    ("status=in_progress", {2}), ("status=failure", {1}),
    ("branch=dev", {1}), ("event=schedule", {2}), ("actor=MONA", {0}),
    ("head_sha=" + "a" * 40, {1}), ("created=>2026-01-02T00:00:00Z", {2}),
    ("created=>=2026-01-02T00:00:00Z", {1, 2}),
    ("created=<2026-01-02", {0}), ("created=<=2026-01-02", {0, 1}),
    ("created=2026-01-02", {1}), ("created=2026-01-01..2026-01-02", {0, 1}),
    ("created=*..2026-01-01", {0}), ("created=2026-01-03..*", {2}),
    ("created=nonsense", set()), ("branch=dev&status=failure", {1}),
    ("branch=dev&status=success", set()), ("nothing=known", {0, 1, 2}),
])
def test_filters(sim, gh, query, found):
    ids = sim.add_runs("acme/Shop", [
        {"created_at": "2026-01-01T12:00:00Z", "conclusion": "success",
         "actor": "mona"},
        {"created_at": "2026-01-02T00:00:00Z", "conclusion": "failure",
         "head_branch": "dev", "head_sha": "a" * 40},
        {"created_at": "2026-01-03T12:00:00Z", "status": "in_progress",
         "event": "schedule"}])
    runs = gh.get(f"{RUNS}?{query}").json()["workflow_runs"]
    assert {ids.index(r["id"]) for r in runs} == found


def test_runs_of_a_workflow(sim, gh):
    a = sim.add_run("acme/Shop", "deploy.yml", conclusion="success")
    b = sim.add_run("acme/Shop", "ci.yml", conclusion="success")
    number = sim.repo("acme/Shop")["workflows"][1]["id"]
    for name, run in (("deploy.yml", a), ("ci.yml", b), (number, b)):
        body = gh.get(f"{WORKFLOWS}/{name}/runs").json()
        assert [r["id"] for r in body["workflow_runs"]] == [run]
    assert gh.get(f"{WORKFLOWS}/none.yml/runs").status_code == 404


def test_any_member_can_be_wrong(sim, gh):
    run = sim.add_run("acme/Shop", conclusion="success", head_branch=None,
                      set={"name": None, "conclusion": "exploded",
                           "run_number": "seven"},
                      omit=["run_started_at", "path"])
    unchecked = Client(sim, check=False)    # not as described
    r = unchecked.get(f"{RUNS}/{run}").json()
    assert (r["name"], r["conclusion"], r["run_number"], r["head_branch"]) \
        == (None, "exploded", "seven", None)
    assert "run_started_at" not in r and "path" not in r
    assert unchecked.get(RUNS).json()["workflow_runs"] == [r]


def test_pull_requests_excluded(sim, gh):
    end = {"ref": "a", "sha": "b",
           "repo": {"id": 1, "url": "u", "name": "n"}}
    sim.add_run("acme/Shop", set={"pull_requests": [
        {"id": 1, "number": 2, "url": "u", "head": end, "base": end}]})
    assert gh.get(RUNS).json()["workflow_runs"][0]["pull_requests"]
    r = gh.get(RUNS + "?exclude_pull_requests=true").json()
    assert r["workflow_runs"][0]["pull_requests"] == []


def test_script(sim, gh):
    sim.clock(speed=0)
    run = sim.add_run("acme/Shop", plan={
        "queued": 10, "in_progress": 50, "conclusion": "failure"})

    def state():
        r = gh.get(f"{RUNS}/{run}").json()
        return r["status"], r["conclusion"]
    assert state() == ("queued", None)
    sim.clock(advance=11)
    assert state() == ("in_progress", None)
    sim.clock(advance=3600)
    assert state() == ("completed", "failure")
    r = gh.get(f"{RUNS}/{run}").json()
    # It ended when the script said, not when someone looked.
    at = time.mktime(time.strptime(r["updated_at"], "%Y-%m-%dT%H:%M:%SZ"))
    start = time.mktime(time.strptime(r["run_started_at"],
                                      "%Y-%m-%dT%H:%M:%SZ"))
    assert at - start == 60


# Conditional requests.

def test_etag(sim, gh):
    sim.add_run("acme/Shop", conclusion="success")
    first = gh.get(RUNS)
    etag = first.headers["etag"]
    assert re.fullmatch(r'W/"[0-9a-f]{64}"', etag)
    for given in (etag, etag[2:], f'"x", {etag}', "*"):
        r = gh.get(RUNS, If_None_Match=given)
        assert (r.status_code, r.content) == (304, b"")
        assert r.headers["etag"] == etag
        assert "content-type" not in r.headers
    assert gh.get(RUNS, If_None_Match='"x"').status_code == 200
    other = Client(sim, OTHER)
    assert other.get(RUNS, If_None_Match=etag).status_code == 200
    r = gh.get(RUNS + "?per_page=30", If_None_Match=etag)
    assert r.status_code == 200
    sim.add_run("acme/Shop", conclusion="success")
    r = gh.get(RUNS, If_None_Match=etag)
    assert (r.status_code, r.headers["etag"] != etag) == (200, True)


def test_etag_is_the_bodys(sim, gh):
    """A change that does not show leaves the ETag alone."""
    sim.add_run("acme/Shop", "deploy.yml", conclusion="success")
    path = WORKFLOWS + "/deploy.yml/runs"
    etag = gh.get(path).headers["etag"]
    sim.add_run("acme/Shop", "ci.yml", conclusion="success")
    assert gh.get(path, If_None_Match=etag).status_code == 304


def test_etag_moves_with_the_script(sim, gh):
    sim.clock(speed=0)
    sim.add_run("acme/Shop", plan={"queued": 5, "conclusion": "success"})
    etag = gh.get(RUNS).headers["etag"]
    assert gh.get(RUNS, If_None_Match=etag).status_code == 304
    sim.clock(advance=6)
    assert gh.get(RUNS, If_None_Match=etag).status_code == 200


def test_strong_304(sim, gh):
    etag = gh.get(RUNS).headers["etag"]
    sim.settings(weak_304=False)
    r = gh.get(RUNS, If_None_Match=etag)
    assert (r.status_code, "W/" + r.headers["etag"]) == (304, etag)


# Limits.

def test_304_costs_nothing(sim, gh):
    etag = gh.get(RUNS).headers["etag"]
    before = gh.get("/rate_limit").json()["rate"]
    assert before["limit"] == 5000 and before["used"] == 1
    for _ in range(3):
        r = gh.get(RUNS, If_None_Match=etag)
    assert r.headers["x-ratelimit-used"] == "1"
    assert gh.get("/rate_limit").json()["rate"] == before
    assert int(gh.get(RUNS).headers["x-ratelimit-remaining"]) == 4998
    # Two tokens of one user share it.
    r = Client(sim, OTHER).get(RUNS)
    assert r.headers["x-ratelimit-used"] == "3"
    sim.token(OTHER, user="else")
    r = Client(sim, OTHER).get(RUNS)
    assert r.headers["x-ratelimit-used"] == "1"


def test_hourly_limit(sim, gh):
    sim.limits(enforce_hourly=True, hourly=100, remaining=1, reset_in=50)
    assert gh.get(RUNS).status_code == 200
    r = gh.get(RUNS)
    assert r.status_code == 403 and "rate limit exceeded" in r.text
    assert r.headers["x-ratelimit-remaining"] == "0"
    assert "retry-after" not in r.headers
    assert gh.get("/rate_limit").status_code == 200
    sim.clock(advance=51)
    assert gh.get(RUNS).status_code == 200


@pytest.mark.parametrize("retry,status", [(7, 429), (None, 403)])
def test_secondary_limit(sim, gh, retry, status):
    sim.limits(enforce_points=True, points=7, retry_after=retry,
               status=status)
    disable = WORKFLOWS + "/deploy.yml/disable"
    assert gh("PUT", disable).status_code == 204        # 5 points
    assert gh.get(RUNS).status_code == 200              # 1
    assert gh.get(RUNS).status_code == 200              # 1
    r = gh.get(RUNS)
    assert r.status_code == status and "secondary" in r.text
    assert r.headers.get("retry-after") == (retry and str(retry))
    sim.clock(advance=61)
    assert gh.get(RUNS).status_code == 200


def test_concurrency_limit(sim, gh):
    sim.limits(enforce_concurrent=True, concurrent=2)
    sim.fault("delay", prefix="/repos", ms=1000, count=2)
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(
        Client(sim).get(RUNS).status_code)) for _ in range(2)]
    for t in threads:
        t.start()
    while sim.counts()["in_flight"] < 2:
        assert statuses == []
    assert gh.get(RUNS).status_code == 403
    for t in threads:
        t.join()
    assert statuses == [200, 200]
    assert gh.get(RUNS).status_code == 200
