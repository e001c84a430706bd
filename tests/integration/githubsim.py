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

"""Starts githubsim and drives its control interface.

    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/shop", workflows=["deploy.yml"])
        run = sim.add_run("acme/shop", "deploy.yml", conclusion="success")
        mark = sim.mark()
        ...
        sim.wait_for(2, since=mark, path="/actions/runs")

Standard library only.  tests/githubsim/README.md documents what each method
sends.
"""

import hashlib
import http.client
import json
import os
import pathlib
import subprocess
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
SANITIZER_EXIT = 99     # set in ASAN_OPTIONS by tests/pytest.sh


def binary():
    """The program: CCM_GITHUBSIM, else in CCM_BUILDDIR, else where
    ./setup builds."""
    if os.environ.get("CCM_GITHUBSIM"):
        return pathlib.Path(os.environ["CCM_GITHUBSIM"])
    below = pathlib.Path(os.environ.get("CCM_BUILDDIR") or ROOT / "build")
    return below / "tests" / "githubsim" / "githubsim"


def token_id(token):
    """How the request log names a token."""
    return hashlib.blake2b(token.encode(), digest_size=32).hexdigest()[:16]


class ControlError(Exception):
    """The control interface refused; args: status, its error."""


class GitHubSim:
    def __init__(self, tmpdir=None, tls=False, tokens=(), base="",
                 scenario=None, demo=False, ports=None):
        """ports: {"http": n, "https": n, "storage": n}, to come back on the
        same ones after stop()."""
        self.tmpdir = pathlib.Path(tmpdir) if tmpdir else None
        self.tls = tls
        self.tokens = tuple(tokens)
        self.base = base
        self.scenario = scenario
        self.demo = demo
        self.ports = dict(ports or {})
        self.process = None

    # Starting and stopping.

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self.process = subprocess.Popen(
            self._argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"githubsim ended: {self.process.returncode}")
        ports = json.loads(line)
        self.pid = ports.pop("pid")
        self.ports = {k: v for k, v in ports.items() if v}
        return self

    def stop(self):
        """Ends it; returns its exit status."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.terminate()
        process.stdin.close()
        process.stdout.close()
        try:
            status = process.wait(10)
            if status == SANITIZER_EXIT:
                raise RuntimeError("a sanitizer's report: see stderr")
            return status
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def _argv(self):
        argv = [str(binary()), "-w"]
        for kind, option in (("http", "-p"), ("storage", "-s"),
                             ("https", "-P")):
            if kind in self.ports:
                argv += [option, str(self.ports[kind])]
        if self.tls:
            argv += ["-c", str(self._certificate()), "-k", str(self._key)]
        if self.base:
            argv += ["-b", self.base]
        for token in self.tokens:
            argv += ["-t", token]
        if self.scenario is not None:
            path = self.tmpdir / "githubsim-scenario.json"
            path.write_text(json.dumps(self.scenario))
            argv += ["-S", str(path)]
        if self.demo:
            argv.append("-D")
        return argv

    def _certificate(self):
        """Makes a certificate that is its own authority: see `ca`."""
        self.ca = self.tmpdir / "githubsim.crt"
        self._key = self.tmpdir / "githubsim.key"
        if not self.ca.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-subj", "/CN=githubsim", "-addext",
                 "subjectAltName=IP:127.0.0.1,DNS:localhost",
                 "-keyout", str(self._key), "-out", str(self.ca)],
                check=True, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
        return self.ca

    # Where it is.

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['http']}{self.base}"

    @property
    def https_url(self):
        return f"https://127.0.0.1:{self.ports['https']}{self.base}"

    @property
    def storage_url(self):
        return f"http://127.0.0.1:{self.ports['storage']}"

    # The control interface.

    def control(self, method, path, body=None, timeout=30):
        """One request below /_sim; returns the answer's JSON or None."""
        conn = http.client.HTTPConnection(
            "127.0.0.1", self.ports["http"], timeout=timeout)
        try:
            data = None if body is None else json.dumps(body)
            conn.request(method, "/_sim" + path, data)
            answer = conn.getresponse()
            text = answer.read()
        finally:
            conn.close()
        value = json.loads(text) if text else None
        if answer.status >= 400:
            raise ControlError(answer.status, value)
        return value

    def add_repo(self, full_name, **members):
        return self.control("POST", "/repos",
                            {"full_name": full_name, **members})

    def repo(self, full_name):
        return self.control("GET", f"/repos/{full_name}")

    def patch_repo(self, repo, **members):
        return self.control("PATCH", f"/repos/{repo}", members)

    def rename_repo(self, repo, new_name):
        """Renames, or transfers when the owner is another."""
        return self.patch_repo(repo, full_name=new_name)

    def delete_repo(self, full_name):
        self.control("DELETE", f"/repos/{full_name}")

    def add_workflow(self, repo, path, **members):
        return self.control("POST", f"/repos/{repo}/workflows",
                            {"path": path, **members})

    def patch_workflow(self, repo, workflow, **members):
        return self.control("PATCH", f"/repos/{repo}/workflows/{workflow}",
                            members)

    def delete_workflow(self, repo, workflow):
        self.control("DELETE", f"/repos/{repo}/workflows/{workflow}")

    def add_run(self, repo, workflow=None, **members):
        """Returns the run's id."""
        if workflow is not None:
            members["workflow"] = workflow
        return self.control("POST", f"/repos/{repo}/runs",
                            members)["ids"][0]

    def add_runs(self, repo, runs):
        """Many at once; returns their ids."""
        return self.control("POST", f"/repos/{repo}/runs", runs)["ids"]

    def patch_run(self, repo, run, **members):
        return self.control("PATCH", f"/repos/{repo}/runs/{run}", members)

    def delete_run(self, repo, run):
        self.control("DELETE", f"/repos/{repo}/runs/{run}")

    def secrets(self, repo, environment=None):
        """What was sealed to the repository, opened: {name: value}."""
        query = _query(environment=environment)
        return self.control("GET", f"/repos/{repo}/secrets{query}")

    def bulk(self, repositories, runs=30, **members):
        self.control("POST", "/bulk", {"repositories": repositories,
                                       "runs": runs, **members}, 120)

    def fault(self, kind="status", **members):
        """Returns the fault's id."""
        return self.control("POST", "/faults",
                            {"kind": kind, **members})["id"]

    def faults(self):
        return self.control("GET", "/faults")

    def clear_fault(self, fault):
        self.control("DELETE", f"/faults/{fault}")

    def clear_faults(self):
        self.control("DELETE", "/faults")

    def mark(self):
        """The index of the next request: for since=."""
        return self.counts()["next"]

    def requests(self, since=0, **filters):
        """Logged requests: method=, path= (POSIX extended
        regular expression, found anywhere in path and query), prefix=,
        status=, port=, token= (see token_id), limit=."""
        query = _query(since=since, **filters)
        return self.control("GET", f"/requests{query}")["requests"]

    def wait_for(self, n, since=0, timeout=10, **filters):
        """Waits until n matching requests have been answered; returns them.
        Raises TimeoutError after `timeout` seconds."""
        query = _query(since=since, wait=n, timeout=int(timeout * 1000),
                       **filters)
        found = self.control("GET", f"/requests{query}",
                             timeout=timeout + 30)["requests"]
        if len(found) < n:
            raise TimeoutError(
                f"{len(found)} of {n} requests in {timeout} s: "
                f"{filters}")
        return found

    def clear_requests(self):
        self.control("DELETE", "/requests")

    def counts(self):
        """{"total", "unanswered", "statuses", "in_flight", "next"}"""
        return self.control("GET", "/counts")

    def limits(self, **members):
        """Sets limits if any are given; returns what each user used."""
        if members:
            return self.control("POST", "/limits", members)
        return self.control("GET", "/limits")

    def clock(self, **members):
        """offset=, advance= (seconds), speed= (factor); returns the clock."""
        if members:
            return self.control("POST", "/clock", members)
        return self.control("GET", "/clock")

    def settings(self, **members):
        """cancel_delay=, weak_304=, log_headers="""
        if members:
            return self.control("POST", "/settings", members)
        return self.control("GET", "/settings")

    def token(self, token, **members):
        """user=, valid=, readonly=, scopes=, grants=, owner=,
        repositories=, permissions=, expiration=, expires_in="""
        self.control("POST", "/tokens", {"token": token, **members})

    def app(self, ident, **members):
        """A GitHub App: public_key= (PEM), permissions=, lifetime=,
        installations=[{"id":, "account":, "repositories":, ...}], ..."""
        self.control("POST", "/apps", {"id": ident, **members})

    def reset(self):
        """Forgets repositories, faults, the log; the clock is real again."""
        self.control("POST", "/reset")


def _query(**params):
    given = {k: v for k, v in params.items() if v is not None}
    return "?" + urllib.parse.urlencode(given) if given else ""
