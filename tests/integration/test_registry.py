"""ccmd-registry alone: what it acknowledges is durable, and nothing else."""

import datetime
import json
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import time

import pytest

from registry_harness import (BINARY, Peer, UID, VERBS, found, rows, run,
                              stamp)

ID = re.compile(r"^pipe_[0-9a-f]{12}$")
HOPELESS = 78


def give(path):
    """To the user that the registry becomes."""
    if os.getuid() == 0:
        os.chown(path, UID, UID)


def write(path, text):
    path.parent.mkdir(mode=0o700, exist_ok=True)
    give(path.parent)
    if isinstance(text, (dict, list)):
        text = json.dumps(text)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    give(path)


def document(n, **more):
    doc = {"pipeline_id": f"pipe_{n:012x}", "repository": f"owner/repo-{n}",
           "workflow_file": ".github/workflows/deploy.yml",
           "status": "active", "created_at": "2026-01-05T10:30:00Z",
           "config": {}, "vps_integration": {"linked_domain": "example.com"}}
    doc.update(more)
    return doc


def registry_file(*docs, **more):
    top = {"pipelines": {d["pipeline_id"]: d for d in docs},
           "registry_version": "2.0", "last_updated": "2026-01-05T10:30:00Z"}
    top.update(more)
    return top


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# --- Starting.

def test_nothing_is_written_before_the_first_change(state, registries):
    r = registries(state).begin()
    assert r.sync["poller"] == [("SYNCED", {"pipelines": 0})]
    assert [m for m in r.sync["api"] if m[0] != "USAGE"] == [
        ("SYNCED", {"pipelines": 0})]
    r.drain()
    assert not (state / "pipelines.json").exists()
    assert r.end() == 0
    assert not (state / "pipelines.json").exists()


def test_what_the_python_ccm_wrote_loads_and_survives(state, registries):
    one = document(1, created_at="2026-01-05T10:30:00.123456",
                   extra={"deep": [1, 2.5, None, "\u00e9\u4e16"]})
    write(state / "pipelines.json",
          json.dumps(registry_file(one, note={"kept": True}), indent=2))
    r = registries(state).begin()
    (name, told), = [m for m in r.sync["api"] if m[0] == "PIPELINE"]
    assert json.loads(told["doc"]) == one and told["known"] == 0
    assert r.provision(2)[0] == 201
    top = r.file()
    assert top["pipelines"][one["pipeline_id"]] == one
    assert top["note"] == {"kept": True}
    assert top["registry_version"] == "2.0"
    assert top["last_updated"] > "2026-01-05T10:30:00Z"
    assert r.end() == 0


def test_a_left_over_temporary_file_is_removed(state, registries):
    write(state / "pipelines.json.tmp", "{")
    registries(state).begin()
    assert not (state / "pipelines.json.tmp").exists()


