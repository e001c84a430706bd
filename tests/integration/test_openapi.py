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


"""The OpenAPI document, and that no verb is open to whom it should not be."""

import json
import re
import socket
import struct

import jsonschema
import pytest

from daemon import ROOT, Daemon, wait_until
from test_parent import frame, message_number

METHODS = {"get", "put", "post", "delete", "patch"}

# What is used here of the OpenAPI 3.1 schema (spec.openapis.org/oas/3.1).
DOCUMENT = {
    "type": "object", "required": ["openapi", "info", "paths"],
    "properties": {
        "openapi": {"pattern": "^3\\.1\\.\\d+$"},
        "info": {
            "required": ["title", "version"],
            "properties": {
                "title": {"type": "string"}, "summary": {"type": "string"},
                "version": {"type": "string"},
                "license": {"required": ["name"], "properties": {
                    "name": {"type": "string"},
                    "identifier": {"type": "string"}},
                    "additionalProperties": False}},
            "additionalProperties": False},
        "paths": {"patternProperties": {"^/": {
            "type": "object",
            "patternProperties": {
                "^(%s)$" % "|".join(METHODS): {"$ref": "#/$defs/operation"}},
            "additionalProperties": False}},
            "additionalProperties": False},
        "components": {"properties": {
            "schemas": {"patternProperties": {
                "^[a-zA-Z0-9._-]+$": {"$ref": "#/$defs/schema"}}},
            "securitySchemes": {"additionalProperties": {
                "required": ["type"], "oneOf": [
                    {"properties": {"type": {"const": "apiKey"},
                                    "in": {"enum": ["header", "query"]},
                                    "name": {"type": "string"}},
                     "required": ["in", "name"],
                     "additionalProperties": False},
                    {"properties": {"type": {"const": "http"},
                                    "scheme": {"type": "string"}},
                     "required": ["scheme"],
                     "additionalProperties": False}]}}},
            "additionalProperties": False}},
    "additionalProperties": False,
    "$defs": {
        "schema": {"type": ["object", "boolean"]},
        "content": {"type": "object", "minProperties": 1,
                    "patternProperties": {"^[a-z]+/[a-z0-9.+-]+": {
                        "required": ["schema"], "properties": {
                            "schema": {"$ref": "#/$defs/schema"}},
                        "additionalProperties": False}},
                    "additionalProperties": False},
        "operation": {
            "required": ["responses"],
            "properties": {
                "operationId": {"type": "string"},
                "summary": {"type": "string"},
                "parameters": {"type": "array", "items": {
                    "required": ["name", "in", "schema"],
                    "properties": {
                        "name": {"type": "string"},
                        "in": {"enum": ["query", "header", "path"]},
                        "description": {"type": "string"},
                        "required": {"type": "boolean"},
                        "schema": {"$ref": "#/$defs/schema"}},
                    "if": {"properties": {"in": {"const": "path"}}},
                    "then": {"required": ["required"], "properties": {
                        "required": {"const": True}}},
                    "additionalProperties": False}},
                "requestBody": {
                    "required": ["content"], "properties": {
                        "description": {"type": "string"},
                        "required": {"type": "boolean"},
                        "content": {"$ref": "#/$defs/content"}},
                    "additionalProperties": False},
                "responses": {
                    "minProperties": 1,
                    "patternProperties": {
                        "^([1-5]([0-9][0-9]|XX)|default)$": {
                            "required": ["description"], "properties": {
                                "description": {"type": "string"},
                                "content": {"$ref": "#/$defs/content"}},
                            "additionalProperties": False}},
                    "additionalProperties": False},
                "security": {"type": "array", "items": {
                    "additionalProperties": {"type": "array"}}}},
            "patternProperties": {"^x-": {}},
            "additionalProperties": False}}}


def rows():
    """The verb table, read from its source: name, method, path, role,
    doors."""
    text = (ROOT / "common/verb.def").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = []
    for m in re.finditer(
            r"^VERB\((\w+),\s*(\"[^\"]+\"),\s*(NULL|\"\w+\"),\s*"
            r"(NULL|\"[^\"]+\"),\s*(NULL|\"[^\"]+\"),\s*(\w+),\s*"
            r"([\w |]+?),\s*(\w+),", text, re.M):
        name, method, path = (x.strip('"') for x in m.group(2, 3, 4))
        found.append((name, method, path, m.group(6).lower(), m.group(7)))
    assert len(found) == len(re.findall(r"^VERB\(", text, re.M))
    return found


@pytest.fixture(scope="module")
def doc(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("openapi")) as d:
        status, headers, data = d.raw("GET", "/api/openapi.json",
                                      headers={"CCM-Token": ""})
        assert status == 200
        assert headers["Content-Type"] == "application/json"
        return json.loads(data)


