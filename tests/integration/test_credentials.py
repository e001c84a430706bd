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

"""GitHub's rate limits: what is left is told, and what they say is obeyed."""

"""With what GitHub is asked: several credentials, GitHub Apps, tokens for
changes alone; and that none of it gets where it doesn't belong."""

import datetime
import http.client
import http.server
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request

import pytest

from daemon import Daemon, wait_until
from githubsim import GitHubSim, token_id
from githubsim_app import APP, AT, CREATE, GRANTS, keys  # noqa: F401
from test_build import sanitized

RUNS = "/actions/runs"


def secret(path, text):
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


def block(name, url, *lines):
    return 'github "%s" {\n\turl "%s"\n%s}\n' % (
        name, url, "".join("\t%s\n" % line for line in lines))


def app_line(key, app=APP, at=AT):
    return 'app %d installation %d key file "%s"' % (app, at, key)


@pytest.fixture
def key(keys, tmp_path):  # noqa: F811
    return secret(tmp_path / "app.pem", keys[0][0].read_text())


@pytest.fixture
def sim(tmp_path, keys):  # noqa: F811
    with GitHubSim(tmp_path) as s:
        s.add_repo("acme/shop", workflows=["deploy.yml"], private=True)
        s.app(APP, public_key=keys[0][1], permissions=GRANTS,
              installations=[{"id": AT, "account": "acme"}])
        yield s


def daemon(tmp_path, *blocks, **kwargs):
    return Daemon(tmp_path, conf="".join(blocks), **kwargs)


def fresh(d, pipeline):
    return d.wait_stats(pipeline, lambda s: not s["stale"])


def reload_conf(d, old, new):
    text = d.conf_path.read_text()
    assert old in text
    d.conf_path.write_text(text.replace(old, new))
    r = d.ctl("reload")
    assert r.returncode == 0, r.stderr


# GitHub Apps.

def test_app(tmp_path, sim, key):
    """One JWT, one token of the installation, and that for all else."""
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        fresh(d, d.provision("acme/shop"))
        asked = sim.requests(path="^/(app|repos)")
        assert [r["path"] for r in asked].count(CREATE) == 1
        tokens = {r["token"] for r in asked if r["path"] != CREATE}
        assert len(tokens) == 1 and None not in tokens
        assert {r["token"] for r in asked if r["path"] == CREATE} != tokens
        assert {r["status"] for r in asked} <= {200, 201, 304}
        assert d.logged("signed a JWT for app %d" % APP) == 1
        # Nothing of it in the log.
        assert "ghs_" not in d.log() and "eyJ" not in d.log()
        # The same App with the same key keeps its token over a reload.
        mark = sim.mark()
        reload_conf(d, "idle 1", "idle 2")
        sim.wait_for(2, since=mark, path=RUNS, status=304)
        assert not sim.requests(since=mark, path=CREATE)


@pytest.mark.parametrize("form", ["pkcs1", "pkcs8"])
def test_key_forms(tmp_path, sim, key, form):
    pem = subprocess.run(
        ["openssl", "rsa", "-in", str(key)] + (
            ["-traditional"] if form == "pkcs1" else []) if form == "pkcs1"
        else ["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", str(key)],
        check=True, capture_output=True, text=True).stdout
    assert ("BEGIN RSA PRIVATE" in pem) == (form == "pkcs1")
    secret(key, pem)
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        d.provision("acme/shop")


def bad_key(tmp_path, key, how):
    """A file that is none, and what the refusal has to say."""
    run = dict(check=True, stderr=subprocess.DEVNULL)
    path = tmp_path / "bad.pem"
    if how == "readable":
        secret(path, key.read_text()).chmod(0o644)
        return path, "others may read"
    if how == "encrypted":
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", str(key),
                        "-passout", "pass:x", "-out", str(path)], **run)
        words = "without a passphrase was expected"
    elif how == "encrypted pkcs1":
        subprocess.run(["openssl", "rsa", "-in", str(key), "-traditional",
                        "-aes128", "-passout", "pass:x", "-out", str(path)],
                       **run)
        words = "without a passphrase was expected"
    elif how == "small":
        subprocess.run(["openssl", "genrsa", "-out", str(path), "1024"],
                       **run)
        words = "an RSA key of 2048 to 4096 bits was expected, it has 1024"
    elif how == "elliptic":
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1",
                        "-genkey", "-noout", "-out", str(path)], **run)
        words = "an RSA private key was expected"
    elif how == "public":
        subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout",
                        "-out", str(path)], **run)
        words = "an RSA private key in PEM was expected"
    elif how == "long":
        path.write_text("x" * 20000)
        words = "at most 16384 bytes was expected"
    else:
        path.write_text("-----BEGIN RSA PRIVATE KEY-----\nnothing\n")
        words = "an RSA private key in PEM was expected"
    path.chmod(0o600)
    return path, words


