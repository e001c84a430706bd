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


"""What shells, boots and cron jobs do to programs: descriptors that are
closed, disks that are full, umasks, environments, programs that are not
there.  The real ccmd in the background, and the real ccmctl."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile

import pytest

from control_standin import Daemon as Standin
from daemon import BUILD, ROOT, children, free_port, wait_until
from terminal import CCMCTL, environment

TIMEOUT = 30
EVERYTHING_CLOSED = "exec <&- >&- 2>&-; "


class Background:
    """ccmd without -d, as an ordinary user where we are root."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="ccmd-shell-",
                                                  dir="/tmp"))
        self.bin = self.home / "bin"
        self.bin.mkdir()
        for name in ("ccmd", "ccmd-poller", "ccmd-api", "ccmd-registry"):
            shutil.copy2(BUILD / "ccmd" / name, self.bin)
        self.state = self.home / ".ccm"
        self.port = free_port()
        self.conf = self.home / "ccmd.conf"
        self.conf.write_text("listen on 127.0.0.1 port %d\n" % self.port)
        self.prefix = []
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home),
                    "CCM_API_TOKEN": "t"}
        for p in (self.home, self.bin):
            p.chmod(0o755)
        if os.geteuid() == 0:
            pw = pwd.getpwnam("nobody")
            self.prefix = ["setpriv", "--reuid=%d" % pw.pw_uid, "--regid=%d"
                           % pw.pw_gid, "--clear-groups"]
            os.chown(self.home, pw.pw_uid, pw.pw_gid)

    def shell(self, before="", *args, libexec=None):
        """`before` is what the shell does first; returns its status, and
        what came on stdout and stderr."""
        argv = [*self.prefix, "sh", "-c", before + 'exec "$@"', "sh",
                self.bin / "ccmd", "-L", libexec or self.bin, "-f",
                self.conf, *args]
        with tempfile.TemporaryFile("w+") as out:
            r = subprocess.run(argv, env=self.env, timeout=TIMEOUT,
                               stdin=subprocess.DEVNULL, stdout=out,
                               stderr=out)
            out.seek(0)
            return r.returncode, out.read()

    def pid(self):
        """Of the daemon, from its lock; 0 if nobody holds it."""
        try:
            pid = int((self.state / ".lock").read_text())
            os.kill(pid, 0)
            return pid
        except (OSError, ValueError):
            return 0

    def log(self):
        return (self.state / "logs/ccmd.log").read_text()

    def ctl(self, *args):
        return subprocess.run([CCMCTL, "-s", self.state / "ccmd.sock",
                               *args], capture_output=True, text=True,
                              timeout=TIMEOUT, env=environment())

    def end(self):
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not self.pid(), what="its end")
        shutil.rmtree(self.home)


@pytest.fixture
def background():
    b = Background()
    yield b
    b.end()


@pytest.fixture
def standin(tmp_path):
    d = Standin(tmp_path / "sock")
    d.answers["pipeline.list"] = (200, {"success": True, "pipelines": [],
                                        "count": 0})
    d.answers["run.logs"] = (200, b"what a job wrote\n")
    d.answers["daemon.status"] = (200, {"success": True})
    yield d
    d.stop()


def test_daemon_of_a_shell_without_descriptors(background):
    """Nothing that it opens gets the number 0, 1 or 2, which the way into
    the background replaces: not the lock, not a listening socket."""
    assert background.shell(EVERYTHING_CLOSED)[0] == 0
    pid = background.pid()
    assert len(children(pid)) == 3
    r = background.ctl("status")
    assert r.returncode == 0, r.stderr
    fds = pathlib.Path("/proc/%d/fd" % pid)
    for n in "012":
        assert os.readlink(fds / n) == "/dev/null"
    assert str(background.state / ".lock") in [
        os.readlink(p) for p in fds.iterdir()]
    status, out = background.shell()
    assert status == 1 and "in use by another ccmd" in out


def test_programs_that_are_not_there(background):
    """It says which, and ends, in the background too."""
    gone = background.home / "gone"
    status, out = background.shell("", "-d", libexec=gone)
    assert status == 1
    assert "%s/ccmd-poller: No such file" % gone in out
    status, out = background.shell(libexec=gone)
    assert status == 1 and "did not come up" in out
    assert "%s/ccmd-poller: No such file" % gone in background.log()
    wait_until(lambda: not background.pid(), what="its end")
    (background.bin / "ccmd-registry").chmod(0o644)
    status, out = background.shell("", "-d")
    assert status == 1 and "ccmd-registry: Permission denied" in out


