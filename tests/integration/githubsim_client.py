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


"""A client of githubsim that lets no answer pass which GitHub's own OpenAPI
description would not allow.

    gh = Client(sim)
    gh.get("/repos/acme/shop").json()

COUNT tells what was looked at; conftest.py prints it when the session
ends."""

import collections
import functools
import json
import re

import jsonschema
import pytest
import requests

from githubsim import ROOT, GitHubSim

DATA = ROOT.parent / "shared" / "data" / "github"
TOKEN = "ghp_first"
OTHER = "ghp_second"
ERROR = {"$ref": "#/components/schemas/basic-error"}

# What the description leaves out, though GitHub does it.
UNTOLD = {"301", "304", "307"}

COUNT = collections.Counter()


class OpenAPI:
    """Finds an operation's schema and holds an answer against it."""

    def __init__(self, path):
        self.doc = _nullable(json.loads(path.read_text()))
        self.resolver = jsonschema.RefResolver("", self.doc)
        self.validators = {}
        self.seen = set()
        self.paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", p) + "$"), p)
            for p in sorted(self.doc["paths"], key=lambda p: p.count("{"))]

    def template(self, method, path):
        path = re.sub(r"^/repositories/\d+", "/repos/o/r", path)
        return next((t for p, t in self.paths if p.match(path)
                     and method.lower() in self.doc["paths"][t]), None)

    def check(self, method, path, status, body):
        """body: decoded, or None where there is none or it isn't JSON."""
        self.seen.add((method, self.template(method, path), status))
        template = self.template(method, path)
        schema = self.schema(template, method.lower(), str(status))
        if schema is None:
            COUNT["answers without a schema" if template else
                  "answers not described"] += 1
            return
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(
                schema, resolver=self.resolver)
        self.validators[key].validate(body)
        COUNT["answers validated against GitHub's description"] += 1

    def schema(self, template, method, status):
        if template is None:
            return ERROR if status[0] in "45" else None
        responses = self.doc["paths"][template][method]["responses"]
        if status not in responses:
            if status[0] in "23" and status not in UNTOLD:
                raise AssertionError(f"{method} {template}: {status}")
            return ERROR if status[0] in "45" else None
        response = responses[status]
        if "$ref" in response:
            response = self.resolver.resolve(response["$ref"])[1]
        content = response.get("content", {}).get("application/json")
        if content is None:
            return ERROR if status[0] in "45" else None
        return content["schema"]


def _nullable(node):
    """OpenAPI 3.0's nullable, said in JSON Schema."""
    if isinstance(node, list):
        return [_nullable(n) for n in node]
    if not isinstance(node, dict):
        return node
    node = {k: _nullable(v) for k, v in node.items()
            if k not in ("example", "examples", "discriminator")
            or not isinstance(v, (str, int, float, bool, list))}
    # An installation's account is said to be a user and an enterprise at
    # once, which the description's own example is not.
    if {n.get("title") for n in node.get("allOf", ()) if
            isinstance(n, dict)} == {"Simple User", "Enterprise"}:
        node["anyOf"] = node.pop("allOf")
    if node.pop("nullable", False) is True:
        if "type" in node and "$ref" not in node:
            node["type"] = [node["type"], "null"]
            if "enum" in node:
                node["enum"] = node["enum"] + [None]
            return node
        return {"anyOf": [node, {"type": "null"}]}
    return node


@functools.lru_cache(maxsize=None)
def openapi():
    """GitHub's description, or None where it is not there."""
    path = DATA / "openapi-subset.json"
    return OpenAPI(path) if path.exists() else None


def check_logged(sim, since=0):
    """Holds what others were answered against the description, where
    settings(log_answers=True) kept it.  Returns how many there were."""
    answered = [q for q in sim.requests(since=since)
                if q["port"] != "storage" and q["status"] and
                not q["fault"]]
    for q in answered:
        if openapi() is not None:
            openapi().check(q["method"], q["path"].split("?")[0],
                            q["status"],
                            json.loads(q["answer"]) if "answer" in q
                            else None)
    return len(answered)


class Client:
    """A client as GitHub's documentation wants one.  check=False is for
    faults, which are to be as wrong as they can."""

    def __init__(self, sim, token=TOKEN, check=True):
        self.sim = sim
        self.openapi = openapi() if check else None
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({
            "Authorization": f"Bearer {token}", "User-Agent": "test",
            "Accept": "application/vnd.github+json"})

    def __call__(self, method, path, body=None, **headers):
        url = path if "://" in path else self.sim.url + path
        r = self.session.request(
            method, url, json=body, allow_redirects=False, timeout=20,
            headers={k.replace("_", "-"): v for k, v in headers.items()})
        if self.openapi is not None and url.startswith(self.sim.url):
            path = url[len(self.sim.url):]
            self.openapi.check(
                method, path.split("?")[0], r.status_code,
                r.json() if "json" in r.headers.get("content-type", "")
                else None)
        return r

    def get(self, path, **headers):
        return self("GET", path, **headers)


@pytest.fixture
def sim(tmp_path):
    with GitHubSim(tmp_path) as s:
        s.add_repo("acme/Shop", workflows=[
            "deploy.yml", {"path": "ci.yml", "jobs": ["build", "test"]}])
        yield s
        sim_is_well(s)


def sim_is_well(s):
    assert s.process.poll() is None, "githubsim died"
    assert s.stop() == 0


@pytest.fixture
def gh(sim):
    return Client(sim)


RUNS = "/repos/acme/Shop/actions/runs"
WORKFLOWS = "/repos/acme/Shop/actions/workflows"
