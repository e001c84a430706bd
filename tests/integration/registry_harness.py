"""Drives the real ccmd-registry alone: speaks imsg over its three sockets.

The messages are made from common/msg.def, but packed and unpacked by code
that shares nothing with common/msg.c.
"""

import array
import json
import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import time

from daemon import assert_no_report

SRC = pathlib.Path(os.environ.get(
    "CCM_SRCDIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("CCM_BUILDDIR", SRC / "build"))
BINARY = BUILD / "ccmd" / "ccmd-registry"

HEADER = struct.Struct("=IIII")
FD_MARK = 0x80000000
POLLER, API, REGISTRY = 1, 2, 3		# enum proc_id
UID = 65534				# who it becomes when we are root
TIMEOUT = 20

NUMBERS = {"U8": ">B", "U16": ">H", "U32": ">I", "U64": ">Q", "I64": ">q"}


def read_messages():
    """{name: (number, [(kind, field), ...])} out of msg.def."""
    text = (SRC / "common" / "msg.def").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S).replace("\\\n", " ")
    fields = {}
    for name, body in re.findall(r"#define MSG_FIELDS_(\w+)\(F, s\)(.*)",
                                 text):
        same = re.search(r"MSG_FIELDS_(\w+)\(F, s\)", body)
        fields[name] = fields[same[1]] if same else \
            re.findall(r"F\(s, (\w+), (\w+),", body)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    order = re.findall(r"^MSG\((\w+),", text, flags=re.M)
    return {n: (i + 1, fields[n]) for i, n in enumerate(order)}


def read_verbs():
    text = (SRC / "common" / "verb.def").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S).replace("\\\n", " ")
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    names = re.findall(r'^VERB\(\w+, "([^"]+)"', text, flags=re.M)
    return {n: i + 1 for i, n in enumerate(names)}


MESSAGES = read_messages()
NAMES = {number: name for name, (number, _) in MESSAGES.items()}
VERBS = read_verbs()


def pack(message, values):
    number, fields = MESSAGES[message]
    out = b""
    for kind, field in fields:
        v = values.pop(field, None)
        if kind in NUMBERS:
            out += struct.pack(NUMBERS[kind], v or 0)
            continue
        if v is None:
            v = b""
        if isinstance(v, (dict, list)):
            v = json.dumps(v)
        if isinstance(v, str):
            v = v.encode()
        out += struct.pack(">I", len(v)) + v
        if kind == "STR":
            out += b"\0"
    assert not values, values
    return number, out


def unpack(name, data):
    values, at = {}, 0
    for kind, field in MESSAGES[name][1]:
        if kind in NUMBERS:
            values[field], = struct.unpack_from(NUMBERS[kind], data, at)
            at += struct.calcsize(NUMBERS[kind])
            continue
        n, = struct.unpack_from(">I", data, at)
        v = data[at + 4:at + 4 + n]
        at += 4 + n
        if kind == "STR":
            assert data[at] == 0
            at += 1
            v = v.decode()
        values[field] = v
    assert at == len(data), (name, at, len(data))
    return values


class Peer:
    """Our end of one of its sockets."""

    def __init__(self, name):
        self.name = name
        self.sock, self.other = socket.socketpair()
        self.buf = b""
        self.got = []		# (message name, values), not yet taken
        self.open = True

    def send(self, message, fd=None, **values):
        self.send_raw(self.encode(message, fd is not None, **values), fd)

    @staticmethod
    def encode(message, with_fd=False, /, **values):
        number, data = pack(message, dict(values))
        size = HEADER.size + len(data)
        return HEADER.pack(number, size | (FD_MARK if with_fd else 0), 0,
                           os.getpid()) + data

    def send_raw(self, data, fd=None):
        if fd is not None:
            n = self.sock.sendmsg([data], [(
                socket.SOL_SOCKET, socket.SCM_RIGHTS,
                array.array("i", [fd]))])
            data = data[n:]
        if data:
            self.sock.sendall(data)

    def feed(self):
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        self.take(data)

    def take(self, data):
        if not data:
            self.open = False
            return
        self.buf += data
        at = 0
        while len(self.buf) - at >= HEADER.size:
            number, size, _, _ = HEADER.unpack_from(self.buf, at)
            size &= ~FD_MARK
            if len(self.buf) - at < size:
                break
            name = NAMES[number]
            self.got.append((name, unpack(
                name, self.buf[at + HEADER.size:at + size])))
            at += size
        self.buf = self.buf[at:]


