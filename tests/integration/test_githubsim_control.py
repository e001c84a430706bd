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

"""githubsim's faults are the faults they are called, its log says what was
asked, its control interface refuses what it does not understand, and it
starts and ends as it should."""

import json
import re
import socket
import threading
import time

import pytest
import requests

from githubsim import ControlError, GitHubSim, token_id
from githubsim_client import (  # noqa: F401 (fixtures)
    RUNS, TOKEN, WORKFLOWS, Client, gh, sim, sim_is_well)


# Faults.

def raw(sim, path=RUNS, timeout=3):
    """The bytes that come, and how the connection ends."""
    conn = socket.create_connection(("127.0.0.1", sim.ports["http"]))
    conn.settimeout(timeout)
    conn.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\n"
                 "Authorization: Bearer t\r\n\r\n".encode())
    got = b""
    try:
        while True:
            data = conn.recv(65536)
            if not data:
                return got, "closed"
            got += data
    except ConnectionResetError:
        return got, "reset"
    except socket.timeout:
        return got, "open"
    finally:
        conn.close()


def split(got):
    head, _, body = got.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1)
                   for line in head.split(b"\r\n")[1:])
    return headers, body


def test_fault_status(sim, gh):
    sim.fault(status=502, count=2, path="/actions/runs",
              body="<html>unicorn</html>")
    sim.fault(status=429, method="GET", headers={"Retry-After": "9"},
              skip=1, prefix="/user")
    for _ in range(2):
        r = Client(sim, check=False).get(RUNS)
        assert (r.status_code, r.text) == (502, "<html>unicorn</html>")
    assert gh.get(RUNS).status_code == 200
    assert gh.get("/user").status_code == 200
    r = gh.get("/user")
    assert (r.status_code, r.headers["retry-after"]) == (429, "9")
    assert [f["hits"] for f in sim.faults()] == [2, 1]
    sim.clear_faults()
    assert gh.get("/user").status_code == 200


def test_fault_without_effect(sim, gh):
    sim.fault(status=500, count=1, method="PUT")
    path = WORKFLOWS + "/deploy.yml"
    assert gh("PUT", path + "/disable").status_code == 500
    assert gh.get(path).json()["state"] == "active"


def test_fault_delay(sim, gh):
    sim.fault("delay", ms=300, count=1)
    start = time.monotonic()
    assert gh.get(RUNS).status_code == 200
    assert time.monotonic() - start >= 0.3


def test_fault_hang(sim):
    sim.fault("hang", count=1)
    mark = sim.mark()
    assert raw(sim, timeout=0.5) == (b"", "open")
    assert sim.wait_for(1, since=mark)[0]["status"] is None
    assert sim.counts()["unanswered"] == 1


@pytest.mark.parametrize("effect", [False, True])
def test_fault_reset(sim, gh, effect):
    sim.fault("reset", count=1, method="PUT", effect=effect)
    path = WORKFLOWS + "/deploy.yml"
    with pytest.raises(requests.ConnectionError):
        gh("PUT", path + "/disable")
    assert gh.get(path).json()["state"] == \
        ("disabled_manually" if effect else "active")
    sim.fault("reset", count=1)
    assert raw(sim) == (b"", "reset")


def test_fault_truncate(sim):
    whole = split(raw(sim, timeout=0.3)[0])[1]
    sim.fault("truncate", count=1, bytes=5)
    got, end = raw(sim)
    headers, body = split(got)
    assert (body, end) == (whole[:5], "closed")
    assert int(headers[b"content-length"]) == len(whole)


@pytest.mark.parametrize("delta", [-3, 7])
def test_fault_content_length(sim, delta):
    sim.fault("content_length", count=1, delta=delta)
    headers, body = split(raw(sim)[0])
    assert int(headers[b"content-length"]) == len(body) + delta


def test_fault_garbage(sim):
    sim.fault("garbage", count=1)
    r = Client(sim, check=False).get(RUNS)
    assert r.status_code == 200
    with pytest.raises(ValueError):
        r.json()


def test_fault_endless_body(sim):
    sim.fault("endless_body", count=1, bytes=1000000)
    headers, body = split(raw(sim)[0])
    assert headers[b"transfer-encoding"] == b"chunked"
    assert 1000000 < len(body) < 1002000 and not body.endswith(b"0\r\n\r\n")


