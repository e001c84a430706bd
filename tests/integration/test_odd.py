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

"""Whatever is let in from a file survives all that can be asked of it, and
loses nothing that is not known here; what is not let in is refused whole,
with its place and the reason."""

import collections
import concurrent.futures
import json
import urllib.parse

import contract
import odd
import sse
from daemon import Daemon, wait_until
from githubsim import GitHubSim
from odd import GONE, NOTE

# Two bytes each: a cut comes into the middle of one.
LONG = "x" + "\u00e9" * 12000
LONGER = "\u00e9" * 12000
HARD = "a\"\\\n\x01\x1b[31m\x7f{}<&> b?#%00/../\u00e9\u4e16\U0001f600"
PLAN = {"queued": 1, "in_progress": 600, "conclusion": "success"}
WORKFLOW = {"path": ".github/workflows/deploy.yml", "dispatch": True,
            "plan": PLAN, "jobs": ["build"]}


def deep(n):
    value = 1
    for _ in range(n):
        value = [value]
    return value


# As the Python CCM may have written them, and whoever edited its file.
ODD = {
    "pipe_0123456789AB": dict(
        github=GONE, last_updated="2026-01-05T10:30:00.123456",
        created_at="2026-01-05T10:30:00.123456",
        config={"trigger_branches": ["main"], "environment": "production"},
        vps_integration={"linked_domain": None, "linked_app": None},
        odd_last_run=None, odd_version=1, metrics=None),
    "__proto__": dict(
        config=GONE, vps_integration=GONE, github=GONE, last_updated=GONE,
        created_at="2026-01-05T10:30:00.123456789012345+02:00"),
    "constructor": dict(
        config=None, vps_integration=None, github=None, last_updated=None,
        deactivated_at=None, error=None, teardown=None, cancelling=None,
        project=None, created_at="2026-01-05 10:30:00"),
    "A" * 64: dict(
        github__repository_id=None, github__workflow_id=None,
        github__default_branch=None, github__html_url=None,
        vps_integration__linked_app=None, vps_integration__vps=None,
        config__trigger_branches=None, config__environment=None,
        created_at="2026-01-05T10:30:00.5+00:00", metrics=5),
    "-": dict(
        config__trigger_branches=[HARD], config__environment=HARD,
        vps_integration__linked_domain=HARD, workflow_file=HARD,
        vps_integration__linked_app=HARD, github__default_branch=HARD,
        vps_integration__vps=HARD, vps_integration__requested_by=HARD,
        error=HARD, status="error", last_updated=HARD, project=HARD),
    "0": dict(
        config__trigger_branches=["gone"], error=LONGER, status="error",
        github__default_branch=LONG, workflow_file="w" * 251 + ".yml",
        github__html_url="https://" + LONGER[:9000],
        created_at="9999-12-31T23:59:59-23:59"),
    "_": dict(
        config__trigger_branches=[None, 5, {}, []], config__odd=deep(57),
        config__environment=5, config__auto_deploy="yes", project=5,
        odd=deep(59), odd_many={"m%d" % i: i for i in range(2000)},
        odd_numbers=[2**63 - 1, -2**63, 1e308, 1.0, 1e-7, -0.0],
        cancelling=[None, 5, "x", {}, {"run_id": -1}, {"run_id": "7"},
                    {"run_id": 2**63 - 1, "run_attempt": -1},
                    {"run_id": 9, "requested_at": 5}],
        workflow_file="deploy.yml", metrics={"odd": 1}, stats=[]),
    "inactive": dict(
        status="inactive", deactivated_at="2026-01-06T10:30:00Z",
        github__repository_id=-5, github__workflow_id=2**63 - 1,
        cancelling={"run_id": 5}, config__trigger_branches="main",
        teardown={"requested_at": 5, "follow": "yes",
                  "cancelling": [None, -1, "x"], "warnings": 5}),
}


class World:
    """A repository and a credential for each: what changes something on
    GitHub does it a second apart for each credential."""

    def __init__(self, tmp_path, sim):
        self.where, self.documents, conf = [], {}, []
        sim.limits(hourly=10**7)
        sim.settings(cancel_delay=0)
        for i, (id, members) in enumerate(ODD.items()):
            name = "odd%d/shop" % i
            sim.add_repo(name, workflows=[WORKFLOW])
            there = sim.repo(name)
            run = sim.add_runs(name, [
                {"age": 5000, "duration": 60, "conclusion": "success"},
                {"age": 50, "status": "in_progress"}])[1]
            doc = odd.document(id, there, there["workflows"][0], **members)
            self.documents[id] = doc
            self.where.append(odd.Where(
                id, name, run, "%s,%s" % (doc["created_at"], id)))
            conf.append('github "odd%d" {\n\turl "%s"\n\ttoken file "%s"\n\t'
                        'owners { "odd%d" }\n}\n' % (
                            i, sim.url, tmp_path / "ccmd/github.token", i))
        self.d = Daemon(tmp_path, github_url=sim.url, conf="".join(conf),
                        active=60, idle=60, start=False)
        self.d.state.mkdir(mode=0o700)
        self.write(self.d.state / "pipelines.json", self.documents)

    def write(self, path, documents):
        path.write_text(json.dumps({
            "pipelines": documents, "registry_version": 2, "odd": NOTE},
            indent=1))
        path.chmod(0o600)

    def ask(self, method, path, body):
        """Below 500, or a refusal with a reason; in any case as the OpenAPI
        document has it."""
        if path.split("?")[0] == "/api/events":
            with sse.Stream(self.d, path.removeprefix("/api/events")) as s:
                assert s.status == 200
                if "snapshot" in path:
                    assert s.next() is not None
            return
        status, head, data = self.d.raw(method, path, body)
        assert status < 500 or status in (502, 503), (path, status, data)
        if head["Content-Type"] != "application/json":
            assert status == 200, (path, status)
        elif path != "/api/openapi.json":
            r = json.loads(data)
            contract.check(self.d, method, path, status, r)
            if status >= 400:
                assert r["error"].rstrip() and r["error"][-2:] != ": ", (
                    path, r)
                assert r["code"] != "internal", (path, r)

    def type(self, argv):
        for more in ([], ["-j"]):
            r = self.d.ctl(*argv, *more)
            assert r.returncode in (0, 1), (argv, r.returncode, r.stderr)
            assert not set(r.stdout + r.stderr) & {"\x1b", "\x01"}, argv

    def all_of(self, where, verbs):
        turn = self.where.index(where)
        for verb in verbs:
            # They are a second apart: each document has every other one.
            if odd.writes(verb) and (turn := turn + 1) % 2:
                continue
            for request in odd.requests(verb, where):
                self.ask(*request)
            argv = odd.words(verb, where)
            if argv is not None and verb[5] in ("READ", "QUERY", "FETCH"):
                self.type(argv)


