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

COUNT = collections.Counter()


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
