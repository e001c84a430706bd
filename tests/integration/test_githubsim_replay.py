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

"""What was recorded at GitHub comes out of githubsim again: for each
exchange that it models the same status, the headers that matter, and a body
of the same shape.  What it does not model is in README.md, with a reason."""

import collections
import fnmatch
import gzip
import json
import re

import jsonschema
import pytest
import requests

from githubsim import ROOT, ControlError, GitHubSim
from githubsim_app import APP, jwt, keys  # noqa: F401 (fixture)
from githubsim_client import COUNT, DATA, openapi

REPLAYED_MIN = 286      # of the 447; fewer means that something is lost

# What githubsim has none of, and so shows an empty list of.
EMPTY = ("steps", "labels", "topics", "pull_requests", "events")
FORKS_ONLY = {"parent", "source"}
JWTS = {}
HEADERS = ("etag", "location", "link", "retry-after", "date", "vary",
           "x-ratelimit-limit", "x-ratelimit-remaining",
           "x-ratelimit-reset", "x-ratelimit-used", "x-ratelimit-resource",
           "x-github-request-id", "x-github-media-type")


def ask(sim, method, path, body=None, token="t"):
    r = requests.request(
        method, sim.url + path, json=body, allow_redirects=False,
        headers={"Authorization": f"Bearer {token}", "User-Agent": "test"})
    if openapi() is not None:
        openapi().check(method, path.split("?")[0], r.status_code,
                        r.json() if "json" in r.headers.get(
                            "content-type", "") else None)
    return r


def not_modelled():
    """README.md's table: [("METHOD /path with *", reason)]."""
    text = (ROOT / "tests" / "githubsim" / "README.md").read_text()
    part = text.split("## What GitHub does that it does not")[1]
    return [(pattern, row[2].strip())
            for row in (line.split("|") for line in
                        part.split("\n## ")[0].splitlines()
                        if line.startswith("| `"))
            for pattern in re.findall("`([^`]+)`", row[1])]


