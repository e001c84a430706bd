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


"""What others read: Prometheus, cctray, badges; and wrong tokens."""

import concurrent.futures
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
import xml.etree.ElementTree

import pytest

from daemon import BUILD, TOKEN, Daemon, token_hash, wait_until
from test_build import sanitized

USERS = [None] + (["nobody"] if os.geteuid() == 0 else [])
REPOSITORIES = {"acme/" + name: ["deploy.yml"] for name in ("shop", "api")}


def scrape(d):
    """{(name, labels): value}, by the text format's own rules."""
    status, head, data = d.raw("GET", "/metrics")
    assert status == 200
    assert head["Content-Type"] == \
        "text/plain; version=0.0.4; charset=utf-8"
    found = {}
    for line in data.decode().splitlines():
        if line.startswith("#"):
            continue
        m = re.fullmatch(r'(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)',
                         line)
        assert m, line
        labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"',
                                      m.group(2) or ""))
        assert (m.group(1), labels) not in found, line
        found[m.group(1), labels] = float(m.group(3))
    return found


def of(found, name, **labels):
    return {ls: v for (n, ls), v in found.items()
            if n == name and frozenset(labels.items()) <= ls}


def one(found, name, **labels):
    values = list(of(found, name, **labels).values())
    assert len(values) == 1, (name, labels, values)
    return values[0]


def promtool(text):
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (package prometheus)")
    return subprocess.run([tool, "check", "metrics"], input=text,
                          capture_output=True)


def test_metrics(d, sim):
    shop, api = d.provision("acme/shop"), d.provision("acme/api")
    sim.add_run("acme/shop", "deploy.yml", conclusion="failure")
    sim.add_run("acme/shop", "deploy.yml", conclusion="success")
    sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                conclusion=None)
    sim.add_run("acme/shop", "deploy.yml", status="queued", conclusion=None)
    s = d.wait_stats(shop, lambda s: s["queue_length"] == 1)
    d.wait_stats(api, lambda s: not s["stale"])
    m = scrape(d)
    where = {"pipeline": shop, "repository": "acme/shop"}
    assert one(m, "ccm_pipeline_state", state="active", **where) == 1
    assert one(m, "ccm_pipeline_state", state="error", **where) == 0
    assert one(m, "ccm_pipeline_active_runs", **where) == 1
    assert one(m, "ccm_pipeline_queued_runs", **where) == 1
    assert one(m, "ccm_pipeline_success_ratio", **where) == 0.5
    assert one(m, "ccm_pipeline_health_score", **where) == s["health_score"]
    assert one(m, "ccm_pipeline_last_run_success", **where) == (
        s["last_run"]["status"] == "success")
    assert one(m, "ccm_pipeline_last_run_duration_seconds", **where) == \
        s["last_run"]["duration_seconds"]
    assert abs(one(m, "ccm_pipeline_last_run_timestamp_seconds", **where) -
               time.time()) < 3600
    assert one(m, "ccm_pipeline_stale", **where) == 0
    assert abs(one(m, "ccm_pipeline_last_look_timestamp_seconds", **where) -
               time.time()) < 30
    # Of a pipeline without runs there is no rate and no last run.
    for name in ("success_ratio", "average_duration_seconds",
                 "last_run_success", "last_run_timestamp_seconds"):
        assert not of(m, "ccm_pipeline_" + name, pipeline=api), name
    wait_until(lambda: any(of(scrape(d), "ccm_github_answers_total",
                              credential="default", outcome="ok").values()),
               what="answers of GitHub")
    # A pipeline goes, and so do its series.
    d.request("DELETE", "/api/pipelines/" + shop)
    m = scrape(d)
    assert not [k for k in m if ("pipeline", shop) in k[1]]
    assert [k for k in m if ("pipeline", api) in k[1]]


