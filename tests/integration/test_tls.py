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

"""TLS on a listener: versions, certificates that change, and clients that
don't keep to it."""

import http.client
import json
import signal
import socket
import ssl
import subprocess
import time

import pytest

from daemon import TOKEN, Daemon, drain, free_port, wait_until


def certificate(path, name, kind="ec"):
    """A key, and a certificate of that name; also for 127.0.0.1."""
    new = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
           "rsa": ["rsa:2048"]}[kind]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *new, "-nodes", "-days", "2",
         "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", path / (name + ".key"), "-out", path / (name + ".crt")],
        check=True, capture_output=True)
    (path / (name + ".key")).chmod(0o600)
    return path / (name + ".crt"), path / (name + ".key")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("certificates")
    return {"first": certificate(path, "first"),
            "second": certificate(path, "second", "rsa")}


class TLSDaemon(Daemon):
    """In use is a copy of a pair, so that it can be replaced."""

    def __init__(self, tmp, pair, conf="", **kwargs):
        self.tls_port = free_port()
        self.files = tmp / "api.crt", tmp / "api.key"
        self.put(pair)
        super().__init__(
            tmp, conf=conf + 'listen on 127.0.0.1 port %d tls certificate '
            '"%s" key "%s"\n' % (self.tls_port, *self.files), **kwargs)

    def put(self, pair):
        for new, to in zip(pair, self.files):
            to.write_bytes(new.read_bytes())
            to.chmod(0o600)

    def connect(self, **versions):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if versions:
            context.set_ciphers("ALL:@SECLEVEL=0")
        for name, version in versions.items():
            setattr(context, name + "imum_version", version)
        s = socket.create_connection(("127.0.0.1", self.tls_port), 15)
        return context.wrap_socket(s)

    def name(self, s):
        """Whose certificate it is that the other side showed."""
        der = s.getpeercert(binary_form=True)
        return subprocess.run(
            ["openssl", "x509", "-noout", "-subject"], check=True,
            input=ssl.DER_cert_to_PEM_cert(der), capture_output=True,
            text=True).stdout.rpartition("= ")[2].strip() or "?"

    def hangup(self):
        """SIGHUP; returns when it is in force, or refused."""
        mark = len(self.log())
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "in force" in self.log()[mark:], 20, "reload")
        return self.log()[mark:]


@pytest.fixture
def d(tmp_path, pairs):
    with TLSDaemon(tmp_path, pairs["first"],
                   conf="limits http { request 2 }\n") as daemon:
        yield daemon


def ask(s, path="/api/stats", close=False):
    s.sendall(("GET %s HTTP/1.1\r\nHost: x\r\nCCM-Token: %s\r\n%s\r\n" % (
        path, TOKEN, "Connection: close\r\n" if close else "")).encode())
    r = http.client.HTTPResponse(s)
    r.begin()
    return r.status, json.loads(r.read())


def test_versions(d):
    seen = set()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with d.connect(min=version, max=version) as s:
            assert ask(s)[0] == ask(s)[0] == 200
            seen.add((s.version(), s.cipher()[0].split("_")[0][:5]))
    assert seen == {("TLSv1.2", "ECDHE"), ("TLSv1.3", "TLS")}
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
            d.connect(min=version, max=version)


def test_the_chain_is_shown_and_verified(d):
    context = ssl.create_default_context(cafile=d.files[0])
    c = http.client.HTTPSConnection("127.0.0.1", d.tls_port, context=context)
    for _ in range(3):
        c.request("GET", "/api/stats", headers={"CCM-Token": TOKEN})
        r = c.getresponse()
        assert (r.status, json.loads(r.read())["success"]) == (200, True)
    c.close()


def test_other_protocols(d):
    """Another protocol by ALPN, none at all, and clear text."""
    context = ssl.create_default_context(cafile=d.files[0])
    for names, chosen in ((["h2", "http/1.1"], "http/1.1"), (["h2"], None)):
        context.set_alpn_protocols(names)
        s = socket.create_connection(("127.0.0.1", d.tls_port), 15)
        if chosen:
            with context.wrap_socket(s, server_hostname="127.0.0.1") as t:
                assert t.selected_alpn_protocol() == chosen
                assert ask(t)[0] == 200
        else:
            with pytest.raises(ssl.SSLError), s:
                context.wrap_socket(s, server_hostname="127.0.0.1")
    for text in (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100):
        with socket.create_connection(("127.0.0.1", d.tls_port), 15) as s:
            s.sendall(text)
            assert b"HTTP" not in drain(s)
    assert d.request("GET", "/healthz")[0] == 200


