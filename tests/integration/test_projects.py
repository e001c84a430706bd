"""projects.json: taken as the Python CCM wrote it, changed durably, and no
secret's value ever comes out of the registry."""

import json
import os
import signal

import pytest

from daemon import Daemon, wait_until
from faults import RENAME, WRITE, Faults
from registry_harness import UID, VERBS, Registry
from test_build import sanitized

VALUE = "s3cr3t-value-0123456789"
OLD = {"projects": {
    "shop": {"github": {"owner": "acme", "repo": "shop", "mine": 1},
             "vps": {"app_name": "shop", "app_path": "/srv/shop",
                     "port": 3000},
             "secrets": {"DATABASE_URL": VALUE, "API_KEY": "API_KEY"},
             "environments": {
                 "production": {"branch": "release", "vps_host": "srv1",
                                "deployment_script": "deploy.sh"},
                 "staging": {"branch": "develop", "vps_host": "10.0.0.1",
                             "deployment_script": "deploy.sh"}},
             "token": VALUE},
    "My Project": {"github": {"owner": "acme", "repo": "other"}},
}, "version": "1", "note": [1, None]}


REPOSITORIES = {"acme/" + name: ["deploy.yml", "ci.yml"]
                for name in ("shop", "other", "new")}


def started(tmp_path, sim, projects=OLD, **more):
    d = Daemon(tmp_path, github_url=sim.url, start=False, **more)
    if projects is not None:
        d.state.mkdir(mode=0o700)
        path = d.state / "projects.json"
        path.write_text(projects if isinstance(projects, str) else
                        json.dumps(projects, indent=2))
        path.chmod(0o600)
    return d


def ctl(d, *args, code=0):
    r = d.ctl("-j", *args)
    assert r.returncode == code, (r.stdout, r.stderr)
    return json.loads(r.stdout)


def on_disk(d):
    return json.loads((d.state / "projects.json").read_text())


def test_reading(tmp_path, sim):
    tokens = {"test": ("admin", "test-token-0123456789"),
              "low": ("api", "low-token-0123456789")}
    with started(tmp_path, sim, tokens=tokens) as d:
        d.start()
        got = ctl(d, "project", "list")
        assert got["count"] == 2
        shop, = [p for p in got["projects"] if p["name"] == "shop"]
        assert shop == {
            "name": "shop", "github": {"owner": "acme", "repo": "shop"},
            "vps": {"app_name": "shop", "app_path": "/srv/shop",
                    "port": 3000},
            "secrets": ["DATABASE_URL", "API_KEY"],
            "environments": OLD["projects"]["shop"]["environments"]}
        assert d.request("GET", "/api/projects")[1] == got
        status, one = d.request("GET", "/api/projects/shop")
        assert status == 200 and one["project"] == shop
        assert ctl(d, "project", "show", "shop")["project"] == shop
        assert ctl(d, "project", "show", "My Project")["project"]["name"]
        status, body = d.request("GET", "/api/projects/none")
        assert (status, body["code"]) == (404, "project_not_found")
        for path in ("/api/projects", "/api/projects/shop"):
            assert d.request("GET", path,
                             token="low-token-0123456789")[0] == 403
            assert d.request("POST", path, {})[0] == 405
        for words in (["list"], ["show", "shop"]):
            text = d.ctl("project", *words).stdout
            assert "shop" in text and VALUE not in text
        assert "DATABASE_URL" in d.ctl("project", "show", "shop").stdout
        assert on_disk(d) == OLD