def test_metrics_of_requests(d):
    before = scrape(d)
    for _ in range(3):
        d.request("GET", "/api/pipelines")
    d.request("GET", "/api/pipelines", token="wrong")
    d.request("GET", "/api/nothing")
    m = scrape(d)

    def grown(name, **labels):
        return sum(of(m, name, **labels).values()) - sum(
            of(before, name, **labels).values())
    assert grown("ccm_http_requests_total", verb="pipeline.list",
                 code="200") == 3
    assert grown("ccm_http_requests_total", verb="pipeline.list",
                 code="401") == 1
    assert grown("ccm_http_requests_total", verb="none", code="404") == 1
    assert grown("ccm_http_refused_tokens_total") == 1
    name = "ccm_http_request_duration_seconds"
    assert grown(name + "_count", verb="pipeline.list") == 4
    assert grown(name + "_bucket", verb="pipeline.list", le="+Inf") == 4
    bounds = sorted((float(dict(ls)["le"]), v) for ls, v in of(
        m, name + "_bucket", verb="pipeline.list").items())
    assert [v for _, v in bounds] == sorted(v for _, v in bounds)
    assert grown(name + "_sum", verb="pipeline.list") < 4
    assert one(m, "ccm_http_connections") == 1


def status_of(pid, field):
    text = open("/proc/%d/status" % pid).read()
    return int(re.search(r"^%s:\s*(\d+)" % field, text, re.M).group(1))


@pytest.mark.parametrize("user", USERS)
def test_metrics_of_processes(tmp_path, user):
    """Each tells its own figures: they are what the kernel says of it."""
    with Daemon(tmp_path, user=user) as d:
        # The parent has its say when all of them run.
        m = wait_until(lambda: (lambda m: m if len(of(
            m, "process_open_fds")) == 4 else None)(scrape(d)),
                       what="four processes")
        pids = d.pids()
        assert len(pids) == 4
        for name, pid in pids.items():
            which = {"process": {"ccmd": "parent"}.get(
                name, name.removeprefix("ccmd-"))}
            mine = status_of(pid, "VmRSS") * 1024
            # Since it said so it may have grown.
            told = one(m, "process_resident_memory_bytes", **which)
            assert mine / 2 <= told <= mine * 2, name
            assert told < one(m, "process_virtual_memory_bytes", **which)
            assert one(m, "process_cpu_seconds_total", **which) > 0
            assert abs(one(m, "process_start_time_seconds", **which) -
                       time.time()) < 600
            limits = open("/proc/%d/limits" % pid).read()
            assert one(m, "process_max_fds", **which) == int(
                re.search(r"Max open files +(\d+)", limits).group(1))
            fds = len(os.listdir("/proc/%d/fd" % pid)) \
                if os.geteuid() == 0 else None
            assert fds is None or abs(
                one(m, "process_open_fds", **which) - fds) <= 8, name
        # The api's are those of the moment.
        held = []
        before = one(m, "process_open_fds", process="api")
        for _ in range(20):
            held.append(socket.create_connection(("127.0.0.1", d.port)))
        wait_until(lambda: one(scrape(d), "process_open_fds",
                               process="api") == before + 20,
                   what="20 descriptors more")
        for s in held:
            s.close()


def test_metrics_of_looks(d, sim):
    """What came of each look, as GitHub's answers were."""
    def looks(outcome):
        return one(scrape(d), "ccm_github_looks_total",
                   credential="default", outcome=outcome)
    shop = d.provision("acme/shop")
    d.wait_stats(shop, lambda s: not s["stale"])
    sim.wait_for(2, path="/actions/runs", status=304)
    assert looks("changed") >= 1 and looks("failed") == 0
    # A failure is news: the counts that waited come with it.
    sim.fault("status", status=500, path="/repos/acme/shop")
    wait_until(lambda: looks("failed") >= 1, timeout=30,
               what="looks that failed")
    assert looks("unchanged") >= 2
    # No more of them than requests for lists of runs.
    assert looks("changed") + looks("unchanged") + looks("failed") <= len([
        q for q in sim.requests() if "/actions/runs" in q["path"]])


