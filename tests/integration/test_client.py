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


"""etc/clients/ccm_api_client.py against the real daemon."""

import importlib.util
import json
import ssl
import subprocess
import sys
import threading

import pytest

from daemon import ROOT, TOKEN, free_port, wait_until

spec = importlib.util.spec_from_file_location(
    "ccm_api_client", ROOT / "etc/clients/ccm_api_client.py")
sys.dont_write_bytecode = True
client = importlib.util.module_from_spec(spec)
spec.loader.exec_module(client)

REPOSITORIES = {"myuser/myapp": ["deploy.yml"]}


@pytest.fixture
def ccm(d):
    return client.CCMClient("127.0.0.1", TOKEN, port=d.port)


def provision(ccm):
    return ccm.provision_pipeline(
        repo="myuser/myapp", workflow_file=".github/workflows/deploy.yml",
        domain="myapp.com", app_name="myapp")


def test_the_description_s_example(d, sim, ccm):
    sim.add_run("myuser/myapp", "deploy.yml", conclusion="success")
    pipeline_id = provision(ccm)
    d.wait_stats(pipeline_id, lambda s: s["last_run"])
    stats = ccm.get_pipeline_stats(pipeline_id)
    assert stats["health_score"] == 100
    assert ccm.get_pipeline_stats(pipeline_id, fresh=True)[
        "pipeline_id"] == pipeline_id
    assert ccm.teardown_pipeline(pipeline_id)["success"] is True
    assert provision(ccm) == pipeline_id


def test_reads_and_changes(d, sim, ccm):
    pipe = provision(ccm)
    run = sim.add_run("myuser/myapp", "deploy.yml", conclusion="failure",
                      head_branch="main")
    d.wait_stats(pipe, lambda s: s["last_run"])
    assert [p["pipeline_id"] for p in ccm.list_pipelines()] == [pipe]
    assert ccm.list_pipelines(status="inactive") == []
    assert ccm.list_pipelines(stats=True, limit=1)[0]["metrics"][
        "last_run"]["run_id"] == run
    assert ccm.get_pipeline(pipe)["repository"] == "myuser/myapp"
    assert [s["pipeline_id"] for s in ccm.get_all_stats()] == [pipe]
    assert [r["run_id"] for r in ccm.list_runs(pipe, branch="main")] == [run]
    assert ccm.list_runs(pipe, status="success") == []
    doc = ccm.update_pipeline(pipe, domain="shop.com", app_name="")
    assert doc["vps_integration"]["linked_domain"] == "shop.com"
    assert "linked_app" not in doc["vps_integration"]
    # The poller tells it once a second.
    assert wait_until(ccm.get_budget)[0]["credential"] == "default"
    assert ccm.is_ready()


def test_pages(d, sim, ccm):
    for i in range(5):
        sim.add_repo("myuser/r%d" % i, workflows=["deploy.yml"])
        ccm.provision_pipeline("myuser/r%d" % i, "deploy.yml")
    whole = ccm.list_pipelines()
    assert len(whole) == 5
    for limit in (1, 2, 5, 1000):
        assert ccm.list_pipelines(limit=limit) == whole


def test_runs(d, sim, ccm):
    pipe = provision(ccm)
    d.wait_stats(pipe, lambda s: not s["stale"])
    run = ccm.trigger_pipeline(pipe, branch="main")
    assert isinstance(run, int)
    d.wait_stats(pipe, lambda s: s["current_run"])
    assert ccm.cancel_run(pipe, run)["run_id"] == run
    d.wait_stats(pipe, lambda s: not s["current_run"])
    shown = ccm.get_run(pipe, run)
    assert (shown["run_id"], shown["conclusion"]) == (run, "cancelled")
    assert shown["jobs"][0]["steps"]
    assert "==> " in ccm.get_run_logs(pipe, run)
    assert ccm.rerun(pipe, run)["run_id"] == run