@pytest.mark.parametrize("how", [
    "readable", "encrypted", "encrypted pkcs1", "small", "elliptic",
    "public", "long", "garbage"])
def test_bad_keys_are_refused(tmp_path, key, how):
    path, words = bad_key(tmp_path, key, how)
    d = daemon(tmp_path, block("app", "http://127.0.0.1:1", app_line(path)),
               start=False)
    r = subprocess.run(d.argv("-n"), capture_output=True, text=True,
                       env=d.env, timeout=20)
    assert r.returncode == 1
    assert "%s: " % path in r.stderr and words in r.stderr, r.stderr


@pytest.mark.parametrize("lines,words", [
    ((), "a token file or an app was expected"),
    (('token file "/t"', 'app 1 installation 2 key file "/k"'), "not both"),
    (('app 0 installation 2 key file "/k"',), "numbers of an App"),
    (('app 1 key file "/k"',), "installation"),
    (('write token file "/t"',), "a token file or an app was expected"),
])
def test_bad_blocks_are_refused(tmp_path, lines, words):
    d = daemon(tmp_path, block("app", "http://127.0.0.1:1", *lines),
               start=False)
    r = subprocess.run(d.argv("-n"), capture_output=True, text=True,
                       env=d.env, timeout=20)
    assert r.returncode == 1 and words in r.stderr, r.stderr
    assert re.search(r"ccmd\.conf:\d+: ", r.stderr)


def test_app_is_renewed(tmp_path, sim, key):
    """In time, without a request that fails; and the budget is one."""
    sim.app(APP, lifetime=3)
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        pipeline = d.provision("acme/shop")
        sim.wait_for(3, path=CREATE, status=201)
        fresh(d, pipeline)
        # Half a second for the last token to be used.
        asked = sim.requests(path="^/repos")
        assert len({r["token"] for r in asked}) >= 2
        assert {r["status"] for r in asked} <= {200, 304}
        status, r = d.request("GET", "/api/budget")
        assert r["budgets"][0]["answers"]["refused"] == 0


def test_app_after_401(tmp_path, sim, key, keys):  # noqa: F811
    """A token that GitHub takes back: another one, no look is lost."""
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        pipeline = d.provision("acme/shop")
        fresh(d, pipeline)
        # Its clock jumps: what it gave out has expired, by it alone.
        sim.clock(advance=3700)
        wait_until(lambda: sim.requests(path=RUNS, status=401), 10, "401")
        # The token is too young for that within its first six seconds:
        # then a 401 is about the request, and no reason for another one.
        mark = sim.mark()
        sim.wait_for(1, since=mark, path=CREATE, status=201, timeout=20)
        sim.wait_for(1, since=mark, path=RUNS, status=200, timeout=10)
        fresh(d, pipeline)


@pytest.mark.parametrize("offset", [-3600, 3600])
def test_app_of_another_hour(tmp_path, sim, key, offset):
    """GitHub's clock an hour before or behind ours."""
    sim.clock(offset=offset)
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        fresh(d, d.provision("acme/shop"))
        statuses = [r["status"] for r in sim.requests(path=CREATE)]
        assert statuses[-1] == 201 and len(statuses) <= 2
        assert d.logged("clock differs from ours by")


def test_clock_too_far_off(tmp_path, sim, key):
    """What the poller says of GitHub's clock has a bound in the parent."""
    sim.clock(offset=3 * 3600)
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        status, r = d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"})
        assert status == 502 and "did not sign" in r["error"], r
        assert d.logged("clock and ours differ too much")


