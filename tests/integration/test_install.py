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
"""What `make install` leaves, and what is shipped for a service manager.

Nothing here needs root: it goes below a directory of the test's.  That
./setup install works on bare systems is tried there, see HACKING.md.
"""

import grp
import os
import re
import stat
import subprocess

import pytest

from daemon import BUILD, ROOT
from test_build import sanitized

# Mode by path below the prefix; further ones are the manual pages.
INSTALLED = {
    "sbin/ccmd": 0o755, "sbin/ccmctl": 0o755,
    "libexec/ccmd/ccmd-api": 0o755, "libexec/ccmd/ccmd-poller": 0o755,
    "libexec/ccmd/ccmd-registry": 0o755,
    "lib/systemd/system/ccmd.service": 0o644,
    "lib/sysusers.d/ccmd.conf": 0o644,
    "lib/tmpfiles.d/ccmd.conf": 0o644,
    "share/ccmd/ccmd.conf": 0o644,
}


def make(target, directory):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(["make", "-C", str(BUILD), "-s", target,
                           "DESTDIR=%s" % directory], env=env, timeout=300,
                          capture_output=True, text=True)


def files(directory):
    return {str(p.relative_to(directory)): stat.S_IMODE(p.stat().st_mode)
            for p in directory.rglob("*") if p.is_file()}


def prefix():
    text = (BUILD / "Makefile").read_text()
    return re.search("^prefix = /(.*)$", text, re.M)[1]


@pytest.mark.skipif(sanitized(), reason="a build with sanitizers")
def test_install_and_uninstall(tmp_path):
    r = make("install", tmp_path)
    assert r.returncode == 0, r.stderr
    found = {p.removeprefix(prefix() + "/"): mode
             for p, mode in files(tmp_path).items()}
    pages = {p: m for p, m in found.items() if p.startswith("share/man/")}
    assert {p.split("/")[-1] for p in pages} == {
        p.name for p in (ROOT / "man").iterdir()}
    assert {p: m for p, m in found.items() if p not in pages} == INSTALLED
    unit = (tmp_path / prefix() / "lib/systemd/system/ccmd.service"
            ).read_text()
    started = re.search(r"^ExecStart=/(\S+) -d$", unit, re.M)[1]
    assert os.access(tmp_path / started, os.X_OK)
    r = make("uninstall", tmp_path)
    assert r.returncode == 0 and files(tmp_path) == {}, r.stderr


@pytest.mark.skipif(not sanitized(), reason="a build without sanitizers")
@pytest.mark.parametrize("target", ["install", "install-exec",
                                    "install-data"])
def test_a_sanitizer_build_is_not_installed(tmp_path, target):
    r = make(target, tmp_path)
    assert r.returncode != 0
    assert files(tmp_path) == {}
    if target != "install-data":
        assert "not installed" in r.stderr


def test_the_example_configuration(tmp_path):
    # ./setup install makes the group; here it is one that there is.
    example = (ROOT / "etc/ccmd.conf").read_text().replace(
        'group "ccm"', 'group "%s"' % grp.getgrgid(os.getgid()).gr_name)
    conf = tmp_path / "ccmd.conf"
    # As shipped, and with what is commented out put in force.
    token = tmp_path / "github.token"
    token.write_text("ghp_x\n")
    token.chmod(0o600)
    full = re.sub(r"^#((?:github|\ttoken file|}|api token|poll) ?.*)$", r"\1",
                  example, flags=re.M)
    full = full.replace("/etc/ccmd/github.token", str(token))
    full = full.replace('hash "..."', 'hash "%s"' % ("ab" * 32))
    assert full.count("#") < example.count("#")
    for text, what in ((example, "/var/lib/ccmd"), (full, "idle 60")):
        conf.write_text(text)
        conf.chmod(0o600)
        r = subprocess.run([BUILD / "ccmd/ccmd", "-n", "-f", conf],
                           capture_output=True, text=True,
                           env={"HOME": str(tmp_path)})
        assert r.returncode == 0 and r.stderr == "", r.stderr
        assert what in r.stdout


def test_users_are_those_that_the_parent_looks_for():
    wanted = set(re.findall(r'"(_ccmd\w)"',
                            (ROOT / "ccmd/parent/users.c").read_text()))
    assert len(wanted) == 3
    users = (ROOT / "etc/ccmd.sysusers").read_text()
    assert set(re.findall(r"^u\t(\S+)", users, re.M)) == wanted
    setup = (ROOT / "setup").read_text()
    assert set(re.findall(r"\b_ccmd\w\b", setup)) == wanted
    group = re.search(r'group "(\w+)"', (ROOT / "etc/ccmd.conf").read_text())
    assert re.search(r"^g\t%s\t" % group[1], users, re.M)


def test_the_unit_leaves_the_parent_what_it_needs():
    unit = (ROOT / "etc/ccmd.service.in").read_text().replace("\\\n", " ")
    bound = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.M)[1].split()
    linux = (ROOT / "common/sandbox-linux.c").read_text()
    kept = re.search(r"#define CAPS_PARENT(.*?\)\))", linux, re.S)[1]
    kept = set(re.findall(r"CAP_BIT\((\w+)\)", kept))
    assert len(kept) == 4 and kept < set(bound)
    assert "CAP_SYS_ADMIN" not in bound
    for line in ("Type=notify", "NoNewPrivileges=yes",
                 "ProtectSystem=strict", "MemoryDenyWriteExecute=yes",
                 "ReadWritePaths=/var/lib/ccmd",
                 "RestartPreventExitStatus=78"):
        assert "\n%s\n" % line in unit, line
