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


"""What GitHub may answer, and should not: members of other types, none, too
many, at their bounds, and wholes that are none.  It is said, nobody dies of
it, and others are looked at on time."""

import concurrent.futures
import json
import queue
import time
import urllib.request

import contract
from daemon import Daemon
from githubsim import GitHubSim
from githubsim_app import APP, GRANTS, keys  # noqa: F401

WORKERS = 6
GONE = object()
HARD = "a\u0001\u001b[31m\"\\<&>\n../\u00e9\U0001f600"
WHOLE = ["", "null", "true", "5", '"x"', "[]", "{}", "[null]", "[[]]", "[5]",
         '{"total_count": 1}', '{"workflow_runs": {}}', '{"jobs": {}}',
         '{"workflow_runs": [null]}', '{"workflow_runs": [{}]}',
         '{"jobs": [null]}', '{"workflows": [5]}', '{"id": 1}{"id": 2}',
         '{"id": 18446744073709551616}', '{"a":' * 70 + "1" + "}" * 70]
VALUES = [None, True, -1, 0, 1.5, 2**53 + 1, 2**63 - 1, "", "77", HARD,
          "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "y" * 30000,
          [], {}, [None], {"id": None}, GONE]
# Whatever the poller may have a use for, wherever it stands.
READ = set("""id full_name name default_branch html_url permissions state path
    workflow_runs total_count status conclusion head_branch created_at
    updated_at run_started_at run_attempt run_number workflow_id actor login
    jobs started_at completed_at steps number repository event display_title
    head_sha commit sha protected private archived pushed_at workflows
    type""".split())
STATUSES = [(204, "", {}), (201, "{}", {}), (206, "[]", {}), (304, "", {}),
            (301, "", {}), (301, "", {"Location": "x:\x7f//"}),
            (403, "null", {}), (404, "[]", {}), (500, "[[[", {}),
            (422, '{"message": 5, "errors": [null, {"message": []}]}', {}),
            (403, '{"message": "no"}', {
                "X-Accepted-GitHub-Permissions": "a" + 80 * "\u00e9"}),
            (404, "[]", {"ETag": 100 * "\u00e9", "Link": 500 * "<\u00e9>"}),
            (429, "", {"Retry-After": "0"})]

RUN = "/repos/{repo}/actions/runs/{run}"
PIPELINE = "/api/pipelines/{pipe}"
PROVISION = ("POST", "/api/pipelines/provision")
# What is asked of GitHub, where that is (a regular expression), and who asks.
ASKED = {
    "repository": ("/repos/{repo}", "/repos/{repo}$", PROVISION),
    "workflow": ("/repos/{repo}/actions/workflows/deploy.yml",
                 "{repo}/actions/workflows/[^/]*$", PROVISION),
    "look": ("/repos/{repo}/actions/runs?per_page=1",
             "{repo}/actions/runs[?]", ("GET", PIPELINE + "/stats?fresh=1")),
    "run": (RUN, "{repo}/actions/runs/{run}([?]|$)",
            ("GET", PIPELINE + "/runs/{run}")),
    "cancel": (RUN, "{repo}/actions/runs/{run}([?]|$)",
               ("POST", PIPELINE + "/runs/{run}/cancel")),
    "jobs": (RUN + "/jobs", "{repo}.*/jobs[?]",
             ("GET", PIPELINE + "/runs/{run}")),
    "jobs for logs": (RUN + "/jobs", "{repo}.*/jobs[?]",
                      ("GET", PIPELINE + "/runs/{run}/logs")),
    "log": (None, "{repo}/actions/jobs/[0-9]*/logs",
            ("GET", PIPELINE + "/runs/{run}/logs")),
    "owner": ("/users/{owner}", "/users/{owner}$",
              ("GET", "/api/repositories?owner={owner}")),
    "repositories": ("/users/{owner}/repos", "/(orgs|users)/{owner}/repos",
                     ("GET", "/api/repositories?owner={owner}")),
    "branches": ("/repos/{repo}/branches", "{repo}/branches",
                 ("GET", "/api/repositories/{repo}/branches")),
    "workflows": ("/repos/{repo}/actions/workflows",
                  "{repo}/actions/workflows[?]",
                  ("GET", "/api/repositories/{repo}/workflows")),
}
# A whole that is none is said to be none: not that nothing is there.
EMPTY = {"owner": WHOLE, "repositories": ["[]"], "branches": ["[]"],
         "log": [""]}


