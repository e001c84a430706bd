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

"""Connections as they are in the field: much at once, slow, half closed."""

import json
import os
import re
import socket
import time

import pytest

from daemon import Daemon
from githubsim import GitHubSim


@pytest.fixture(scope="module")
def d(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("connections"), start=False) as d:
        fill(d, ["2026-01-05T10:30:%02dZ" % i for i in range(10)])
        yield d.start()


def fill(d, stamps):
    """Pipelines created at these times: answers of some size."""
    docs = {"p%d" % i: {
        "pipeline_id": "p%d" % i, "repository": "acme/r%d" % i,
        "workflow_file": "x.yml", "status": "inactive", "created_at": t}
        for i, t in enumerate(stamps)}
    d.state.mkdir()
    (d.state / "pipelines.json").write_text(json.dumps(
        {"pipelines": docs, "registry_version": "2.0"}))


def head(d, line, *fields):
    return "\r\n".join((line, "Host: ccm", "CCM-Token: " + d.token) + fields +
                       ("", "")).encode()


def connect(d, timeout=10):
    return socket.create_connection(("127.0.0.1", d.port), timeout)


def read_all(s):
    got = []
    while chunk := s.recv(1 << 20):
        got.append(chunk)
    return b"".join(got)


def statuses(got):
    return [int(x) for x in re.findall(rb"HTTP/1\.1 (\d+) ", got)]


@pytest.mark.parametrize("fields,shut", [((), True), (("Connection: close",),
                                                      False)])
def test_thousands_pipelined_are_all_answered(d, fields, shut):
    """More than the answers' bound: reading stops meanwhile, and goes on."""
    n = 3000
    one = head(d, "GET /api/pipelines HTTP/1.1")
    with connect(d) as s:
        s.sendall(one * n + head(d, "GET /healthz HTTP/1.1", *fields))
        if shut:
            s.shutdown(socket.SHUT_WR)
        assert statuses(read_all(s)) == [200] * (n + 1)


def test_a_body_that_is_held_back_until_it_is_asked_for(d):
    """RFC 9110, 10.1.1: asked for once, however it then comes."""
    body = b'{"repo": "acme/shop"}'
    with connect(d) as s:
        for _ in range(2):
            request = head(d, "POST /api/pipelines/provision HTTP/1.1",
                           "Content-Type: application/json",
                           "Content-Length: %d" % len(body),
                           "Expect: 100-continue")
            for piece in (request[:30], request[30:]):
                s.sendall(piece)
            assert s.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            for i in range(len(body)):
                s.sendall(body[i:i + 1])
            got = b""
            while b"}" not in got:
                got += s.recv(1000)
            assert statuses(got) == [400], got
            assert b"Missing required fields" in got


def test_pipelined_while_the_client_does_not_read(d):
    one = head(d, "GET /api/pipelines HTTP/1.1", "Pad: " + "x" * 6000)
    with connect(d) as s:
        s.settimeout(0.5)
        sent = 0
        try:
            while sent < 100_000_000:
                sent += s.send(one * 10)
        except TimeoutError:
            pass
        assert sent < 100_000_000, "it reads without bound"
        s.settimeout(10)
        s.shutdown(socket.SHUT_WR)
        got = statuses(read_all(s))
        assert set(got[:sent // len(one)]) == {200}
        # A request cut in the middle at the end is not answered with 200.
        assert got.count(200) == sent // len(one)


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_waiting_for_the_client_to_close_costs_nothing(d):
    """The answer did not fit at once, then the connection lingers."""
    one = head(d, "GET /api/pipelines HTTP/1.1")
    last = head(d, "GET /api/pipelines HTTP/1.1", "Connection: close")
    pid = d.pids()["ccmd-api"]
    socks = []
    for _ in range(4):
        s = connect(d)
        s.sendall(one * 3000 + last)
        socks.append(s)
    time.sleep(0.2)	# so that the answers wait for room
    for s in socks:
        got = b""
        while b"Connection: close" not in got:
            got = got[-400:] + s.recv(1 << 20)
    before = cpu(pid)
    # It closes by itself after a while: how long is not the point.
    time.sleep(1)
    assert cpu(pid) - before < 0.3
    for s in socks:
        s.close()


def test_parameters_that_are_not_known_may_be_anything(d):
    assert d.request("GET", "/api/pipelines?utm=" + "x" * 2000)[0] == 200
    assert d.request("GET", "/api/pipelines?" + "y" * 2000 + "=1")[0] == 200
    assert d.request("GET", "/api/pipelines?domain=" + "x" * 2000)[0] == 400


@pytest.mark.parametrize("query", [
    "limit=+5", "limit=%2B5", "limit=%205", "limit=5%20", "limit=0x5",
    "limit=", "after=zzz", "after=zzz,pipe_1", "after=,",
    "after=2026-01-05T10:30:00Z", "after=2026-01-05T10:30:00Z,a%20b"])
def test_numbers_and_cursors_out_of_shape(d, query):
    status, r = d.request("GET", "/api/pipelines?" + query)
    assert status == 400 and r["code"] == "invalid_argument", r


def test_a_refused_head_has_no_body(d):
    with connect(d) as s:
        s.sendall(head(d, "HEAD /api/pipelines HTTP/1.1",
                       "Content-Length: 2") + b"{}")
        got = read_all(s)
    assert statuses(got) == [400] and got.endswith(b"\r\n\r\n")


def test_pipelined_operations_are_told_when_the_set_ends(tmp_path):
    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/shop", workflows=["deploy.yml"])
        with Daemon(tmp_path, github_url=sim.url) as d:
            sim.fault("hang", path="/repos/acme/shop")
            body = b'{"repo": "acme/shop", "workflow_file": "deploy.yml"}'
            one = head(d, "POST /api/pipelines/provision HTTP/1.1",
                       "Content-Length: %d" % len(body)) + body
            mark = sim.mark()
            with connect(d) as s:
                s.sendall(one * 3)
                sim.wait_for(1, since=mark)
                d.kill("ccmd-registry")
                got = read_all(s)
            assert statuses(got) == [503] * 3
            d.wait_ready()
            assert "signal 11" not in d.log()


def test_pages_of_pipelines_of_the_python_ccm(tmp_path):
    """Their times have fractions and zones; the cursor is not encoded."""
    stamps = ["2026-01-05T10:30:00.123456+00:00", "2026-01-05 10:30:01",
              "2026-01-05T10:30:02+02:00", "2026-01-05T10:30:03Z",
              "2026-01-05T10:30:04.5"]
    with Daemon(tmp_path, start=False) as d:
        fill(d, stamps)
        d.start()
        every = [p["pipeline_id"] for p in
                 d.request("GET", "/api/pipelines")[1]["pipelines"]]
        assert len(every) == 5
        seen, query = [], "?limit=1"
        for _ in range(5):
            _, r = d.request("GET", "/api/pipelines" +
                             query.replace(" ", "%20"))
            seen += [p["pipeline_id"] for p in r["pipelines"]]
            query = "?limit=1&after=" + r.get("next", "")
        assert seen == every and "next" not in r
