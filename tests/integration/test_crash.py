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

"""kill -9: of each child under clients, and of all four at any moment.

What a client was told must be true afterwards, each request ends, and
GitHub isn't asked anew for what is known.
"""

import http.client
import json
import random
import threading
import time

import pytest

from daemon import Daemon, wait_until
from githubsim import GitHubSim

CLIENTS = 50
BACK = 2.0		# seconds until an answer comes again
HANGING = 12		# what the VPS Manager waits is 10
ROUNDS = 100
UNLIMITED = "limits none"


class Clients:
    """Clients that provision, read and tear down until they are stopped.

    `told` is what was acknowledged: the last status of each pipeline.
    `open` holds the repositories whose last request got no answer: both
    outcomes are right then.
    """

    def __init__(self, daemon, repositories, n):
        self.d = daemon
        self.told = {}
        self.open = set()
        self.slow = []
        self.wrong = []
        self.answers = 0
        self.lost = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        share = [repositories[i::n] for i in range(n)]
        self.threads = [threading.Thread(target=self.work, args=(r,))
                        for r in share]
        for t in self.threads:
            t.start()

    def ask(self, method, path, body=None):
        """Status and answer, or None when the connection broke."""
        began = time.monotonic()
        try:
            return self.d.request(method, path, body, timeout=HANGING)
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            with self.lock:
                self.lost += 1
            return None, None
        finally:
            took = time.monotonic() - began
            if took >= HANGING:
                self.slow.append((method, path, took))

    def note(self, repo, status, answer, expected, pipeline, state):
        with self.lock:
            if status is None or status == 503:
                # No promise: what it was before, or what was asked for.
                self.open.add(repo)
                return False
            self.answers += 1
            self.open.discard(repo)
            if status not in expected:
                self.wrong.append((repo, status, answer))
            elif status in (200, 201):
                self.told[repo] = (pipeline, state)
            return True

    def work(self, repositories):
        i = 0
        while not self.stopping.is_set():
            repo = repositories[i % len(repositories)]
            i += 1
            status, r = self.ask("POST", "/api/pipelines/provision", {
                "repo": repo, "workflow_file": "deploy.yml"})
            # 409: an earlier request without an answer did its work.
            if not self.note(repo, status, r, (201, 409),
                             r and r.get("pipeline_id"), "active"):
                continue
            known = self.told.get(repo)
            if known is None or status != 201:
                continue
            self.ask("GET", "/api/pipelines/%s/stats" % known[0])
            if i % 3 == 0:
                status, r = self.ask("DELETE", "/api/pipelines/" + known[0])
                self.note(repo, status, r, (200,), known[0], "inactive")

    def stop(self):
        """They end by themselves at the next answer, or its absence."""
        self.stopping.set()
        for t in self.threads:
            t.join(HANGING * 3)
        assert not any(t.is_alive() for t in self.threads), "hanging"

    def check(self, documents):
        """Is all that was told among these documents, by id?"""
        assert not self.slow, self.slow
        assert not self.wrong, self.wrong
        for repo, (pipeline, state) in self.told.items():
            assert pipeline in documents, (repo, pipeline, state)
            assert documents[pipeline]["repository"] == repo
            if repo not in self.open:
                assert documents[pipeline]["status"] == state, repo


@pytest.fixture
def sim(tmp_path):
    with GitHubSim(tmp_path) as s:
        s.settings(cancel_delay=0)
        s.limits(hourly=1000000)
        yield s


def repositories(sim, n, prefix="acme/r"):
    names = ["%s%d" % (prefix, i) for i in range(n)]
    for name in names:
        sim.add_repo(name, workflows=["deploy.yml"])
    return names


@pytest.mark.parametrize("child", ["ccmd-api", "ccmd-poller",
                                   "ccmd-registry"])