def test_metrics_of_the_registry(d, sim):
    m = scrape(d)
    assert one(m, "ccm_registry_writable") == 1
    assert sum(of(m, "ccm_registry_fault").values()) == 0
    assert len(of(m, "ccm_registry_fault")) == 3
    saves = one(m, "ccm_registry_saves_total")
    changes = one(m, "ccm_registry_changes_total")
    assert one(m, "ccm_registry_failed_saves_total") == 0
    d.provision("acme/shop")
    d.provision("acme/api")
    m = wait_until(lambda: (lambda m: m if one(
        m, "ccm_registry_changes_total") >= changes + 2 else None)(
            scrape(d)), what="two changes")
    assert one(m, "ccm_registry_saves_total") > saves
    assert 0 <= one(m, "ccm_registry_last_save_duration_seconds") < 10
    assert not of(m, "ccm_registry_fault_timestamp_seconds")


def test_promtool(d, sim):
    shop = d.provision("acme/shop")
    sim.add_run("acme/shop", "deploy.yml", conclusion="success")
    d.wait_stats(shop, lambda s: s["last_run"])
    r = promtool(d.raw("GET", "/metrics")[2])
    assert (r.returncode, r.stdout, r.stderr) == (0, b"", b"")
    # It would say if something were wrong.
    assert promtool(b"# TYPE x counter\nx 1\n").returncode != 0


def test_cctray(d, sim):
    shop, api = d.provision("acme/shop"), d.provision("acme/api")
    run = sim.add_run("acme/shop", "deploy.yml", conclusion="failure")
    sim.add_run("acme/shop", "deploy.yml", status="in_progress",
                conclusion=None)
    s = d.wait_stats(shop, lambda s: s["last_run"] and s["current_run"])
    status, head, data = d.raw("GET", "/cc.xml")
    assert status == 200 and head["Content-Type"] == "application/xml"
    tree = xml.etree.ElementTree.fromstring(data)
    assert tree.tag == "Projects" and {p.tag for p in tree} == {"Project"}
    projects = {p.get("name"): p.attrib for p in tree}
    assert projects["acme/shop deploy.yml"] == {
        "name": "acme/shop deploy.yml", "activity": "Building",
        "lastBuildStatus": "Failure", "lastBuildLabel": str(run),
        "lastBuildTime": s["last_run"]["timestamp"],
        "webUrl": d.registry()["pipelines"][shop]["github"]["html_url"] +
        "/actions/workflows/deploy.yml"}
    assert projects["acme/api deploy.yml"]["activity"] == "Sleeping"
    assert projects["acme/api deploy.yml"]["lastBuildStatus"] == "Unknown"
    d.request("DELETE", "/api/pipelines/" + api)
    tree = xml.etree.ElementTree.fromstring(d.raw("GET", "/cc.xml")[2])
    assert [p.get("name") for p in tree] == ["acme/shop deploy.yml"]


