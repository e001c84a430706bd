"""The whole daemon on a disk that is full, or can't be written: what its
clients are told meanwhile, and that it works again when the fault is gone."""

import json
import os
import subprocess
import time

import pytest

from daemon import Daemon, wait_until
from githubsim import GitHubSim
from sse import Stream

FILL = "fill"


@pytest.fixture
def sim(tmp_path):
    with GitHubSim(tmp_path) as s:
        yield s


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a small file system on a daemon's state directory."""
    mounted = []

    def mount(path, options):
        path.mkdir(mode=0o700)
        r = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs",
                            path], capture_output=True, text=True)
        if r.returncode != 0:
            pytest.skip("no tmpfs can be mounted: " + r.stderr.strip())
        mounted.append(path)

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


def fill(state):
    """Nothing more fits: neither a byte nor a file."""
    with open(state / FILL, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(65536))
        except OSError:
            pass
    for n in range(10000):
        try:
            (state / ("%s%d" % (FILL, n))).touch()
        except OSError:
            return


def empty(state):
    for p in state.glob(FILL + "*"):
        p.unlink()


def check_fault(d, sim, make, mend, reason):
    for i in range(4):
        sim.add_repo("acme/r%d" % i, workflows=["deploy.yml"])
    old = d.provision("acme/r0")
    before = (d.state / "pipelines.json").read_bytes()
    d.wait_stats(old, lambda s: not s["stale"])
    events = Stream(d)
    make()
    status, head, body = d.raw("POST", "/api/pipelines/provision", {
        "repo": "acme/r1", "workflow_file": "deploy.yml"})
    assert status == 503 and int(head["Retry-After"]) > 0, body
    assert reason in body.decode()
    status, head, body = d.raw("GET", "/readyz")
    assert status == 503 and "Retry-After" in head and reason in body.decode()
    assert d.request("GET", "/healthz")[0] == 200
    said = d.ctl("-j", "status")
    assert '"writable":false' in said.stdout and reason in said.stdout
    # Who knows it says the same as who was told.
    told = json.loads(said.stdout)["registry"]
    knows = json.loads(d.ctl("-j", "registry", "status").stdout)
    assert {m: knows[m] for m in ("writable", "fault", "since")} == {
        m: told[m] for m in ("writable", "fault", "since")}
    metrics = d.raw("GET", "/metrics")[2].decode().splitlines()
    assert "ccm_registry_writable 0" in metrics
    assert 'ccm_registry_fault{file="pipelines"} 1' in metrics
    since, = [float(line.split()[1]) for line in metrics if line.startswith(
        "ccm_registry_fault_timestamp_seconds ")]
    assert abs(since - time.time()) < 60
    failed, = [float(line.split()[1]) for line in metrics if line.startswith(
        "ccm_registry_failed_saves_total ")]
    assert failed >= 1
    assert d.request("DELETE", "/api/pipelines/" + old)[0] == 503
    assert d.request("GET", "/api/pipelines/" + old)[1]["pipeline"][
        "status"] == "active"
    assert (d.state / "pipelines.json").read_bytes() == before
    mend()
    wait_until(lambda: d.request("GET", "/readyz")[0] == 200, what="ready")
    metrics = d.raw("GET", "/metrics")[2].decode()
    assert "ccm_registry_writable 1\n" in metrics
    assert "ccm_registry_fault_timestamp_seconds" not in metrics
    new = d.provision("acme/r1")
    assert set(d.registry()["pipelines"]) == {old, new}
    assert d.request("DELETE", "/api/pipelines/" + old)[0] == 200
    # What was refused is in no event, what is on disk is.
    with events as s:
        told = set()
        while not {(new, "active"), (old, "inactive")} <= told:
            e = s.next()
            assert e.data["pipeline_id"] in (old, new), e
            if e.kind == "pipeline":
                told.add((e.data["pipeline_id"], e.data["status"]))
    audit = [(a["verb"], a["status"]) for a in d.audit()]
    for line in (("pipeline.provision", 503), ("pipeline.teardown", 503),
                 ("pipeline.teardown", 200)):
        assert line in audit, audit
    d.kill_all()
    d.start()
    assert {p["pipeline_id"]: p["status"] for p in d.request(
        "GET", "/api/pipelines")[1]["pipelines"]} == {
            old: "inactive", new: "active"}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_a_full_disk(tmp_path, sim, small_disk):
    with Daemon(tmp_path, github_url=sim.url, start=False) as d:
        small_disk(d.state, "size=4m,nr_inodes=100,mode=700")
        d.start()
        check_fault(d, sim, lambda: fill(d.state), lambda: empty(d.state),
                    "No space left on device")


def test_a_directory_that_can_not_be_written(tmp_path, sim):
    with Daemon(tmp_path, github_url=sim.url,
                user="nobody" if os.getuid() == 0 else None) as d:
        check_fault(d, sim, lambda: d.state.chmod(0o500),
                    lambda: d.state.chmod(0o700), "Permission denied")
