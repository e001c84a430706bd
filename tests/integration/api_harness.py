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


"""The api alone, with the test as the parent, the poller and the registry:
what it makes of what they say, and of what they don't.

    a = Api(tmp_path, {"token": (VIEWER, 0)}).begin()
    client = a.get("/api/repositories?owner=acme")
    op = a.expect(a.poller, "OP")
    a.poller.send("ANSWER", op=op["op"], status=200, body="{}")
    client.answer()

Standard library only.
"""

import array
import http.client
import socket
import struct

from daemon import free_port, token_hash
from registry_harness import BUILD, POLLER, REGISTRY, TIMEOUT, Peer, Registry

VIEWER, API, ADMIN = 1, 2, 3		# enum role
HTTP, CONTROL = 0, 1			# enum listen_kind
LIMITS = dict(connections=1000, address=1000, header=8, body=64, request=30,
              idle=60, answer=60, pause=0)
PIPELINE = {
    "pipeline_id": "pipe_1", "repository": "acme/shop",
    "workflow_file": ".github/workflows/deploy.yml", "status": "active",
    "created_at": "2026-01-05T10:30:00Z",
    "github": {"repository_id": 1, "workflow_id": 2}}


class Client:
    """One request, and what comes of it."""

    def __init__(self, port, method, path, token):
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.sock.sendall(("%s %s HTTP/1.1\r\nHost: x\r\nCCM-Token: %s\r\n"
                           "\r\n" % (method, path, token)).encode())

    def answer(self):
        """Its status, headers and body."""
        with self:
            r = http.client.HTTPResponse(self.sock)
            r.begin()
            return r.status, dict(r.getheaders()), r.read()

    def read_until(self, text):
        got = b""
        while text not in got:
            data = self.sock.recv(65536)
            assert data, got
            got += data
            assert len(got) < 1 << 22, got[-1000:]
        return got

    def rest(self):
        return b"".join(iter(lambda: self.sock.recv(65536), b""))

    def reset(self):
        """Goes, and not only has no more to say."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()


class Taking(Peer):
    """One that keeps the descriptors that come along."""

    def __init__(self, name):
        super().__init__(name)
        self.fds = []

    def feed(self):
        data, control, _, _ = self.sock.recvmsg(1 << 18,
                                                socket.CMSG_SPACE(4))
        for _, _, fds in control:
            got = array.array("i")
            got.frombytes(fds)
            self.fds.extend(got)
        self.take(data)


class Api(Registry):
    binary = BUILD / "ccmd" / "ccmd-api"

    def __init__(self, tmp, tokens, env=None):
        self.env, self.log, self.op = env or {}, "", 0
        self.tokens = tokens
        self.path = tmp / "ccmd.sock"
        self.state = tmp / "jail"
        self.state.mkdir(mode=0o700)
        self.parent = Peer("parent")
        self.poller = Peer("poller")
        self.registry = Taking("registry")
        self.peers = [self.parent, self.poller, self.registry]
        self.spawn()

    def begin(self):
        for peer, proc in ((self.poller, POLLER), (self.registry, REGISTRY)):
            self.parent.send("PEER", fd=peer.other.fileno(), proc=proc)
            peer.other.close()
        self.parent.send("CONF_BEGIN")
        self.port = free_port()
        with socket.create_server(("127.0.0.1", self.port)) as s:
            s.setblocking(False)
            self.parent.send("CONF_LISTEN", fd=s.fileno(), kind=HTTP,
                             name="127.0.0.1")
        with socket.socket(socket.AF_UNIX) as s:
            s.setblocking(False)
            s.bind(str(self.path))
            s.listen()
            self.parent.send("CONF_LISTEN", fd=s.fileno(), kind=CONTROL,
                             role=ADMIN, name=str(self.path))
        self.parent.send("CONF_LIMITS", **LIMITS)
        for value, (role, expires) in self.tokens.items():
            self.parent.send("CONF_TOKEN", name=value, role=role,
                             hash=bytes.fromhex(token_hash(value)),
                             expires=expires)
        self.parent.send("CONF_END")
        self.expect(self.parent, "RUNNING")
        self.registry.send("PIPELINE", number=1, known=1, doc=PIPELINE)
        self.registry.send("SYNCED", pipelines=1)
        return self

    def get(self, path, token="token", method="GET"):
        return Client(self.port, method, path, token)

    def asked(self, peer, name, path, **more):
        """A request, and the operation that the peer is sent for it."""
        client = self.get(path, **more)
        return client, self.expect(peer, name)["op"]
