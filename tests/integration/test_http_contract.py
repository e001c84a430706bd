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

import pytest

from daemon import Daemon
from githubsim import GitHubSim


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    with GitHubSim(tmp_path_factory.mktemp("sim")) as s:
        s.add_repo("acme/shop", workflows=["deploy.yml"])
        yield s


@pytest.fixture(scope="module")
def d(tmp_path_factory, sim):
    with Daemon(tmp_path_factory.mktemp("d"), github_url=sim.url) as daemon:
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