def test_kill_a_child_under_clients(tmp_path, sim, child):
    names = repositories(sim, CLIENTS * 40)
    with Daemon(tmp_path, github_url=sim.url,
                github_conf=UNLIMITED) as d:
        clients = Clients(d, names, CLIENTS)
        try:
            wait_until(lambda: clients.answers > CLIENTS * 4, what="answers")
            old = set(d.pids().values()) - {d.process.pid}
            d.kill(child)
            began = time.monotonic()

            def back():
                try:
                    return (d.request("GET", "/readyz")[0] == 200 and
                            not old & set(d.pids().values()))
                except (OSError, http.client.HTTPException, ValueError):
                    return False
            wait_until(back, what="back")
            took = time.monotonic() - began
            more = clients.answers + CLIENTS * 4
            wait_until(lambda: clients.answers > more, what="more answers")
        finally:
            clients.stop()
        assert took < BACK, took
        _, r = d.request("GET", "/api/pipelines")
        clients.check({p["pipeline_id"]: p for p in r["pipelines"]})
        clients.check(d.registry()["pipelines"])
        assert clients.told and clients.lost < CLIENTS * 3
        # And after all of them, from the disk.
        d.kill_all()
        clients.check(d.registry()["pipelines"])


def test_kill_everything_again_and_again(tmp_path, sim):
    """A hundred times, at any moment of provisioning."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    names = repositories(sim, ROUNDS * 8)
    told = {}
    with Daemon(tmp_path, github_url=sim.url, start=False,
                github_conf=UNLIMITED) as d:
        path, saved = d.state / "pipelines.json", False
        for n in range(ROUNDS):
            d.start()
            clients = Clients(d, names[n * 8:n * 8 + 8], 4)
            enough = rng.randrange(8)
            wait_until(lambda: clients.answers >= enough,
                       what="answers")
            time.sleep(rng.uniform(0, 0.01))	# any moment from there on
            d.kill_all()
            clients.stop()
            assert not clients.wrong and not clients.slow
            for repo, (pipeline, state) in clients.told.items():
                if repo not in clients.open:
                    told[repo] = pipeline, state
            # Killed before the first save, with nothing promised.
            if not saved and not told and not path.exists():
                continue
            saved = True
            registry = d.registry()
            assert registry["registry_version"] == "2.0"
            for repo, (pipeline, state) in told.items():
                assert registry["pipelines"][pipeline]["status"] == state
        d.start()
        _, r = d.request("GET", "/api/pipelines")
        now = {p["pipeline_id"]: p for p in r["pipelines"]}
        assert len(told) > ROUNDS
        for repo, (pipeline, state) in told.items():
            assert now[pipeline]["repository"] == repo
            assert now[pipeline]["status"] == state
        # What was being torn down is, in the end; nobody stays between.
        wait_until(lambda: not any(
            p.get("teardown") for p in
            d.request("GET", "/api/pipelines?status=active")[1]["pipelines"]
        ), what="teardowns resumed")


@pytest.mark.parametrize("end", ["stop", "kill_all"])
def test_restart_of_a_quiet_system_costs_nothing(tmp_path, sim, end):
    names = repositories(sim, 5)
    for name in names:
        for i in range(3):
            sim.add_run(name, "deploy.yml", conclusion="success")
    with Daemon(tmp_path, github_url=sim.url) as d:
        ids = [d.provision(name) for name in names]
        for i in ids:
            d.wait_stats(i, lambda s: not s["stale"])
        mark = sim.mark()
        sim.wait_for(2 * len(names), since=mark, path="/actions/runs",
                     status=304)
        before = [d.stats(i) for i in ids]
        getattr(d, end)()
        mark = sim.mark()
        d.start()
        sim.wait_for(3 * len(names), since=mark)
        assert {q["status"] for q in sim.requests(since=mark)} == {304}
        for i, old in zip(ids, before):
            new = d.wait_stats(i, lambda s: not s["stale"])
            for member in ("last_run", "metrics_24h", "health_score"):
                assert new[member] == old[member]
            assert new["last_run"]["status"] == "success"
