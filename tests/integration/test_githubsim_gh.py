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


"""GitHub's own command line tool works against githubsim: it speaks to it as
to a GitHub Enterprise Server, over TLS with a CA of its own."""

import json
import os
import shutil
import subprocess

import pytest

from githubsim import GitHubSim, token_id

TOKEN = "ghp_of_gh"

pytestmark = pytest.mark.skipif(
    shutil.which("gh") is None,
    reason="gh is not here (Debian 12's package gh)")


class Gh:
    """Runs gh as somebody who did `gh auth login` for the server."""

    def __init__(self, sim, tmp_path):
        self.sim = sim
        self.host = f"127.0.0.1:{sim.ports['https']}"
        self.config = tmp_path / "gh"
        self.config.mkdir()
        hosts = self.config / "hosts.yml"
        hosts.write_text(f"\"{self.host}\":\n    oauth_token: {TOKEN}\n"
                         "    user: octocat\n    git_protocol: https\n")
        hosts.chmod(0o600)

    def __call__(self, *args, status=0, repo="acme/shop", stdin=""):
        done = subprocess.run(
            ["gh", *args, "-R", f"{self.host}/{repo}"], input=stdin,
            capture_output=True, text=True, timeout=60, env={
                "PATH": os.environ["PATH"], "HOME": str(self.config),
                "GH_CONFIG_DIR": str(self.config), "GH_HOST": self.host,
                "SSL_CERT_FILE": str(self.sim.ca), "NO_COLOR": "1",
                "GH_NO_UPDATE_NOTIFIER": "1", "GH_PROMPT_DISABLED": "1"})
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    def json(self, *args, **kwargs):
        return json.loads(self(*args, **kwargs))


@pytest.fixture
def sim(tmp_path):
    with GitHubSim(tmp_path, tls=True, base="/api/v3",
                   tokens=[TOKEN]) as s:
        s.settings(cancel_delay=0)
        s.add_repo("acme/shop", private=True, workflows=[
            {"path": "deploy.yml", "name": "Deploy"},
            {"path": "ci.yml", "name": "CI", "jobs": ["build", "test"]}])
        yield s
        assert s.stop() == 0


@pytest.fixture
def gh(sim, tmp_path):
    return Gh(sim, tmp_path)


def test_run_list(sim, gh):
    bad = sim.add_run("acme/shop", "ci.yml", conclusion="failure")
    good = sim.add_run("acme/shop", "deploy.yml", conclusion="success",
                       head_branch="next", event="push")
    rows = [line.split("\t") for line in gh("run", "list").splitlines()]
    assert [(r[0], r[1], r[3], r[4], r[6]) for r in rows] == [
        ("completed", "success", "Deploy", "next", str(good)),
        ("completed", "failure", "CI", "main", str(bad))]
    assert gh.json("run", "list", "-w", "ci.yml", "--json",
                   "databaseId,conclusion") == [
        {"databaseId": bad, "conclusion": "failure"}]
    assert gh.json("run", "list", "-b", "next", "--json", "databaseId") == [
        {"databaseId": good}]


def test_run_view(sim, gh):
    run = sim.add_run("acme/shop", "ci.yml", conclusion="failure",
                      jobs={"build": "success", "test": "failure"})
    text = gh("run", "view", str(run))
    assert "✓ build in" in text and "X test in" in text
    jobs = gh.json("run", "view", str(run), "--json", "jobs")["jobs"]
    assert [(j["name"], j["conclusion"]) for j in jobs] == [
        ("build", "success"), ("test", "failure")]
    job = str(jobs[1]["databaseId"])
    assert "X Deploy" in gh("run", "view", "--job", job)
    log = gh("run", "view", str(run), "--log-failed")
    assert {tuple(line.split("\t")[:2]) for line in log.splitlines()} == {
        ("test", "Deploy")}
    assert "exit code 1" in log
    log = gh("run", "view", str(run), "--log")
    assert len({tuple(line.split("\t")[:2])
                for line in log.splitlines()}) == 10
    assert [q["token"] for q in sim.requests(port="storage")] == [None]
    assert {q["token"] for q in sim.requests(port="https")} == {
        token_id(TOKEN)}


