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


"""Discovery: the apps of projects.json that have a workflow for a pipeline,
and pipelines made for them."""

import json
import socket
import time

import pytest

from daemon import Daemon, wait_until
from githubsim import GitHubSim

API = "discovery-api-0123456789"
VIEWER = "discovery-view-012345678"
MANY = 20       # more than are asked for at a time
# Their list is longer than a page, and than a message.
LARGE = ["w%03d-of-many-workflows.yml" % n for n in range(450)] + [
    "deploy.yml"]


def project(repo, app=None, vps=None, branch=None, **github):
    o = {"github": {"owner": "acme", "repo": repo, **github}}
    if app:
        o["vps"] = {"app_name": app, "app_path": "/srv/" + app, "port": 1}
    if vps:
        o["environments"] = {"production": {"vps_host": vps,
                                            "branch": branch or "main"}}
    return o


PROJECTS = {
    "shop": project("shop", "shop-app", "srv1", "live"),
    "api": project("api", vps="srv2"),
    "named": project("named", "n", "SRV1", workflow_file="ci.yml"),
    "both": project("both"),
    "has": project("has", "has-app"),
    "twin": project("has"),
    "large": project("large"),
    "plain": project("plain", vps="srv1"),
    "lost": project("lost"),
    "wrong": project("named", workflow_file="gone.yml"),
    "bad": project("named", workflow_file="../x.yml"),
    "nothing": {"secrets": {"A": "b"}},
}
FOUND = {       # project: app, workflow
    "shop": ("shop-app", "deploy.yml"), "api": ("api", "release.yaml"),
    "named": ("n", "ci.yml"), "both": ("both", "deploy.yml"),
    "has": ("has-app", "deploy.yml"), "twin": ("twin", "deploy.yml"),
    "large": ("large", "deploy.yml")}
REASONS = {
    "plain": "No workflow of acme/plain is called",
    "lost": "Repository not found: acme/lost",
    "wrong": "Workflow not found: .github/workflows/gone.yml in acme/named",
    "bad": "The project's workflow must be",
    "nothing": "The project nothing names no repository"}


@pytest.fixture
def sim(tmp_path):
    with GitHubSim(tmp_path) as s:
        for repo, files in (("shop", ["ci.yml", "deploy.yml"]),
                            ("api", ["test.yml", "release.yaml"]),
                            ("named", ["ci.yml", "deploy.yml"]),
                            ("both", ["deploy-a.yml", "cd.yml",
                                      "deploy.yml"]),
                            ("has", ["deploy.yml"]), ("plain", ["ci.yml"]),
                            ("large", LARGE)):
            s.add_repo("acme/" + repo, workflows=files)
        yield s


def start(tmp_path, sim, projects):
    d = Daemon(tmp_path, github_url=sim.url, start=False, tokens={
        "boss": ("admin", "test-token-0123456789"),
        "manager": ("api", API), "eye": ("viewer", VIEWER)})
    d.state.mkdir(mode=0o700)
    (d.state / "projects.json").write_text(json.dumps(
        {"projects": projects}))
    return d.start()


@pytest.fixture
def d(tmp_path, sim):
    with start(tmp_path, sim, PROJECTS) as daemon:
        yield daemon


def scan(d, **body):
    status, r = d.request("POST", "/api/discovery/scan", body, token=API)
    assert (status, r["success"]) == (200, True), r
    assert r["discovered"] == len(r["apps"])
    assert not r["truncated"]
    return r


def names(r):
    return {x["app"] for x in r["apps"]}, {x["app"] for x in
                                           r["unconfigured"]}


def test_scan(d):
    has = d.provision("acme/has")
    was = d.registry()
    r = scan(d)
    assert {x["project"]: (x["app"], x["workflow_file"].replace(
        ".github/workflows/", "")) for x in r["apps"]} == FOUND
    assert {x["project"]: x["pipeline_id"] for x in r["apps"]
            if x["pipeline_id"]} == {"has": has, "twin": has}
    assert r["pipeline_ids"] == [has]
    assert {x["app"] for x in r["unconfigured"]} == set(REASONS)
    for x in r["unconfigured"]:
        assert x["reason"].startswith(REASONS[x["app"]]), x
    # It looked, and changed nothing.
    assert d.registry() == was
    # Of one VPS, by the environments that are there.
    assert names(scan(d, vps="srv1", register=None)) == (
        {"shop-app", "n"}, {"plain"})
    assert scan(d, vps="srv9") == {
        "success": True, "discovered": 0, "pipeline_ids": [],
        "unconfigured": [], "apps": [], "truncated": False}


