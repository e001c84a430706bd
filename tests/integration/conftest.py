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

"""Fixtures for more than one file of tests, and what the session says of
githubsim at its end, also where workers ran the tests."""

import collections
import shutil
import sys

import pytest

import terminal
from daemon import Daemon
from githubsim import GitHubSim
from registry_harness import Registry

COUNT = collections.Counter()


@pytest.fixture
def sim(request, tmp_path):
    """GitHub, with what the file's REPOSITORIES says is there: workflows by
    repository."""
    there = getattr(request.module, "REPOSITORIES",
                    {"acme/shop": ["deploy.yml"]})
    with GitHubSim(tmp_path) as s:
        for name, workflows in there.items():
            s.add_repo(name, workflows=workflows)
        yield s


@pytest.fixture
def d(request, tmp_path, sim):
    """The daemon on it; the file's DAEMON has what it is given besides."""
    more = getattr(request.module, "DAEMON", {})
    with Daemon(tmp_path, github_url=sim.url, **more) as daemon:
        yield daemon


@pytest.fixture
def pipe(d):
    """A pipeline that was read back."""
    p = d.provision("acme/shop")
    d.wait_stats(p, lambda s: not s["stale"])
    return p


@pytest.fixture
def state(tmp_path):
    """A registry's directory."""
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def registries():
    """Makes registries, and ends what a test left."""
    all_of_them = []

    def make(state, **more):
        r = Registry(state, **more)
        all_of_them.append(r)
        return r

    yield make
    for r in all_of_them:
        if r.process.poll() is None:
            r.process.kill()
            r.process.wait()


@pytest.fixture
def tmux(tmp_path):
    if shutil.which("tmux") is None:
        pytest.skip("no tmux")
    t = terminal.Tmux(tmp_path)
    yield t
    t.stop()


def counted():
    """Of this process; nothing is imported for it."""
    client = sys.modules.get("githubsim_client")
    return dict(client.COUNT) if client else {}


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["githubsim"] = counted()
    else:
        COUNT.update(counted())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    COUNT.update(getattr(node, "workeroutput", {}).get("githubsim", {}))


def pytest_terminal_summary(terminalreporter):
    if COUNT:
        terminalreporter.write_line(
            "githubsim: " + ", ".join(f"{n} {what}" for what, n in
                                      sorted(COUNT.items())))