@pytest.mark.parametrize("change,status,words", [
    ({"suspended": True}, 403, "suspended"),
    ({"deleted": True}, 404, "no such installation of this App"),
])
def test_app_refused(tmp_path, sim, key, change, status, words):
    """The reason is told, and it recovers by itself."""
    sim.app(APP, installations=[{"id": AT, **change}])
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        code, r = d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"})
        assert code == 502 and r["code"] == "github_error"
        assert "GitHub App %d" % APP in r["error"], r
        assert str(status) in r["error"] and words in r["error"], r
        sim.app(APP, installations=[{"id": AT, "suspended": False,
                                     "deleted": False}])
        wait_until(lambda: d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"})[0] == 201,
            20, "the installation is back")


def test_another_key_by_reload(tmp_path, sim, key, keys):  # noqa: F811
    """The former token is dropped, the new key signs at once."""
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        fresh(d, d.provision("acme/shop"))
        secret(key, keys[1][0].read_text())
        sim.app(APP, public_key=keys[1][1])
        mark = sim.mark()
        reload_conf(d, "idle 1", "idle 2")
        sim.wait_for(1, since=mark, path=CREATE, status=201)
        asked = sim.wait_for(2, since=mark, path=RUNS)
        assert asked[-1]["token"] != sim.requests(path=RUNS)[0]["token"]


def test_installations_have_their_own_budgets(tmp_path, sim, key):
    sim.app(APP, installations=[{"id": AT, "account": "acme"},
                                {"id": AT + 1, "account": "zoo"}])
    sim.add_repo("zoo/ape", workflows=["deploy.yml"], private=True)
    sim.limits(user="installation/%d" % (AT + 1), hourly=12500)
    with daemon(tmp_path,
                block("a", sim.url, app_line(key), 'owners { "acme" }'),
                block("z", sim.url, app_line(key, at=AT + 1),
                      'owners { "zoo" }')) as d:
        fresh(d, d.provision("acme/shop"))
        fresh(d, d.provision("zoo/ape"))
        seen = wait_until(
            lambda: (lambda b: b if {x["limit"] for x in b} ==
                     {5000, 12500} else None)(
                d.request("GET", "/api/budget")[1]["budgets"]), 10, "limits")
        assert {b["credential"]: b["limit"] for b in seen} == \
            {"a": 5000, "z": 12500}


# Must show: the RSA key is in no page of the poller.

def numbers(key):
    """The secret numbers of an RSA key, as bytes, by name."""
    text = subprocess.run(["openssl", "rsa", "-in", str(key), "-noout",
                           "-text"], check=True, capture_output=True,
                          text=True).stdout
    found = {}
    for name in ("privateExponent", "prime1", "prime2", "exponent1",
                 "exponent2", "coefficient"):
        digits = re.search(name + r":\n((?:\s+[0-9a-f:]+\n)+)", text)
        found[name] = bytes.fromhex(
            re.sub(r"[\s:]", "", digits.group(1))).lstrip(b"\0")
    return found


