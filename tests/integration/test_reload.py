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

"""The configuration taken anew while all goes on: SIGHUP, ccmctl reload."""

import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import threading
import time

import pytest

from daemon import Daemon, free_port, token_hash, wait_until
from githubsim import GitHubSim, token_id
from sse import Stream

CLIENTS = 50
RELOADS = 5


def edit(d, *changes):
    """Regular expressions and what takes their place; each must match."""
    text = d.conf_path.read_text()
    for old, new in changes:
        text, n = re.subn(old, lambda m: new, text, flags=re.M)
        assert n > 0, (old, text)
    d.conf_path.write_text(text)


def reload(d):
    """By ccmctl: exit code, what it printed, and the answer."""
    r = d.ctl("-j", "reload")
    return r.returncode, json.loads(r.stdout)


class Client(threading.Thread):
    """Asks, over connections that stay or one after the other, until told
    to end; counts, and keeps what went wrong."""

    def __init__(self, d, keep, stop):
        super().__init__()
        self.d, self.keep, self.stop = d, keep, stop
        self.done, self.failed = 0, []

    def run(self):
        connection = None
        paths = ("/api/pipelines?include=stats", "/api/stats")
        while not self.stop.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(
                        "127.0.0.1", self.d.port, timeout=12)
                connection.request("GET", paths[self.done % 2], headers={
                    "CCM-Token": self.d.token})
                r = connection.getresponse()
                body = json.loads(r.read())
                if r.status != 200 or body["count"] != 1:
                    self.failed.append((r.status, body))
            except (OSError, http.client.HTTPException) as e:
                self.failed.append(e)
                connection = None
                continue
            self.done += 1
            if not self.keep:
                connection.close()
                connection = None


def ask(connection, token):
    connection.request("GET", "/api/pipelines", headers={"CCM-Token": token})
    r = connection.getresponse()
    r.read()
    return r.status


def test_reload_under_load(tmp_path, sim):
    """50 clients, polling, RELOADS rotations of both tokens: nobody notices but
    those with an old token, and they at once."""
    names = ["old%d" % i for i in range(RELOADS + 1)]
    with Daemon(tmp_path, github_url=sim.url, github_token="ght0", tokens={
            "test": ("admin", "test-token-0123456789"),
            "rotated": ("viewer", names[0])}) as d:
        pid = d.provision("acme/shop")
        d.wait_stats(pid, lambda s: not s["stale"])
        pids, stop, mark = d.pids(), threading.Event(), sim.mark()
        clients = [Client(d, i % 2 == 0, stop) for i in range(CLIENTS)]
        kept = http.client.HTTPConnection("127.0.0.1", d.port, timeout=12)
        assert ask(kept, names[0]) == 200
        for c in clients:
            c.start()
        try:
            for i in range(1, RELOADS + 1):
                before = [c.done for c in clients]
                edit(d, (token_hash(names[i - 1]), token_hash(names[i])))
                (d.dir / "github.token").write_text("ght%d\n" % i)
                code, answer = reload(d)
                assert code == 0 and answer["success"], answer
                # At once, also where a connection is open.
                assert ask(kept, names[i]) == 200
                assert ask(kept, names[i - 1]) == 401
                assert d.request("GET", "/api/pipelines",
                                 token=names[i])[0] == 200
                now = sim.mark()
                looks = sim.wait_for(1, since=now, path="/actions/runs")
                assert looks[-1]["token"] == token_id("ght%d" % i)
                wait_until(lambda: all(c.done > n for c, n in zip(
                    clients, before)), 30, "every client's next answer")
        finally:
            stop.set()
            for c in clients:
                c.join()
        failed = [f for c in clients for f in c.failed]
        total = sum(c.done for c in clients)
        print("reload under load: %d clients, %d reloads, %d requests, "
              "%d failed" % (CLIENTS, RELOADS, total, len(failed)))
        assert failed == []
        assert d.pids() == pids
        # No look was dropped or failed, and another token fetched once.
        looks = sim.requests(since=mark, path="/actions/runs")
        assert {q["status"] for q in looks} <= {200, 304}
        assert "look failed" not in d.log()
        assert not d.stats(pid)["stale"]
        lines = [x for x in d.audit() if x["verb"] == "daemon.reload"]
        assert len(lines) == RELOADS
        assert {x["actor"] for x in lines} == {"uid:%d" % os.getuid()}
        assert {x["status"] for x in lines} == {200}


