"""ccmctl registry: status, backups, restore, export, import, on the whole
daemon."""

import json
import os
import pty
import subprocess

import pytest

from daemon import BUILD, Daemon, wait_until


REPOSITORIES = {"acme/r%d" % i: ["deploy.yml"] for i in range(6)}


def ctl(d, *args, code=0):
    r = d.ctl("-j", *args)
    assert r.returncode == code, (r.stdout, r.stderr)
    return json.loads(r.stdout)


def listed(d):
    return {p["pipeline_id"]: p for p in
            d.request("GET", "/api/pipelines")[1]["pipelines"]}


def document(n, **more):
    """As the Python CCM wrote it."""
    doc = {"pipeline_id": "pipe_%012x" % n, "repository": "acme/r%d" % n,
           "workflow_file": ".github/workflows/deploy.yml",
           "status": "active", "created_at": "2026-01-05T10:30:00.123456",
           "config": {"trigger_branches": ["production"],
                      "environment": "production"},
           "vps_integration": {"linked_domain": "example.com",
                               "linked_app": "my-app"}, "mine": [1, None]}
    doc.update(more)
    return doc


def python_file(*docs, **more):
    return {"pipelines": {d["pipeline_id"]: d for d in docs},
            "registry_version": "2.0",
            "last_updated": "2026-01-05T10:30:00.123456", **more}


def write(path, value):
    path.write_text(value if isinstance(value, str) else
                    json.dumps(value, indent=2))
    return str(path)


def test_when_nothing_is_there_yet(tmp_path):
    """After an installation: lists are empty, and say so."""
    with Daemon(tmp_path) as d:
        for words, text in (("list", "No pipelines."),
                            ("list -A", "No pipelines."),
                            ("project list", "No projects."),
                            ("registry backups", "No backups."),
                            ("audit", "Nothing."),
                            ("discover", "No apps found."),
                            ("budget", "No GitHub is configured."),
                            ("trends", "Period "), ("status", "version "),
                            ("doctor", "")):
            r = d.ctl(*words.split())
            assert (r.returncode, r.stderr) == (0, ""), (words, r)
            assert r.stdout.startswith(text), words


def test_status_and_backups(d):
    d.provision("acme/r0")
    d.provision("acme/r1")
    got = ctl(d, "registry", "status")
    assert got["pipelines"] == 2 and got["inactive"] == 0
    assert got["writable"] is True and got["saves"] >= 2
    backups = ctl(d, "registry", "backups")
    assert backups["count"] == backups["total"] == len(
        os.listdir(d.state / "backups"))
    for b in backups["backups"]:
        path = d.state / "backups" / b["name"]
        assert path.stat().st_size == b["bytes"]
    names = [b["name"] for b in backups["backups"]]
    assert got["newest_backup"] == names[0]
    out = d.ctl("registry", "backups").stdout
    assert names[0] in out
    assert ctl(d, "registry", "backups", "-n", "1")["count"] == 1


def test_import_of_a_python_registry(d, tmp_path, sim):
    there = d.provision("acme/r5")
    docs = [document(0), document(1), document(2, status="inactive")]
    path = write(tmp_path / "old.json", python_file(*docs, note={"a": 1}))
    got = ctl(d, "registry", "import", path)
    assert (got["taken"], got["skipped_count"], got["renamed_count"]) == (
        3, 0, 0)
    on_disk = d.registry()
    for doc in docs:
        now = dict(on_disk["pipelines"][doc["pipeline_id"]])
        now.pop("github", None)		# looked up since
        now.pop("last_updated", None)
        assert now == doc
    assert on_disk["note"] == {"a": 1} and there in on_disk["pipelines"]
    # They are watched from now on.
    d.wait_stats("pipe_%012x" % 0, lambda s: s["fetched_at"])
    line = [a for a in d.audit() if a["verb"] == "registry.import"][-1]
    assert line["actor"] == "uid:%d" % os.getuid() and line["status"] == 200
    assert "3 taken" in line["detail"]
    # Again: nothing happens, and it is said why.
    before = d.registry()["pipelines"].keys()
    got = ctl(d, "registry", "import", path)
    assert (got["taken"], got["skipped_count"]) == (0, 3)
    assert all("there already" in s["reason"] for s in got["skipped"])
    assert d.registry()["pipelines"].keys() == before