class World:
    """Repositories of owners with a credential each, that are asked about
    side by side."""

    def __init__(self, tmp_path, sim):
        self.sim, self.free, conf = sim, queue.Queue(), []
        sim.limits(hourly=10**7)
        for i in range(WORKERS):
            owner = "odd%d" % i
            repo = owner + "/shop"
            sim.add_repo(repo, workflows=[{
                "path": ".github/workflows/deploy.yml", "jobs": ["build"]}])
            run = sim.add_run(repo, age=5000, duration=60,
                              conclusion="failure")
            self.free.put({"owner": owner, "repo": repo, "run": run})
            conf.append('github "%s" {\n\turl "%s"\n\ttoken file "%s"\n\t'
                        'owners { "%s" }\n}\n' % (
                            owner, sim.url, tmp_path / "ccmd/github.token",
                            owner))
        sim.add_repo("well/shop", workflows=["deploy.yml"])
        self.d = Daemon(tmp_path, github_url=sim.url, conf="".join(conf))

    def begin(self):
        for w in list(self.free.queue):
            w["pipe"] = self.d.provision(w["repo"])
        well = self.d.provision("well/shop")
        self.d.wait_stats(well, lambda s: not s["stale"])

    def cases(self, name):
        """(status, body, headers) of what it answers to that."""
        path = ASKED[name][0]
        yield from ((200, body, {}) for body in WHOLE)
        yield from STATUSES
        if path is None:
            return
        url = self.sim.url + path.format(**self.free.queue[0])
        true = json.load(urllib.request.urlopen(urllib.request.Request(
            url, headers={"Authorization": "Bearer look"})))
        for i, members in enumerate(places(true, 3)):
            # Another one's cancel is waited for.
            if name == "cancel" and members == ["status"]:
                continue
            # In turn: each value comes to each kind of member.
            for value in VALUES[i % 5::5]:
                yield 200, json.dumps(changed(true, members, value)), {}
        yield 200, json.dumps(true), {"Link": '<%s>; rel="next"' % url}
        yield 200, json.dumps(true), {
            "Link": '<>; rel="next", <%s/%s>; rel=next' % (url, "x" * 3000)}

    def ask(self, name, case):
        status, body, headers = case
        _, regex, (method, path) = ASKED[name]
        w = self.free.get()
        try:
            fault = self.sim.fault(
                "status", path=regex.format(**w), method="GET",
                status=status, body=body, headers=headers)
            self.judge(name, case, method, path.format(**w), {
                "repo": w["repo"], "workflow_file": "deploy.yml"
            } if method == "POST" and (method, path) == PROVISION else None)
            self.sim.clear_fault(fault)
        finally:
            self.free.put(w)

    def judge(self, name, case, method, path, body):
        what = "%s: %.300s" % (name, case)
        status, head, data = self.d.raw(method, path, body)
        assert status in (200, 201, 202, 404, 409, 502, 503), (
            what, status, data)
        if head["Content-Type"] != "application/json":
            return
        r = json.loads(data)
        contract.check(self.d, method, path, status, r)
        if status >= 400:
            words = r["error"].strip()
            assert words and not words.endswith(":"), (what, r)
        if case[0] != 200 or case[1] not in WHOLE or \
                case[1] in EMPTY.get(name, []):
            return
        if name == "look":
            assert r["stats"]["stale_reason"], (what, r)
        else:
            assert status == 502, (what, status, r)


def places(o, depth):
    """Where members stand in it, in lists only of the first."""
    found = []
    for k, v in (o.items() if isinstance(o, dict) else
                 enumerate(o[:1]) if isinstance(o, list) else []):
        if isinstance(k, int) or k in READ:
            found.append([k])
            if depth > 0:
                found += [[k, *x] for x in places(v, depth - 1)]
    return found


def changed(o, place, value):
    o = json.loads(json.dumps(o))
    at = o
    for k in place[:-1]:
        at = at[k]
    if value is GONE:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return o