def test_fault_endless_header(sim):
    sim.fault("endless_header", count=1, bytes=1000000)
    got, _ = raw(sim)
    assert b"\r\n\r\n" not in got and len(got) > 1000000


def test_fault_drip(sim):
    sim.fault("drip", count=1, bytes=200, interval=20)
    start = time.monotonic()
    got, end = raw(sim)
    assert end == "closed" and b"total_count" in got
    assert time.monotonic() - start >= len(got) / 200 * 0.02 * 0.9


def test_fault_on_storage(sim, gh):
    sim.fault(status=503, port="storage")
    assert gh.get(RUNS).status_code == 200
    assert requests.get(sim.storage_url + "/logs/1/1/1").status_code == 503


# Log and control.

def test_log(sim, gh):
    sim.clear_requests()
    mark = sim.mark()
    etag = gh.get(RUNS).headers["etag"]
    gh.get(RUNS + "?page=1", If_None_Match=etag)
    gh("POST", WORKFLOWS + "/deploy.yml/dispatches", {"ref": "main"})
    log = sim.requests(since=mark)
    assert [(e["method"], e["path"], e["status"]) for e in log] == [
        ("GET", RUNS, 200), ("GET", RUNS + "?page=1", 200),
        ("POST", WORKFLOWS + "/deploy.yml/dispatches", 204)]
    assert {e["token"] for e in log} == {token_id(TOKEN)}
    assert log[1]["if_none_match"] == etag
    assert json.loads(log[2]["body"]) == {"ref": "main"}
    assert [e["index"] for e in log] == [mark, mark + 1, mark + 2]
    assert len(sim.requests(method="GET")) == 2
    assert len(sim.requests(status=204)) == 1
    assert len(sim.requests(prefix=RUNS)) == 2
    assert len(sim.requests(path="page=[0-9]$")) == 1
    assert sim.counts() == {
        "total": 3, "unanswered": 0, "statuses": {"200": 2, "204": 1},
        "in_flight": 0, "next": mark + 3}
    sim.clear_requests()
    assert sim.requests() == []


def test_wait(sim, gh):
    mark = sim.mark()
    gh.get(RUNS)

    def later():
        for path in ("/user", RUNS, RUNS):
            Client(sim, check=False).get(path)
    thread = threading.Timer(0.2, later)
    thread.start()
    found = sim.wait_for(3, since=mark, prefix=RUNS)
    assert [e["path"] for e in found] == [RUNS] * 3
    thread.join()
    with pytest.raises(TimeoutError):
        sim.wait_for(1, since=sim.mark(), timeout=0.2)


def test_control_refuses(sim):
    for method, path, body in (
            ("POST", "/repos", {"full_name": "no-slash"}),
            ("POST", "/repos", {"full_name": "acme/Shop"}),
            ("POST", "/repos", {"fullname": "a/b"}),
            ("POST", "/repos/acme/Shop/runs", {"colour": 1}),
            ("POST", "/repos/acme/Shop/runs", {"created_at": "soon"}),
            ("POST", "/repos/acme/Shop/runs", {"workflow": "none.yml"}),
            ("POST", "/repos/acme/Shop/runs", {"plan": []}),
            ("POST", "/repos/acme/Shop/runs", {"id": 10 ** 18}),
            ("POST", "/repos", {"full_name": "a/b", "workflows": "x"}),
            ("POST", "/repos", {"full_name": "a/b", "branches": [None]}),
            ("POST", "/repos", {"full_name": "a/b", "runs": {}}),
            ("POST", "/repos/acme/Shop/runs", {"omit": [None]}),
            ("POST", "/repos/acme/Shop/runs", {"set": []}),
            ("POST", "/repos", None), ("POST", "/repos", [None]),
            ("PATCH", "/repos/acme/Shop/workflows/ci.yml", {"inputs": 1}),
            ("PATCH", "/repos/acme/Shop/workflows/ci.yml", {"plan": "x"}),
            ("POST", "/bulk", {"repositories": 10 ** 9}),
            ("POST", "/repos/acme/none/runs", {}),
            ("POST", "/faults", {"kind": "unheard-of"}),
            ("POST", "/faults", {"path": "("}),
            ("POST", "/clock", {"sped": 1}), ("GET", "/nothing", None)):
        with pytest.raises(ControlError):
            sim.control(method, path, body)
    assert sim.repo("acme/Shop")["runs"] == 0


