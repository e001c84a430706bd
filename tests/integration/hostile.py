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

"""A child that was taken over: the test itself, in the place of one.

The parent starts a program that hands its socket over to the test and
waits; the others are the real ones.

    with Hostile(tmp_path, "api") as h:
        child = h.child()
        child.ready()
        child.send("RELOAD", op=1, actor="nobody")

Standard library only.
"""

import array
import os
import select
import socket
import time

from daemon import BUILD, Daemon
from registry_harness import Peer

PROGRAM = """#!/usr/bin/python3 -IS
import array, os, socket
s = socket.socket(socket.AF_UNIX)
s.connect(%r)
s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                    array.array("i", [3, 2]))])
socket.socket(fileno=3).close()
os._exit(sum(s.recv(1)))
"""
TIMEOUT = 20
# Whose socket comes first, and whose then.
SISTERS = {"poller": ("api", "registry"), "api": ("poller", "registry"),
           "registry": ("poller", "api")}


class End(Peer):
    """One of its sockets."""

    def __init__(self, name, sock):
        self.name, self.sock = name, sock
        self.buf, self.got, self.open = b"", [], True

    def expect(self, name, timeout=TIMEOUT):
        end = time.monotonic() + timeout
        while True:
            for i, (n, v) in enumerate(self.got):
                if n == name:
                    del self.got[i]
                    return v
            left = end - time.monotonic()
            assert left > 0 and self.open and select.select(
                [self.sock], [], [], left)[0], name + " did not come"
            self.feed()


class Child(End):
    """The parent's socket, and what it writes to stderr."""

    def __init__(self, which, sock, stderr, waiting):
        super().__init__("parent", sock)
        self.which, self.stderr, self.waiting = which, stderr, waiting
        self.fds = []
        self.sisters = []

    def feed(self):
        try:
            data, control, _, _ = self.sock.recvmsg(
                1 << 18, socket.CMSG_SPACE(4))
        except ConnectionResetError:
            data, control = b"", []
        # What comes along is kept open, and looked at by nobody.
        for level, kind, fds in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                got = array.array("i")
                got.frombytes(fds)
                self.fds.extend(got)
        self.take(data)

    def sister(self, name):
        """Its socket to another child."""
        fd = os.dup(self.fds[SISTERS[self.which].index(name)])
        end = End(name, socket.socket(fileno=fd))
        end.sock.settimeout(TIMEOUT)
        self.sisters.append(end)
        return end

    def ready(self):
        """Up to the end of its configuration."""
        self.expect("SETUP")
        self.send("READY", level="not at all")
        self.expect("CONF_END")

    def exit(self, status):
        self.waiting.send(bytes([status]))
        self.close()

    def close(self):
        for fd in self.fds:
            os.close(fd)
        for sister in self.sisters:
            sister.sock.close()
        self.fds, self.sisters, self.open = [], [], False
        self.stderr.close()
        self.sock.close()
        self.waiting.close()


class Hostile(Daemon):
    def __init__(self, tmp, which, **more):
        super().__init__(tmp, start=False, **more)
        self.which = which
        self.bin = self.tmp / "bin"
        self.bin.mkdir()
        for name in ("ccmd", "ccmd-poller", "ccmd-api", "ccmd-registry"):
            if name != "ccmd-" + which:
                (self.bin / name).symlink_to(BUILD / "ccmd" / name)
        path = self.tmp / "child.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(TIMEOUT)
        self.listener.bind(str(path))
        self.listener.listen()
        program = self.bin / ("ccmd-" + which)
        program.write_text(PROGRAM % str(path))
        program.chmod(0o755)
        self.all = []
        self.start(wait=False)

    def child(self):
        """The next one that the parent starts."""
        waiting, _ = self.listener.accept()
        _, control, _, _ = waiting.recvmsg(1, socket.CMSG_SPACE(8))
        fds = array.array("i")
        fds.frombytes(control[0][2])
        child = Child(self.which, socket.socket(fileno=fds[0]), os.fdopen(
            fds[1], "wb", buffering=0), waiting)
        self.all.append(child)
        return child

    def stop(self):
        for child in self.all:
            if child.open:
                child.close()
        self.listener.close()
        return super().stop()