def test_run_cancel(sim, gh):
    run = sim.add_run("acme/shop", "ci.yml", status="in_progress")
    gh("run", "cancel", str(run))
    assert gh.json("run", "view", str(run), "--json", "conclusion") == {
        "conclusion": "cancelled"}
    assert "completed" in gh("run", "cancel", str(run), status=1)


def test_run_rerun(sim, gh):
    sim.patch_workflow("acme/shop", "ci.yml",
                       plan={"queued": 0, "conclusion": "success"})
    run = sim.add_run("acme/shop", "ci.yml", conclusion="failure",
                      jobs={"build": "success", "test": "failure"})

    def jobs():
        return {j["name"]: j["databaseId"] for j in gh.json(
            "run", "view", str(run), "--json", "jobs")["jobs"]}
    first = jobs()
    gh("run", "rerun", str(run), "--failed")
    second = jobs()
    assert first["build"] == second["build"]    # not run again
    assert first["test"] != second["test"]
    assert "cannot be rerun" in gh("run", "rerun", str(run), "--failed",
                                   status=1)
    gh("run", "rerun", str(run))
    third = jobs()
    assert not set(third.values()) & set(second.values())
    gh("run", "rerun", "--job", str(third["build"]))
    assert jobs()["test"] == third["test"] and jobs() != third


def test_run_watch(sim, gh):
    sim.clock(speed=20)
    run = sim.add_run("acme/shop", "ci.yml", plan={
        "queued": 5, "in_progress": 10, "conclusion": "failure"})
    gh("run", "watch", str(run), "--exit-status", "-i", "1", status=1)


def test_workflow(sim, gh):
    rows = [line.split("\t") for line in
            gh("workflow", "list").splitlines()]
    assert [r[:2] for r in rows] == [["Deploy", "active"],
                                     ["CI", "active"]]
    gh("workflow", "disable", "CI")
    sim.patch_workflow("acme/shop", "deploy.yml",
                       state="disabled_inactivity")
    rows = [line.split("\t") for line in
            gh("workflow", "list", "--all").splitlines()]
    assert [r[:2] for r in rows] == [["Deploy", "disabled_inactivity"],
                                     ["CI", "disabled_manually"]]
    gh("workflow", "enable", "ci.yml")
    assert "CI" in gh("workflow", "list")


def test_workflow_run(sim, gh):
    sim.patch_repo("acme/shop", branches=["next"])
    sim.patch_workflow("acme/shop", "deploy.yml",
                       inputs={"target": {"required": True}})
    gh("workflow", "run", "deploy.yml", "-f", "target=prod")
    gh("workflow", "run", "deploy.yml", "-f", "target=x", "--ref", "next")
    assert gh.json("run", "list", "--json", "event,headBranch") == [
        {"event": "workflow_dispatch", "headBranch": b}
        for b in ("next", "main")]
    assert "target" in gh("workflow", "run", "deploy.yml", status=1)
    assert "No ref found" in gh("workflow", "run", "deploy.yml", "--ref",
                                "none", "-f", "target=x", status=1)


def test_secret(sim, gh):
    gh("secret", "set", "TOKEN", stdin="s3cret \u2713")
    gh("secret", "set", "EMPTY", "--body", "x" * 40000)
    gh("secret", "set", "KEY", "--env", "production", "--body", "other")
    assert sim.secrets("acme/shop") == {"TOKEN": "s3cret \u2713",
                                        "EMPTY": "x" * 40000}
    assert sim.secrets("acme/shop", "production") == {"KEY": "other"}
    assert [line.split("\t")[0] for line in
            gh("secret", "list").splitlines()] == ["TOKEN", "EMPTY"]
    gh("secret", "delete", "TOKEN")
    assert list(sim.secrets("acme/shop")) == ["EMPTY"]
