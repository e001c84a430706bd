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

"""Starts the real ccmd with its children, for the tests.

    with Daemon(tmp_path, github_url=sim.url) as d:
        status, body = d.request("POST", "/api/pipelines/provision", {...})

As root it can also be started as an ordinary user (user="nobody").
Standard library only.
"""

import hashlib
import http.client
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time

import contract

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CCM_BUILDDIR") or ROOT / "build")
TOKEN = "test-token-0123456789"


def free_port():
    """A port of 127.0.0.1 that is free now, and that no connection gets by
    chance while a daemon is down: below those that the kernel chooses."""
    while True:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", random.randrange(16000, 32000)))
                return s.getsockname()[1]
            except OSError:
                continue


def token_hash(token):
    """BLAKE2b-256, as ccmd.conf has it."""
    return hashlib.blake2b(token.encode(), digest_size=32).hexdigest()


def assert_no_report(text):
    """What ASan, UBSan or LSan say, in a build that has them."""
    for sign in ("Sanitizer", "runtime error: "):
        if sign in text:
            raise AssertionError("a sanitizer's report:\n" + text[
                max(0, text.index(sign) - 500):][:20000])


def drain(s):
    """What comes on a connection until its other end is gone."""
    got = b""
    try:
        while more := s.recv(65536):
            got += more
    except ConnectionError:
        pass
    return got


def children(pid):
    """Pids of a process's children, by name."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)
        except OSError:
            continue
        name = fields[0].split("(", 1)[1]
        if int(fields[1].split()[1]) == pid:
            found[name] = int(entry.name)
    return found


def wait_until(condition, timeout=10, what="condition"):
    """Poll for what has no event to wait for; fails loudly."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("timed out: " + what)


