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

"""A build with sanitizers finds what it is to find, in the children too.

Each child ends by exit(3) through a filter that kills, with no environment
and nothing but a pipe to write to; as root in a directory without /proc.
Here a report gets out of each, and the whole set has none.
"""

import os
import shutil
import subprocess
import tempfile

import pytest

from daemon import BUILD, Daemon
from githubsim import GitHubSim
from test_build import sanitized

PROBE = BUILD / "tests/sandbox/sandbox_probe"
NOBODY = 65534

pytestmark = pytest.mark.skipif(not sanitized(),
                                reason="a build without sanitizers")
IS_ROOT = os.geteuid() == 0
as_user = pytest.mark.parametrize("user", ["nobody" if IS_ROOT else None])


def probe(role, thing, directory, as_root):
    argv = [shutil.copy2(PROBE, directory), "-d", str(directory), "-u",
            str(NOBODY), "-g", str(NOBODY), role, thing]
    if IS_ROOT and not as_root:
        argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                "--clear-groups", *argv]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={})


@pytest.mark.parametrize("as_root", [False, pytest.param(
    True, marks=pytest.mark.skipif(not IS_ROOT, reason="root only"))])
@pytest.mark.parametrize("role", ["poller", "api", "registry"])
def test_a_leak_is_found_in_a_sandbox(role, as_root):
    with tempfile.TemporaryDirectory(prefix="ccm-leak-") as directory:
        os.chmod(directory, 0o755)
        r = probe(role, "leak", directory, as_root)
        assert "seccomp" in r.stdout and "landlock" in r.stdout, r
        assert "exit 99" in r.stdout, r
        assert "LeakSanitizer: detected memory leaks" in r.stderr, r
        r = probe(role, "json", directory, as_root)
        assert "ok\n" in r.stdout and "exit" not in r.stdout, r


@as_user
def test_the_set_leaks_nothing(tmp_path, user):
    """All verbs, faults and a restart by a user without a chroot."""
    with GitHubSim() as sim:
        for n in range(2):
            sim.add_repo("acme/r%d" % n, workflows=["deploy.yml"])
            sim.add_run("acme/r%d" % n, "deploy.yml", conclusion="success")
        with Daemon(tmp_path, sim.url, user=user) as d:
            ids = [d.provision("acme/r%d" % n) for n in range(2)]
            for path in ("", "/" + ids[0], "/%s/stats?fresh=1" % ids[0],
                         "/%s/runs" % ids[1], "?include=stats&limit=1"):
                assert d.request("GET", "/api/pipelines" + path)[0] == 200
            for body in ("{", "[]", {"repo": "acme/none"},
                         {"repo": "acme/none", "workflow_file": "a.yml"}):
                assert d.request("POST", "/api/pipelines/provision",
                                 body)[0] in (400, 404)
            assert d.ctl("list").returncode == 0
            assert d.ctl("runs", ids[0]).returncode == 0
            assert d.request("DELETE", "/api/pipelines/" + ids[0])[0] == 200
            assert d.stop() == 0
            d.start()
            assert d.request("GET", "/api/pipelines")[1]["count"] == 2
            assert d.stop() == 0