def test_changing(tmp_path, sim):
    with started(tmp_path, sim) as d:
        d.start()
        made = ctl(d, "project", "init", "web", "acme/new", "-a", "web",
                   "-P", "/srv/web", "-n", "8080", "-w", "ci.yml", "-e",
                   "production", "-b", "main", "--vps_host", "srv2",
                   "-S", "DATABASE_URL")
        assert made["project"]["secrets"] == ["DATABASE_URL"]
        now = on_disk(d)
        assert now["projects"]["web"] == {
            "github": {"owner": "acme", "repo": "new", "workflow_file":
                       ".github/workflows/ci.yml"},
            "vps": {"app_name": "web", "app_path": "/srv/web",
                    "port": 8080},
            "secrets": {"DATABASE_URL": "DATABASE_URL"},
            "environments": {"production": {"branch": "main",
                                            "vps_host": "srv2"}}}
        # What is there stays, known or not, with its secrets.
        assert {k: v for k, v in now["projects"].items() if k != "web"} == \
            OLD["projects"]
        assert now["note"] == OLD["note"] and now["version"] == "1"
        assert (d.state / "projects.json").stat().st_mode & 0o777 == 0o600
        kept = [p for p in (d.state / "backups").iterdir()
                if p.name.startswith("projects-")]
        assert [json.loads(p.read_text()) for p in kept] == [OLD]
        ctl(d, "project", "set", "shop", "-n", "3001", "-D", "staging",
            "-F", "API_KEY", "-S", "DATABASE_URL")
        shop = on_disk(d)["projects"]["shop"]
        assert shop["vps"]["port"] == 3001 and shop["token"] == VALUE
        assert shop["secrets"] == {"DATABASE_URL": VALUE}
        assert set(shop["environments"]) == {"production"}
        assert shop["github"]["mine"] == 1
        for args, code in ((["init", "web", "acme/x"], "project_exists"),
                           (["set", "none", "-n", "1"],
                            "project_not_found"),
                           (["delete", "none"], "project_not_found"),
                           (["set", "web", "-b", "x"],
                            "invalid_argument"),
                           (["set", "web", "-S", "bad-name"], None),
                           (["set", "web", "-S", "GITHUB_X"], None)):
            r = d.ctl("-j", "project", *args)
            assert r.returncode != 0, args
            assert code is None or json.loads(r.stdout)["code"] == code
        ctl(d, "project", "delete", "My Project")
        assert set(on_disk(d)["projects"]) == {"shop", "web"}
        assert {p["name"] for p in ctl(d, "project", "list")["projects"]} \
            == {"shop", "web"}
        lines = [(a["verb"], a["target"], a["status"]) for a in d.audit()
                 if a["verb"].startswith("project.")]
        assert ("project.init", "web", 201) in lines
        assert ("project.delete", "My Project", 200) in lines
        # After a restart it is what it was.
        d.kill_all()
        d.start()
        assert {p["name"] for p in ctl(d, "project", "list")["projects"]} \
            == {"shop", "web"}