def test_clock(sim, gh):
    sim.clock(offset=-86400, speed=0)
    a, b = sim.clock(), sim.clock()
    assert a["now"] == b["now"] and abs(a["now"] - time.time() + 86400) < 5
    sim.clock(speed=1000)
    assert sim.clock()["now"] >= a["now"]


def test_reset(sim, gh):
    sim.fault(status=500)
    sim.reset()
    assert gh.get("/repos/acme/Shop").status_code == 404
    assert sim.control("GET", "/repos") == []


# Starting and stopping.

def test_ends_with_its_parent(tmp_path):
    s = GitHubSim(tmp_path).start()
    s.process.stdin.close()
    assert s.process.wait(5) == 0
    s.process.stdout.close()


def test_tls(tmp_path):
    with GitHubSim(tmp_path, tls=True) as s:
        s.add_repo("a/b", workflows=["x.yml"])
        r = requests.get(s.https_url + "/repos/a/b", verify=str(s.ca),
                         headers={"Authorization": "token " + TOKEN})
        assert r.json()["url"] == s.https_url + "/repos/a/b"
        assert s.requests()[0]["port"] == "https"
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(s.https_url)
        sim_is_well(s)


def test_base_path(tmp_path):
    with GitHubSim(tmp_path, base="/api/v3") as s:
        s.add_repo("a/b", workflows=["x.yml"])
        s.bulk(1, 3, owner="c", prefix="d")
        gh = Client(s)
        assert gh.get("/repos/a/b").json()["url"] == s.url + "/repos/a/b"
        r = gh.get("/repos/c/d-0/actions/runs?per_page=1")
        assert r.links["next"]["url"].startswith(s.url + "/repositories/")
        assert gh.get(r.links["next"]["url"]).status_code == 200
        bare = s.url[:-len("/api/v3")]
        assert requests.get(bare + "/user").status_code == 404
        sim_is_well(s)


def test_scenario(tmp_path):
    scenario = {
        "tokens": [{"token": TOKEN, "user": "mona"}],
        "settings": {"cancel_delay": 0}, "limits": {"hourly": 60},
        "repositories": [{
            "full_name": "x/y", "id": 77, "default_branch": "trunk",
            "workflows": [{"path": "deploy.yml", "id": 5, "runs": [
                {"id": 9, "conclusion": "success", "age": 60}]}]}]}
    with GitHubSim(tmp_path, scenario=scenario) as s:
        gh = Client(s)
        assert gh.get("/user").json()["login"] == "mona"
        assert gh.get("/repositories/77").json()["default_branch"] == "trunk"
        r = gh.get("/repos/x/y/actions/runs/9")
        assert r.json()["workflow_id"] == 5
        assert r.headers["x-ratelimit-limit"] == "60"
        sim_is_well(s)
    with pytest.raises(RuntimeError):
        GitHubSim(tmp_path, scenario={"repositories": [{"x": 1}]}).start()


def test_demo(tmp_path):
    with GitHubSim(tmp_path, demo=True) as s:
        gh = Client(s)
        repos = gh.get("/orgs/acme/repos").json()
        assert len(repos) == 5
        total = 0
        for repo in repos:
            runs = gh.get(f"/repos/{repo['full_name']}/actions/runs"
                          "?per_page=100").json()
            assert runs["total_count"] < 1000
            dates = [r["created_at"] for r in runs["workflow_runs"]]
            assert dates == sorted(dates, reverse=True)
            total += runs["total_count"]
        assert total > 300
        path = "/repos/acme/storefront/actions/runs"
        running = gh.get(path + "?status=in_progress").json()
        assert running["total_count"] >= 1
        before = gh.get(path).json()
        s.clock(advance=3600)
        after = gh.get(path).json()
        assert after["total_count"] > before["total_count"]
        oldest = gh.get(path + "?created=<" + time.strftime(
            "%Y-%m-%d", time.gmtime(time.time() - 8 * 86400))).json()
        assert oldest["total_count"] > 0
        sim_is_well(s)


def test_bulk(tmp_path):
    with GitHubSim(tmp_path) as s:
        start = time.monotonic()
        s.bulk(2000, 30)
        took = time.monotonic() - start
        with open(f"/proc/{s.pid}/status") as f:
            rss = int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
        assert s.control("GET", "/state")["runs"] == 60000
        print(f"2,000 repositories, 60,000 runs: {took:.2f} s, {rss} KB")
        assert rss < 100000
        sim_is_well(s)
