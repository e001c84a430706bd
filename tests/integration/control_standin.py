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

"""The daemon's end of the control socket as msg.def has it, for tests of
ccmctl: it says what it is told to, and shares no code with ours.

    daemon = Daemon(tmp_path / "sock")
    daemon.answers["pipeline.list"] = (200, {"success": True, ...})

Standard library only.
"""

import json
import os
import pathlib
import re
import socket
import struct
import threading

TOP = pathlib.Path(__file__).resolve().parents[2]
WAIT = 20          # seconds that anything may take

# Type numbers are the order of the rows, from 1.
ROWS = re.findall(r"^MSG\((\w+),", (TOP / "common/msg.def").read_text(), re.M)
HELLO, OP, ANSWER, EVENT = (
    ROWS.index(n) + 1
    for n in ("CTL_HELLO", "CTL_OP", "CTL_ANSWER", "CTL_EVENT"))
VERSION = 1
CHUNK = 64 * 1024


def frame(kind, payload):
    return struct.pack("=IIII", kind, 16 + len(payload), 0, 0) + payload


def hello(version=VERSION):
    return frame(HELLO, struct.pack(">I", version))


def answer(op, status, body, more=0):
    return frame(ANSWER, struct.pack(">QHBI", op, status, more, len(body))
                 + body)


def pieces(op, status, body, size=CHUNK):
    parts = [body[i:i + size] for i in range(0, len(body), size)] or [b""]
    return b"".join(answer(op, status, p, i + 1 < len(parts))
                    for i, p in enumerate(parts))


def text(value):
    value = value.encode("utf-8", "surrogateescape")
    return struct.pack(">I", len(value)) + value + b"\0"


def event(op, kind, data, id=""):
    if not isinstance(data, bytes):
        data = json.dumps(data, ensure_ascii=False).encode()
    return frame(EVENT, struct.pack(">Q", op) + text(id) + text(kind) +
                 struct.pack(">I", len(data)) + data)


def snapshot(op, pipelines):
    """All there is, as the operation `events` tells it at first."""
    parts = [event(op, "reset", {"reason": "snapshot"})]
    for p in pipelines:
        parts.append(event(op, "pipeline", {
            k: v for k, v in p.items() if k != "metrics"}))
        if "metrics" in p:
            parts.append(event(op, "stats", {
                **p["metrics"], "pipeline_id": p["pipeline_id"]}))
    return b"".join([*parts, event(op, "synced", {}, "1-1")])


class Daemon:
    """The operation `events` is answered from answers["pipeline.list"];
    what comes later is told by tell().

    Answers by `answers[verb]`: (status, object or bytes), a callable of
    the arguments, or raw bytes for the wire by `raw[verb]`, a callable of
    the operation's number.  None closes the connection."""

    def __init__(self, path):
        self.path = str(path)
        self.answers = {}
        self.raw = {}
        self.greeting = hello()
        self.seen = []
        self.changed = threading.Condition()
        self.connections = []
        self.listener = None
        self.subscribers = []
        self.start()

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self.accept, args=(self.listener,),
                         daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(self.path)
        for s in self.connections:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.connections = []
        self.subscribers = []

    def accept(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            self.connections.append(s)
            threading.Thread(target=self.serve, args=(s,),
                             daemon=True).start()

    def serve(self, s):
        try:
            with s:
                self.talk(s)
        except (OSError, EOFError):
            pass

    def talk(self, s):
        kind, payload = receive(s)
        assert kind == HELLO and payload == struct.pack(">I", VERSION)
        if self.greeting is None:
            return
        s.sendall(self.greeting)
        while True:
            kind, payload = receive(s)
            assert kind == OP
            op, n = struct.unpack(">QI", payload[:12])
            verb = payload[12:12 + n].decode()
            assert payload[12 + n] == 0
            m, = struct.unpack(">I", payload[13 + n:17 + n])
            args = payload[17 + n:]
            assert len(args) == m
            args = json.loads(args)
            with self.changed:
                self.seen.append((verb, args))
                self.changed.notify_all()
            if verb in self.raw:
                data = self.raw[verb](op)
                if data is None:
                    return
                s.sendall(data)
                continue
            if verb == "events":
                s.sendall(self.subscribe(s, op))
                continue
            got = self.answers.get(verb, (501, {
                "success": False, "error": "Not implemented",
                "code": "not_found"}))
            status, body = got(args) if callable(got) else got
            if not isinstance(body, bytes):
                body = json.dumps(body, ensure_ascii=False).encode()
            s.sendall(pieces(op, status, body))

    def subscribe(self, s, op):
        status, body = self.answers["pipeline.list"]
        if status >= 400:
            return pieces(op, status, json.dumps(body).encode())
        self.subscribers.append((s, op))
        return answer(op, 200, b'{"success": true}') + snapshot(
            op, body["pipelines"])

    def tell(self, make):
        """make: from an operation's number to bytes, for each that
        subscribed."""
        for s, op in self.subscribers:
            s.sendall(make(op))

    def wait_seen(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.seen) >= count,
                                         WAIT)


def receive(s):
    head = exactly(s, 16)
    kind, size, _, _ = struct.unpack("=IIII", head)
    return kind, exactly(s, size - 16)


def exactly(s, n):
    data = b""
    while len(data) < n:
        got = s.recv(n - len(data))
        if not got:
            raise EOFError
        data += got
    return data