def test_register(d, sim):
    has = d.provision("acme/has")
    r = scan(d, register=True)
    made = {x["project"]: x["pipeline_id"] for x in r["apps"]}
    assert set(made) == set(FOUND) and made["has"] == has
    assert sorted(r["pipeline_ids"]) == sorted(set(made.values()))
    docs = d.registry()["pipelines"]
    assert set(docs) == set(made.values())
    shop = docs[made["shop"]]
    assert shop["project"] == "shop" and shop["status"] == "active"
    assert shop["config"]["trigger_branches"] == ["live"]
    assert shop["vps_integration"] == {
        "requested_by": "manager", "vps": "srv1", "linked_app": "shop-app"}
    lines = [x for x in d.audit() if x["verb"] == "pipeline.provision" and
             x["actor"] == "manager"]
    assert {x["target"] for x in lines} == set(made.values()) - {has}
    # Once more makes nothing, also where the repository has a new name.
    sim.rename_repo("acme/shop", "acme/store")
    again = scan(d, register=True)
    assert sorted(again["pipeline_ids"]) == sorted(set(made.values()))
    assert set(d.registry()["pipelines"]) == set(made.values())
    # What was torn down is not there, until it is registered again.
    assert d.request("DELETE", "/api/pipelines/" + made["api"])[0] == 200
    assert made["api"] not in scan(d)["pipeline_ids"]
    assert made["api"] in scan(d, register=True)["pipeline_ids"]


def test_refusals(d):
    def ask(body, token=API, method="POST"):
        return d.request(method, "/api/discovery/scan", body, token=token)
    assert ask({}, VIEWER)[0] == 403
    assert ask({"register": True}, "wrong")[0] == 401
    assert ask(None, method="GET")[0] == 405
    for member, value in (("vps", 1), ("vps", "a b"), ("register", "yes"),
                          ("register", 1)):
        status, r = ask({member: value})
        assert status == 400 and member in r["error"]
    assert ask(None)[0] == 200
    assert not (d.state / "pipelines.json").exists() or \
        not d.registry()["pipelines"]
    assert [x["status"] for x in d.audit()
            if x["verb"] == "discovery.scan"][:1] == [403]


def test_many_and_github_hangs(tmp_path, sim):
    apps = {"app%02d" % i: project("app%02d" % i) for i in range(MANY)}
    for name in apps:
        sim.add_repo("acme/" + name, workflows=["deploy.yml"])
    with start(tmp_path, sim, apps) as d:
        assert names(scan(d)) == (set(apps), set())
        # One repository does not answer: the others are told, in time.
        sim.fault("hang", prefix="/repos/acme/app07")
        begin = time.monotonic()
        r = scan(d, register=True)
        assert time.monotonic() - begin < 10
        assert names(r) == (set(apps) - {"app07"}, {"app07"})
        assert len(d.registry()["pipelines"]) == MANY - 1
        # Who asks goes, and the poller dies: nothing is left behind.
        sim.fault("hang", prefix="/repos/acme/")
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", d.port)) as s:
                s.sendall(b"POST /api/discovery/scan HTTP/1.1\r\nHost: x"
                          b"\r\nCCM-Token: %s\r\n\r\n" % API.encode())
        mark = sim.mark()
        with socket.create_connection(("127.0.0.1", d.port), 20) as s:
            s.sendall(b"POST /api/discovery/scan HTTP/1.1\r\nHost: x"
                      b"\r\nCCM-Token: %s\r\n\r\n" % API.encode())
            wait_until(lambda: sim.requests(since=mark, path="app07/actions"),
                       20, "asked")
            d.kill("ccmd-poller")
            got = s.recv(65536)
        assert b"The daemon restarts" in got or got == b""
        sim.clear_faults()
        d.wait_ready()
        assert names(scan(d)) == (set(apps), set())


def test_from_the_shell(d):
    r = d.ctl("discover")
    assert r.returncode == 0, r.stderr
    assert "shop-app" in r.stdout and "acme/lost" in r.stdout
    r = d.ctl("discover", "-j", "-r", "-v", "srv2")
    assert [x["project"] for x in json.loads(r.stdout)["apps"]] == ["api"]
    assert [p["repository"] for p in d.registry()["pipelines"].values()] \
        == ["acme/api"]
