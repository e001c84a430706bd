"""What is acknowledged survives a kill at every step, a power cut at every
step, and every fault of the disk; and what can't be saved is refused."""

import errno
import json
import os
import shutil
import signal
import struct
import time

import pytest

import faults
from faults import (CREATE, LINK, RENAME, SYNC, WRITE, Disk, Faults, told)
from registry_harness import Registry, UID, VERBS, found


class Life:
    """A state directory and the registries on it, one after the other."""

    def __init__(self, tmp):
        self.tmp = tmp
        self.state = tmp / "state"
        self.state.mkdir(mode=0o700)
        self.faults = Faults(tmp / "faults")
        self.all = []

    def start(self, with_faults=True, state=None, **more):
        r = Registry(state or self.state, env=self.faults.env
                     if with_faults else None, **more)
        self.all.append(r)
        return r.begin()

    def end(self):
        for r in self.all:
            if r.process.poll() is None:
                r.process.kill()
                r.process.wait()
        self.faults.close()


@pytest.fixture
def life(tmp_path):
    life = Life(tmp_path)
    yield life
    life.end()


def send_provisions(r, numbers):
    """At once: they share a save.  {op: number}"""
    ops, data = {}, b""
    for n in numbers:
        r.op += 1
        ops[r.op] = n
        data += r.poller.encode("OUTCOME", op=r.op, status=200, actor="t",
                                verb=VERBS["pipeline.provision"],
                                result=found(n))
    try:
        r.poller.send_raw(data)
    except (BrokenPipeError, ConnectionResetError):
        pass		# it died before
    return ops


def answers(messages):
    """{op: status} among what was sent."""
    return {m["op"]: m["status"] for name, m in messages if name == "ANSWER"}


def numbers(registry):
    """Which of the provisions are in a registry's file."""
    return {d["github"]["repository_id"] - 1000
            for d in registry["pipelines"].values()}


# --- kill -9 at every step of a save.

BEFORE = {1, 2}
BATCH = {3, 4, 5}


def one_save(life):
    """The calls that a save makes, from a run without faults."""
    r = life.start()
    for n in sorted(BEFORE):
        assert r.provision(n)[0] == 201
    r.drain()
    life.faults.record()
    first = life.faults.get("calls")
    ops = send_provisions(r, BATCH)
    for op in ops:
        assert r.answer(op)[0] == 201
    r.drain()
    steps = [(kind, path) for kind, _, path, _ in life.faults.entries()
             if kind != faults.SEND]
    assert life.faults.get("calls") - first == len(steps)
    assert r.end() == 0
    return steps


def test_a_save_takes_these_steps(life):
    steps = [(faults.KINDS[k], p) for k, p in one_save(life)]
    assert steps == [
        ("create", "pipelines.json.tmp"), ("write", "pipelines.json.tmp"),
        ("fsync", "pipelines.json.tmp"), ("link", "pipelines.json"),
        ("fsync", "backups/"), ("rename", "pipelines.json.tmp"),
        ("fsync", "/"), ("write", "logs/audit.log"),
        ("fsync", "logs/audit.log")]


@pytest.mark.parametrize("when", ["kill_before", "kill_after"])
def test_kill_at_every_step_of_a_save(life, when):
    steps = len(one_save(life))
    new = old = 0
    for step in range(1, steps + 1):
        shutil.rmtree(life.state)
        life.state.mkdir(mode=0o700)
        life.faults.set(calls=0, kill_before=0, kill_after=0)
        r = life.start()
        for n in sorted(BEFORE):
            assert r.provision(n)[0] == 201
        r.drain()
        before = (life.state / "pipelines.json").read_bytes()
        life.faults.set(**{when: life.faults.get("calls") + step})
        ops = send_provisions(r, BATCH)
        assert r.reap() == -signal.SIGKILL, (step, r.log)
        acked = {n for op, n in ops.items()
                 if answers(r.api.got).get(op) == 201}
        text = (life.state / "pipelines.json").read_bytes()
        there = numbers(json.loads(text))
        assert BEFORE | acked <= there <= BEFORE | BATCH, step
        assert there in (BEFORE, BEFORE | BATCH) and (
            there != BEFORE or text == before)
        new += there != BEFORE
        old += there == BEFORE
        r = life.start(with_faults=False)
        assert r.sync["api"][-1] == ("SYNCED", {"pipelines": len(there)})
        assert not (life.state / "pipelines.json.tmp").exists()
        # And nothing of it is in the way of the next.
        assert r.provision(3)[0] == (409 if 3 in there else 201)
        assert r.end() == 0
    assert new > 0 and old > 0
    print("%s: %d steps, the old registry after %d, the new after %d" % (
        when, steps, old, new))