def test_is_openapi(doc):
    jsonschema.Draft202012Validator.check_schema(DOCUMENT)
    jsonschema.Draft202012Validator(DOCUMENT).validate(doc)
    schemas, refs = [], []

    def walk(o, path):
        if isinstance(o, dict):
            if "$ref" in o:
                refs.append(o["$ref"])
            for k, v in o.items():
                if k == "schema" and path[-1:] != ["properties"]:
                    schemas.append(v)
                walk(v, path + [k])
        elif isinstance(o, list):
            for v in o:
                walk(v, path)
    walk(doc, [])
    schemas += doc["components"]["schemas"].values()
    for s in schemas:
        jsonschema.Draft202012Validator.check_schema(s)
    for r in refs:
        assert r.rpartition("/")[0] == "#/components/schemas"
        assert r.rpartition("/")[2] in doc["components"]["schemas"]


def test_operations(doc):
    ids = []
    for path, item in doc["paths"].items():
        for op in item.values():
            ids.append(op["operationId"])
            assert [p["name"] for p in op["parameters"]
                    if p["in"] == "path"] == re.findall(r"{(\w+)}", path)
            names = [p["name"] for p in op["parameters"]]
            assert len(names) == len(set(names))
            for s in op["security"]:
                assert set(s) <= set(doc["components"]["securitySchemes"])
    assert len(ids) == len(set(ids))


def test_document_is_the_table(doc):
    """Each row that is open over HTTP, and nothing else."""
    told = {(op["operationId"], method.upper(), path, op["x-role"])
            for path, item in doc["paths"].items()
            for method, op in item.items()}
    assert told == {row[:4] for row in rows() if "HTTP" in row[4]}


def fill(path):
    return re.sub(r"{\w+}", "pipe_0123456789ab", path)


def test_every_verb_over_http_needs_its_role(tmp_path):
    """Each verb: without a token, with a wrong one, with each lower role.
    A right one gets further, so that a refusal is by the role."""
    tokens = {r: (r, "token-of-" + r) for r in ("viewer", "api", "admin")}
    order = ["none", "viewer", "api", "admin"]
    refused = 0
    with Daemon(tmp_path, tokens=tokens, token="token-of-admin") as d:
        for name, method, path, role, doors in rows():
            if "HTTP" not in doors:
                continue
            path = fill(path)
            if role != "none":
                for wrong in ("", "wrong", "token-of-viewe",
                              "token-of-viewer0"):
                    status, r = d.request(method, path, headers={
                        "CCM-Token": wrong})
                    assert (status, r["code"]) == (401, "invalid_token"), name
                    assert r["error"] == "Invalid CCM-Token"
                    refused += 1
            for lower in order[1:order.index(role)]:
                status, r = d.request(method, path, token=tokens[lower][1])
                assert (status, r["code"]) == (403, "forbidden"), (
                    name, lower)
                refused += 1
        assert refused > 4 * 8
        # Nothing was changed; a change that was refused is on record.
        path = d.state / "pipelines.json"
        assert not path.exists() or not d.registry()["pipelines"]
        wait_until(lambda: {(x["actor"], x["verb"]) for x in d.audit()} >= {
            ("viewer", "pipeline.provision"), ("viewer", "pipeline.update"),
            ("viewer", "pipeline.teardown")}, what="the audit log")
        assert "token-of-" not in d.log()


def blob(b):
    return struct.pack(">I", len(b)) + b


def ask(s, verb):
    """The status of an operation over the control socket."""
    s.sendall(frame(message_number("CTL_OP"), struct.pack(">Q", 1) +
                    blob(verb.encode()) + b"\0" + blob(b"{}")))
    answer = message_number("CTL_ANSWER")
    while True:
        head = s.recv(16, socket.MSG_WAITALL)
        kind, size = struct.unpack("=II", head[:8])
        body = s.recv((size & 0x7fffffff) - 16, socket.MSG_WAITALL)
        if kind == answer:
            return struct.unpack(">QH", body[:10])[1]


def test_every_verb_over_the_control_socket_needs_its_role(tmp_path):
    with Daemon(tmp_path) as d:
        d.stop()
        text = d.conf_path.read_text()
        order = ["none", "viewer", "api", "admin"]
        for have in ("viewer", "api"):
            d.conf_path.write_text(re.sub(
                r"(control socket \S+)( role \w+)?",
                r"\1 role " + have, text))
            d.start()
            for name, _, _, role, doors in rows():
                if "CTL" not in doors:
                    continue
                with socket.socket(socket.AF_UNIX) as s:
                    s.settimeout(10)
                    s.connect(str(d.socket))
                    s.sendall(frame(message_number("CTL_HELLO"),
                                    struct.pack(">I", 1)))
                    status = ask(s, name)
                    lower = order.index(have) < order.index(role)
                    assert (status == 403) == lower, (name, have, status)
            d.stop()