def test_all_is_asked_of_odd_documents(tmp_path):
    verbs = odd.verbs()
    # Torn down and provisioned again at last, and read once more.
    last = ["pipeline.teardown", "pipeline.provision"]
    about = [v for v in verbs if odd.is_about(v) and v[0] not in last]
    about += [v for name in last for v in verbs if v[0] == name]
    about += [v for v in about if v[5] == "READ"]
    others = [v for v in verbs if not odd.is_about(v)]
    with GitHubSim(tmp_path) as sim:
        w = World(tmp_path, sim)
        with w.d as d:
            d.start()
            pids = d.pids()
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda x: w.all_of(x, about), w.where))
            w.all_of(w.where[0], others)
            pages(d)
            assert d.pids() == pids
            kept(w, d.registry())
            told = d.request("GET", "/api/pipelines")[1]
            export(w, tmp_path / "export.json")
            d.stop()
            d.start()
            pids = d.pids()
            assert d.request("GET", "/api/pipelines")[1] == told
            kept(w, d.registry())
            assert d.pids() == pids
            assert "fatal" not in d.log()


def kept(w, registry):
    assert registry["odd"] == NOTE
    assert set(registry["pipelines"]) == set(w.documents)
    for id, doc in w.documents.items():
        odd.survived(doc, registry["pipelines"][id])


def pages(d):
    """One by one they are the same as all at once."""
    whole = d.request("GET", "/api/pipelines")[1]["pipelines"]
    after, found = "", []
    while True:
        status, r = d.request("GET", "/api/pipelines?limit=1" + after)
        assert status == 200, (after, r)
        found += r["pipelines"]
        if "next" not in r:
            break
        after = "&after=" + urllib.parse.quote(r["next"])
    assert found == whole


def export(w, path):
    """Into a file, and back from it."""
    before = w.d.registry()["pipelines"]
    assert w.d.ctl("registry", "export", str(path)).returncode == 0
    r = json.loads(w.d.ctl("-j", "registry", "import", str(path)).stdout)
    assert r["taken"] == 0 and r["skipped_count"] == len(ODD), r
    assert w.d.registry()["pipelines"] == before


def test_a_document_that_is_full(tmp_path):
    """What no more can be added to is shown; a change is refused, for good
    and with the reason."""
    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/shop", workflows=["deploy.yml"])
        there = sim.repo("acme/shop")
        with Daemon(tmp_path, github_url=sim.url, start=False) as d:
            doc = odd.document("full", there, there["workflows"][0], odd="")
            text = json.dumps(doc, separators=(",", ":"), ensure_ascii=False)
            doc["odd"] = "z" * (128 * 1024 - len(text.encode()))
            d.state.mkdir(mode=0o700)
            path = d.state / "pipelines.json"
            path.write_text(json.dumps({"pipelines": {"full": doc}}))
            path.chmod(0o600)
            d.start()
            pids = d.pids()
            for method, body in ("PATCH", {"vps": "x" * 64}), ("DELETE", None):
                status, r = d.request(method, "/api/pipelines/full", body)
                assert status == 400 and "128 KB" in r["error"], r
            status, r = d.request("GET", "/api/pipelines/full")
            assert status == 200 and r["pipeline"].pop("metrics")
            assert r["pipeline"] == doc
            assert d.ctl("show", "full").returncode == 0
            assert d.pids() == pids


def test_many_cancels_that_ended(tmp_path):
    """Followed up once each, however many end at a time."""
    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/shop", workflows=["deploy.yml"])
        there = sim.repo("acme/shop")
        with Daemon(tmp_path, github_url=sim.url, start=False, active=60,
                    idle=60) as d:
            doc = odd.document("many", there, there["workflows"][0],
                               cancelling=[{"run_id": 100 + i} for i in
                                           range(150)])
            d.state.mkdir(mode=0o700)
            path = d.state / "pipelines.json"
            path.write_text(json.dumps({"pipelines": {"many": doc}}))
            path.chmod(0o600)
            d.start()
            wait_until(lambda: "cancelling" not in
                       d.registry()["pipelines"]["many"], 60, "all ended")
            asked = collections.Counter(
                x["path"] for x in sim.requests(
                    path="/actions/runs/[12][0-9]+"))
            assert len(asked) == 150 and set(asked.values()) == {1}, (
                asked.most_common(5))