# --- The power goes at every step.

def cuts(life, disk, ops):
    """(step, states, acknowledged numbers) before, between and after."""
    acked = set()
    entries = life.faults.entries()
    for i in range(len(entries) + 1):
        yield i, disk.states(), set(acked)
        if i == len(entries):
            return
        kind, error, path, data = entries[i]
        if kind == faults.SEND:
            for op, status in answers(told(data)).items():
                if status == 201 and op in ops:
                    acked.add(ops[op])
        elif error == 0:
            disk.apply(kind, path, data)


def test_power_cut_at_every_step(life):
    r = life.start()
    assert r.provision(1)[0] == 201
    r.drain()
    disk = Disk.of(life.state)
    life.faults.record()
    ops = {}
    allowed = [{1}]
    for batch in ({2}, {3, 4, 5}, {6}):
        more = send_provisions(r, batch)
        ops.update(more)
        for op in more:
            assert r.answer(op)[0] == 201
        allowed.append(allowed[-1] | batch)
    r.drain()
    seen, looked = {}, 0
    for step, states, acked in cuts(life, disk, ops):
        for state in states:
            looked += 1
            there = numbers(json.loads(state["pipelines.json"]))
            assert there in allowed, (step, there)
            assert {1} | acked <= there, (step, acked, there)
            key = frozenset(state.items())
            seen.setdefault(key, (state, there))
    assert {frozenset(t) for _, t in seen.values()} == {
        frozenset(a) for a in allowed}
    # Each that differs is started on; backups that are torn are left alone.
    for n, (state, there) in enumerate(seen.values()):
        place = life.tmp / ("cut%d" % n)
        for path, data in state.items():
            file = place / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        for top, _, files in os.walk(place):
            for name in [".", *files]:
                if os.getuid() == 0:
                    os.chown(os.path.join(top, name), UID, UID)
        r = life.start(with_faults=False, state=place)
        assert r.sync["api"][-1] == ("SYNCED", {"pipelines": len(there)})
        assert r.end() == 0
        shutil.rmtree(place)
    print("power cut: %d states of the disk, %d different" % (looked,
                                                             len(seen)))


def test_the_model_finds_a_save_without_fsync(life):
    """The test above would see it: the same steps without the fsyncs."""
    steps = [(CREATE, "p.tmp", b""), (WRITE, "p.tmp", b"new"),
             (RENAME, "p.tmp", b"p")]
    for sync, torn in ((False, True), (True, False)):
        disk = Disk()
        disk.inodes.append([b"old", 3])
        disk.now = {"p": 0}
        disk.sure = {"p": 0}
        for step in steps[:2] + ([(SYNC, "p.tmp", b"")] if sync else []) + \
                steps[2:]:
            disk.apply(*step)
        found = {s["p"] for s in disk.states()}
        assert found == ({b"old", b"new", b"", b"n"} if torn else
                         {b"old", b"new"})


# --- Faults.

PLACES = {
    "create": (CREATE, b"pipelines.json.tmp"),
    "write": (WRITE, b"pipelines.json.tmp"),
    "fsync": (SYNC, b"pipelines.json.tmp"),
    "link": (LINK, b"pipelines.json"),
    "fsync of backups": (SYNC, b"backups/"),
    "rename": (RENAME, b"pipelines.json.tmp"),
    "fsync of the directory": (SYNC, b"/"),
}


