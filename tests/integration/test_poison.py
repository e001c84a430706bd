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

"""A repository whose answer kills the poller: the others go on without it.

The poller of these tests is the real one, with a parser that crashes on the
word "poisonous" linked in front of its own (tests/poison/crash.c).
"""

import pytest

from daemon import BUILD, Daemon, wait_until
from githubsim import GitHubSim


@pytest.fixture
def sim(tmp_path):
    with GitHubSim(tmp_path) as s:
        for name in ("acme/ill", "acme/well"):
            s.add_repo(name, workflows=["deploy.yml", "ci.yml"])
        yield s


def other_block(tmp_path, sim):
    """zoo's repositories are at another GitHub."""
    token = tmp_path / "other.token"
    token.write_text("ght\n")
    token.chmod(0o600)
    return ('github "other" {\n\turl "%s"\n\ttoken file "%s"\n'
            '\towners { "zoo" }\n}\n' % (sim.url, token))


@pytest.fixture
def other(tmp_path):
    with GitHubSim(tmp_path) as s:
        yield s


@pytest.fixture
def d(tmp_path, sim, other):
    poller = BUILD / "tests/poison/ccmd-poller"
    assert poller.exists(), "made by: make check TESTS="
    with Daemon(tmp_path, github_url=sim.url, start=False,
                conf=other_block(tmp_path, other)) as daemon:
        bin = tmp_path / "bin"
        bin.mkdir()
        for name in ("ccmd", "ccmd-api", "ccmd-registry"):
            (bin / name).symlink_to(BUILD / "ccmd" / name)
        (bin / "ccmd-poller").symlink_to(poller)
        daemon.bin = bin
        yield daemon.start()


def pipeline(d, pid):
    status, r = d.request("GET", "/api/pipelines/" + pid)
    assert status == 200, r
    return r["pipeline"]


def test_two_deaths_and_it_is_left_alone(d, sim):
    ill, well = d.provision("acme/ill"), d.provision("acme/well")
    for p in (ill, well):
        d.wait_stats(p, lambda s: not s["stale"])
    poison = sim.add_run("acme/ill", "deploy.yml", head_branch="poisonous",
                         conclusion="success")

    def state():
        try:
            return pipeline(d, ill)
        except OSError:         # the set starts anew
            return {"status": None}
    wait_until(lambda: state()["status"] == "error", 20, "error")
    # Two deaths, no more, and no less.
    assert d.logged("poller ended by signal", 2) == 2, d.log()
    assert d.logged("acme/ill: the poller died of its answer", 2) == 2
    # It says why, wherever one looks.
    reason = state()["error"]
    assert "crashed" in reason and "ccmctl reload" in reason
    listed = {p["pipeline_id"]: p for p in d.request(
        "GET", "/api/pipelines")[1]["pipelines"]}
    assert listed[ill]["status"] == "error"
    assert listed[ill]["error"] == reason
    assert listed[well]["status"] == "active"
    assert "error" in d.ctl("list").stdout
    assert "crashed" in d.ctl("show", ill).stdout
    assert d.stats(ill)["stale_reason"] == reason
    assert [x["detail"] for x in d.audit() if x["verb"] == "pipeline.change"
            and x["target"] == ill] == [reason]
    assert d.logged(reason)
    # The others go on, nobody asks for it any more, no process died since.
    pids, mark = d.pids(), sim.mark()
    sim.add_run("acme/well", "deploy.yml", conclusion="failure")
    d.wait_stats(well, lambda s: s["metrics_24h"]["failure_count"] == 1)
    sim.wait_for(3, since=mark, path="/repos/acme/well")
    # Nor does an operation: it would kill the poller just as well.
    status, r = d.request("POST", "/api/pipelines/provision", {
        "repo": "acme/ill", "workflow_file": "ci.yml"})
    assert status == 502 and "crashed" in r["error"], r
    assert sim.requests(since=mark, path="/repos/acme/ill") == []
    assert d.pids() == pids
    # GitHub's answer is another one, and somebody says so.
    sim.delete_run("acme/ill", poison)
    r = d.ctl("reload")
    assert r.returncode == 0, r.stderr
    wait_until(lambda: state()["status"] == "active", what="active again")
    assert "error" not in state()
    d.wait_stats(ill, lambda s: not s["stale"])
    assert d.pids() == pids


def test_it_can_be_torn_down_and_survives_a_restart(d, sim):
    ill, well = d.provision("acme/ill"), d.provision("acme/well")
    for p in (ill, well):
        d.wait_stats(p, lambda s: not s["stale"])
    sim.add_run("acme/ill", "deploy.yml", head_branch="poisonous")
    wait_until(lambda: d.registry()["pipelines"][ill]["status"] == "error",
               20, "error")
    # A restart tries it again, and comes to the same end; the rest is well.
    d.stop()
    d.start()
    # By each start once, and then there is a set that lives.
    blamed = "until a reload"
    wait_until(lambda: d.log().count(blamed) == 2 and "ccmd: running" in
               d.log().rpartition(blamed)[2], 20, "blamed")
    d.wait_ready()
    pids = d.pids()
    d.wait_stats(well, lambda s: not s["stale"] and s["age_seconds"] < 3)
    assert pipeline(d, ill)["status"] == "error"
    status, r = d.request("DELETE", "/api/pipelines/" + ill)
    assert status == 200, r
    assert any("crashed" in w for w in r["warnings"]), r
    assert pipeline(d, ill)["status"] == "inactive"
    assert d.pids() == pids


def test_a_death_at_another_time_blames_nobody(d, sim):
    pid = d.provision("acme/ill")
    for _ in range(3):
        d.wait_stats(pid, lambda s: not s["stale"])
        before = d.log().count("running")
        d.kill("ccmd-poller")
        wait_until(lambda: d.log().count("running") > before, 20, "anew")
        d.wait_ready()
    assert "died of its answer" not in d.log()
    assert pipeline(d, pid)["status"] == "active"


def test_a_number_is_of_one_github(d, sim, other):
    """repositories/1234 is another one elsewhere, and is not blamed."""
    number = sim.repo("acme/ill")["id"]
    other.add_repo("zoo/ape", id=number,
                   workflows=["ci.yml", "deploy.yml"])
    ill, ape = d.provision("acme/ill"), d.provision("zoo/ape")
    for p in (ill, ape):
        d.wait_stats(p, lambda s: not s["stale"])
    # Redirected to its number, and there it is poisonous.
    sim.rename_repo("acme/ill", "acme/worse")
    sim.add_run("acme/worse", "deploy.yml", head_branch="poisonous")
    wait_until(lambda: d.registry()["pipelines"][ill]["status"] == "error",
               20, "error")
    named = "repositories/%d: the poller died of its answer" % number
    assert d.logged(named, 2) == 2, d.log()
    assert d.logged("(%s)" % sim.url)
    d.wait_ready()
    mark = other.mark()
    other.add_run("zoo/ape", "deploy.yml", conclusion="failure")
    d.wait_stats(ape, lambda s: s["metrics_24h"]["failure_count"] == 1)
    # By its number, too: the name is looked up by it.
    other.rename_repo("zoo/ape", "zoo/bear")
    wait_until(lambda: pipeline(d, ape)["repository"] == "zoo/bear", 20,
               "followed")
    assert other.requests(since=mark, path="/repositories/%d" % number)
    assert pipeline(d, ape)["status"] == "active"
