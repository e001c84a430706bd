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


"""Checks answers against the daemon's own OpenAPI document, strictly: what
the document does not name may not be there, but where it says so."""

import json
import re

import jsonschema

_documents = {}         # by the program that made them


def document(daemon):
    """The OpenAPI document; None while nobody answers."""
    key = (daemon.bin / "ccmd-api").stat().st_mtime_ns
    if key not in _documents:
        try:
            status, _, data = daemon.raw("GET", "/api/openapi.json")
        except OSError:
            return None
        if status != 200:
            return None
        doc = json.loads(data)
        close(doc)
        _documents[key] = (doc, {}, [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))),
             path) for path in sorted(doc["paths"], key=lambda p: (
                 p.count("{"), p))])
    return _documents[key]


def close(o):
    """No object may have a member that is not named."""
    if isinstance(o, list):
        for x in o:
            close(x)
    elif isinstance(o, dict):
        if isinstance(o.get("properties"), dict):
            o.setdefault("additionalProperties", False)
        for x in o.values():
            close(x)


def find(doc, rows, method, path):
    path = path.partition("?")[0]
    for pattern, template in rows:
        op = doc["paths"][template].get(method.lower())
        if op is not None and pattern.fullmatch(path):
            return op
    return None


def check(daemon, method, path, status, body):
    found = document(daemon)
    if found is None:
        return
    doc, validators, rows = found
    op = find(doc, rows, method, path)
    name, response = "Error", {"content": {"application/json": {"schema": {
        "$ref": "#/components/schemas/Error"}}}}
    if op is not None:
        name = op["operationId"]
        key = str(status)
        if key not in op["responses"]:
            assert status >= 400, (name, status)
            key = "default"
        response = op["responses"][key]
    else:
        assert status >= 400, (method, path, status)
    if status == 304:
        assert not body and "content" not in response
        return
    where = (name, "success" if status < 400 else "error")
    if where not in validators:
        schema = response["content"]["application/json"]["schema"]
        validators[where] = jsonschema.Draft202012Validator(
            schema, resolver=jsonschema.RefResolver.from_schema(doc))
    error = jsonschema.exceptions.best_match(
        validators[where].iter_errors(body))
    assert error is None, "%s %s: %s at %s" % (
        method, path, error.message, list(error.absolute_path))