def refused(r, op):
    status, body, retry_after = r.answer(op)
    assert status == 503 and body["code"] == "unavailable", body
    assert "could not be saved" in body["error"] and retry_after > 0
    return body["error"]


@pytest.mark.parametrize("error", faults.ERRORS)
def test_what_can_not_be_saved_is_refused(life, error):
    """Wherever it comes: 503, the old file stays, it recovers by itself."""
    number = faults.ERRORS[error]
    r = life.start()
    assert r.provision(1)[0] == 201
    wanted = {1}
    for n, (place, (kind, path)) in enumerate(PLACES.items(), 10):
        r.drain()
        r.api.got.clear()
        before = (life.state / "pipelines.json").read_bytes()
        backups = set(os.listdir(life.state / "backups"))
        life.faults.fail(number, kind, path)
        text = refused(r, r.outcome("pipeline.provision", found(n)))
        assert os.strerror(number) in text, place
        assert life.faults.get("failed") > 0, place
        assert (life.state / "pipelines.json").read_bytes() == before, place
        more = set(os.listdir(life.state / "backups")) - backups
        # What can't be made sure of leaves one more copy of the old one.
        assert [(life.state / "backups" / m).read_bytes() for m in more] == (
            [before] if path == b"/" else [])
        assert not (life.state / "pipelines.json.tmp").exists(), place
        # The figures of the save before may come late, too.
        r.wait(lambda: any(m.get("fault") for _, m in r.api.got))
        health = [m for _, m in r.api.got if m.get("fault")][-1]
        assert os.strerror(number) in health["fault"], place
        assert health["since"] > 0 and health["failures"] > 0
        life.faults.works()
        # By itself where nobody asks; else with the next that is asked.
        if place in ("write", "link"):
            r.api.got.clear()
            r.wait(lambda: any(n == "HEALTH" and m["fault"] == ""
                               for n, m in r.api.got))
        assert r.provision(n)[0] == 201, place
        wanted.add(n)
        assert numbers(r.file()) == wanted
    assert r.end() == 0
    lines = [a["status"] for a in r.audit()]
    assert lines == [201] + [503, 201] * len(PLACES)
    r = life.start(with_faults=False)
    assert r.sync["api"][-1][1]["pipelines"] == len(wanted)


def test_a_restore_that_can_not_be_saved(life):
    """All of it or nothing: what it would have removed or changed is there,
    for others as well."""
    r = life.start()
    first = r.provision(1)[1]["pipeline_id"]
    for n in (2, 3):
        assert r.provision(n)[0] == 201
    old, = [p.name for p in (life.state / "backups").iterdir()
            if numbers(json.loads(p.read_text())) == {1}]
    r.poller.send("CHANGE", pipeline_id=first, reason="it broke",
                  patch={"status": "error", "error": "broken"})
    r.drain()
    r.wait(lambda: r.document(first)["status"] == "error")
    before = (life.state / "pipelines.json").read_bytes()

    def restore():
        r.op += 1
        r.api.send("STORE", op=r.op, verb=VERBS["registry.restore"],
                   actor="t", target="", args={"file": old})
        return r.answer(r.op)
    r.drain()
    r.api.got, r.poller.got = [], []
    life.faults.fail(errno.ENOSPC, WRITE, b"pipelines.json.tmp")
    status, body, retry_after = restore()
    assert (status, body["code"]) == (503, "unavailable"), body
    assert os.strerror(errno.ENOSPC) in body["error"] and retry_after > 0
    assert (life.state / "pipelines.json").read_bytes() == before
    life.faults.works()
    r.drain()
    assert {n for n, _ in r.api.got + r.poller.got} <= {"HEALTH", "USAGE"}
    assert r.provision(4)[0] == 201
    assert numbers(r.file()) == {1, 2, 3, 4}
    assert r.document(first)["error"] == "broken"
    assert restore()[0] == 200
    assert numbers(r.file()) == {1}
    assert r.document(first)["status"] == "active"
    r.wait(lambda: sum(n == "GONE" for n, _ in r.api.got) == 3)