@pytest.mark.parametrize("umask", ["0", "0777"])
def test_modes_whatever_the_umask(background, umask):
    """What is made is closed to others, and open to its owner."""
    assert background.shell("umask %s; " % umask)[0] == 0
    assert background.ctl("status").returncode == 0
    seen = 0
    for path in [background.state, *background.state.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
        seen += 1
    assert seen >= 7


@pytest.mark.parametrize("args", [
    ["list"], ["-j", "list"], ["logs", "pipe_0123456789ab", "7"],
    ["monitor", "-1"], ["help"], ["token", "new", "-r", "api", "x"],
])
@pytest.mark.parametrize("how", [">&-", "<&- >&-", ">/dev/full"])
def test_output_that_goes_nowhere(standin, args, how):
    """It is a failure, it is said once, and the connection to the daemon
    is not what is written to."""
    r = subprocess.run(
        ["sh", "-c", 'exec "$@" ' + how, "sh", CCMCTL, "-s", standin.path,
         *args], capture_output=True, text=True, timeout=TIMEOUT,
        env=environment())
    assert r.returncode == 1, r.stderr
    assert r.stderr.count("\n") == 1
    assert "standard output: " in r.stderr
    # The stand-in takes whole messages only; what it got it understood.
    assert len(standin.seen) <= 1


@pytest.mark.parametrize("args", [
    ["logs", "pipe_0123456789ab", "7"], ["-j", "list"], ["events", "-aj"],
])
def test_a_reader_that_has_enough_is_told_nothing(standin, args):
    """As of ccmctl ... | head -1, where more comes than a pipe holds."""
    much = "x" * 300000
    standin.answers["run.logs"] = (200, much.encode())
    standin.answers["pipeline.list"] = (200, {
        "success": True, "count": 1, "pipelines": [{
            "pipeline_id": "pipe_0123456789ab", "repository": "a/b",
            "status": "active", "html": much}]})
    p = subprocess.Popen([CCMCTL, "-s", standin.path, *args],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env=environment())
    assert p.stdout.read(1)
    p.stdout.close()
    assert p.stderr.read() == b""
    assert p.wait(TIMEOUT) == 1
    p.stderr.close()


def test_version():
    """As configure.ac has it, of both, without a daemon."""
    version = re.search(r"^AC_INIT\(\[.*?\], \[(.*?)\]", (
        ROOT / "configure.ac").read_text(), re.M)[1]
    for name, path in (("ccmd", BUILD / "ccmd/ccmd"), ("ccmctl", CCMCTL)):
        r = subprocess.run([path, "-V"], capture_output=True, text=True,
                           timeout=TIMEOUT, env=environment())
        assert (r.returncode, r.stdout, r.stderr) == (
            0, "%s %s\n" % (name, version), "")
        with open("/dev/full", "w") as full:
            assert subprocess.run([path, "-V"], stdout=full, timeout=TIMEOUT,
                                  stderr=subprocess.DEVNULL).returncode == 1


def test_no_descriptor_at_all(standin):
    r = subprocess.run(
        ["sh", "-c", EVERYTHING_CLOSED + 'exec "$@"', "sh", CCMCTL, "-s",
         standin.path, "list"], timeout=TIMEOUT, env=environment())
    assert r.returncode == 1
    assert [verb for verb, _ in standin.seen] == ["pipeline.list"]


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_an_export_that_is_given_up(background, tmp_path, sig):
    """Nothing is left of it."""
    assert background.shell()[0] == 0
    registry = children(background.pid())["ccmd-registry"]
    os.kill(registry, signal.SIGSTOP)
    try:
        p = subprocess.Popen(
            [CCMCTL, "-s", background.state / "ccmd.sock", "registry",
             "export", tmp_path / "file"], stderr=subprocess.PIPE,
            env=environment())
        wait_until(lambda: list(tmp_path.iterdir()), what="its beginning")
        p.send_signal(sig)
        assert p.wait(TIMEOUT) == 1
        assert b"given up" in p.stderr.read()
        p.stderr.close()
        assert not list(tmp_path.iterdir())
    finally:
        os.kill(registry, signal.SIGCONT)


@pytest.mark.parametrize("how", [">&-", ">/dev/full"])
def test_export_to_nowhere(background, how):
    assert background.shell()[0] == 0
    r = subprocess.run(
        ["sh", "-c", 'exec "$@" ' + how, "sh", CCMCTL, "-s",
         background.state / "ccmd.sock", "registry", "export", "-"],
        capture_output=True, text=True, timeout=TIMEOUT, env=environment())
    assert r.returncode == 1 and r.stderr.count("\n") == 1, r.stderr
    assert "standard output: " in r.stderr