class Registry:
    """One life of the process on a state directory."""

    binary = BINARY

    def __init__(self, state, policy=(10, 60, 48, 60), days=0, size=0,
                 env=None):
        self.env = env or {}
        self.state = pathlib.Path(state)
        self.policy = policy
        self.retention = dict(days=days, bytes=size)
        self.log = ""
        self.op = 1000
        self.parent = Peer("parent")
        self.poller = Peer("poller")
        self.api = Peer("api")
        self.peers = [self.parent, self.poller, self.api]
        self.spawn()

    def spawn(self):
        self.errors, theirs = os.pipe()
        child = self.parent.other.fileno()
        assert child > 3 and theirs > 3

        def into_place():
            os.dup2(child, 3)

        self.process = subprocess.Popen(
            [str(self.binary)], executable=str(self.binary), env=self.env, pass_fds=[3],
            preexec_fn=into_place, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        self.parent.other.close()
        chroot = statedir = ""
        if os.getuid() == 0:
            os.chown(self.state, UID, UID)
            chroot, statedir = str(self.state), "/"
        else:
            statedir = str(self.state)
        self.parent.send("SETUP", uid=UID, gid=UID, chroot=chroot,
                         statedir=statedir)
        self.expect(self.parent, "READY")

    def begin(self):
        """As the parent does, up to RUNNING; the peers are synced then."""
        self.give_peers()
        self.send_store()
        self.parent.send("CONF_END")
        self.expect(self.parent, "RUNNING")
        self.sync = {}
        for peer in (self.poller, self.api):
            self.wait(lambda p=peer: any(n == "SYNCED" for n, _ in p.got))
            self.sync[peer.name] = peer.got
            peer.got = []
        return self

    def give_peers(self):
        for peer, proc in ((self.poller, POLLER), (self.api, API)):
            self.parent.send("PEER", fd=peer.other.fileno(), proc=proc)
            peer.other.close()
        self.parent.send("CONF_BEGIN")

    def send_store(self):
        lock = os.open(self.state / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        newest, minutely, hourly, daily = self.policy
        self.parent.send("CONF_STORE", fd=lock, newest=newest,
                         minutely=minutely, hourly=hourly, daily=daily,
                         **self.retention)
        os.close(lock)

    # -- waiting

    def pump(self, timeout):
        socks = {p.sock: p for p in self.peers if p.open}
        fds = list(socks) + ([self.errors] if self.errors != -1 else [])
        if not fds:
            return False
        ready, _, _ = select.select(fds, [], [], timeout)
        for r in ready:
            if r in socks:
                socks[r].feed()
            else:
                data = os.read(self.errors, 65536)
                if not data:
                    os.close(self.errors)
                    self.errors = -1
                self.log += data.decode(errors="replace")
        return bool(ready)

    def wait(self, condition, timeout=TIMEOUT):
        end = time.monotonic() + timeout
        while not condition():
            left = end - time.monotonic()
            if left <= 0 or not self.pump(left):
                raise AssertionError("nothing came: " + self.log)

    def expect(self, peer, name, timeout=TIMEOUT, **match):
        """The next message of that name (and values); others stay."""
        def find():
            for i, (n, v) in enumerate(peer.got):
                if n == name and all(v[k] == w for k, w in match.items()):
                    return i
            return None

        self.wait(lambda: find() is not None or not peer.open, timeout)
        i = find()
        assert i is not None, "closed: " + self.log
        return peer.got.pop(i)[1]

    def drain(self):
        """Everything it has to say up to the answer of a question."""
        self.op += 1
        self.api.send("QUERY", op=self.op, verb=VERBS["pipeline.runs"],
                      actor="t", target="none", args={"id": "none"})
        self.expect(self.api, "ANSWER", op=self.op)

    # -- operations

    def outcome(self, verb, result=None, status=200, op=None, target="",
                actor="tester", **more):
        if op is None:
            self.op += 1
            op = self.op
        self.poller.send("OUTCOME", op=op, verb=VERBS[verb], status=status,
                         actor=actor, target=target,
                         result={} if result is None else result, **more)
        return op

    def answer(self, op):
        """(status, body, retry_after), whole."""
        body = b""
        while True:
            v = self.expect(self.api, "ANSWER", op=op)
            body += v["body"]
            if not v["more"]:
                return v["status"], json.loads(body), v["retry_after"]

    def provision(self, n, **more):
        op = self.outcome("pipeline.provision", found(n, **more))
        return self.answer(op)

    def query(self, target, verb="pipeline.runs", **args):
        self.op += 1
        if target:
            args["id"] = target
        self.api.send("QUERY", op=self.op, verb=VERBS[verb], actor="t",
                      target=target, args=args)
        return self.answer(self.op)

    def document(self, pipeline_id):
        return self.file()["pipelines"][pipeline_id]

    def file(self):
        return json.loads((self.state / "pipelines.json").read_text())

    def audit(self):
        text = (self.state / "logs" / "audit.log").read_text()
        assert text.endswith("\n")
        return [json.loads(line) for line in text.splitlines()]

    # -- the end

    def end(self):
        """As the parent ends it; the exit status."""
        for peer in self.peers:
            peer.sock.close()
            peer.open = False
        return self.reap()

    def kill(self):
        self.process.kill()
        return self.reap()

    def reap(self):
        while self.errors != -1:
            if not self.pump(TIMEOUT):
                self.process.kill()
                raise AssertionError("does not end: " + self.log)
        status = self.process.wait(TIMEOUT)
        for peer in self.peers:
            peer.sock.close()
            peer.open = False
        assert_no_report(self.log)
        return status


def found(n, **more):
    """What the poller found at a provision."""
    result = {"repository": f"owner/repo-{n}",
              "workflow_file": ".github/workflows/deploy.yml",
              "github": {"repository_id": 1000 + n, "workflow_id": 5000 + n,
                         "default_branch": "main",
                         "html_url": f"https://github.com/owner/repo-{n}"}}
    result.update(more)
    return result


def stamp(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def run(n, created, **more):
    doc = {"run_id": n, "workflow_id": 1, "run_number": n, "run_attempt": 1,
           "status": "completed", "conclusion": "success", "branch": "main",
           "event": "push", "title": "t", "head_sha": "0" * 40,
           "actor": "a", "html_url": "https://github.com/", "path": None,
           "created_at": stamp(created), "run_started_at": stamp(created),
           "updated_at": stamp(created + 60)}
    doc.update(more)
    return doc


def rows(data):
    """Packed rows (run.h): {run id: (attempt, status, conclusion)}."""
    out, at = {}, 0
    while at < len(data):
        n, _, _, _, _, attempt = struct.unpack_from(">QQqqqI", data, at)
        at += 44
        words = []
        for _ in range(2):
            size = data[at]
            words.append(data[at + 1:at + 1 + size].decode())
            at += 1 + size
        size = data[at]
        at += 1 + (0 if size == 255 else size)
        out[n] = (attempt, *words)
    return out