class Daemon:
    def __init__(self, tmp, github_url=None, token=TOKEN, github_token="ght",
                 conf="", env=None, user=None, active=1, idle=1,
                 tokens=None, start=True, ca=None, github_conf=""):
        self.tmp = pathlib.Path(tmp)
        self.user = user
        if user:
            # A place that an ordinary user may enter.
            self.tmp = pathlib.Path("/tmp") / ("ccmd-test-%d-%d" % (
                os.getpid(), free_port()))
        self.dir = self.tmp / "ccmd"
        self.state = self.dir / "state"
        self.socket = self.dir / "ccmd.sock"
        self.log_path = self.dir / "log"
        self.conf_path = self.dir / "ccmd.conf"
        self.port = free_port()
        self.token = token
        self.process = None
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.dir)}
        self.env.update(env or {})
        self.dir.mkdir(parents=True)
        lines = ["listen on 127.0.0.1 port %d" % self.port,
                 'control socket "%s"' % self.socket,
                 'state directory "%s"' % self.state,
                 "poll interval active %d idle %d" % (active, idle)]
        for name, (role, value) in (tokens or {"test": (
                "admin", token)}).items():
            lines.append('api token "%s" role %s hash "%s"' % (
                name, role, token_hash(value)))
        if github_url:
            secret = self.dir / "github.token"
            secret.write_text(github_token + "\n")
            secret.chmod(0o600)
            lines.append('github "default" {\n\turl "%s"\n\ttoken file "%s"'
                         '%s\n\t%s\n}' % (
                             github_url, secret,
                             '\n\tca file "%s"' % ca if ca else "",
                             github_conf))
        self.conf_path.write_text("\n".join(lines) + "\n" + conf)
        self.conf_path.chmod(0o644)
        self.bin = BUILD / "ccmd"
        if user:
            # The build tree may lie where only its owner can go.
            self.bin = self.tmp / "bin"
            self.bin.mkdir()
            for name in ("ccmd", "ccmd-poller", "ccmd-api", "ccmd-registry"):
                shutil.copy2(BUILD / "ccmd" / name, self.bin)
            self.bin.chmod(0o755)
            self.tmp.chmod(0o755)
            pw = pwd.getpwnam(user)
            for path in [self.tmp, self.dir, *self.dir.iterdir()]:
                os.chown(path, pw.pw_uid, pw.pw_gid)
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()
        if self.user:
            shutil.rmtree(self.tmp, ignore_errors=True)

    def argv(self, *more):
        argv = [str(self.bin / "ccmd"), "-d", "-v", "-L", str(self.bin),
                "-f", str(self.conf_path), *more]
        if self.user:
            pw = pwd.getpwnam(self.user)
            argv = ["setpriv", "--reuid=%d" % pw.pw_uid, "--regid=%d" %
                    pw.pw_gid, "--clear-groups", *argv]
        return argv

    def start(self, wait=True):
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            self.argv(), stdin=subprocess.DEVNULL, stdout=self.log_file,
            stderr=self.log_file, env=self.env)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=20):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError("ccmd ended:\n" + self.log())
            try:
                return self.request("GET", "/readyz", timeout=5)[0] == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_until(ready, timeout, "ready\n" + self.log())

    def stop(self):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(15)
        finally:
            if self.process.poll() is None:
                self.kill_all()
            self.log_file.close()
            self.process = None
        assert_no_report(self.log())
        return status

    def pids(self):
        """Parent and children by name: ccmd, ccmd-api, ..."""
        found = children(self.process.pid)
        found["ccmd"] = self.process.pid
        return found

    def kill(self, name, sig=signal.SIGKILL):
        pid = self.pids()[name]
        os.kill(pid, sig)
        return pid

    def kill_all(self):
        """The power goes: all four at once."""
        for pid in self.pids().values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)
        self.log_file.close()
        self.process = None

    def log(self):
        try:
            return self.log_path.read_text(errors="replace")
        except OSError:
            return ""

    def logged(self, text, times=1):
        """How often it says that, once it does at least so often: what a
        child says comes a moment later, by way of its parent."""
        wait_until(lambda: self.log().count(text) >= times, 20,
                   "%r in the log:\n%s" % (text, self.log()))
        return self.log().count(text)

    def request(self, method, path, body=None, token=None, headers=None,
                timeout=12):
        """Returns status and the parsed body, which must be as the OpenAPI
        document says."""
        status, _, data = self.raw(method, path, body, token, headers,
                                   timeout)
        answer = json.loads(data) if data else None
        contract.check(self, method, path, status, answer)
        return status, answer

    def raw(self, method, path, body=None, token=None, headers=None,
            timeout=12):
        c = http.client.HTTPConnection("127.0.0.1", self.port,
                                       timeout=timeout)
        try:
            head = {"CCM-Token": token or self.token}
            if body is not None:
                head["Content-Type"] = "application/json"
                if not isinstance(body, (str, bytes)):
                    body = json.dumps(body)
            head.update(headers or {})
            c.request(method, path, body, head)
            r = c.getresponse()
            return r.status, dict(r.getheaders()), r.read()
        finally:
            c.close()

    def provision(self, repo, workflow="deploy.yml", **more):
        body = {"repo": repo, "workflow_file": workflow, **more}
        status, answer = self.request("POST", "/api/pipelines/provision",
                                      body)
        assert status == 201, (status, answer)
        return answer["pipeline_id"]

    def stats(self, pipeline):
        status, answer = self.request("GET", "/api/pipelines/%s/stats" %
                                      pipeline)
        assert status == 200, answer
        return answer["stats"]

    def wait_stats(self, pipeline, condition, timeout=15):
        return wait_until(
            lambda: (lambda s: s if condition(s) else None)(
                self.stats(pipeline)), timeout,
            "stats of %s: %s" % (pipeline, self.stats(pipeline)))

    def ctl(self, *args, **kwargs):
        env = {**os.environ, "CCM_SOCKET": str(self.socket), "LANG": "C"}
        return subprocess.run([str(BUILD / "ccmctl/ccmctl"), *args], env=env,
                              capture_output=True, text=True, timeout=30,
                              stdin=subprocess.DEVNULL, **kwargs)

    def registry(self):
        """pipelines.json as it is on disk."""
        return json.loads((self.state / "pipelines.json").read_text())

    def audit(self):
        path = self.state / "logs" / "audit.log"
        return [json.loads(line) for line in path.read_text().splitlines()]