def test_a_stream_ends_with_its_token(tmp_path):
    """Events are not told to whoever has an old token; others go on."""
    with Daemon(tmp_path, tokens={"test": ("admin", "test-token-0123456789"),
                                  "old": ("viewer", "older")}) as d:
        with Stream(d, token="older") as old, Stream(d) as kept:
            assert old.status == kept.status == 200
            edit(d, (token_hash("older"), token_hash("newer")))
            assert reload(d)[0] == 0
            assert old.next() is None
            with Stream(d, token="older") as again:
                assert again.status == 401
            with Stream(d, "?snapshot=1", token="newer") as new:
                assert new.wait(lambda e: e.kind == "synced")
            # That one, and no other.
            assert d.logged("cut off: its token is not valid") == 1
            assert d.log().count("cut off") == 1


def test_old_github_token_leaves_the_poller(tmp_path, sim):
    """Its locked memory is wiped; as root all of it can be searched."""
    if os.geteuid() != 0:
        pytest.skip("only root may look into the poller")
    old, new = "ghp_" + "0ld" * 9, "ghp_" + "n3w" * 9
    with Daemon(tmp_path, github_url=sim.url, github_token=old) as d:
        pid = d.provision("acme/shop")
        d.wait_stats(pid, lambda s: not s["stale"])
        poller = d.pids()["ccmd-poller"]
        if "asan" in open("/proc/%d/maps" % poller).read():
            pytest.skip("a sanitizer keeps what was freed")
        assert old.encode() in memory(poller)
        (d.dir / "github.token").write_text(new + "\n")
        assert reload(d)[0] == 0
        mark = sim.mark()
        sim.wait_for(2, since=mark, path="/actions/runs")
        found = memory(poller)
        assert new.encode() in found
        assert held(found, old) == []
        assert held(memory(d.pids()["ccmd"]), old) == []


def memory(pid):
    """All that a process has written, as one piece."""
    pieces = []
    with open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in open("/proc/%d/maps" % pid):
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (r\S+)", line)
            if not m or "[v" in line:
                continue
            start, end = int(m[1], 16), int(m[2], 16)
            try:
                pieces.append(os.pread(mem.fileno(), end - start, start))
            except OSError:
                pass
    return b"\n".join(pieces)


def held(found, secret):
    """What stands around each copy of a secret."""
    return [found[max(0, m.start() - 32):m.end() + 8]
            for m in re.finditer(re.escape(secret.encode()), found)]


@pytest.mark.parametrize("line,what", [
    ("nonsense", 'was expected, not "nonsense"'),
    ('github "x" {\n\turl "http://example.com"\n\ttoken file "/x"\n}',
     "clear text"),
    ('api token "test" role api hash "%s"' % ("ab" * 32), "twice"),
])
def test_broken_configuration_is_refused_whole(d, sim, line, what):
    pid = d.provision("acme/shop")
    d.wait_stats(pid, lambda s: not s["stale"])
    good, pids = d.conf_path.read_text(), d.pids()
    edit(d, (token_hash(d.token), token_hash("another")),
         ("idle 1", "idle 7"))
    with d.conf_path.open("a") as f:
        f.write(line + "\n")
    wrong = len(good.splitlines()) + 1
    r = d.ctl("reload")
    assert r.returncode == 1
    assert re.search(r"%s:%d: .*%s" % (re.escape(str(d.conf_path)),
                                       wrong + line.count("url"), what),
                     r.stderr), r.stderr
    code, answer = reload(d)
    assert code == 1 and answer["code"] == "invalid_configuration"
    assert answer["error"].startswith("The new configuration is refused, "
                                      "the old one stays in force")
    assert d.request("GET", "/api/pipelines")[0] == 200
    assert d.request("GET", "/api/pipelines", token="another")[0] == 401
    assert d.pids() == pids
    mark = sim.mark()
    sim.wait_for(2, since=mark, path="/actions/runs")
    failed = [x for x in d.audit() if x["verb"] == "daemon.reload"]
    assert [x["status"] for x in failed] == [400, 400]
    assert str(d.conf_path) in failed[0]["detail"]
    assert d.logged("refused, the old configuration stays in force")
    # Better now.
    d.conf_path.write_text(good)
    assert reload(d)[0] == 0


def test_all_errors_are_told(d):
    with d.conf_path.open("a") as f:
        f.write("bad\nlisten on 127.0.0.1 port 1\nworse\n")
    n = len(d.conf_path.read_text().splitlines())
    _, answer = reload(d)
    assert [int(x.split(":")[1]) for x in answer["errors"]] == [n - 2, n]
    shown = d.ctl("reload").stderr
    assert all(x in shown for x in answer["errors"])


