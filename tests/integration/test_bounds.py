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

"""What lies at a bound or just over it, and text that no bound may cut in
two: nothing of it may reach a place where it can't be read back.
"""

import json

import pytest

from daemon import wait_until


REPOSITORIES = {"acme/r%d" % i: ["deploy.yml"] for i in range(4)}


def provision(d, repo, config):
    return d.request("POST", "/api/pipelines/provision", {
        "repo": repo, "workflow_file": "deploy.yml", "config": config})


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def test_the_deepest_config_is_read_back(d):
    """32 levels with the body's own: the file has two around them."""
    status, r = provision(d, "acme/r0", nested(31))
    assert status == 201, r
    assert provision(d, "acme/r1", nested(32))[0] == 400
    listed = d.ctl("list", "-j")
    assert listed.returncode == 0, listed.stderr
    d.stop()
    d.start()
    config = d.request("GET", "/api/pipelines/" + r["pipeline_id"])[1][
        "pipeline"]["config"]
    assert config["a"] == nested(30)


def test_config_holds_a_hundred_branches_and_16_kb_of_others(d):
    branches = ["%03d" % i + "x" * 252 for i in range(100)]
    more = {"more": "m" * (16 * 1024 - len('{"more":""}'))}
    status, r = provision(d, "acme/r0", {"trigger_branches": branches,
                                         **more})
    assert status == 201, r
    assert provision(d, "acme/r1", {"more": more["more"] + "m"})[0] == 400
    # Linking again adds to what is there, within the same bound.
    path = "/api/pipelines/" + r["pipeline_id"]
    assert d.request("DELETE", path)[0] == 200
    assert provision(d, "acme/r0", {"other": 1})[0] == 400
    assert d.request("GET", path)[1]["pipeline"]["status"] == "inactive"
    assert provision(d, "acme/r0", {"more": "less", "other": 1})[0] == 201
    config = d.request("GET", path)[1]["pipeline"]["config"]
    assert config["trigger_branches"] == branches
    assert config["more"] == "less" and config["other"] == 1


@pytest.mark.parametrize("value", ["%ff", "a%c3", "%ed%a0%80", "%c0%80"])
def test_a_query_that_is_no_utf8_is_refused(d, value):
    pipeline = d.provision("acme/r0")
    pids = d.pids()
    for path in ("/api/pipelines/%s/runs?branch=" % pipeline,
                 "/api/pipelines/%s/runs?status=" % pipeline,
                 "/api/pipelines?domain="):
        status, r = d.request("GET", path + value)
        assert status == 400 and r["code"] == "invalid_argument", r
    assert d.pids() == pids
    assert d.request("GET", "/api/pipelines/%s/runs?branch=f%%2f%%c3%%bc"
                     % pipeline)[0] == 200


def test_what_github_says_is_not_cut_inside_a_character(d, sim):
    pipeline = d.provision("acme/r0")
    d.wait_stats(pipeline, lambda s: not s["stale"])
    sim.fault("status", path="/repos/acme/r", status=403,
              body={"message": "x" + "\u00e9" * 300})
    status, _, body = d.raw("POST", "/api/pipelines/provision", {
        "repo": "acme/r1", "workflow_file": "deploy.yml"})
    assert status == 502
    assert "\u00e9\u00e9" in json.loads(body)["error"]
    def state():
        return d.request("GET", "/api/pipelines/" + pipeline)[1]["pipeline"]
    wait_until(lambda: state()["status"] == "error", what="error")
    status, r = d.request("DELETE", "/api/pipelines/" + pipeline)
    assert status == 200 and "\u00e9" in r["warnings"][0]
    assert state()["status"] == "inactive"


def test_a_branch_of_255_bytes_stays_text(d, sim):
    branch = "b" + "\u00fc" * 127
    sim.add_run("acme/r0", "deploy.yml", head_branch=branch,
                conclusion="success")
    pipeline = d.provision("acme/r0")
    s = d.wait_stats(pipeline, lambda s: s["last_run"])
    assert branch.startswith(s["last_run"]["branch"])
    assert len(s["last_run"]["branch"]) >= 127
    assert d.request("GET", "/api/pipelines/%s/runs" % pipeline)[1]["runs"][
        0]["branch"] == branch