GOOD = registry_file(document(1))
BROKEN = {
    "empty": (b"", 1),
    "truncated": (json.dumps(GOOD, indent=1).encode()[:-40], None),
    "not json": (b"{\n \"pipelines\": {},\n nonsense}", 3),
    "twice": (b'{"pipelines": {},\n"pipelines": {}}', None),
    "no pipelines": (b'{"registry_version": "2.0"}', 1),
    "a list": (b'{\n"pipelines": []}', 2),
    "status": (json.dumps(registry_file(document(1, status="gone")),
                          indent=1).encode(), 3),
    "other id": (b'{"pipelines": {\n"a":' +
                 json.dumps(document(1)).encode() + b"}}", 2),
    "bad id": (b'{"pipelines": {\n"a/b":' + json.dumps(
        document(1, pipeline_id="a/b")).encode() + b"}}", 2),
    "no repository": (json.dumps(registry_file(
        document(1, repository="x")), indent=1).encode(), 3),
    "a long time": (json.dumps(registry_file(document(
        1, created_at="2026-01-05T10:30:00.%sZ" % ("1" * 64))),
        indent=1).encode(), 3),
    "not text": (json.dumps(registry_file(
        document(1, error=5)), indent=1).encode(), 3),
    "no object": (json.dumps(registry_file(
        document(1, config=["x"])), indent=1).encode(), 3),
    "no number": (json.dumps(registry_file(
        document(1, github={"repository_id": "1"})), indent=1).encode(), 3),
    "too large": (json.dumps(registry_file(
        document(1, note="x" * 140000)), indent=1).encode(), 3),
    "nul": (b'{"pipelines": {}, "a": "\x00"}', 1),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_stops_the_start(state, registries, case):
    text, line = BROKEN[case]
    write(state / "pipelines.json", text)
    write(state / "backups" / "pipelines-2026-01-01-00-00-00.json", GOOD)
    write(state / "backups" / "pipelines-2026-01-02-00-00-00.json", GOOD)
    write(state / "backups" / "pipelines-2026-01-02-00-00-00-2.json", GOOD)
    write(state / "backups" / "pipelines-2026-01-03-00-00-00.json", "{")
    write(state / "backups" / "pipelines-2026-13-03-00-00-00.json", GOOD)
    r = registries(state)
    r.give_peers()
    r.send_store()
    r.parent.send("CONF_END")
    assert r.reap() == HOPELESS
    place = re.search(r"pipelines\.json:(\d+):(\d+): \S", r.log)
    assert place, r.log
    if line is not None:
        assert int(place[1]) == line, r.log
    assert not re.search(r": line \d", r.log)
    assert (f"ccmd -R {state}/backups/pipelines-2026-01-02-00-00-00-2.json"
            in r.log)
    assert (state / "pipelines.json").read_bytes() == text


def test_a_broken_file_without_a_good_backup(state, registries):
    write(state / "pipelines.json", "[]")
    r = registries(state)
    r.give_peers()
    r.send_store()
    r.parent.send("CONF_END")
    assert r.reap() == HOPELESS
    assert "no backup" in r.log


def restore(r, path):
    with open(path) as f:
        r.parent.send("RESTORE", fd=f.fileno(), name=str(path))
    return r.reap()


def test_restore(state, registries):
    write(state / "pipelines.json", "broken")
    old = state / "backups" / "pipelines-2026-01-01-00-00-00.json"
    write(old, GOOD)
    r = registries(state)
    assert restore(r, old) == 0, r.log
    assert r.file()["pipelines"] == GOOD["pipelines"]
    assert mode(state / "pipelines.json") == 0o600
    kept = set(os.listdir(state / "backups")) - {old.name}
    assert [(state / "backups" / k).read_text() for k in kept] == ["broken"]
    assert re.match(r"pipelines-\d{4}(-\d\d){5}\.json$", kept.pop())
    assert registries(state).begin().sync["api"][-1] == (
        "SYNCED", {"pipelines": 1})


def test_restore_of_a_bad_file_changes_nothing(state, registries, tmp_path):
    write(state / "pipelines.json", GOOD)
    write(tmp_path / "bad", '{"pipelines":\n 1}')
    r = registries(state)
    assert restore(r, tmp_path / "bad") == 1
    assert "bad:1:2: expected" in r.log
    assert r.file() == GOOD
    assert os.listdir(state / "backups") == []


# --- Operations.

def test_provision(state, registries):
    r = registries(state).begin()
    status, body, _ = r.provision(
        1, config={"environment": "staging", "mine": 1},
        linked_domain="example.com", linked_app="app", vps="srv1",
        warnings=["The workflow was disabled"])
    assert status == 201 and body["success"] is True
    assert ID.match(body["pipeline_id"])
    assert body["warnings"] == ["The workflow was disabled"]
    assert "relinked" not in body
    doc = r.document(body["pipeline_id"])
    assert doc["config"] == {
        "trigger_branches": ["production"], "environment": "staging",
        "auto_deploy": True, "notifications_enabled": True, "mine": 1}
    assert doc["vps_integration"] == {
        "requested_by": "tester", "vps": "srv1", "linked_app": "app",
        "linked_domain": "example.com"}
    assert doc["github"] == found(1)["github"]
    assert doc["created_at"] == body["created_at"]
    assert mode(state / "pipelines.json") == 0o600
    assert mode(state / "logs" / "audit.log") == 0o600
    line, = r.audit()
    assert line["actor"] == "tester" and line["outcome"] == "ok"
    assert line["target"] == body["pipeline_id"] and line["status"] == 201
    for peer in (r.api, r.poller):
        assert json.loads(r.expect(peer, "PIPELINE")["doc"]) == doc


def test_the_pipeline_is_told_before_the_answer(state, registries):
    r = registries(state).begin()
    op = r.outcome("pipeline.provision", found(1))
    r.wait(lambda: any(n == "ANSWER" for n, _ in r.api.got))
    assert [n for n, _ in r.api.got] == ["PIPELINE", "ANSWER"]
    assert r.answer(op)[0] == 201


def test_provision_of_what_is_there(state, registries):
    old = document(7, repository="Owner/Repo-7", workflow_file="deploy.yml")
    write(state / "pipelines.json", registry_file(old))
    r = registries(state).begin()
    first = r.provision(1)[1]["pipeline_id"]
    for n, there in ((1, first), (7, old["pipeline_id"])):
        status, body, _ = r.provision(n)
        assert status == 409
        assert body == {
            "success": False, "code": "already_provisioned",
            "error": f"Pipeline already provisioned: {there}",
            "pipeline_id": there}
    # GitHub's ids count where there are some, not the name.
    other = found(2, repository="owner/repo-1")
    op = r.outcome("pipeline.provision", other)
    assert r.answer(op)[0] == 201
    assert [a["outcome"] for a in r.audit()] == [
        "ok", "refused", "refused", "ok"]


def test_many_at_once_for_one_workflow(state, registries):
    r = registries(state).begin()
    ops = [r.outcome("pipeline.provision", found(1)) for _ in range(50)]
    answers = [r.answer(op) for op in ops]
    assert sorted(a[0] for a in answers) == [201] + [409] * 49
    assert len({a[1]["pipeline_id"] for a in answers}) == 1
    assert len(r.file()["pipelines"]) == 1


def tear_down(r, pipeline_id, follow=False, **result):
    r.op += 1
    op = r.op
    r.poller.send("INTENT", op=op, verb=VERBS["pipeline.teardown"],
                  actor="tester", target=pipeline_id)
    status = r.expect(r.poller, "NOTED", op=op)["status"]
    if status == 200:
        noted = r.document(pipeline_id)["teardown"]
        assert noted["requested_by"] == "tester"
        r.outcome("pipeline.teardown", dict(result, follow=follow), op=op,
                  target=pipeline_id)
    return status, *r.answer(op)[:2]


def test_teardown_and_again(state, registries):
    r = registries(state).begin()
    made = r.provision(1, linked_domain="a.example", linked_app="app")[1]
    pipe = made["pipeline_id"]
    r.poller.send("READBACK", pipeline_id=pipe, at=int(time.time()),
                  interval=60)
    r.expect(r.api, "READBACK")
    noted, status, body = tear_down(r, pipe, cancelled=[5], cancelling=[],
                                   warnings=["w"])
    assert (noted, status) == (200, 200)
    assert body == {"success": True, "pipeline_id": pipe,
                    "status": "inactive", "cancelled": [5],
                    "cancelling": [], "warnings": ["w"],
                    "message": "Pipeline deactivated, repository preserved"}
    doc = r.document(pipe)
    assert doc["status"] == "inactive" and "teardown" not in doc
    assert doc["deactivated_at"] >= doc["created_at"]
    assert tear_down(r, pipe)[:2] == (409, 200)
    r.poller.got, r.api.got = [], []
    status, body, _ = r.provision(1, linked_app="other",
                                  config={"mine": [1]})
    assert status == 201 and body["relinked"] is True
    assert body["pipeline_id"] == pipe
    assert body["created_at"] == made["created_at"]
    doc = r.document(pipe)
    assert doc["status"] == "active" and "deactivated_at" not in doc
    assert doc["config"]["mine"] == [1] and doc["config"]["auto_deploy"]
    assert doc["vps_integration"] == {
        "requested_by": "tester", "linked_domain": "a.example",
        "linked_app": "other"}
    # It is to be read back again.
    assert r.expect(r.poller, "PIPELINE")["known"] == 0
    assert r.expect(r.api, "PIPELINE")["known"] == 0


def test_teardown_that_is_followed_up(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    _, status, body = tear_down(r, pipe, follow=True, cancelled=[],
                               cancelling=[8, 9])
    assert status == 200 and body["cancelling"] == [8, 9]
    kept = r.document(pipe)["teardown"]
    assert kept["follow"] is True and kept["cancelling"] == [8, 9]
    assert kept["requested_at"]
    r.poller.got = []
    r.poller.send("CHANGE", pipeline_id=pipe, reason="teardown followed up",
                  patch={"teardown": {"follow": None, "cancelling": None,
                                      "warnings": ["stuck"]}})
    doc = json.loads(r.expect(r.poller, "PIPELINE")["doc"])
    assert doc["teardown"] == {"requested_at": kept["requested_at"],
                               "warnings": ["stuck"]}
    assert doc["status"] == "inactive"


def test_cancels_that_are_followed_up(state, registries):
    """Each once; of those that do not fit in it is said."""
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]

    def cancel(*runs):
        ops = [r.outcome("run.cancel", {
            "pipeline_id": pipe, "run_id": n, "cancelled": False,
            "warnings": [], "follow": {"run_id": n, "requested_at": "x"}},
            status=202, target=pipe) for n in runs]
        return [r.answer(op) for op in ops]

    def noted():
        return [x["run_id"] for x in r.document(pipe)["cancelling"]]
    fit = range(1, 257)
    for status, body, _ in cancel(*fit):
        assert (status, body["warnings"]) == (202, []) and \
            "follow" not in body
    assert noted() == list(fit)
    (status, body, _), (_, again, _) = cancel(257, 3)
    assert (status, body["run_id"], again["warnings"]) == (202, 257, [])
    assert [w.startswith("Run 257 is followed to its end only until the "
                         "daemon restarts") for w in body["warnings"]] == [
        True]
    assert noted() == list(fit)
    # There is room again.
    r.poller.send("CHANGE", pipeline_id=pipe, reason="run 1 has ended",
                  patch={"cancelling": None})
    r.expect(r.poller, "PIPELINE")
    assert cancel(257)[0][1]["warnings"] == [] and noted() == [257]


def test_a_late_teardown_leaves_what_was_linked_again(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    for op in (1, 2):
        r.poller.send("INTENT", op=op, verb=VERBS["pipeline.teardown"],
                      actor="t", target=pipe)
        assert r.expect(r.poller, "NOTED", op=op)["status"] == 200
    r.outcome("pipeline.teardown", {"follow": False}, op=1, target=pipe)
    assert r.answer(1)[1]["status"] == "inactive"
    assert r.provision(1)[0] == 201
    r.outcome("pipeline.teardown", {"follow": False}, op=2, target=pipe)
    status, body, _ = r.answer(2)
    assert status == 200 and body["status"] == "active"
    r.poller.send("CHANGE", pipeline_id=pipe, reason="late",
                  patch={"teardown": {"warnings": ["late"]}})
    r.drain()
    doc = r.document(pipe)
    assert doc["status"] == "active" and "teardown" not in doc


def test_teardown_of_what_is_not_there(state, registries):
    r = registries(state).begin()
    noted, status, body = tear_down(r, "pipe_none")
    assert (noted, status) == (404, 404)
    assert body["error"] == "Pipeline not found: pipe_none"
    assert body["code"] == "pipeline_not_found"


def test_a_refusal_is_audited_and_passed_on(state, registries):
    r = registries(state).begin()
    op = r.outcome("pipeline.provision", status=503, code="unavailable",
                   error="Rate limit", retry_after=33)
    assert r.answer(op) == (503, {"success": False, "error": "Rate limit",
                                  "code": "unavailable"}, 33)
    line, = r.audit()
    assert line["outcome"] == "failed" and line["detail"] == "Rate limit"
    assert not (state / "pipelines.json").exists()


def test_a_fresh_look_is_no_change(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    before = os.stat(state / "pipelines.json").st_ino
    op = r.outcome("pipeline.stats", target=pipe)
    assert r.answer(op) == (200, {}, 0)
    assert os.stat(state / "pipelines.json").st_ino == before
    assert len(r.audit()) == 1


def test_change(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    r.expect(r.poller, "PIPELINE")

    def change(**patch):
        r.poller.send("CHANGE", pipeline_id=pipe, reason="why", patch=patch)

    change(status="error", error="gone", config={"a": 1},
           pipeline_id="other", github={"html_url": None, "x": 1})
    doc = json.loads(r.expect(r.poller, "PIPELINE")["doc"])
    assert doc["status"] == "error" and doc["error"] == "gone"
    assert "a" not in doc["config"] and doc["pipeline_id"] == pipe
    assert "html_url" not in doc["github"] and doc["github"]["x"] == 1
    assert doc["github"]["repository_id"] == 1001
    inode = os.stat(state / "pipelines.json").st_ino
    change(status="error", error="gone")
    change(status="inactive")
    change(status=None)
    change(repository=None, workflow_file=None)
    change(status=7)
    r.drain()
    assert os.stat(state / "pipelines.json").st_ino == inode
    assert r.document(pipe)["status"] == "error"
    change(status="active", error=None, repository="new/name")
    doc = json.loads(r.expect(r.poller, "PIPELINE")["doc"])
    assert doc["repository"] == "new/name" and "error" not in doc
    lines = [a for a in r.audit() if a["verb"] == "pipeline.change"]
    assert [(a["actor"], a["target"], a["detail"]) for a in lines] == [
        ("ccmd", pipe, "why")] * 2
    tear_down(r, pipe)
    change(status="active")
    change(status="error", error="x")
    r.drain()
    assert r.document(pipe)["status"] == "inactive"


# --- Durability.

def test_changes_that_arrive_together_share_a_save(state, registries):
    r = registries(state, policy=(100000, 1, 1, 1)).begin()
    ops, data = range(1, 801), b""
    for op in ops:
        data += Peer.encode("OUTCOME", op=op, status=200, actor="t",
                            verb=VERBS["pipeline.provision"],
                            result=found(op))
    r.poller.send_raw(data)
    ids = [r.answer(op)[1]["pipeline_id"] for op in ops]
    assert set(ids) == set(r.file()["pipelines"])
    saves = len(os.listdir(state / "backups")) + 1
    assert saves <= 100
    assert len(r.audit()) == 800


def test_every_save_leaves_the_former_file(state, registries):
    r = registries(state, policy=(1000, 1, 1, 1)).begin()
    want = []
    for n in range(12):
        if n > 0:
            want.append((state / "pipelines.json").read_text())
        assert r.provision(n)[0] == 201
    kept = [p.read_text() for p in (state / "backups").iterdir()]
    assert sorted(kept) == sorted(want)
    names = sorted(os.listdir(state / "backups"))
    assert any(re.search(r"\d\d-2\.json$", n) for n in names)


def test_kill_loses_nothing_acknowledged(state, registries):
    random.seed(8)
    acked, n = {}, 0
    for life in range(25):
        r = registries(state).begin()
        told = {json.loads(m["doc"])["pipeline_id"]
                for name, m in r.sync["api"] if name == "PIPELINE"}
        assert set(acked) <= told
        end = time.monotonic() + random.uniform(0.005, 0.12)
        ops, data = {}, b""
        while time.monotonic() < end:
            n += 1
            op = r.outcome("pipeline.provision", found(n))
            ops[op] = n
            r.pump(0)
        r.process.send_signal(signal.SIGKILL)
        r.reap()
        for name, m in r.api.got:
            if name == "ANSWER":
                body = json.loads(m["body"])
                assert m["status"] == 201
                acked[body["pipeline_id"]] = ops[m["op"]]
        if not (state / "pipelines.json").exists():
            assert not acked
            continue
        there = r.file()["pipelines"]
        for pipe, number in acked.items():
            assert there[pipe]["github"]["repository_id"] == 1000 + number
    assert len(acked) > 100
    audited = {a["target"] for a in r.audit()}
    assert set(acked) <= audited


def test_the_end_commits_what_came_before(state, registries):
    r = registries(state).begin()
    ops = [r.outcome("pipeline.provision", found(n)) for n in range(20)]
    r.poller.sock.close()
    r.poller.open = False
    assert r.reap() == 0
    assert len(r.file()["pipelines"]) == 20
    done = [m for name, m in r.api.got if name == "ANSWER"]
    assert {m["op"] for m in done} == set(ops)


def freeze(state, on):
    os.chmod(state, 0o500 if on else 0o700)


def test_what_can_not_be_saved_did_not_happen(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    before = (state / "pipelines.json").read_bytes()
    r.poller.got, r.api.got = [], []
    freeze(state, True)
    try:
        ops = [r.outcome("pipeline.provision", found(2)) for _ in range(2)]
        for op in ops:	# the second one's 409 would be a lie
            status, body, after = r.answer(op)
            assert status == 503 and body["code"] == "unavailable"
            assert "saved" in body["error"] and after > 0
        r.poller.send("INTENT", op=77, verb=VERBS["pipeline.teardown"],
                      actor="t", target=pipe)
        assert r.expect(r.poller, "NOTED")["status"] == 503
        assert r.answer(77)[0] == 503
        r.poller.send("CHANGE", pipeline_id=pipe, reason="why",
                      patch={"status": "error", "error": "gone"})
        # On the same socket, so that it is behind the change.
        r.answer(r.outcome("pipeline.stats", target=pipe))
        assert not any(n == "PIPELINE" for n, _ in r.poller.got + r.api.got)
        assert (state / "pipelines.json").read_bytes() == before
    finally:
        freeze(state, False)
    assert r.provision(2)[0] == 201
    assert "teardown" not in r.document(pipe)
    # What nobody waits for is taken up again by itself.
    r.wait(lambda: r.document(pipe)["status"] == "error")
    outcomes = [a["status"] for a in r.audit()]
    assert outcomes[:5] == [201, 503, 503, 503, 503]


def test_backups_folder_that_goes_is_made_again(state, registries):
    r = registries(state).begin()
    assert r.provision(1)[0] == r.provision(2)[0] == 201
    for p in (state / "backups").iterdir():
        p.unlink()
    (state / "backups").rmdir()
    assert r.provision(3)[0] == 201
    assert len(os.listdir(state / "backups")) == 1


def expected_backups(names, now, policy):
    """contract.md's rule, by dates and not by division."""
    newest, minutely, hourly, daily = policy
    parsed = []
    for name in names:
        m = re.match(r"pipelines-(\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)"
                     r"(?:-(\d+))?\.json$", name)
        when = datetime.datetime.strptime(m[1], "%Y-%m-%d-%H-%M-%S")
        parsed.append((when, int(m[2] or 1), name))
    parsed.sort(reverse=True)
    keep = {p[2] for p in parsed[:newest]}
    now = datetime.datetime.utcfromtimestamp(now)
    taken = set()
    for when, _, name in parsed[newest:]:
        age = now - when
        if age < datetime.timedelta(minutes=minutely):
            slot = when.strftime("minute %F %H:%M")
        elif age < datetime.timedelta(hours=hourly):
            slot = when.strftime("hour %F %H")
        elif age < datetime.timedelta(days=daily):
            slot = when.strftime("day %F")
        else:
            continue
        if slot not in taken:
            taken.add(slot)
            keep.add(name)
    return keep


def test_backups_thin_out(state, registries):
    random.seed(12)
    policy, now, names = (10, 60, 48, 60), int(time.time()), set()
    (state / "backups").mkdir(mode=0o700)
    give(state / "backups")
    spans = [3600] * 150 + [172800] * 150 + [70 * 86400] * 200
    for span in spans:
        t = time.gmtime(now - 7 - random.randrange(span))
        names.add(time.strftime("pipelines-%Y-%m-%d-%H-%M-%S.json", t))
    names |= {n.replace(".json", "-2.json")
              for n in sorted(names)[::9]}
    foreign = {"pipelines-2020-01-01-00-00-00.json.gz", "notes", ".hidden",
               "pipelines-2020-02-30-00-00-00.json",
               "pipelines-2020-01-01-00-00-00-1.json",
               "pipelines-2020-01-01-00-00-00-02.json",
               "pipelines-2020-1-01-00-00-00.json",
               "projects-2020-01-01-00-00-00.json"}
    for name in names | foreign:
        write(state / "backups" / name, name)
    r = registries(state, policy=policy).begin()
    at = len(os.listdir(state / "backups"))
    n = made = 0
    while True:
        n += 1
        assert n < 200
        assert r.provision(n)[0] == 201
        # Thinning comes after the answer, before the next message.
        r.drain()
        there = set(os.listdir(state / "backups"))
        assert at - len(there) <= 16
        assert foreign <= there
        made = there - foreign - names
        mine = there - foreign
        if mine == expected_backups(mine, time.time(), policy):
            break
        at = len(there)
    # Minutes went by: what is kept is what both moments keep.
    first = expected_backups(names | made, now, policy)
    last = expected_backups(names | made, time.time(), policy)
    assert first & last <= mine <= first | last
    assert r.end() == 0


# --- History.

def test_runs_become_rows_and_answers(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    now = int(time.time())
    docs = [run(n, now - 100 * (20 - n), branch="dev" if n % 2 else "main",
                conclusion="failure" if n % 5 == 0 else "success")
            for n in range(1, 21)]
    r.poller.send("RUNS", pipeline_id=pipe, docs=docs)
    got = r.expect(r.api, "ROWS")
    assert got["pipeline_id"] == pipe
    assert set(rows(got["rows"])) == set(range(1, 21))
    status, body, _ = r.query(pipe)
    assert status == 200 and body["count"] == 10
    assert [x["run_id"] for x in body["runs"]] == list(range(20, 10, -1))
    assert body["runs"][0]["duration_seconds"] == 60
    _, body, _ = r.query(pipe, branch="dev", limit=3)
    assert [x["run_id"] for x in body["runs"]] == [19, 17, 15]
    _, body, _ = r.query(pipe, status="failure")
    assert [x["run_id"] for x in body["runs"]] == [20, 15, 10, 5]
    _, body, _ = r.query(pipe, status="completed", limit=1000)
    assert body["count"] == 20
    assert r.query("pipe_none")[0] == 404


@pytest.mark.parametrize("first,second,wins", [
    (dict(run_attempt=2), dict(run_attempt=1, updated_at="later"), False),
    (dict(run_attempt=1, updated_at="later"), dict(run_attempt=2), True),
    (dict(status="queued", conclusion=None), dict(), True),
    (dict(), dict(status="queued", conclusion=None), False),
    (dict(updated_at="later"), dict(conclusion="failure"), False),
    (dict(), dict(conclusion="failure", updated_at="later"), True),
    (dict(), dict(), False),
    (dict(status="in_progress", conclusion=None, updated_at="later"),
     dict(conclusion="deleted"), True),
])
def test_an_older_answer_never_wins(state, registries, first, second, wins):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    r.poller.send("READBACK", pipeline_id=pipe, at=1, interval=60)
    now = int(time.time())

    def doc(more):
        if "updated_at" in more:
            more = dict(more, updated_at=stamp(now + 500))
        return run(1, now, **more)

    r.poller.send("RUNS", pipeline_id=pipe, docs=[doc(first)])
    r.expect(r.api, "ROWS")
    r.poller.send("RUNS", pipeline_id=pipe, docs=[doc(second)])
    op = r.outcome("pipeline.stats", target=pipe)
    r.answer(op)
    assert any(n == "ROWS" for n, _ in r.api.got) == wins
    _, body, _ = r.query(pipe)
    want = doc(second if wins else first)
    assert {k: body["runs"][0][k] for k in want} == want


def test_a_long_answer_comes_in_pieces(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    now = int(time.time())
    for part in range(10):
        r.poller.send("RUNS", pipeline_id=pipe, docs=[
            run(part * 100 + n + 1, now - n, title="x" * 500)
            for n in range(100)])
        r.expect(r.api, "ROWS")
    r.api.send("QUERY", op=5, verb=VERBS["pipeline.runs"], target=pipe,
               args={"id": pipe, "limit": 1000})
    pieces = [r.expect(r.api, "ANSWER", op=5)]
    while pieces[-1]["more"]:
        pieces.append(r.expect(r.api, "ANSWER", op=5))
    assert len(pieces) > 5
    assert all(len(p["body"]) <= 65536 for p in pieces)
    body = json.loads(b"".join(p["body"] for p in pieces))
    assert body["count"] == 1000


@pytest.mark.parametrize("how", ["end", "kill"])
def test_a_restart_knows_what_was_known(state, registries, how):
    r = registries(state).begin()
    now = int(time.time())
    pipes = [r.provision(n)[1]["pipeline_id"] for n in (1, 2, 3)]
    old = now - 20 * 86400
    docs = [run(n, old + n, conclusion="failure" if n % 2 else "skipped")
            for n in range(1, 101)]
    docs += [run(200, now - 50, status="in_progress", conclusion=None),
             run(201, old - 50, status="waiting", conclusion=None),
             run(202, now - 3 * 86400)]
    for pipe in pipes[:2]:
        r.poller.send("RUNS", pipeline_id=pipe, docs=docs)
        r.expect(r.api, "ROWS")
    r.poller.send("LOOKED", url="https://h/x", etag='W/"1"', newest=202)
    r.poller.send("LOOKED", url="https://h/x", etag='W/"2"', newest=203)
    r.poller.send("READBACK", pipeline_id=pipes[0], at=now, interval=60)
    r.expect(r.api, "READBACK")
    tear_down(r, pipes[1])
    if how == "end":
        assert r.end() == 0
    else:
        r.kill()
    r = registries(state).begin()
    known = {json.loads(m["doc"])["pipeline_id"]: m["known"]
             for n, m in r.sync["poller"] if n == "PIPELINE"}
    assert known == {pipes[0]: 1, pipes[1]: 0, pipes[2]: 0}
    looked, = [m for n, m in r.sync["poller"] if n == "LOOKED"]
    assert looked == {"url": "https://h/x", "etag": 'W/"2"', "newest": 203}
    tracked = [m for n, m in r.sync["poller"] if n == "TRACK"]
    assert [(m["pipeline_id"], m["run_id"]) for m in tracked] == [
        (pipes[0], 200), (pipes[0], 201)]
    assert json.loads(tracked[0]["doc"]) == docs[100]
    got = {}
    for n, m in r.sync["api"]:
        if n == "ROWS":
            got.setdefault(m["pipeline_id"], {}).update(rows(m["rows"]))
    # Eight days, the unfinished, 20 counted, the newest completed.
    counted = [n for n in range(1, 101) if n % 2][-19:]
    assert set(got[pipes[0]]) == {200, 201, 202} | set(counted)
    assert got[pipes[0]][201] == (1, "waiting", "")
    fresh = [m for n, m in r.sync["api"] if n == "FRESH"]
    if how == "end":
        assert len(fresh) == 1 and pipes[0].encode() in fresh[0]["looks"]
    assert [n for n, _ in r.sync["api"]][-1] == "SYNCED"


def test_a_broken_history_is_set_aside(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    r.poller.send("READBACK", pipeline_id=pipe, at=1, interval=60)
    r.expect(r.api, "READBACK")
    assert r.end() == 0
    write(state / "history.db", os.urandom(40000))
    r = registries(state).begin()
    (_, told), = [m for m in r.sync["poller"] if m[0] == "PIPELINE"]
    assert told["known"] == 0
    aside = [n for n in os.listdir(state)
             if n.startswith("history.db.broken-")]
    assert len(aside) == 1 and "history.db" in r.log
    r.poller.send("RUNS", pipeline_id=pipe, docs=[run(1, time.time())])
    r.expect(r.api, "ROWS")
    assert r.query(pipe)[1]["count"] == 1
    assert r.end() == 0
    db = sqlite3.connect(state / "history.db")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA user_version").fetchone()[0] > 0
    db.close()


def test_a_newer_history_is_set_aside(state, registries):
    db = sqlite3.connect(state / "history.db")
    db.execute("PRAGMA user_version = 4711")
    db.close()
    give(state / "history.db")
    r = registries(state).begin()
    assert "4711" in r.log
    assert r.provision(1)[0] == 201


def test_without_history_the_registry_works(state, registries):
    (state / "history.db").mkdir()
    give(state / "history.db")
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    r.poller.send("RUNS", pipeline_id=pipe, docs=[run(1, time.time())])
    assert set(rows(r.expect(r.api, "ROWS")["rows"])) == {1}
    r.poller.send("READBACK", pipeline_id=pipe, at=1, interval=60)
    r.expect(r.api, "READBACK")
    assert r.query(pipe)[0] == 503
    r.poller.got = []
    (state / "history.db").rmdir()
    # The fault is gone: what was lost is to be read back.
    assert r.expect(r.poller, "PIPELINE")["known"] == 0
    r.poller.send("RUNS", pipeline_id=pipe, docs=[run(1, time.time())])
    r.expect(r.api, "ROWS")
    assert r.query(pipe)[1]["count"] == 1


def test_runs_that_are_none(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    for docs in (b"{", b"{}", [1, None, {}, {"run_id": "x"},
                               run(0, 5), run(1, time.time())]):
        r.poller.send("RUNS", pipeline_id=pipe, docs=docs)
    r.poller.send("RUNS", pipeline_id="pipe_none",
                  docs=[run(2, time.time())])
    assert set(rows(r.expect(r.api, "ROWS")["rows"])) == {1}
    assert r.query(pipe)[1]["count"] == 1
    assert not any(n == "ROWS" for n, _ in r.api.got)


def test_fresh_and_stale_go_on_to_the_api(state, registries):
    r = registries(state).begin()
    pipe = r.provision(1)[1]["pipeline_id"]
    inode = os.stat(state / "pipelines.json").st_ino
    entry = bytes([len(pipe)]) + pipe.encode() + (99).to_bytes(8, "big") + \
        (60).to_bytes(4, "big")
    r.poller.send("FRESH", looks=entry)
    assert r.expect(r.api, "FRESH")["looks"] == entry
    r.poller.send("STALE", pipeline_id=pipe, reason="GitHub is down")
    assert r.expect(r.api, "STALE")["reason"] == "GitHub is down"
    r.poller.send("FRESH", looks=b"\x40abc")
    r.drain()
    assert not any(n == "FRESH" for n, _ in r.api.got)
    assert os.stat(state / "pipelines.json").st_ino == inode


# --- Audit.

def test_audit_lines_are_whole(state, registries):
    write(state / "logs" / "audit.log", '{"time": "x"}\n{"time": "y')
    r = registries(state).begin()
    r.api.send("AUDIT", verb="http", actor="", target="10.0.0.1",
               status=401, count=7, detail="bad\n\x1b[31m\"\\ token")
    r.api.send("AUDIT", verb="x", actor="a", target=b"\xff\xfe", status=400)
    r.drain()
    assert r.end() == 0
    lines = (state / "logs" / "audit.log").read_text().split("\n")
    assert lines[:2] == ['{"time": "x"}', '{"time": "y'] and lines[-1] == ""
    one, two = [json.loads(line) for line in lines[2:-1]]
    assert one["count"] == 7 and one["outcome"] == "refused"
    assert one["detail"] == "bad\n\x1b[31m\"\\ token"
    assert two["target"] == "??" and "detail" not in two


# --- What it must not.

def test_a_message_out_of_place_ends_it(state, registries):
    r = registries(state).begin()
    r.api.send("OUTCOME", op=1, verb=VERBS["pipeline.provision"],
               status=200, result=found(1))
    assert r.reap() == 0
    assert "api:" in r.log and not (state / "pipelines.json").exists()


def test_links_no_network_library(state):
    text = subprocess.run(["readelf", "-d", BINARY], check=True,
                          capture_output=True, text=True).stdout
    needed = re.findall(r"NEEDED.*\[(.*)\]", text)
    assert any(n.startswith("libsqlite3") for n in needed)
    assert not [n for n in needed
                if re.match(r"lib(curl|ssh2|ssl|crypto)", n)]