@pytest.mark.parametrize("error", faults.ERRORS)
def test_an_audit_log_that_can_not_be_written(life, error):
    """The change is durable, the line is kept once, and it is said."""
    number = faults.ERRORS[error]
    r = life.start()
    for kind in (WRITE, SYNC):
        n = 100 + kind
        life.faults.fail(number, kind, b"audit.log")
        assert r.provision(n)[0] == 201
        r.wait(lambda: any(os.strerror(number) in m.get("audit", "")
                           for _, m in r.api.got))
        r.api.got.clear()
        life.faults.works()
        r.wait(lambda: any(n == "HEALTH" and m["audit"] == ""
                           for n, m in r.api.got))
        r.api.got.clear()
    r.drain()
    assert [a["status"] for a in r.audit()] == [201, 201]


def test_what_is_done_each_minute(life):
    """When a look was is kept now and then, for one that is killed; refusals
    that were too many for a line each are summed up."""
    r = life.start()
    pipe = r.provision(1)[1]["pipeline_id"]
    now = int(time.time())
    r.poller.send("READBACK", pipeline_id=pipe, at=now - 1000, interval=60)
    look = struct.pack(">B%dsQI" % len(pipe), len(pipe), pipe.encode(),
                       now, 60)
    r.poller.send("FRESH", looks=look)
    r.expect(r.api, "FRESH")
    r.api.send_raw(r.api.encode(
        "AUDIT", verb="pipeline.provision", actor="low", target="",
        status=403, detail="The role does not suffice") * 130)
    assert r.provision(2)[0] == 201
    assert [a["status"] for a in r.audit()].count(403) == 100
    life.faults.set(monotonic=60000)

    def summed():
        r.drain()
        return [a for a in r.audit() if a["verb"] == "audit.refusals"]
    r.wait(summed)
    line, = summed()
    assert (line["actor"], line["count"]) == ("low", 30)
    r.kill()
    r = life.start()
    fresh, = [m["looks"] for n, m in r.sync["api"] if n == "FRESH"]
    assert fresh == look


def test_a_clock_that_goes_back(life):
    r = life.start(policy=(1000, 60, 48, 60))
    day, kept = 86400, set()
    for n, offset in enumerate((0, 400 * day, -30 * day, 0, -3000 * day, 1)):
        life.faults.set(clock=offset)
        before = (life.state / "pipelines.json").read_bytes() if n else None
        assert r.provision(n)[0] == 201
        if before is not None:
            kept.add(before)
        r.drain()
    there = {p.read_bytes() for p in (life.state / "backups").iterdir()}
    assert there == kept
    assert numbers(r.file()) == set(range(6))
    assert r.end() == 0
    # A jump ahead makes a file of the log old: it is put aside.
    lines = [json.loads(line) for p in (life.state / "logs").iterdir()
             for line in p.read_text().splitlines()]
    assert [a["status"] for a in lines] == [201] * 6
    years = {a["time"][:4] for a in lines}
    assert len(years) >= 3, years


# --- Somebody else at the files.

def give(path):
    if os.getuid() == 0:
        os.chown(path, UID, UID, follow_symlinks=False)


def replace_by(state, how):
    path = state / "pipelines.json"
    if how == "another":
        (state / "x").write_text('{"pipelines": {}, "mine": 1}')
        give(state / "x")
        os.rename(state / "x", path)
    elif how == "edited":
        with open(path, "r+") as f:
            f.write(" ")
    elif how == "garbage":
        (state / "x").write_text("\0nonsense")
        give(state / "x")
        os.rename(state / "x", path)
    elif how == "root's":
        (state / "x").write_text('{"pipelines": {}, "root": 1}')
        (state / "x").chmod(0o600)
        os.rename(state / "x", path)
    elif how == "removed":
        path.unlink()
        return None
    elif how == "directory":
        path.unlink()
        path.mkdir()
        (path / "inside").write_text("kept")
        give(path)
        return "directory"
    else:
        path.unlink()
        os.symlink("/etc/passwd", path)
        return None		# nothing to keep
    return path.read_bytes()