def test_import_says_what_it_skipped_and_renamed(d, tmp_path):
    there = d.provision("acme/r5")
    docs = {"bad": document(0, pipeline_id="bad", repository="nonsense"),
            "no object": 7,
            "bad id!": document(1, pipeline_id="bad id!"),
            there: document(2, pipeline_id=there),
            "twice": document(5, pipeline_id="twice"),
            "when": document(3, pipeline_id="when", created_at="monday"),
            "good": document(4, pipeline_id="other")}
    path = write(tmp_path / "f", {"pipelines": docs})
    got = ctl(d, "registry", "import", path)
    why = {s["name"]: s["reason"] for s in got["skipped"]}
    assert set(why) == {"bad", "no object", "twice", "when"}
    assert "owner/name" in why["bad"] and there in why["twice"]
    assert "created_at" in why["when"]
    to = {r["from"]: r["to"] for r in got["renamed"]}
    assert set(to) == {"bad id!", there} and got["taken"] == 3
    now = d.registry()["pipelines"]
    assert now[to["bad id!"]]["repository"] == "acme/r1"
    assert now[to[there]]["repository"] == "acme/r2"
    assert now[there]["repository"] == "acme/r5"
    assert now["good"]["pipeline_id"] == "good"
    text = d.ctl("registry", "import", path).stdout
    assert text.startswith("0 taken, 7 skipped, 0 renamed")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pipelines": []}', "{",
                                  '{"pipelines": {}, "pipelines": {}}',
                                  '{"ccm_export": 1}', "\0", '"x"'])
def test_import_of_what_is_none(d, tmp_path, text):
    path = write(tmp_path / "f", text)
    got = ctl(d, "registry", "import", path, code=1)
    assert got["code"] == "invalid_file", got
    assert not (d.state / "pipelines.json").exists()


def test_import_of_a_file_that_is_not_there(d, tmp_path):
    r = d.ctl("registry", "import", str(tmp_path / "none"))
    assert r.returncode == 1 and "No such file" in r.stderr


def test_export_comes_back_identically(d, tmp_path):
    for i in range(3):
        d.provision("acme/r%d" % i, linked_domain="d%d.example" % i)
    docs = [document(3, extra={"\u00e9": [1.50, "\u4e16"]}),
            document(4, status="inactive")]
    write(tmp_path / "in", python_file(*docs, note=[1, 2]))
    ctl(d, "registry", "import", str(tmp_path / "in"))
    wait_until(lambda: "github" in d.registry()["pipelines"][
        docs[0]["pipeline_id"]], what="looked up")
    one = tmp_path / "one"
    got = ctl(d, "registry", "export", str(one))
    assert got["pipelines"] == 5 and got["bytes"] == one.stat().st_size
    assert one.stat().st_mode & 0o777 == 0o600
    assert json.loads(one.read_text())["pipelines.json"]["pipelines"] == \
        d.registry()["pipelines"]
    # Standard output, too.
    for option in ([], ["-j"]):
        out = d.ctl(*option, "registry", "export", "-")
        assert out.stdout == one.read_text()
        assert "pipelines" in out.stderr
    (tmp_path / "second").mkdir()
    # One that looks at nothing changes nothing.
    with Daemon(tmp_path / "second") as e:
        got = ctl(e, "registry", "import", str(one))
        assert (got["taken"], got["skipped_count"]) == (5, 0)
        two = tmp_path / "two"
        ctl(e, "registry", "export", str(two))
        assert two.read_bytes() == one.read_bytes()
    assert not list(tmp_path.glob("one.*"))


def test_files_of_megabytes(tmp_path):
    """More than a socket holds, on both ways."""
    docs = [document(n, status="inactive", note="x" * 1000)
            for n in range(3000)]
    path = write(tmp_path / "in", python_file(*docs))
    with Daemon(tmp_path) as d:
        got = ctl(d, "registry", "import", path)
        assert (got["taken"], got["skipped_count"]) == (3000, 0)
        out = tmp_path / "out"
        got = ctl(d, "registry", "export", str(out))
        assert got["bytes"] == out.stat().st_size > 3 * 1024 * 1024
        took = json.loads(out.read_text())["pipelines.json"]["pipelines"]
        assert took == d.registry()["pipelines"]
        assert {k: p["note"] for k, p in took.items()} == {
            p["pipeline_id"]: p["note"] for p in docs}