def memory_holds(pid, what):
    """Is it anywhere in a process's memory?"""
    with open("/proc/%d/maps" % pid) as maps, \
            open("/proc/%d/mem" % pid, "rb", buffering=0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            if "r" not in mode or line.rstrip().endswith(("[vvar]",
                                                          "[vsyscall]")):
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            try:
                mem.seek(start)
                if what in mem.read(end - start):
                    return True
            except OSError:
                continue
    return False


def test_no_value_leaves_the_registry(tmp_path, sim):
    """Not by an import or an export either: those pass by the api."""
    late = "another-value-9876543210"
    with started(tmp_path, sim) as d:
        d.start()
        path = tmp_path / "more.json"
        path.write_text(json.dumps({"projects": {"late": {
            "github": {"owner": "a", "repo": "b"},
            "secrets": {"X": late}}}}))
        got = ctl(d, "registry", "import", str(path))
        assert got["taken"] == 1
        ctl(d, "registry", "export", "-S", str(tmp_path / "all"))
        for words in (["project", "list"], ["project", "show", "late"],
                      ["audit"], ["registry", "status"]):
            assert VALUE not in d.ctl("-j", *words).stdout
        assert d.provision("acme/shop")
        for value in (VALUE, late):
            assert value in (tmp_path / "all").read_text()
            assert value not in d.log()
            assert value not in json.dumps(d.audit())
            if os.getuid() == 0 and not sanitized():
                pids = d.pids()
                for name in ("ccmd", "ccmd-api", "ccmd-poller"):
                    assert not memory_holds(pids[name], value.encode()), name
                # The look would find it.
                assert memory_holds(pids["ccmd-registry"], VALUE.encode())


def test_a_secret_leaves_by_no_place_that_is_not_known(tmp_path, sim):
    odd = {"projects": {"p": {
        "github": {"owner": "acme", "repo": "shop", "token": VALUE},
        "vps": {"app_name": "a", "ssh_key": VALUE, "port": {"x": VALUE}},
        "secrets": [{"name": "X", "value": VALUE}, "Y=" + VALUE],
        "env": {"PASSWORD": VALUE},
        "environments": {"production": {
            "branch": "b", "secrets": {"X": VALUE}, "vps_host": [VALUE]}}}},
        "github_token": VALUE, "defaults": {"secrets": {"X": VALUE}}}
    with started(tmp_path, sim, odd) as d:
        d.start()
        r = d.ctl("registry", "export", "-")
        assert json.loads(r.stdout)["projects.json"] == {"projects": {"p": {
            "github": {"owner": "acme", "repo": "shop"},
            "vps": {"app_name": "a"}, "secrets": {},
            "environments": {"production": {"branch": "b"}}}}}
        for words in (["project", "list"], ["project", "show", "p"]):
            assert VALUE not in d.ctl("-j", *words).stdout
        r = d.ctl("registry", "export", "-S", "-")
        assert json.loads(r.stdout)["projects.json"] == odd


def test_export_and_import(tmp_path, sim):
    with started(tmp_path, sim) as d:
        d.start()
        ctl(d, "registry", "export", str(tmp_path / "public"))
        text = (tmp_path / "public").read_text()
        # What is not known may be a secret: it stays here.
        assert VALUE not in text
        public = json.loads(text)["projects.json"]
        assert set(public) == {"projects"}
        shop = public["projects"]["shop"]
        assert shop == {
            "github": {"owner": "acme", "repo": "shop"},
            "vps": OLD["projects"]["shop"]["vps"],
            "environments": OLD["projects"]["shop"]["environments"],
            "secrets": {"DATABASE_URL": None, "API_KEY": None}}
        ctl(d, "registry", "export", "-S", str(tmp_path / "all"))
    (tmp_path / "second").mkdir()
    with started(tmp_path / "second", sim, None) as e:
        e.start()
        got = ctl(e, "registry", "import", str(tmp_path / "all"))
        assert got["taken"] == 2
        ctl(e, "registry", "export", "-S", str(tmp_path / "again"))
        assert on_disk(e)["projects"] == OLD["projects"]
        one = json.loads((tmp_path / "all").read_text())
        two = json.loads((tmp_path / "again").read_text())
        assert one["projects.json"]["projects"] == \
            two["projects.json"]["projects"]
        # The same again: nothing; another of that name: renamed.
        got = ctl(e, "registry", "import", str(tmp_path / "all"))
        assert (got["taken"], got["skipped_count"]) == (0, 2)
        other = tmp_path / "other"
        other.write_text(json.dumps({"projects": {
            "shop": {"github": {"owner": "x", "repo": "y"}}, "bad": 1}}))
        got = ctl(e, "registry", "import", str(other))
        assert got["renamed"][0]["to"] == "shop-2"
        assert got["skipped"][0]["name"] == "bad"


def test_provision_from_a_project(tmp_path, sim):
    with started(tmp_path, sim) as d:
        d.start()
        got = ctl(d, "provision", "-p", "shop")
        doc = d.registry()["pipelines"][got["pipeline_id"]]
        assert doc["repository"] == "acme/shop" and doc["project"] == "shop"
        assert doc["workflow_file"] == ".github/workflows/deploy.yml"
        assert doc["vps_integration"]["linked_app"] == "shop"
        assert doc["vps_integration"]["vps"] == "srv1"
        assert doc["config"]["trigger_branches"] == ["release"]
        # What is said wins; over HTTP, and another environment.
        status, got = d.request("POST", "/api/pipelines/provision", {
            "project": "shop", "workflow_file": "ci.yml",
            "linked_app": "mine", "config": {"environment": "staging"}})
        assert status == 201
        doc = d.registry()["pipelines"][got["pipeline_id"]]
        assert doc["vps_integration"]["linked_app"] == "mine"
        assert doc["vps_integration"]["vps"] == "10.0.0.1"
        assert doc["config"]["trigger_branches"] == ["develop"]
        status, got = d.request("POST", "/api/pipelines/provision", {
            "project": "none"})
        assert (status, got["code"]) == (404, "project_not_found")
        status, got = d.request("POST", "/api/pipelines/provision", {})
        assert (status, got["error"]) == (
            400, "Missing required fields: repo, workflow_file")
        assert d.ctl("provision").returncode == 2
        ctl(d, "project", "set", "shop", "-w", "none.yml")
        r = d.ctl("provision", "-p", "shop")
        assert r.returncode == 1 and "none.yml" in r.stderr


@pytest.mark.parametrize("text", ["{", "[]", '{"projects": []}',
                                  '{"projects": {}, "projects": {}}'])
def test_a_broken_file(tmp_path, sim, text):
    """Never overwritten; all else works."""
    with started(tmp_path, sim, text) as d:
        d.start()
        assert d.logged("projects.json:1:")
        assert ctl(d, "project", "list")["count"] == 0
        got = ctl(d, "project", "init", "x", "acme/new", code=1)
        assert got["code"] == "unavailable" and "projects.json" in got[
            "error"]
        d.provision("acme/shop")
        assert (d.state / "projects.json").read_text() == text


# --- Faults, on the registry alone.

@pytest.fixture
def life(tmp_path):
    class Life:
        state = tmp_path / "state"
        faults = Faults(tmp_path / "faults")
        all = []

        def start(self, env=None):
            r = Registry(self.state, env=env)
            self.all.append(r)
            return r.begin()

    life = Life()
    life.state.mkdir(mode=0o700)
    yield life
    for r in life.all:
        if r.process.poll() is None:
            r.process.kill()
            r.process.wait()
    life.faults.close()


def project(r, verb, **args):
    r.op += 1
    r.api.send("STORE", op=r.op, verb=VERBS["project." + verb], actor="t",
               target="", args=args)
    return r.op


def test_kill_at_every_step(life):
    step = new = 0
    while True:
        step += 1
        for p in sorted(life.state.rglob("*"), reverse=True):
            p.rmdir() if p.is_dir() else p.unlink()
        life.faults.set(calls=0, kill_before=0)
        r = life.start(life.faults.env)
        assert r.answer(project(r, "init", name="a", repo="o/a"))[0] == 201
        life.faults.set(kill_before=life.faults.get("calls") + step)
        op = project(r, "init", name="b", repo="o/b")
        r.wait(lambda: not r.api.open or any(
            n == "ANSWER" and m["op"] == op for n, m in r.api.got))
        acked = any(n == "ANSWER" and m["op"] == op for n, m in r.api.got)
        if r.api.open and acked:
            break
        assert r.reap() == -signal.SIGKILL
        r = life.start()
        names = {m["name"] for n, m in r.sync["api"] if n == "PROJECT"}
        assert names in ({"a"}, {"a", "b"})
        assert "b" in names or not acked
        new += "b" in names
        assert r.end() == 0
    assert step > 8 and new > 0


@pytest.mark.parametrize("kind", [WRITE, RENAME])
def test_what_can_not_be_saved_is_refused(life, kind):
    r = life.start(life.faults.env)
    assert r.answer(project(r, "init", name="a", repo="o/a"))[0] == 201
    before = (life.state / "projects.json").read_bytes()
    life.faults.fail(28, kind, b"projects.json.tmp")
    for op in (project(r, "init", name="b", repo="o/b"),
               project(r, "delete", name="a")):
        status, body, after = r.answer(op)
        assert status == 503 and after > 0 and "No space" in body["error"]
    assert (life.state / "projects.json").read_bytes() == before
    assert [m["name"] for n, m in r.api.got if n == "PROJECT"] == ["a"]
    life.faults.works()
    assert r.answer(project(r, "init", name="b", repo="o/b"))[0] == 201


def test_a_file_that_is_replaced(life):
    r = life.start()
    assert r.answer(project(r, "init", name="a", repo="o/a"))[0] == 201
    path = life.state / "projects.json"
    path.write_text("theirs")
    if os.getuid() == 0:
        os.chown(path, UID, UID)
    wait_until(lambda: "theirs" not in path.read_text(), what="ours again")
    assert set(json.loads(path.read_text())["projects"]) == {"a"}
    assert "theirs" in [p.read_text() for p in
                        (life.state / "backups").iterdir()]