def test_many_pipelines_are_told_in_turns(tmp_path):
    """More than one turn of the loop makes: each is there once, whoever asks
    meanwhile, pipelines the next request behind it, or goes."""
    n = 600
    docs = {"pipe_%012x" % i: {
        "pipeline_id": "pipe_%012x" % i, "repository": "acme/r%03d" % i,
        "workflow_file": ".github/workflows/deploy.yml", "status": "active",
        "created_at": "2026-01-05T10:%02d:%02dZ" % (i // 60, i % 60),
        "last_updated": "2026-01-05T10:30:00Z", "config": {},
        "github": {"repository_id": i + 1, "workflow_id": i + 1}}
        for i in range(n)}
    d = Daemon(tmp_path, start=False)
    d.state.mkdir(mode=0o700)
    (d.state / "pipelines.json").write_text(json.dumps({
        "pipelines": docs, "registry_version": "2.0",
        "last_updated": "2026-01-05T10:30:00Z"}))
    with d.start():
        found = of(scrape(d), "ccm_pipeline_state", state="active")
        assert {dict(ls)["pipeline"]: dict(ls)["repository"]
                for ls in found} == {
            k: v["repository"] for k, v in docs.items()}
        names = re.findall(rb'name="acme/(r\d+) deploy.yml"',
                           d.raw("GET", "/cc.xml")[2])
        assert names == [b"r%03d" % i for i in range(n)]
        ask = "GET %%s HTTP/1.1\r\nHost: x\r\nCCM-Token: %s\r\n%%s\r\n" % \
            d.token
        for _ in range(5):
            # The first of these goes before it has its answer.
            with socket.create_connection(("127.0.0.1", d.port)) as s:
                s.sendall((ask % ("/metrics", "")).encode())
            with socket.create_connection(("127.0.0.1", d.port)) as s:
                s.settimeout(20)
                s.sendall((ask % ("/metrics", "") + ask % (
                    "/healthz", "Connection: close\r\n")).encode())
                got = b"".join(iter(lambda: s.recv(1 << 20), b""))
            first, _, second = got.partition(b"HTTP/1.1 200 OK\r\n")[
                2].partition(b"HTTP/1.1 200 OK\r\n")
            assert first.count(b"\nccm_pipeline_stale{") == n
            assert second.endswith(b'"status":"ok"}')
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for text in pool.map(lambda _: d.raw("GET", "/metrics")[2],
                                 range(24)):
                assert text.count(b"\nccm_pipeline_stale{") == n
        assert promtool(text).returncode == 0


def badge(d, pipe):
    status, head, data = d.raw("GET", "/badge/%s.svg" % pipe)
    assert status == 200 and head["Content-Type"] == "image/svg+xml"
    tree = xml.etree.ElementTree.fromstring(data)
    svg = "{http://www.w3.org/2000/svg}"
    assert tree.tag == svg + "svg"
    return [t.text for t in tree.iter(svg + "text")]


def test_badges(d, sim):
    shop = d.provision("acme/shop")
    d.wait_stats(shop, lambda s: not s["stale"])
    assert badge(d, shop) == ["shop", "no runs"]
    first = sim.add_run("acme/shop", "deploy.yml", status="in_progress")
    d.wait_stats(shop, lambda s: s["current_run"])
    assert badge(d, shop) == ["shop", "running"]
    sim.patch_run("acme/shop", first, status="completed",
                  conclusion="neutral")
    for conclusion, word in (("success", "passing"), ("failure", "failing"),
                             ("cancelled", "cancelled"),
                             ("action_required", "unknown")):
        run = sim.add_run("acme/shop", "deploy.yml", conclusion=conclusion)
        d.wait_stats(shop, lambda s: s["last_run"] and
                     s["last_run"]["run_id"] == run)
        assert badge(d, shop) == ["shop", word]
    d.request("DELETE", "/api/pipelines/" + shop)
    assert badge(d, shop) == ["shop", "inactive"]
    for path in ("/badge/pipe_ffffffffffff.svg", "/badge/%s" % shop,
                 "/badge/.svg", "/badge/%s.png" % shop,
                 "/badge/%2e%2e%2fx.svg"):
        assert d.request("GET", path)[0] == 404, path


def test_public_only_where_configured(tmp_path):
    paths = {"metrics": "/metrics", "cctray": "/cc.xml",
             "badges": "/badge/pipe_ffffffffffff.svg"}
    everything = {**paths, "api": "/api/pipelines"}

    def closed(d):
        return {name for name, path in everything.items()
                if d.raw("GET", path, token="wrong")[0] == 401}
    with Daemon(tmp_path) as d:
        assert closed(d) == set(everything)
        text = d.conf_path.read_text()
        for names in (["metrics"], ["cctray", "badges"]):
            d.stop()
            d.conf_path.write_text(text + "public %s\n" % " ".join(names))
            d.start()
            assert closed(d) == set(everything) - set(names)
            doc = d.request("GET", "/api/openapi.json")[1]
            op = doc["paths"]["/metrics"]["get"]
            assert (op["security"] == []) == ("metrics" in names)
        d.stop()
        d.conf_path.write_text(text + "public everything\n")
        r = subprocess.run(d.argv("-n"), env=d.env, capture_output=True,
                           text=True)
        assert r.returncode == 1
        assert "public: metrics, cctray or badges was expected" in r.stderr


# --- Wrong tokens.

def wrong(port, n, source="127.0.0.1"):
    """n wrong tokens over one connection: seconds each took."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=30,
                                   source_address=(source, 0))
    took = []
    for i in range(n):
        start = time.monotonic()
        c.request("GET", "/api/pipelines", headers={
            "CCM-Token": "wrong-%d" % i})
        r = c.getresponse()
        assert (r.status, b"Invalid CCM-Token" in r.read()) == (401, True)
        took.append(time.monotonic() - start)
    c.close()
    return took


def test_wrong_tokens_are_slowed_down(d):
    """Per address; a right one from there never is."""
    wrong(d.port, 11)
    took = wrong(d.port, 5)
    assert min(took) > 0.09, took
    start = time.monotonic()
    for _ in range(20):
        assert d.request("GET", "/api/pipelines")[0] == 200
    assert (time.monotonic() - start) / 20 < 0.09
    # Another address has its own ten.
    assert min(wrong(d.port, 3, "127.0.0.2")) < 0.09


def test_a_right_token_behind_a_wrong_one(d):
    """Pipelined: each gets its own answer, in order."""
    wrong(d.port, 11)

    def request(token):
        return (b"GET /api/stats HTTP/1.1\r\nHost: x\r\nCCM-Token: %s\r\n"
                b"\r\n" % token)
    with socket.create_connection(("127.0.0.1", d.port), timeout=10) as s:
        s.sendall(request(b"wrong") + request(TOKEN.encode()) +
                  request(b"wrong"))
        got = b""
        while got.count(b"HTTP/1.1 ") < 3 or not got.endswith(b"}"):
            got += s.recv(65536)
        assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"401", b"200",
                                                       b"401"]
    # Who only says that nothing more comes gets its answer.
    with socket.create_connection(("127.0.0.1", d.port), timeout=10) as s:
        s.sendall(request(b"wrong"))
        s.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := s.recv(65536):
            got += chunk
        assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"401"]
    # Who goes away while its answer waits is gone.
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", d.port)) as s:
            s.sendall(request(b"wrong"))
    wait_until(lambda: one(scrape(d), "ccm_http_connections") == 1)


def rss(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_10000_wrong_tokens(tmp_path):
    """From 200 addresses at once: at most 512 KB of audit log, nothing
    lasting in memory, and a right token goes through meanwhile."""
    n, threads = 10000, 200
    with Daemon(tmp_path, tokens={"test": ("viewer", TOKEN)}) as d:
        api = d.pids()["ccmd-api"]
        wrong(d.port, 200 // 20)
        d.request("GET", "/api/pipelines")
        audit = d.state / "logs" / "audit.log"
        before = audit.stat().st_size if audit.exists() else 0
        memory = rss(api)
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            jobs = [pool.submit(wrong, d.port, n // threads, "127.0.1.%d" %
                                (i + 1)) for i in range(threads)]
            slowest = 0
            while not all(j.done() for j in jobs):
                start = time.monotonic()
                assert d.request("GET", "/api/pipelines", timeout=30)[
                    0] == 200
                slowest = max(slowest, time.monotonic() - start)
                time.sleep(0.05)
            for j in jobs:
                j.result()
        # What is freed stays for a while in a build with sanitizers.
        assert sanitized() or rss(api) - memory < 2 << 20
        m = scrape(d)
        assert one(m, "ccm_http_refused_tokens_total") >= n
        # What the minute's end writes: a line an address, and one of the
        # others; the log holds no token.
        d.stop()
        text = audit.read_text() if audit.exists() else ""
        assert len(text.encode()) - before <= 512 * 1024
        assert "wrong-" not in text + d.log() and TOKEN not in text + d.log()


@pytest.mark.parametrize("user", USERS)
def test_no_core(tmp_path, sim, user):
    """None of the processes that hold tokens or their hashes can leave a
    core, nor be looked into by its own user."""
    with Daemon(tmp_path, github_url=sim.url, user=user) as d:
        for name, pid in d.pids().items():
            with open("/proc/%d/limits" % pid) as f:
                core = re.search(r"core file size +(\d+|unlimited)",
                                 f.read()).group(1)
            # Files of an undumpable process belong to root.
            owner = os.stat("/proc/%d/environ" % pid).st_uid
            assert owner == 0, name
            assert name == "ccmd" or core == "0", (name, core)


# --- ccmctl token new.

def token_new(*args):
    return subprocess.run(
        [str(BUILD / "ccmctl/ccmctl"), "token", "new", *args],
        env={"PATH": os.environ["PATH"], "CCM_SOCKET": "/nonexistent"},
        capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("role,status", [
    ("viewer", 403), ("api", 404), ("admin", 404)])
def test_token_new(tmp_path, role, status):
    """Its line goes into ccmd.conf as it is, and its token works."""
    r = token_new("-r", role, "deployer-1")
    assert r.returncode == 0 and r.stderr == ""
    token, line = r.stdout.splitlines()
    assert re.fullmatch(r"ccm_[A-Za-z0-9_-]{43}", token)
    assert line == 'api token "deployer-1" role %s hash "%s"' % (
        role, token_hash(token))
    with Daemon(tmp_path, conf=line + "\n") as d:
        assert d.request("GET", "/api/pipelines", token=token)[0] == 200
        assert d.request("DELETE", "/api/pipelines/pipe_ffffffffffff",
                         token=token)[0] == status


def test_token_new_expires(tmp_path):
    with Daemon(tmp_path, start=False) as d:
        tokens = {}
        for date in ("2020-02-29", "2099-12-31"):
            r = token_new("-r", "viewer", "-e", "2099-12-31",
                          "until-" + date)
            tokens[date], line = r.stdout.splitlines()
            assert line.endswith(" expires 2099-12-31")
            with open(d.conf_path, "a") as f:
                f.write(line.replace("2099-12-31", date) + "\n")
        d.start()
        assert [d.request("GET", "/api/pipelines", token=t)[0]
                for t in tokens.values()] == [401, 200]


def test_token_new_as_json():
    r = token_new("-j", "-r", "api", "x")
    assert r.returncode == 0, r.stderr
    o = json.loads(r.stdout)
    assert o["hash"] == token_hash(o["token"])
    assert o["line"] == 'api token "x" role api hash "%s"' % o["hash"]


def test_tokens_differ():
    assert len({token_new("-r", "api", "x").stdout.split()[0]
                for _ in range(20)}) == 20


@pytest.mark.parametrize("args", [
    [], ["x"], ["-r", "root", "x"], ["-r", "api"], ["-r", "api", ""],
    ["-r", "api", 'a"b'], ["-r", "api", "x" * 65], ["-r", "api", "a", "b"],
    ["-r", "api", "-e", "tomorrow", "x"],
    ["-r", "api", "-e", "2999-02-30", "x"],
    ["-r", "api", "-e", "2020-01-31", "x"]])
def test_token_new_refuses(args):
    r = token_new(*args)
    assert r.returncode == 2 and r.stdout == "" and r.stderr
