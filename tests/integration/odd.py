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

"""Pipelines as a file may have them, and all that can be asked of one: each
row of common/verb.def, by each door that it has, with each of its arguments
alone, so that a new verb or a new argument is asked for by itself.

    for verb in verbs():
        for method, path, body in requests(verb, where):

Standard library only.
"""

import re
import urllib.parse

from daemon import ROOT

# What is not known here, wherever it may stand, and has to stay.
NOTE = {"kept": [1, -2.5, None, True, "\u00e9\u4e16\U0001f600", {"": {}}]}
GONE = object()         # no such member


def document(id, there, workflow, **members):
    """A document with what every reader knows, and with what none does."""
    doc = {
        "pipeline_id": id, "repository": there["full_name"],
        "workflow_file": ".github/workflows/deploy.yml",
        "status": "active", "created_at": "2026-01-05T10:30:00Z",
        "last_updated": "2026-01-05T10:30:00Z",
        "config": {"trigger_branches": ["main"], "environment": "production",
                   "auto_deploy": True, "notifications_enabled": True,
                   "note": NOTE},
        "vps_integration": {"requested_by": "vps-manager", "vps": "srv1",
                            "linked_domain": "example.com",
                            "linked_app": "my-app", "note": NOTE},
        "github": {"repository_id": there["id"],
                   "workflow_id": workflow["id"], "default_branch": "main",
                   "html_url": "https://github.com/" + there["full_name"],
                   "note": NOTE},
        "note": NOTE}
    for name, value in members.items():
        at, _, member = name.rpartition("__")
        where = doc[at] if at else doc
        if value is GONE:
            del where[member]
        else:
            where[member] = value
    return doc


def survived(before, after, path=""):
    """Whatever no row of the contract names is as it was."""
    assert isinstance(after, dict), (path, after)
    for name, value in before.items():
        if name == "note" or name.startswith("odd"):
            assert after.get(name, GONE) == value, (path + name,
                                                    after.get(name))
        elif isinstance(value, dict) and "note" in value:
            survived(value, after.get(name), path + name + ".")


def verbs():
    """(name, method, path, words, doors, walk, arguments) of each row; an
    argument is (name, check, place, need, option)."""
    text = (ROOT / "common/verb.def").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S).replace("\\\n", " ")
    arguments = {}
    for m in re.finditer(r"#define VERB_ARGS_(\w+)\(A\)(.*)", text):
        arguments[m[1]] = re.findall(
            r"\bA\((\w+), (\w+), (\w+), (\w+), ([^,]+),", m[2])
    found = []
    for m in re.finditer(
            r"^VERB\((\w+),\s*\"([^\"]+)\",\s*(NULL|\"\w+\"),\s*"
            r"(NULL|\"[^\"]+\"),\s*(NULL|\"[^\"]+\"),\s*\w+,\s*"
            r"([\w |]+?),\s*(\w+),", text, re.M):
        method, path, words = (None if x == "NULL" else x.strip('"')
                               for x in m.group(3, 4, 5))
        found.append((m[2], method, path, words, m[6].split(" | "), m[7],
                      arguments[m[1]]))
    assert len(found) == len(re.findall(r"^VERB\(", text, re.M))
    assert len(found) > 40
    return found


class Where:
    """What a call may name."""

    def __init__(self, id, repository, run, after):
        self.id, self.repository, self.run = id, repository, run
        self.after = after

    def value(self, name, check):
        owner, _, repo = self.repository.partition("/")
        if check == "TEXT":
            return {"branch": "main", "domain": "example.com",
                    "app": "my-app", "after": self.after, "project": "shop",
                    "name": "shop", "last_event_id": "1-1",
                    "repository": self.repository}.get(name, "x")
        # A check that is new has to be given a value here.
        return {"ID": self.id, "REPO": self.repository, "OWNER": owner,
                "REPO_NAME": repo, "WORKFLOW": "deploy.yml",
                "CONFIG": {"environment": "staging", "new": NOTE},
                "DOMAIN": "new.example.com", "NAME": "new-app",
                "STATUS": "active", "INT": 5, "RUN": self.run,
                "INPUTS": {}, "LINKS": ["vps", "linked_app"], "FLAG": True,
                "INCLUDE": "stats", "SINCE": "30d", "BY": "week",
                "PRESERVE": "true", "SECRET": "NAME", "LEVEL": "verbose",
                "FILE": "none"}[check]


def is_about(verb):
    """Is it about one pipeline, its run or its repository?"""
    return any(check in ("ID", "REPO", "OWNER") and need != "MAY"
               for _, check, _, need, _ in verb[6])


def writes(verb):
    """Does it change something on GitHub?"""
    return verb[5] == "RING" and verb[1] != "GET" and verb[0] not in (
        "pipeline.update", "pipeline.teardown", "pipeline.provision")


def requests(verb, where):
    """(method, path, body) of what it must have alone, and with each of what
    it may have; what writes on GitHub, a second apart, once."""
    name, method, path, _, _, walk, arguments = verb
    if method is None:
        return
    must = [a for a in arguments if a[3] != "MAY"]
    may = [[a] for a in arguments if a[3] == "MAY"]
    if walk == "RING" and name != "pipeline.update":
        may = []
    for more in [[], *may]:
        at, query, body = path, {}, {}
        for argument, check, place, *_ in must + more:
            value = where.value(argument, check)
            if place == "PATH":
                at = at.replace("{%s}" % argument,
                                urllib.parse.quote(str(value), safe=""))
            elif place == "QUERY":
                query[argument] = "true" if value is True else value
            else:
                body[argument] = value
        yield (method, at + ("?" + urllib.parse.urlencode(query) if query
                             else ""),
               body if method in ("POST", "PATCH") else None)


def words(verb, where):
    """What a person types for it; None where ccmctl has no such command."""
    _, _, _, command, _, _, arguments = verb
    if command is None:
        return None
    return [*command.split(), *(
        str(where.value(name, check))
        for name, check, _, need, option in arguments
        if option.strip() == "0" and (need == "MUST" or check == "ID"))]