class Replay:
    """Makes what a recorded request needs, then asks the same."""

    def __init__(self, sim, record, keys):
        self.sim = sim
        self.keys = keys
        self.token = "t"
        self.record = record
        url = record["url"].replace("<", "").replace(">", "")
        self.path = re.sub(r"^https?://[^/]+", "", url)
        self.method = record["method"]
        self.status = record["status"]
        self.body = record["body"] if isinstance(record["body"], dict) \
            else {}
        self.input = record["req_body"] or None
        self.tidy = []

    def prepare(self):
        """False: the stand-in does not model this."""
        path = self.path.split("?")[0]
        if path in ("/user", "/rate_limit"):
            return self.status == 200 and self.method == "GET"
        for pattern, make in self.APPS:
            found = re.fullmatch(pattern, path)
            if found and self.method in ("GET", "POST"):
                return make(self, *found.groups())
        m = re.match(r"/repos/([^/]+/[^/]+)(?:/(.*))?$", path) or \
            re.match(r"/repositories/(\d+)(?:/(.*))?$", path)
        if m is None:
            return False
        self.name, rest = m[1], m[2] or ""
        for pattern, make in self.MAKERS:
            found = re.fullmatch(pattern, rest)
            if found:
                return make(self, *found.groups())
        return False

    def app(self, ident=None, *rest):
        """The app that asks, its installation, the repositories."""
        listed = self.record["body"]
        shown = listed[0] if isinstance(listed, list) else self.body
        account = shown.get("account", {}).get("login", "some")
        for i, name in enumerate((self.input or {}).get(
                "repositories", [])):
            self.sim.add_repo(f"{account}/{name}")
        for i in (self.input or {}).get("repository_ids", []):
            self.sim.add_repo(f"{account}/r{i}", id=i)
        at = int(ident) if (ident or "").isdigit() else \
            shown.get("id", 1) if self.path != "/app" else 1
        rights = shown.get("permissions", {})
        app = shown.get("id", APP) if self.path == "/app" else APP
        self.sim.app(app, public_key=self.keys[0][1], permissions=rights,
                     **({"slug": shown["slug"]} if "slug" in shown else {}))
        if app == APP:
            self.sim.app(app, installations=[{
                "id": at, "account": account, "permissions": rights,
                "deleted": False}])
            self.tidy.append(lambda: self.sim.app(
                app, installations=[{"id": at, "deleted": True}]))
        self.token = self.jwt(app)
        return True

    def jwt(self, app):
        """Signing takes a while: each once."""
        if app not in JWTS:
            JWTS[app] = jwt(self.keys[0][0], iss=app)
        return JWTS[app]

    def owner_installation(self, kind, login):
        self.record["body"]["account"]["login"] = login
        self.sim.add_repo(f"{login}/any", owner_type="Organization"
                          if kind == "orgs" else "User")
        self.app(str(self.body["id"]))
        return True

    def repo_installation(self, login):
        return self.owner_installation("orgs", login)

    def installation_repos(self):
        """With a token that was made for it."""
        login = "some"
        for repo in self.body["repositories"][:1]:
            login = repo["owner"]["login"]
        self.app("1")
        self.sim.app(APP, installations=[{"id": 1, "account": login}])
        for repo in self.body["repositories"]:
            self.sim.add_repo(repo["full_name"], private=repo["private"])
        self.token = ask(self.sim, "POST",
                         "/app/installations/1/access_tokens", {},
                         self.token).json()["token"]
        return True

    def org(self, login):
        self.sim.add_repo(f"{login}/any")
        return "login" in self.body

    def branch(self, name):
        return self.repo(branches=[name])

    APPS = [
        ("/app", app), (r"/app/installations", app),
        (r"/app/installations/(\d+)/access_tokens", app),
        (r"/(orgs|users)/([^/]+)/installation", owner_installation),
        (r"/repos/([^/]+)/[^/]+/installation", repo_installation),
        (r"/installation/repositories", installation_repos),
        (r"/orgs/([^/]+)", org),
    ]

    def repo(self, **members):
        numbers = re.findall(r"/repositories/(\d+)", self.path +
                             self.record["headers"].get("link", ""))
        if numbers:
            members.setdefault("id", int(numbers[0]))
        if "/" not in self.name:
            self.name = "some/repository"
        self.sim.add_repo(self.name, **members)
        return True

    def plain_repo(self):
        if self.method != "GET":
            return False
        if self.status == 301:
            ident = int(self.body["url"].rsplit("/", 1)[1])
            self.repo(id=ident)
            self.sim.rename_repo(self.name, "some/new-name")
            self.name = "some/new-name"
            return True
        if self.status in (403, 429):
            self.limited()
        owner = self.body.get("owner", {}).get("type", "Organization")
        return self.repo(
            default_branch=self.body.get("default_branch", "main"),
            private=self.body.get("private", False), owner_type=owner,
            **({"id": self.body["id"]} if "id" in self.body else {}))

    def limited(self):
        headers = self.record["headers"]
        back = {"enforce_hourly": False, "enforce_points": False,
                "points": 900, "remaining": 4000, "status": 403}
        self.tidy.append(lambda: self.sim.limits(**back))
        if headers.get("x-ratelimit-remaining") == "0":
            self.sim.limits(enforce_hourly=True, remaining=0)
            return
        retry = headers.get("retry-after")
        self.sim.limits(
            enforce_points=True, points=0, status=self.status,
            retry_after=int(retry) if (retry or "").isdigit() else
            8 if retry else None)

    def runs(self, workflow=None):
        first = (self.body.get("workflow_runs") or [{}])[0]
        run = {k: first[k] for k in (
            "status", "conclusion", "event", "head_branch", "head_sha",
            "created_at") if k in first}
        path = first.get("path") or "deploy.yml"
        if workflow and not workflow.isdigit():
            path = workflow
        wf = {"path": path, "id": first.get("workflow_id", 4711)}
        if workflow and workflow.isdigit():
            wf["id"] = int(workflow)
        self.repo(workflows=[wf])
        self.sim.add_runs(self.name, [run] * self.body["total_count"])
        return True

    def workflows(self):
        return self.repo(workflows=[
            f"w{i}.yml" for i in range(self.body["total_count"])])

    def workflow(self, ident):
        wf = {"path": self.body.get("path", "deploy.yml"),
              "id": self.body.get("id", 4711),
              "state": self.body.get("state", "active")}
        if ident.isdigit():
            wf["id"] = int(ident)
        elif not self.body:
            wf["path"] = ident
        if self.path.endswith("/enable"):
            wf["state"] = "disabled_manually"
        branch = (self.input or {}).get("ref", "main")
        return self.repo(workflows=[wf], branches=[branch])

    def run(self, ident, rest=""):
        rest = rest or ""
        if rest in ("approve", "artifacts"):
            return False
        job = (self.body.get("jobs") or [{}])[0]
        names = [job.get("name", "a")] + \
            ["x"] * (self.body.get("total_count", 1) - 1)
        self.repo(workflows=[{"path": "deploy.yml", "jobs": names}])
        if self.status == 404 and rest != "logs":
            return True
        run = {k: self.body[k] for k in ("status", "conclusion")
               if k in self.body} or {"conclusion": "failure"}
        if rest in ("cancel", "force-cancel"):
            run = {"status": "in_progress"}
        if self.status == 404:
            run = {"status": "in_progress"}
        self.sim.add_run(self.name, id=int(ident), **run)
        return True

    def job(self, ident, rest=""):
        run = self.body.get("run_id", int(ident))
        ours = str(run * 1000 + 10)
        self.path = self.path.replace(f"/jobs/{ident}", f"/jobs/{ours}")
        self.repo(workflows=["deploy.yml"])
        self.sim.add_run(self.name, id=run, conclusion="success")
        return True

    def secrets(self, below, name=None):
        self.repo()
        base = f"/repos/{self.name}/{below}/secrets"
        key = ask(self.sim, "GET", base + "/public-key").json()["key_id"]
        if self.input:
            self.input = {**self.input, "key_id": key}
        names = [name] if name and self.status != 201 else []
        if name is None:
            names = [f"S{i}" for i in range(self.body["total_count"])]
        for n in names:
            ask(self.sim, "PUT", f"{base}/{n}",
                {"encrypted_value": "eA==", "key_id": key})
        return True

    def secrets_key(self, below):
        return self.repo()

    MAKERS = [
        (r"", plain_repo), (r"actions/runs", runs),
        (r"branches/([^/]+)", branch),
        (r"actions/workflows/([^/]+)/runs", runs),
        (r"actions/workflows", workflows),
        (r"actions/workflows/([^/]+)(?:/(?:enable|disable|dispatches))?",
         workflow),
        (r"actions/runs/(\d+)(?:/(.+))?", run),
        (r"actions/jobs/(\d+)(?:/(logs))?", job),
        (r"(actions|environments/[^/]+)/secrets/public-key", secrets_key),
        (r"(actions|environments/[^/]+)/secrets(?:/([^/]+))?", secrets),
    ]

    def ask(self):
        return ask(self.sim, self.method, self.path, self.input,
                   self.token)

    def clean(self):
        for f in self.tidy:
            f()
        for name in self.sim.control("GET", "/repos"):
            self.sim.delete_repo(name)

    def matters(self, name):
        """ETags of reading only (the errors' were copied from answers by
        whoever wrote those down); Location where it leads somewhere."""
        if name == "etag":
            return self.method == "GET" and self.status == 200 and \
                self.path != "/rate_limit"
        return name != "location" or self.status in (301, 302)

    def compare(self, r):
        assert r.status_code == self.status
        recorded = {k.lower(): v for k, v in
                    self.record["headers"].items()}
        for name in HEADERS:
            if name in recorded and self.matters(name):
                assert name in r.headers, name
        if recorded.get("x-ratelimit-remaining") == "0":
            assert r.headers["x-ratelimit-remaining"] == "0"
        if recorded.get("retry-after", "").isdigit() and \
                recorded.get("x-ratelimit-remaining") != "0":
            assert r.headers["retry-after"] == recorded["retry-after"]
        if "link" in recorded:
            assert r.headers["link"] == re.sub(
                "https://api.github.com", self.sim.url, recorded["link"])
        else:
            assert "link" not in r.headers
        if isinstance(self.record["body"], (dict, list)) and \
                self.record["body"]:
            assert media(r.headers["content-type"]) == \
                media(recorded.get("content-type", "application/json"))
            same_shape(self.record["body"], r.json(), "")
        if self.status == 301:
            assert r.headers["location"].endswith(
                recorded["location"].split(".com")[1])


