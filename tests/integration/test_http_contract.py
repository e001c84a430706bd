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


"""What programs outside rely on, by the letter of the contract: one daemon,
and small questions to it."""

import json
import urllib.parse
import xml.dom.minidom

import pytest

from daemon import TOKEN, Daemon, wait_until
from githubsim import GitHubSim

VIEWER = "contract-viewer-01234567"
FILES = ["my deploy.yml", "d\u00e9ploy.yml", "a&b<c>.yaml", "a#b.yml",
         "100%25.yml", "a?b;c'd\"e.yml", "\U0001f680.yml"]
PROJECTS = ["my app", "b\u00fccher", "a/b", "x" * 128, "100%"]


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    with GitHubSim(tmp_path_factory.mktemp("sim")) as s:
        s.add_repo("acme/shop", workflows=["deploy.yml"])
        s.add_repo("acme/files", workflows=FILES)
        yield s


@pytest.fixture(scope="module")
def d(tmp_path_factory, sim):
    with Daemon(tmp_path_factory.mktemp("d"), github_url=sim.url,
                start=False, tokens={
                    "test": ("admin", TOKEN),
                    "eye": ("viewer", VIEWER)}) as daemon:
        daemon.state.mkdir(mode=0o700)
        (daemon.state / "projects.json").write_text(json.dumps({
            "projects": {name: {"github": {"owner": "acme", "repo": "shop"}}
                         for name in PROJECTS}}))
        daemon.start()
        yield daemon


@pytest.mark.parametrize("headers", [
    {"CCM-Token": ""}, {"CCM-Token": "wrong"},
    {"CCM-Token": "", "Authorization": "Basic dG9r"}])
def test_401_says_how_to_authenticate(d, headers):
    """RFC 9110, 11.6.1: it must."""
    for method, path in (("GET", "/api/pipelines"), ("DELETE", "/api/"
                         "pipelines/x"), ("GET", "/api/events")):
        status, head, _ = d.raw(method, path, headers=headers)
        assert (status, head.get("WWW-Authenticate")) == (
            401, 'Bearer realm="ccm"')
    assert "WWW-Authenticate" not in d.raw("GET", "/nothing")[1]


@pytest.mark.parametrize("id, shown", [
    ("pipe_ffffffffffff", "pipe_ffffffffffff"), ("pipe!", "pipe!"),
    ("a.b", "a.b"), ("a%20b", "a b"), ("%C3%A9", "\u00e9"), ("%22", '"'),
    ("%2e%2e", ".."), ("a%2fb", "a/b")])
def test_pipeline_not_found_names_it(d, id, shown):
    """What programs match on: `Pipeline not found: <id>`."""
    for method, tail in (("GET", ""), ("GET", "/stats"), ("GET", "/runs"),
                         ("DELETE", ""), ("PATCH", ""),
                         ("POST", "/trigger")):
        status, body = d.request(method, "/api/pipelines/" + id + tail)
        assert (status, body["code"], body["error"]) == (
            404, "pipeline_not_found", "Pipeline not found: " + shown)
    assert d.request("GET", "/api/doctor?id=" + id)[1]["error"] == \
        "Pipeline not found: " + shown


@pytest.mark.parametrize("name", PROJECTS)
def test_project_by_any_name(d, name):
    """projects.json of the Python CCM loads as it is, so that each project
    must be reached, whatever its name needs to be in a path."""
    status, body = d.request("GET", "/api/projects/" + urllib.parse.quote(
        name, safe=""))
    assert (status, body["project"]["name"]) == (200, name)


@pytest.mark.parametrize("name", FILES)
def test_workflow_of_any_name(d, sim, name):
    """A .yml or .yaml file directly in .github/workflows/ may have any name
    that Git takes."""
    pipe = d.provision("acme/files", name)
    run = sim.add_run("acme/files", name, conclusion="success", duration=3)
    assert d.request("GET", "/api/pipelines/" + pipe)[1]["pipeline"][
        "workflow_file"] == ".github/workflows/" + name
    assert d.wait_stats(pipe, lambda s: s["last_run"])["last_run"][
        "run_id"] == run
    status, body = d.request("POST", "/api/pipelines/provision", {
        "repo": "acme/files", "workflow_file": ".github/workflows/" + name})
    assert (status, body["pipeline_id"]) == (409, pipe)
    xml.dom.minidom.parseString(d.raw("GET", "/cc.xml")[2])


@pytest.mark.parametrize("method, path, body, verb, target", [
    ("POST", "/api/pipelines/provision", {"repo": "a/b"},
     "pipeline.provision", ""),
    ("DELETE", "/api/pipelines/pipe_abc", None, "pipeline.teardown",
     "pipe_abc"),
    ("PATCH", "/api/pipelines/no!id", {}, "pipeline.update", ""),
    ("POST", "/api/pipelines/pipe_abc/runs/1/cancel", None, "run.cancel",
     "pipe_abc"),
    ("POST", "/api/discovery/scan", None, "discovery.scan", "")])
def test_a_refusal_is_audited_once(d, method, path, body, verb, target):
    """Who wanted to change what, and was not allowed to: one line."""
    was = len(d.audit())
    assert d.request(method, path, body, token=VIEWER)[0] == 403
    # The registry writes it behind the answer, in their order.
    assert d.request("PATCH", "/api/pipelines/pipe_last", {})[0] == 404
    lines = wait_until(lambda: (lambda a: a if a and a[-1]["target"] ==
                                "pipe_last" else None)(d.audit()[was:]))
    assert [(x["actor"], x["verb"], x["target"], x["status"])
            for x in lines[:-1]] == [("eye", verb, target, 403)]