def test_a_handshake_that_hangs_is_ended(d):
    """Nothing, a part of a hello, and byte after byte of one."""
    hello = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), hello, server_hostname="x")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = hello.read()
    sockets = [socket.create_connection(("127.0.0.1", d.tls_port), 15)
               for _ in range(3)]
    sockets[1].sendall(hello[:100])
    began = time.monotonic()
    i = 0
    try:
        while time.monotonic() - began < 15:
            sockets[2].sendall(hello[i:i + 1])
            i += 1
            time.sleep(0.1)
            assert i < len(hello), "it is still there"
    except ConnectionError:
        pass
    for s in sockets[:2]:
        assert drain(s) == b""
        s.close()
    sockets[2].close()
    assert time.monotonic() - began < 14
    # One whose hello comes in pieces, but in time, is served.
    with d.connect() as s:
        assert ask(s)[0] == 200


def test_a_request_that_hangs_is_told(d):
    with d.connect() as s:
        s.sendall(b"GET /healthz HT")
        assert s.recv(4096).startswith(b"HTTP/1.1 408")
        assert s.recv(4096) == b""      # close_notify, not a torn end


def test_close_is_announced(d):
    """A client that asks for it gets the answer and the end of TLS."""
    with d.connect() as s:
        s.settimeout(15)
        assert ask(s, close=True)[0] == 200
        assert s.recv(10) == b""
    with d.connect() as s:
        assert ask(s)[0] == 200
        plain = s.unwrap()
        assert plain.recv(10) == b""
        plain.close()


def test_pipelined_and_in_pieces(d):
    one = ("GET /api/stats HTTP/1.1\r\nHost: x\r\nCCM-Token: %s\r\n\r\n" %
           TOKEN).encode()
    with d.connect() as s:
        s.settimeout(15)
        s.sendall(one * 50)
        data = b""
        while data.count(b"HTTP/1.1 200") < 50:
            data += s.recv(65536)
        for i in range(len(one)):
            s.sendall(one[i:i + 1])
        assert s.recv(65536).startswith(b"HTTP/1.1 200")


def test_long_answers_to_slow_readers(tmp_path, pairs):
    """Some megabytes, whole and in order, though the client pauses."""
    with TLSDaemon(tmp_path, pairs["second"], start=False) as d:
        d.state.mkdir(mode=0o700)
        docs = {"pipe_%d" % i: {
            "pipeline_id": "pipe_%d" % i, "repository": "a/r%d" % i,
            "workflow_file": ".github/workflows/deploy.yml",
            "status": "inactive", "created_at": "2026-01-01T00:00:00Z",
            "note": "x" * 1000} for i in range(3000)}
        (d.state / "pipelines.json").write_text(json.dumps(
            {"pipelines": docs, "registry_version": "2.0"}))
        d.start()
        plain = d.raw("GET", "/api/pipelines")[2]
        assert len(plain) > 3000000
        with d.connect() as s:
            s.settimeout(15)
            s.sendall(("GET /api/pipelines HTTP/1.1\r\nHost: x\r\n"
                       "CCM-Token: %s\r\n\r\n" % TOKEN * 2).encode())
            # Another client is answered while this one does not read.
            with d.connect() as other:
                assert ask(other, "/healthz")[0] == 200
            # One reader for both: it may take in more than an answer.
            with s.makefile("rb") as f:
                for _ in range(2):
                    while (line := f.readline()) != b"\r\n":
                        if line.startswith(b"Content-Length: "):
                            length = int(line.split()[1])
                    assert length == len(plain) and f.read(length) == plain


def test_events(d):
    with d.connect() as s:
        s.settimeout(15)
        s.sendall(("GET /api/events?snapshot=1 HTTP/1.1\r\nHost: x\r\n"
                   "CCM-Token: %s\r\n\r\n" % TOKEN).encode())
        data = b""
        while b"event: synced" not in data:
            more = s.recv(65536)
            assert more, data
            data += more


def test_reload(d, pairs):
    """New connections get the new one at once, old ones go on."""
    old = d.connect()
    assert ask(old)[0] == 200 and d.name(old) == "first"
    d.put(pairs["second"])
    d.hangup()
    with d.connect() as new:
        assert d.name(new) == "second"
        assert ask(new)[0] == 200
    assert ask(old)[0] == 200
    # A pair that is none is refused whole, and the last one stays.
    d.files[1].write_bytes(pairs["first"][1].read_bytes())
    r = d.ctl("reload")
    assert r.returncode != 0
    assert "belong together" in r.stdout + r.stderr + d.log()
    with d.connect() as new:
        assert d.name(new) == "second"
    assert ask(old)[0] == 200
    # A set that starts anew has it too, though the files are bad now.
    d.kill("ccmd-api")
    wait_until(lambda: alive(d), 20, "the api is back")
    with d.connect() as new:
        assert d.name(new) == "second"
    old.close()