def test_what_github_should_not_answer(tmp_path):
    with GitHubSim(tmp_path) as sim:
        w = World(tmp_path, sim)
        with w.d as d:
            w.begin()
            pids = d.pids()
            mark = sim.mark()
            with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
                for name in ASKED:
                    list(pool.map(lambda c: w.ask(name, c),
                                  list(w.cases(name))))
            looks = sim.wait_for(3, since=mark, path="/repos/well/shop")
            gaps = [b["time"] - a["time"] for a, b in zip(looks, looks[1:])]
            # An interval of a second, and what a machine under load adds;
            # a pause for all of them is a minute.
            assert max(gaps) < 5000, gaps
            assert d.pids() == pids
            assert "fatal" not in d.log()


TOKENS = ["", "null", "[]", "{}", '{"token": null}', '{"token": 5}',
          '{"token": ""}', '{"token": "ghs_odd"}', '{"token": ["ghs_odd"]}',
          '{"token": "a b", "expires_at": "%(later)s"}',
          '{"token": "\\u00e9", "expires_at": "%(later)s"}',
          '{"token": "%(long)s", "expires_at": "%(later)s"}',
          '{"token": "ghs_odd", "expires_at": null}',
          '{"token": "ghs_odd", "expires_at": 5}',
          '{"token": "ghs_odd", "expires_at": "1970-01-01T00:00:00Z"}',
          '{"token": "ghs_odd", "expires_at": "soon"}',
          '{"a": {"token": "ghs_odd"}, "expires_at": "%(later)s"}',
          '{"token": "ghs_odd", "token": "ghs_odd", '
          '"expires_at": "%(later)s"}']
# Those are some, and are used.
STRANGE = [{"expires_at": "9999-12-31T23:59:59-23:59"},
           {"permissions": {"a": 1, "b": None, "c": []}},
           {"permissions": []},
           {"permissions": {"x" + "\u00e9" * 9000: "write"}},
           {"permissions": {"a": "x" + "\u00e9" * 9000}}]


def test_an_apps_token_that_is_none(tmp_path, keys):  # noqa: F811
    """Each is an installation's own: the others have theirs, and it is told
    why this one has none."""
    key = tmp_path / "app.pem"
    key.write_text(keys[0][0].read_text())
    key.chmod(0o600)
    fill = {"later": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                   time.gmtime(time.time() + 3600)),
            "long": "x" * 5000}
    with GitHubSim(tmp_path) as sim:
        n = len(TOKENS) + len(STRANGE)
        owners = ["odd%d" % i for i in range(n)]
        sim.app(APP, public_key=keys[0][1], permissions=GRANTS,
                installations=[{"id": 100 + i, "account": owner}
                               for i, owner in enumerate(owners)])
        conf = ""
        for i, owner in enumerate(owners):
            sim.add_repo(owner + "/shop", workflows=["deploy.yml"])
            if i < len(TOKENS):
                body = TOKENS[i] % fill
            else:
                sim.token("ghs_strange%d" % i)
                body = {"token": "ghs_strange%d" % i,
                        "expires_at": fill["later"],
                        **STRANGE[i - len(TOKENS)]}
            sim.fault("status", method="POST", status=201, body=body,
                      path="/%d/access_tokens" % (100 + i))
            conf += ('github "%s" {\n\turl "%s"\n\tapp %d installation %d '
                     'key file "%s"\n\towners { "%s" }\n}\n' % (
                         owner, sim.url, APP, 100 + i, key, owner))
        with Daemon(tmp_path, conf=conf) as d:
            pids = d.pids()
            for i, owner in enumerate(owners):
                status, r = d.request(
                    "GET", "/api/repositories/%s/shop/branches" % owner)
                if i >= len(TOKENS):
                    assert status == 200, (STRANGE[i - len(TOKENS)], r)
                else:
                    assert status == 502 and "No token for GitHub App" in \
                        r["error"], (TOKENS[i], r)
            status, r = d.request("GET", "/api/doctor")
            assert status == 200, r
            assert len(r["credentials"]) == n
            assert d.pids() == pids
            assert "fatal" not in d.log() and "ghs_odd" not in d.log()