def test_listeners_come_and_go(d):
    first, second = d.port, free_port()
    kept = http.client.HTTPConnection("127.0.0.1", first, timeout=12)
    assert ask(kept, d.token) == 200
    with d.conf_path.open("a") as f:
        f.write("listen on 127.0.0.1 port %d\n" % second)
    assert reload(d)[0] == 0
    for port in (first, second):
        d.port = port
        assert d.request("GET", "/api/pipelines")[0] == 200
    edit(d, ("listen on 127.0.0.1 port %d\n" % first, ""))
    assert reload(d)[0] == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", first), timeout=5)
    # What came in there before goes on.
    assert ask(kept, d.token) == 200
    # A port that somebody else has: refused, and nothing is lost.
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind(("127.0.0.1", first))
        busy.listen()
        with d.conf_path.open("a") as f:
            f.write("listen on 127.0.0.1 port %d\n" % first)
        code, answer = reload(d)
        assert code == 1 and "port %d" % first in answer["error"]
        assert "in use" in answer["error"]
        assert d.request("GET", "/api/pipelines")[0] == 200


def test_privileged_port(d):
    """What opened it is given up: it says so."""
    if int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
           .read_text()) <= 7:
        pytest.skip("every port may be opened here")
    with d.conf_path.open("a") as f:
        f.write("listen on 127.0.0.1 port 7\n")
    code, answer = reload(d)
    assert code == 1 and "restart it" in answer["error"], answer


def test_what_takes_a_restart(d):
    edit(d, ('^state directory ".*"', 'state directory "/nowhere"'),
         ('^control socket ".*"', 'control socket "/nowhere/s" role viewer'))
    code, answer = reload(d)
    assert code == 0
    assert [w.split(":")[0] for w in answer["warnings"]] == [
        "state directory", "control socket"]
    assert d.logged("takes a restart")
    # The role is in force: this was the last reload from here.
    r = d.ctl("reload")
    assert r.returncode == 1 and "admin" in r.stderr
    wait_until(lambda: d.audit()[-1]["status"] == 403, what="audit")
    assert d.ctl("status").returncode == 0


def test_sighup_and_intervals(d, sim):
    pid = d.provision("acme/shop")
    d.wait_stats(pid, lambda s: not s["stale"])
    edit(d, ("idle 1", "idle 3600"))
    def hup():
        n = d.log().count("new configuration is in force")
        os.kill(d.process.pid, signal.SIGHUP)
        wait_until(lambda: d.log().count("new configuration is in force") > n,
                   what="reload")
    hup()
    # One look may be left of the old interval.
    mark = sim.mark()
    time.sleep(2.5)
    assert len(sim.requests(since=mark, path="/actions/runs")) <= 1
    edit(d, ("idle 3600", "idle 1"))
    mark = sim.mark()
    hup()
    sim.wait_for(2, since=mark, path="/actions/runs")
    lines = [x for x in d.audit() if x["verb"] == "daemon.reload"]
    assert [(x["actor"], x["status"]) for x in lines] == [
        ("SIGHUP", 200)] * 2


def test_first_and_last_token(d):
    good = d.conf_path.read_text()
    edit(d, ("^api token.*\n", ""))
    assert reload(d)[0] == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", d.port), timeout=5)
    d.conf_path.write_text(good)
    assert reload(d)[0] == 0
    assert d.request("GET", "/api/pipelines")[0] == 200


def test_many_tokens(tmp_path):
    """Each is found, and keeps what it has over a reload that takes others."""
    with Daemon(tmp_path, tokens={
            "client-%d" % n: ("api" if n == 9999 else "viewer", "s%d" % n)
            for n in range(10000)}, token="s5000") as d:
        def status(n, method="GET", path="/api/pipelines", body=None):
            return d.request(method, path, body, token="s%d" % n)[0]

        provision = ("POST", "/api/pipelines/provision", {})
        assert [status(n) for n in (0, 4999, 9999, 10000)] == [
            200, 200, 200, 401]
        assert status(9998, *provision) == 403
        assert status(9999, *provision) == 400
        with Stream(d, token="s1") as gone, Stream(d, token="s2") as stays:
            assert gone.block() and stays.block()
            edit(d, ('^api token "client-(1|4999)" .*\n', ""),
                 ('"client-9999" role api', '"client-9999" role viewer'))
            assert reload(d)[0] == 0
            assert gone.block() is None
            assert [status(n) for n in (0, 1, 4999, 5000)] == [
                200, 401, 401, 200]
            assert status(9999, *provision) == 403
            assert not select.select([stays.answer], [], [], 0.2)[0] or (
                stays.block() is not None)