def test_hosts(d):
    """However one writes where it is."""
    for host, port in (("127.0.0.1:%d" % d.port, 1), ("127.0.0.1", d.port),
                       ("http://127.0.0.1:%d/" % d.port, 1),
                       ("[127.0.0.1", None), ("http://127.0.0.1/api", None),
                       ("ftp://127.0.0.1", None), ("", None),
                       ("u:p@127.0.0.1", None)):
        if port is None:
            with pytest.raises(ValueError):
                client.CCMClient(host, TOKEN)
        else:
            assert client.CCMClient(host, TOKEN, port=port).is_ready()
    for host in ("::1", "[::1]", "http://[::1]:5000"):
        ccm = client.CCMClient(host, TOKEN)
        assert (ccm.host, ccm.port) == ("::1", 5000)
    assert client.CCMClient("https://ccm:5443", TOKEN)._context is not None
    for host, port in (("https://ccm", 443), ("http://ccm/", 80),
                       ("ccm", 5000), ("https://ccm:5443", 5443)):
        assert client.CCMClient(host, TOKEN).port == port


def test_refusals(d, ccm):
    with pytest.raises(client.CCMError) as e:
        ccm.get_pipeline("pipe_ffffffffffff")
    assert (e.value.status, e.value.code) == (404, "pipeline_not_found")
    assert "Pipeline not found" in str(e.value)
    with pytest.raises(client.CCMError) as e:
        ccm.provision_pipeline("myuser/none", "deploy.yml")
    assert e.value.code == "repository_not_found"
    with pytest.raises(client.CCMError) as e:
        ccm.get_pipeline("../../etc")
    assert e.value.status == 404
    wrong = client.CCMClient("127.0.0.1", "wrong", port=d.port)
    with pytest.raises(client.CCMError) as e:
        wrong.list_pipelines()
    assert e.value.status == 401 and "wrong" not in str(e.value)
    gone = client.CCMClient("127.0.0.1", TOKEN, port=free_port())
    assert gone.is_ready() is False
    with pytest.raises(OSError):
        gone.list_pipelines()


def test_events_over_a_restart(d, sim, ccm):
    pipe = provision(ccm)
    d.wait_stats(pipe, lambda s: not s["stale"])
    seen = []
    events = ccm.events(snapshot=True)
    for e in events:
        seen.append(e.kind)
        if e.kind == "synced":
            break
    assert seen == ["reset", "pipeline", "stats", "synced"]
    d.kill("ccmd-registry")
    e = next(events)            # it came back by itself
    assert (e.kind, e.data) == ("reset", {"reason": "gap"})
    for e in events:
        if e.kind == "synced":
            break
    run = sim.add_run("myuser/myapp", "deploy.yml", conclusion="success")
    e = next(events)
    assert (e.kind, e.data["run_id"]) == ("run", run)
    events.close()


def test_over_tls(tmp_path, d, ccm):
    """A proxy with TLS stands before the daemon: a right name and
    authority pass, another does not."""
    key, crt = tmp_path / "key", tmp_path / "crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", crt,
         "-subj", "/CN=proxy", "-addext",
         "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    import http.server

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, _, body = d.raw("GET", self.path,
                                    token=self.headers["CCM-Token"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass
    with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            port = server.server_address[1]
            good = client.CCMClient("127.0.0.1", TOKEN, port=port,
                                    ca=str(crt))
            assert good.list_pipelines() == []
            # The same address by another name, which needs no resolver.
            for host, ca in (("127.0.0.1", None), ("127.1", str(crt))):
                with pytest.raises(ssl.SSLCertVerificationError):
                    client.CCMClient(host, TOKEN, port=port, tls=True,
                                     ca=ca).list_pipelines()
        finally:
            server.shutdown()
            thread.join()


def test_needs_the_standard_library_only():
    """In an interpreter without site-packages."""
    r = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c",
         "import importlib.util as u; s = u.spec_from_file_location("
         "'c', %r); m = u.module_from_spec(s); s.loader.exec_module(m); "
         "print(m.PORT)" % str(ROOT / "etc/clients/ccm_api_client.py")],
        capture_output=True, text=True, check=True)
    assert json.loads(r.stdout) == 5000