def test_restore_of_a_backup(d):
    one = d.provision("acme/r0")
    two = d.provision("acme/r1")
    assert d.request("DELETE", "/api/pipelines/" + one)[0] == 200
    three = d.provision("acme/r2")
    now = (d.state / "pipelines.json").read_bytes()
    # Where `one` and `two` are active, and `three` is not there.
    for b in ctl(d, "registry", "backups")["backups"]:
        was = json.loads((d.state / "backups" / b["name"]).read_text())
        states = {i: p["status"] for i, p in was["pipelines"].items()}
        if states == {one: "active", two: "active"} and not any(
                "teardown" in p for p in was["pipelines"].values()):
            break
    else:
        raise AssertionError("no such backup")
    got = ctl(d, "registry", "restore", "-y", b["name"])
    assert got["removed"] == 1 and got["pipelines"] == 2
    assert d.registry()["pipelines"] == was["pipelines"]
    assert now in [p.read_bytes() for p in (d.state / "backups").iterdir()]
    # The api knows at once, also what is there no more; so does GitHub.
    assert {i: p["status"] for i, p in listed(d).items()} == states
    assert d.request("GET", "/api/pipelines/" + three)[0] == 404
    d.wait_stats(one, lambda s: s["fetched_at"])
    # And the poller: that one can be provisioned again.
    again = d.provision("acme/r2")
    assert again != three
    assert d.request("POST", "/api/pipelines/provision", {
        "repo": "acme/r0", "workflow_file": "deploy.yml"})[0] == 409
    assert [a["status"] for a in d.audit()
            if a["verb"] == "registry.restore"] == [200]
    d.kill_all()
    d.start()
    assert set(listed(d)) == {one, two, again}


def test_restore_of_a_file(d, tmp_path):
    old = d.provision("acme/r0")
    path = write(tmp_path / "f", python_file(document(1)))
    assert ctl(d, "registry", "restore", "-y", path)["removed"] == 1
    assert set(listed(d)) == {document(1)["pipeline_id"]}
    # What was removed comes back, with what is known of it.
    back = next(b["name"] for b in ctl(d, "registry", "backups")["backups"]
                if old in (d.state / "backups" / b["name"]).read_text())
    got = ctl(d, "registry", "restore", "-y", back)
    assert got["added"] == 1 and set(listed(d)) == {old}
    d.wait_stats(old, lambda s: s["fetched_at"])


def test_restore_of_what_is_no_registry(d, tmp_path):
    old = d.provision("acme/r0")
    before = (d.state / "pipelines.json").read_bytes()
    bad = write(tmp_path / "f", '{"pipelines":\n {"x": {}}}')
    got = ctl(d, "registry", "restore", "-y", bad, code=1)
    assert got["code"] == "invalid_file" and "Line 2" in got["error"]
    for name in ("pipelines-2020-01-01-00-00-00.json", "pipelines-x"):
        got = ctl(d, "registry", "restore", "-y", name, code=1)
        assert got["code"] == "backup_not_found"
    assert (d.state / "pipelines.json").read_bytes() == before
    assert set(listed(d)) == {old}


def test_restore_asks(d, tmp_path):
    d.provision("acme/r0")
    path = write(tmp_path / "f", python_file())
    r = d.ctl("registry", "restore", path)
    assert r.returncode == 2 and "-y" in r.stderr
    main, other = pty.openpty()
    p = subprocess.Popen(
        [str(BUILD / "ccmctl/ccmctl"), "-s", str(d.socket), "registry",
         "restore", path], stdin=other, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    os.write(main, b"n\n")
    out, err = p.communicate(timeout=20)
    assert p.returncode == 1 and b"Replace all pipelines" in err
    assert len(listed(d)) == 1
    os.close(main)
    os.close(other)


def test_only_admins_on_the_control_socket(tmp_path, sim):
    with Daemon(tmp_path, github_url=sim.url) as d:
        text = d.conf_path.read_text()
        d.stop()
        d.conf_path.write_text(text.replace(
            'control socket "%s"' % d.socket,
            'control socket "%s" role api' % d.socket))
        d.start()
        path = write(tmp_path / "f", python_file(document(1)))
        for words in (["status"], ["backups"], ["import", path],
                      ["restore", "-y", path], ["export",
                                                str(tmp_path / "o")]):
            got = ctl(d, "registry", *words, code=1)
            assert got["code"] == "forbidden", words
        assert not (tmp_path / "o").exists()
        assert listed(d) == {}
        for path in ("/api/registry", "/api/registry/status"):
            assert d.request("GET", path)[0] == 404