def alive(d):
    try:
        with d.connect() as s:
            return ask(s)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.parametrize("bad,what", [
    ("key of another", "belong together"),
    ("no key", "no private key"),
    ("no certificate", "no certificate"),
    ("others may read the key", "others may read"),
    ("encrypted", "without a passphrase"),
    ("too large", "at most"),
])
def test_bad_pairs_are_refused(tmp_path, pairs, bad, what):
    d = TLSDaemon(tmp_path, pairs["first"], start=False)
    line = 1 + d.conf_path.read_text().splitlines().index(next(
        x for x in d.conf_path.read_text().splitlines() if "tls" in x))
    crt, key = d.files
    if bad == "key of another":
        key.write_bytes(pairs["second"][1].read_bytes())
    elif bad == "no key":
        key.write_bytes(crt.read_bytes())
    elif bad == "no certificate":
        crt.write_text("nothing\n")
    elif bad == "others may read the key":
        key.chmod(0o644)
    elif bad == "too large":
        key.write_bytes(key.read_bytes() + b"\n" * 20000)
    else:
        subprocess.run(["openssl", "ec", "-aes256", "-passout", "pass:x",
                        "-in", pairs["first"][1], "-out", key], check=True,
                       capture_output=True)
    for argv, status in (d.argv("-n"), 1), (d.argv(), 78):
        r = subprocess.run(argv, env=d.env, capture_output=True, text=True,
                           timeout=20)
        assert r.returncode == status
        assert what in r.stderr
        assert "%s:%d: " % (d.conf_path, line) in r.stderr
        assert "PRIVATE" not in r.stderr


def test_the_key_is_said_nowhere(d):
    with d.connect() as s:
        assert ask(s)[0] == 200
    body = d.files[1].read_text().splitlines()[1]
    assert body not in d.log()
    r = subprocess.run(d.argv("-n"), env=d.env, capture_output=True,
                       text=True, timeout=20)
    assert r.returncode == 0, r.stderr
    assert "port %d tls" % d.tls_port in r.stdout
    assert body not in r.stdout + r.stderr


class Wire:
    """TLS without a socket of its own: records can be cut anywhere."""

    def __init__(self, d):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.sock = socket.create_connection(("127.0.0.1", d.tls_port), 15)
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                self.incoming.write(self.sock.recv(65536))
        self.finished = self.outgoing.read() # not sent yet

    def record(self, text):
        """To be sent, with the end of the handshake before the first."""
        self.tls.write(text)
        first, self.finished = self.finished, b""
        return first + self.outgoing.read()

    def until(self, what):
        """What the daemon says, up to that."""
        data = b""
        while what not in data:
            try:
                data += self.tls.read(65536)
            except ssl.SSLWantReadError:
                more = self.sock.recv(65536)
                assert more, data
                self.incoming.write(more)
        return data

    def ended(self):
        """After a moment for more to arrive."""
        self.sock.settimeout(0.2)
        try:
            return self.sock.recv(65536) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


def test_a_record_drop_by_drop_is_a_slow_request(d):
    """It does not count as idle, and no byte of it gives more time."""
    w = Wire(d)
    record = w.record(b"GET /api/stats HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    begin = time.monotonic()
    for byte in record:
        try:
            w.sock.send(bytes([byte]))
        except OSError:
            break
        if w.ended():
            break
        assert time.monotonic() - begin < 20, "it goes on and on"
    assert time.monotonic() - begin >= 1.5
    w.sock.close()
    # So is one whose second request is.
    w = Wire(d)
    w.sock.sendall(w.record(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert not w.ended()
    w.sock.sendall(w.record(b"GET /healthz HTTP/1.1\r\n")[:-1])
    wait_until(w.ended, 20, "the end of a record")
    w.sock.close()


def test_a_handshake_is_its_own_connection_s(tmp_path, pairs):
    """A request that comes with the handshake's end, and makes another
    connection be told what was about to be told."""
    events = ("GET /api/events HTTP/1.1\r\nHost: x\r\nCCM-Token: %s\r\n"
              "\r\n" % TOKEN).encode()
    with TLSDaemon(tmp_path, pairs["first"], start=False) as d:
        d.state.mkdir(mode=0o700)
        (d.state / "pipelines.json").write_text(json.dumps({
            "pipelines": {"pipe_1": {
                "pipeline_id": "pipe_1", "repository": "a/b",
                "workflow_file": ".github/workflows/deploy.yml",
                "status": "active", "created_at": "2026-01-01T00:00:00Z"}},
            "registry_version": "2.0"}))
        d.start()
        other = Wire(d)
        other.sock.sendall(other.record(events))
        other.until(b"retry: ")
        for i in range(5):
            w = Wire(d)
            record = w.record(events)
            name = "n%d.example" % i
            status, answer = d.request("PATCH", "/api/pipelines/pipe_1",
                                       {"linked_domain": name})
            assert status == 200, answer
            w.sock.sendall(record)
            assert w.until(b"retry: ").startswith(b"HTTP/1.1 200 ")
            other.until(name.encode())
            w.sock.close()
        other.sock.close()