def what_is(path):
    return "directory" if path.is_dir() else path.read_bytes()


@pytest.mark.parametrize("noticed", ["by itself", "by a save", "at the end"])
@pytest.mark.parametrize("how", ["another", "edited", "garbage", "removed",
                                 "root's", "directory", "link"])
def test_a_file_that_is_replaced(life, how, noticed):
    if noticed == "by itself" and how not in ("another", "removed"):
        pytest.skip("one second each is enough of that")
    if how == "root's" and os.getuid() != 0:
        pytest.skip("only root can")
    r = life.start(with_faults=False)
    assert r.provision(1)[0] == 201
    r.drain()
    theirs = replace_by(life.state, how)
    if noticed == "by itself":
        r.wait(lambda: "somebody else" in r.log)
        assert numbers(r.file()) == {1}
    elif noticed == "by a save":
        assert r.provision(2)[0] == 201
        assert numbers(r.file()) == {1, 2}
        r.wait(lambda: "somebody else" in r.log)
    else:
        assert r.end() == 0
        assert "somebody else" in r.log
        assert numbers(r.file()) == {1}
    kept = [what_is(p) for p in (life.state / "backups").iterdir()]
    assert theirs is None or theirs in kept, (theirs, kept)
    if how == "directory":
        place, = (life.state / "backups").iterdir()
        assert (place / "inside").read_text() == "kept"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can")
def test_kill_while_a_file_that_can_not_be_linked_makes_room(life):
    steps = seen = 0
    while True:
        steps += 1
        shutil.rmtree(life.state)
        life.state.mkdir(mode=0o700)
        life.faults.set(calls=0, kill_before=0)
        r = life.start()
        assert r.provision(1)[0] == 201
        r.drain()
        replace_by(life.state, "root's")
        life.faults.set(kill_before=life.faults.get("calls") + steps)
        ops = send_provisions(r, {2})
        r.wait(lambda: answers(r.api.got) or not r.api.open)
        if answers(r.api.got):
            break
        r.reap()
        there = life.state / "pipelines.json"
        seen += not there.exists()
        if there.exists() and numbers(json.loads(there.read_text())) == set():
            continue	# theirs, and no promise of ours could be kept
        r = life.start(with_faults=False)
        assert numbers(r.file()) == {1, 2}
        assert r.end() == 0
    assert steps > 8 and seen > 0


def test_a_touched_file_is_ours_once_it_was_saved(life):
    r = life.start(with_faults=False)
    assert r.provision(1)[0] == 201
    os.utime(life.state / "pipelines.json", (1, 1))
    assert r.provision(2)[0] == 201
    assert r.provision(3)[0] == 201
    r.drain()
    assert r.end() == 0
    assert r.log.count("somebody else") == 1


@pytest.mark.parametrize("how", ["removed", "moved", "a file"])
def test_the_folder_of_backups_is_gone(life, how):
    r = life.start(with_faults=False)
    assert r.provision(1)[0] == r.provision(2)[0] == 201
    r.drain()
    backups = life.state / "backups"
    if how == "removed":
        shutil.rmtree(backups)
    else:
        os.rename(backups, life.state / "elsewhere")
    if how == "a file":
        backups.write_text("")
        text = refused(r, r.outcome("pipeline.provision", found(3)))
        assert os.strerror(20) in text		# ENOTDIR
        assert numbers(r.file()) == {1, 2}
        backups.unlink()
        r.wait(lambda: "again" in r.log)
    assert r.provision(3)[0] == 201
    assert len(os.listdir(backups)) == 1
    if how != "removed":
        assert len(os.listdir(life.state / "elsewhere")) == 1
    assert numbers(r.file()) == {1, 2, 3}