def test_secrets_of_the_environment_stay(tmp_path, sim):
    with Daemon(tmp_path, github_url=None, tokens={"t": ("admin", "x")},
                env={"GHT": "from-env", "CCM_API_TOKEN": "api-env",
                     "CCM_GITHUB_URL": sim.url}, token="api-env") as d:
        pid = d.provision("acme/shop")
        for _ in range(2):
            assert reload(d)[0] == 0
        assert d.request("GET", "/api/pipelines")[0] == 200
        mark = sim.mark()
        looks = sim.wait_for(2, since=mark, path="/actions/runs")
        assert {q["token"] for q in looks} == {token_id("from-env")}
        assert pid in d.registry()["pipelines"]


def test_github_blocks_change_places(tmp_path, sim):
    """A token goes to its own GitHub only, whatever the order."""
    with GitHubSim(tmp_path) as other:
        # Its numbers are others than those of the first.
        other.add_repo("corp/none", workflows=["ci.yml"])
        other.add_repo("corp/app", workflows=["deploy.yml"])
        with Daemon(tmp_path, github_url=sim.url, github_token="first",
                    github_conf='owners { "acme" }') as d:
            assert "corp" in d.request("POST", "/api/pipelines/provision", {
                "repo": "corp/app", "workflow_file": "deploy.yml"})[1]["error"]
            secret = d.dir / "other.token"
            secret.write_text("second\n")
            secret.chmod(0o600)
            text = d.conf_path.read_text()
            d.conf_path.write_text(
                'github "corp" {\n\turl "%s"\n\ttoken file "%s"\n'
                '\towners { "corp" }\n}\n' % (other.url, secret) + text)
            pids = d.pids()
            assert reload(d)[0] == 0
            for name in ("acme/shop", "corp/app"):
                d.wait_stats(d.provision(name), lambda s: not s["stale"])
            # The first one goes; what it served says why it is stale.
            edit(d, (r"owners { \"acme\" }", 'owners { "nobody" }'))
            assert reload(d)[0] == 0
            wait_until(lambda: any(
                "no GitHub token" in s.get("stale_reason", "")
                for s in d.request("GET", "/api/stats")[1]["stats"]),
                what="stale")
            mark = other.mark()
            other.wait_for(2, since=mark, path="corp/app")
            assert {q["token"] for q in sim.requests()} == {
                token_id("first")}
            assert {q["token"] for q in other.requests()} == {
                token_id("second")}
            assert d.pids() == pids


def test_log_level(d):
    def chatter(act):
        """Debug lines while that is done, and a moment longer."""
        before = len(d.log())
        act()
        d.ctl("status")
        return d.log()[before:].count(" from ")

    assert d.ctl("log", "brief").returncode == 0
    # What was written before may come a moment later.
    wait_until(lambda: chatter(lambda: d.ctl("list")) == 0,
               what="no debug lines")
    assert chatter(lambda: d.provision("acme/shop")) == 0
    r = d.ctl("log", "verbose")
    assert r.returncode == 0 and "level" in r.stdout
    before = len(d.log())
    d.request("POST", "/api/pipelines/provision", {
        "repo": "acme/none", "workflow_file": "deploy.yml"})
    wait_until(lambda: "OUTCOME from poller" in d.log()[before:],
               what="debug lines")
    assert d.ctl("log", "loud").returncode in (1, 2)
    lines = [x for x in d.audit() if x["verb"] == "daemon.log"]
    assert [(x["status"], x.get("detail")) for x in lines[:2]] == [
        (200, "brief"), (200, "verbose")]


def test_reload_while_the_set_starts(d):
    """It is held back until the set runs, and then carried out."""
    before = d.log().count("new configuration is in force")
    d.kill("ccmd-registry")
    edit(d, (token_hash(d.token), token_hash("later")))
    os.kill(d.process.pid, signal.SIGHUP)
    d.token = "later"
    wait_until(lambda: d.log().count("new configuration is in force") >
               before, 20, "reload")
    d.wait_ready()
    wait_until(lambda: d.request("GET", "/api/pipelines")[0] == 200,
               what="new token")