def media(content_type):
    return content_type.split(";")[0].strip()


def same_shape(theirs, ours, where):
    """All that GitHub said is there, and of the same type."""
    if theirs is None or ours is None:
        return
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), where
        for key, value in theirs.items():
            if key in FORKS_ONLY:
                continue
            assert key in ours, f"{where}.{key} is missing"
            same_shape(value, ours[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), where
        assert bool(theirs) <= bool(ours) or where.endswith(EMPTY), where
        for t, o in zip(theirs, ours):
            same_shape(t, o, where + "[]")
    else:
        assert type(theirs) is type(ours), where


def reason(replay, table):
    """Why this one is not modelled, by README.md."""
    path = re.sub(r"^/repositories/\d+", "/repos/o/r",
                  replay.path.split("?")[0])
    asked = f"{replay.method} {path}"
    return next((why for pattern, why in table
                 if fnmatch.fnmatchcase(asked, pattern)), None)


@pytest.mark.skipif(
    not DATA.is_dir(),
    reason=f"GitHub's reference data is not there: {DATA}")
def test_replay(tmp_path, keys):
    done, why, failed = collections.Counter(), collections.Counter(), []
    table = not_modelled()
    with gzip.open(DATA / "recordings.jsonl.gz", "rt") as f, \
            GitHubSim(tmp_path) as s:
        for line in f:
            replay = Replay(s, json.loads(line), keys)
            try:
                if not replay.prepare():
                    done["exchanges not modelled"] += 1
                    why[reason(replay, table) or
                        f"{replay.method} {replay.path}: no reason"] += 1
                    continue
                replay.compare(replay.ask())
                done["recorded exchanges replayed"] += 1
            except (AssertionError, ControlError,
                    jsonschema.ValidationError) as e:
                failed.append(f"{replay.method} {replay.path} "
                              f"{replay.status}: {e!r:.300}")
            finally:
                replay.clean()
        assert s.stop() == 0
    for text, n in why.most_common():
        print(n, text)
    COUNT.update(done)
    assert not failed, "\n".join(failed)
    assert not [text for text in why if text.endswith("no reason")], why
    assert done["recorded exchanges replayed"] >= REPLAYED_MIN