def needles(key):
    """What betrays a key in memory: each number's middle 48 bytes, either
    way round, and each line of its PEM."""
    wanted = {}
    for name, number in numbers(key).items():
        middle = number[len(number) // 2 - 24:len(number) // 2 + 24]
        wanted[name + " big-endian"] = middle
        wanted[name + " little-endian"] = middle[::-1]
    for n, line in enumerate(key.read_text().splitlines()[1:-1]):
        if len(line) == 64:
            wanted["line %d" % n] = line.encode()
    assert len(wanted) > 30
    return wanted


def memory(pid):
    """What can be read of it, piece by piece: (where, bytes)."""
    with open("/proc/%d/maps" % pid) as maps, \
            open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "[v" in line:
                continue
            try:
                mem.seek(start)
                yield line.strip(), mem.read(end - start)
            except (OSError, ValueError):
                continue


def scan(pid, wanted):
    """Which of them is in the memory of a process; bytes that were read."""
    found, size = set(), 0
    for _, data in memory(pid):
        size += len(data)
        found |= {n for n, b in wanted.items() if b in data}
    return found, size


@pytest.mark.skipif(os.geteuid() != 0, reason="reads others' memory: root")
def test_app_key_is_in_no_page_of_a_child(tmp_path, sim, key):
    if sanitized():
        pytest.skip("a build with sanitizers keeps what is freed")
    wanted = needles(key)
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        fresh(d, d.provision("acme/shop"))
        pids = d.pids()
        assert len(pids) == 4
        for name, pid in pids.items():
            os.kill(pid, signal.SIGSTOP)
        try:
            seen = {name: scan(pid, wanted) for name, pid in pids.items()}
        finally:
            for pid in pids.values():
                os.kill(pid, signal.SIGCONT)
        print({name: (sorted(found), "%d KB" % (size // 1024))
               for name, (found, size) in seen.items()})
        # The same scan finds it where it is.
        assert {"privateExponent little-endian", "prime1 little-endian",
                "prime2 little-endian"} <= seen["ccmd"][0]
        for name in ("ccmd-poller", "ccmd-api", "ccmd-registry"):
            assert seen[name][0] == set() and seen[name][1] > 1 << 20, name
        # Not as a file's text either, once it was read.
        assert not any("line" in x for x in seen["ccmd"][0])


@pytest.mark.skipif(os.geteuid() != 0, reason="reads others' memory: root")
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_installation_token_is_in_memory_once(tmp_path, keys,  # noqa: F811
                                              key, tls):
    """No copy of it stays, not even its end in what was freed."""
    if sanitized():
        pytest.skip("a build with sanitizers keeps what is freed")
    if tls:
        certificate(tmp_path / "githubsim.crt", "IP:127.0.0.1")
    with GitHubSim(tmp_path, tls=tls) as s:
        s.add_repo("acme/shop", workflows=["deploy.yml"])
        s.app(APP, public_key=keys[0][1], permissions=GRANTS,
              installations=[{"id": AT, "account": "acme"}])
        with daemon(tmp_path, block(
                "app", s.url, app_line(key), 'ca file "%s"' % (
                    tmp_path / "githubsim.crt") if tls else "")) as d:
            # Nothing else is read that would lie over what it left.
            s.fault("hang", path="/repos")
            asking = threading.Thread(target=d.request, args=(
                "POST", "/api/pipelines/provision", {
                    "repo": "acme/shop", "workflow_file": "deploy.yml"}))
            asking.start()
            s.wait_for(1, path="/repos")
            pids = d.pids()
            for pid in pids.values():
                os.kill(pid, signal.SIGSTOP)
            try:
                seen = {name: list(memory(pid)) for name, pid in pids.items()}
            finally:
                for pid in pids.values():
                    os.kill(pid, signal.SIGCONT)
    whole = {m for _, data in seen["ccmd-poller"]
             for m in re.findall(rb"ghs_[0-9a-f]{36}", data)}
    assert len(whole) == 1, whole
    end = whole.pop()[-16:]
    found = {name: [(where, data[i - 200:i + 40])
                    for where, data in pieces
                    for i in (m.start() for m in re.finditer(end, data))]
             for name, pieces in seen.items()}
    # The request that is under way carries it.
    copies = [x for x in found.pop("ccmd-poller")
              if b"\0Authorization: Bearer ghs_" not in x[1]]
    assert len(copies) == 1, copies
    assert not any(found.values()), found


# A token for changes alone.

def test_write_token(tmp_path, sim):
    """Reads go with one, changes with the other, budgets are apart."""
    sim.token("reader", user="reader", readonly=True)
    sim.token("writer", user="writer")
    sim.patch_workflow("acme/shop", "deploy.yml", state="disabled_manually")
    with daemon(tmp_path, block(
            "two", sim.url,
            'token file "%s"' % secret(tmp_path / "r", "reader"),
            'write token file "%s"' % secret(tmp_path / "w", "writer"))) as d:
        pipeline = d.provision("acme/shop")
        run = sim.add_run("acme/shop", "deploy.yml",
                          plan={"in_progress": 60})
        d.wait_stats(pipeline, lambda s: s["active_runs"] == 1)
        status, r = d.request("DELETE", "/api/pipelines/" + pipeline)
        assert status == 200, r
        asked = sim.requests(path="^/repo")
        by = {m: {r["token"] for r in asked if r["method"] == m}
              for m in ("GET", "PUT", "POST")}
        assert by == {"GET": {token_id("reader")},
                      "PUT": {token_id("writer")},
                      "POST": {token_id("writer")}}
        assert str(run) in [r["path"] for r in asked
                            if r["method"] == "POST"][0]
        # What GitHub's limits leave to each of them, and of what.
        n = len([r for r in asked if r["method"] != "GET"])
        b = wait_until(lambda: next((
            b for b in d.request("GET", "/api/budget")[1]["budgets"]
            if b["writes"] and b["writes"]["answers"]["ok"] == n), None),
            timeout=30, what="the budget of changes")
        assert b["credential"] == "two"
        assert b["writes"]["used"] == n
        assert b["writes"]["remaining"] == 5000 - n
        assert b["used"] + b["remaining"] == 5000 and b["used"] > n
        assert b["writes"]["points"] == {"limit": 900, "used": 5 * n}
        assert b["writes"]["throttled_until"] is None
        text = d.raw("GET", "/metrics")[2].decode().splitlines()
        assert ('ccm_github_requests_remaining{credential="two",'
                'token="writes"} %d' % (5000 - n)) in text
        assert 'ccm_github_requests_remaining{credential="two"} %d' % \
            b["remaining"] in text
        words = " ".join(d.ctl("budget").stdout.split())
        assert "%d of 5000 used, %d left" % (n, 5000 - n) in words
        # Another one by reload, at once.
        sim.token("writer2", user="writer")
        secret(tmp_path / "w", "writer2")
        reload_conf(d, "idle 1", "idle 2")
        sim.patch_workflow("acme/shop", "deploy.yml",
                           state="disabled_manually")
        mark = sim.mark()
        d.provision("acme/shop")
        assert {r["token"] for r in sim.requests(since=mark, method="PUT")} \
            == {token_id("writer2")}


def test_write_token_of_a_limited_user(tmp_path, sim):
    """What the one has spent does not keep the other from looking."""
    sim.token("reader", user="reader")
    sim.token("writer", user="writer")
    sim.limits(user="writer", remaining=0, enforce_hourly=True)
    sim.patch_workflow("acme/shop", "deploy.yml", state="disabled_manually")
    with daemon(tmp_path, block(
            "two", sim.url,
            'token file "%s"' % secret(tmp_path / "r", "reader"),
            'write token file "%s"' % secret(tmp_path / "w", "writer"))) as d:
        status, r = d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"})
        assert status == 503 and "throttled" in r["error"], r
        b = wait_until(lambda: next((
            b for b in d.request("GET", "/api/budget")[1]["budgets"]
            if b["writes"] and b["writes"]["reason"]), None), timeout=30,
            what="throttled changes")
        assert b["writes"]["throttled_until"] and b["reason"] is None
        assert b["throttled_until"] is None
        sim.patch_workflow("acme/shop", "deploy.yml", state="active")
        fresh(d, d.provision("acme/shop"))


# Several of them.

def test_credentials_by_owner(tmp_path, sim):
    """Each owner's, in any letter case, else who serves all; below a path as
    a GitHub Enterprise Server has it."""
    with GitHubSim(tmp_path, base="/api/v3") as ges:
        # The same numbers as the first one's here: they are another's.
        ges.add_repo("Platform/core", workflows=["deploy.yml"])
        for name in ("one", "two", "all"):
            secret(tmp_path / name, "token-" + name)
        sim.add_repo("Zoo/ape", workflows=["deploy.yml"])
        with daemon(
                tmp_path,
                block("rest", sim.url, 'token file "%s"' % (
                    tmp_path / "all")),
                block("zoo", sim.url, 'token file "%s"' % (
                    tmp_path / "one"), 'owners { "other" "zoo" }'),
                block("ges", ges.url + "/", 'token file "%s"' % (
                    tmp_path / "two"), 'owners { "platform" }',
                    "limits none")) as d:
            for repo in ("acme/shop", "zoo/APE", "platform/core"):
                fresh(d, d.provision(repo))
            assert {r["token"] for r in sim.requests(path="/acme/")} == \
                {token_id("token-all")}
            assert {r["token"] for r in sim.requests(path="/[Zz]oo/")} == \
                {token_id("token-one")}
            asked = ges.requests(path="/repos/")
            assert {r["token"] for r in asked} == {token_id("token-two")}
            assert all(r["path"].startswith("/api/v3/") for r in asked)
            # Told once a second at most.
            wait_until(lambda: [b["credential"] for b in d.request(
                "GET", "/api/budget")[1]["budgets"]] == [
                    "rest", "zoo", "ges"], what="all budgets")


# Must show: no request to another host carries a token.

class Stranger:
    """Another host: a port that takes whatever comes, and remembers it."""

    def __enter__(self):
        self.heads = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one_request(self):
                outer.heads.append(self.connection.recv(65536))
                self.close_connection = True

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.05,))
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def stranger():
    with Stranger() as s:
        yield s


def elsewhere(sim, stranger):
    """Addresses of another host, some of which look like GitHub's own."""
    own = sim.ports["http"]
    return ["http://127.0.0.1:%d/x" % stranger.port,
            "//127.0.0.1:%d/x" % stranger.port,
            "http://127.0.0.1:%d@127.0.0.1:%d/x" % (own, stranger.port),
            "http://localhost:%d/x" % stranger.port,
            "HTTP://127.0.0.1:%d\\@127.0.0.1:%d/x" % (own, stranger.port)]


def test_stranger_sees_what_comes(stranger):
    """The tests below would notice."""
    with pytest.raises((OSError, http.client.HTTPException)):
        c = http.client.HTTPConnection("127.0.0.1", stranger.port, timeout=5)
        c.request("GET", "/x", headers={"Authorization": "Bearer ght"})
        c.getresponse()
    assert b"Authorization: Bearer ght" in stranger.heads[0]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_to_another_host(tmp_path, sim, stranger, status):
    with daemon(tmp_path, block("default", sim.url, 'token file "%s"' %
                                secret(tmp_path / "t", "ght"))) as d:
        for where in elsewhere(sim, stranger):
            fault = sim.fault("status", path="^/repos/acme/shop$",
                              status=status, headers={"Location": where})
            code, r = d.request("POST", "/api/pipelines/provision", {
                "repo": "acme/shop", "workflow_file": "deploy.yml"})
            assert code == 502 and "redirects to another host" in r["error"]
            assert sim.faults()[-1]["hits"] == 1
            sim.clear_fault(fault)
        # What changes something.
        sim.patch_workflow("acme/shop", "deploy.yml",
                           state="disabled_manually")
        sim.fault("status", method="PUT", status=status, headers={
            "Location": "http://127.0.0.1:%d/x" % stranger.port})
        code, r = d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"})
        assert code == 502 and "redirects to another host" in r["error"], r
        assert sim.faults()[-1]["hits"] == 1
    assert stranger.heads == []


def test_next_page_at_another_host(tmp_path, sim, stranger):
    """A Link's path is asked of our own GitHub, whatever host it names."""
    sim.add_run("acme/shop", "deploy.yml", conclusion="success", age=60)
    with urllib.request.urlopen(urllib.request.Request(
            sim.url + "/repos/acme/shop/actions/runs",
            headers={"Authorization": "Bearer ght"})) as page:
        body = json.load(page)
    sim.fault("status", path=r"/workflows/.*/runs\?", count=1, status=200,
              body={**body, "total_count": 150}, headers={
                  "Link": '<http://127.0.0.1:%d/repositories/1/actions/runs'
                  '?page=2>; rel="next"' % stranger.port})
    with daemon(tmp_path, block("default", sim.url, 'token file "%s"' %
                                secret(tmp_path / "t", "ght"))) as d:
        d.provision("acme/shop")
        sim.wait_for(1, path="^/repositories/1/actions/runs.page=2")
        assert sim.faults()[0]["hits"] == 1
    assert stranger.heads == []


def test_jwt_redirected(tmp_path, sim, key, stranger):
    for status in (302, 307):
        sim.fault("status", path="access_tokens", status=status, count=1,
                  headers={"Location": "http://127.0.0.1:%d/x" %
                           stranger.port})
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        code, r = d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"})
        assert code == 502 and "GitHub answered 302" in r["error"], r
        wait_until(lambda: d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"})[0] == 201,
            20, "an answer that is none of these")
    assert stranger.heads == []


# Must show: TLS to a wrong name or CA is refused.

def certificate(path, name):
    """One that is its own authority, for that name alone."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
         "/CN=" + name.split(":")[1], "-addext", "subjectAltName=" + name,
         "-keyout", str(path.with_suffix(".key")), "-out", str(path)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


@pytest.mark.parametrize("name,trusted,good", [
    ("IP:127.0.0.1", "own", True),
    ("DNS:github.example", "own", False),
    ("IP:127.0.0.2", "own", False),
    ("IP:127.0.0.1", "other", False),
    ("IP:127.0.0.1", "system", False),
])
def test_tls(tmp_path, key, keys, name, trusted, good):  # noqa: F811
    certificate(tmp_path / "githubsim.crt", name)
    ca = {"own": tmp_path / "githubsim.crt",
          "other": certificate(tmp_path / "other.crt", "IP:127.0.0.1"),
          "system": None}[trusted]
    with GitHubSim(tmp_path, tls=True) as s:
        s.add_repo("acme/shop", workflows=["deploy.yml"])
        s.add_repo("zoo/ape", workflows=["deploy.yml"])
        s.app(APP, public_key=keys[0][1], permissions=GRANTS,
              installations=[{"id": AT, "account": "zoo"}])
        more = ['ca file "%s"' % ca] if ca else []
        with daemon(
                tmp_path,
                block("token", s.https_url, 'token file "%s"' %
                      secret(tmp_path / "t", "ght"), *more),
                block("app", s.https_url, app_line(key),
                      'owners { "zoo" }', *more)) as d:
            for repo in ("acme/shop", "zoo/ape"):
                code, r = d.request("POST", "/api/pipelines/provision", {
                    "repo": repo, "workflow_file": "deploy.yml"})
                if good:
                    assert code == 201, r
                else:
                    assert code == 502 and "SSL" in r["error"], r
        assert bool(s.requests(port="https")) == good


# The doctor.

def doctor(d, pipeline=None):
    status, r = d.request("GET", "/api/doctor" + (
        "?id=" + pipeline if pipeline else ""))
    assert status == 200 and r["success"] is True, r
    return r


def needs(credential):
    return {n["permission"]: n["has"] for n in credential["needs"]}


def with_token(tmp_path, sim, name="t", **members):
    sim.token(name, **members)
    return daemon(tmp_path, block("default", sim.url, 'token file "%s"' %
                                  secret(tmp_path / "token", name)))


@pytest.mark.parametrize("members,kind,has", [
    ({"scopes": "repo, workflow"}, "classic", (True, True, True)),
    ({"grants": {"actions": "write", "contents": "read"}}, "fine-grained",
     (True, True, True)),
    ({"grants": {"actions": "read"}}, "fine-grained", (True, False, False)),
    ({"grants": {"actions": "write"}}, "fine-grained", (True, True, False)),
])
def test_doctor_says_what_a_token_may(tmp_path, sim, members, kind, has):
    with with_token(tmp_path, sim, user="mona", **members) as d:
        pipeline = d.provision("acme/shop")
        fresh(d, pipeline)
        mark = sim.mark()
        r = doctor(d)
        c = r["credentials"][0]
        assert c["credential"] == "default" and c["account"] == "mona"
        assert c["token"]["kind"] == kind
        assert c["token"]["scopes"] == members.get("scopes")
        assert needs(c) == dict(zip(
            ("actions=read", "actions=write", "contents=read"), has))
        assert any("may not change Actions" in p for p in c["problems"]) \
            == (not has[1])
        p = r["pipelines"][0]
        assert p["pipeline_id"] == pipeline and p["state"] == "active"
        assert p["dispatch"] is (True if has[2] else None)
        # Nothing was changed to find that out.
        for q in sim.requests(since=mark):
            assert q["method"] == "GET" or (q["method"] == "POST" and q[
                "path"].endswith("/actions/runs/0/cancel") and
                q["status"] in (403, 404)), q


def test_doctor_of_an_app(tmp_path, sim, key):
    with daemon(tmp_path, block("app", sim.url, app_line(key))) as d:
        d.provision("acme/shop")
        mark = sim.mark()
        c = doctor(d)["credentials"][0]
        assert c["token"]["kind"] == "app" and c["token"]["app"] == APP
        assert c["token"]["installation"] == AT and c["repositories"] == 1
        assert "actions=write" in c["token"]["permissions"]
        assert needs(c) == {"actions=read": True, "actions=write": True,
                            "contents=read": False}
        assert not sim.requests(since=mark, method="POST")


@pytest.mark.parametrize("change,words", [
    (lambda sim: sim.patch_repo("acme/shop", deleted=True),
     "404: the repository is not there, or the token has no access"),
    (lambda sim: sim.patch_workflow("acme/shop", "deploy.yml",
                                    state="disabled_inactivity"),
     "60 days without activity (disabled_inactivity)"),
    (lambda sim: sim.patch_workflow("acme/shop", "deploy.yml",
                                    dispatch=False),
     "no workflow_dispatch trigger"),
])
def test_doctor_says_what_is_wrong(tmp_path, sim, change, words):
    with with_token(tmp_path, sim, scopes="repo") as d:
        pipeline = d.provision("acme/shop")
        assert doctor(d, pipeline)["pipelines"][0]["problems"] == []
        change(sim)
        r = doctor(d, pipeline)
        assert (r["checked"], r["total"]) == (1, 1)
        assert any(words in p for p in r["pipelines"][0]["problems"]), r
        shown = d.ctl("doctor", pipeline)
        assert shown.returncode == 0, shown.stderr
        assert words.split(":")[0] in " ".join(shown.stdout.split())
        assert json.loads(d.ctl("doctor", "-j").stdout)["total"] == 1


@pytest.mark.parametrize("trigger,grants,told", [
    (False, {"actions": "write", "contents": "read"}, True),
    (True, {"actions": "write", "contents": "read"}, False),
    # It may not be read: that is no reason to warn, nor to refuse.
    (False, {"actions": "write"}, False),
])
def test_provision_warns_of_what_can_not_be_triggered(tmp_path, sim, trigger,
                                                      grants, told):
    with with_token(tmp_path, sim, grants=grants) as d:
        sim.patch_workflow("acme/shop", "deploy.yml", dispatch=trigger)
        body = {"repo": "acme/shop", "workflow_file": "deploy.yml"}
        status, r = d.request("POST", "/api/pipelines/provision", body)
        assert status == 201, r
        warned = [w for w in r.get("warnings", [])
                  if "no workflow_dispatch trigger" in w]
        assert len(warned) == (1 if told else 0), r
        # It is true: GitHub refuses to start what was warned of.
        status, t = d.request("POST", "/api/pipelines/%s/trigger" %
                              r["pipeline_id"], {})
        assert status == (202 if trigger else 502), t
        if told:
            assert d.request("DELETE", "/api/pipelines/" +
                             r["pipeline_id"])[0] == 200
            again = d.ctl("provision", "acme/shop", "-w", "deploy.yml")
            assert again.returncode == 0, again.stderr
            assert "workflow_dispatch" in again.stdout + again.stderr


def test_provision_does_not_wait_for_a_file(tmp_path, sim):
    with with_token(tmp_path, sim, scopes="repo") as d:
        sim.fault("hang", path="/contents/")
        began = time.monotonic()
        status, r = d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"})
        assert status == 201 and "warnings" not in r, r
        assert 1.5 < time.monotonic() - began < 6


def test_doctor_of_a_token_that_is_not_taken(tmp_path, sim):
    with with_token(tmp_path, sim, valid=False) as d:
        c = doctor(d)["credentials"][0]
        assert c["token"]["kind"] == "unknown"
        assert "wrong, has ended, or was revoked" in c["problems"][0]
        assert needs(c)["actions=write"] is None
        assert d.request("GET", "/api/doctor?id=pipe_0123456789ab")[0] == 404


def in_days(days):
    at = datetime.datetime.now(datetime.timezone.utc) + \
        datetime.timedelta(days=days, minutes=5)
    return at


@pytest.mark.parametrize("days,words", [
    (40, None), (29, "in 29 days"), (6, "in 6 days"), (1, "in 1 day,"),
    (0, "ends today"), (-1, "ended on")])
@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S UTC",
                                  "%Y-%m-%d %H:%M:%S -0700"])
def test_token_that_ends(tmp_path, sim, days, words, form):
    at = in_days(days)
    shown = at - datetime.timedelta(hours=7 if "-0700" in form else 0)
    with with_token(tmp_path, sim, scopes="repo",
                    expiration=shown.strftime(form)) as d:
        status, r = d.request("POST", "/api/pipelines/provision", {
            "repo": "acme/shop", "workflow_file": "deploy.yml"})
        fresh(d, r["pipeline_id"])
        c = doctor(d)["credentials"][0]
        assert c["token"]["ends"] == at.strftime("%Y-%m-%dT%H:%M:%SZ")
        for told in (c["problems"], r.get("warnings", [])):
            assert any(words in p for p in told) if words else told == []
        # Once in the log, however many answers say it.
        if words:
            wait_until(lambda: "the token end" in d.log(), 15, "in the log")
        assert d.log().count("the token end") == (1 if words else 0)
        shown = json.loads(d.ctl("status", "-j").stdout)["warnings"]
        if words:
            wait_until(lambda: words in " ".join(
                d.ctl("status").stdout.split()), 15, "in the status")
        else:
            assert shown == []
