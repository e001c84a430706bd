"""Faults in the registry's dealings with its files: tests/faults/preload.c,
driven from here, and the states of a disk after a power cut."""

import errno
import itertools
import mmap
import os
import struct
import subprocess

import pytest

from registry_harness import BINARY, BUILD, HEADER, FD_MARK, NAMES, unpack

PRELOAD = BUILD / "tests" / "faults" / "preload.so"
MAGIC = 0x63636d46
CREATE, WRITE, SYNC, LINK, RENAME, UNLINK, MKDIR, SEND = (
    1 << i for i in range(8))
KINDS = {CREATE: "create", WRITE: "write", SYNC: "fsync", LINK: "link",
         RENAME: "rename", UNLINK: "unlink", MKDIR: "mkdir", SEND: "send"}

CONTROL = struct.Struct("=7Ii64s2IqQQq")
OFFSETS = {"magic": (0, "I"), "calls": (4, "I"), "kill_before": (8, "I"),
           "kill_after": (12, "I"), "fail_from": (16, "I"),
           "fail_to": (20, "I"), "fail_kinds": (24, "I"),
           "fail_errno": (28, "i"), "fail_path": (32, "64s"),
           "record": (96, "I"), "failed": (100, "I"), "clock": (104, "q"),
           "used": (112, "Q"), "size": (120, "Q"), "monotonic": (128, "q")}
ENTRY = struct.Struct("=IiII")
SIZE = 64 << 20		# sparse
FOREVER = (1 << 32) - 1


def need():
    """Skips where it can't be loaded."""
    if not PRELOAD.exists():
        pytest.skip("tests/faults/preload.so is not built")
    text = subprocess.run(["readelf", "-d", BINARY], check=True,
                          capture_output=True, text=True).stdout
    if "libasan" in text:
        pytest.skip("AddressSanitizer wants to be loaded first")


class Faults:
    """The side of the tests; `env` is what the registry is started with."""

    def __init__(self, path):
        need()
        self.path = path
        with open(path, "wb") as f:
            f.truncate(SIZE)
        os.chmod(path, 0o666)
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), SIZE)
        self.set(magic=MAGIC)
        self.env = {"LD_PRELOAD": str(PRELOAD), "CCM_FAULTS": str(path)}

    def set(self, **values):
        for name, value in values.items():
            at, kind = OFFSETS[name]
            struct.pack_into("=" + kind, self.map, at, value)

    def get(self, name):
        at, kind = OFFSETS[name]
        return struct.unpack_from("=" + kind, self.map, at)[0]

    def fail(self, error, kinds=0, path=b"", since=None, to=FOREVER):
        self.set(fail_errno=error, fail_kinds=kinds, fail_path=path,
                 fail_to=to, failed=0)
        self.set(fail_from=since or self.get("calls") + 1)

    def works(self):
        self.set(fail_from=0)

    def record(self):
        """From now on."""
        self.set(used=0, record=1)

    def entries(self):
        """[(kind, errno, path, data)]"""
        out, at = [], CONTROL.size
        end = at + self.get("used")
        while at < end:
            kind, error, np, nd = ENTRY.unpack_from(self.map, at)
            at += ENTRY.size
            out.append((kind, error, self.map[at:at + np].decode(),
                        self.map[at + np:at + np + nd]))
            at += np + nd
        return out

    def close(self):
        self.map.close()
        self.file.close()


def told(data):
    """The messages in what was sent."""
    out, at = [], 0
    while len(data) - at >= HEADER.size:
        number, size, _, _ = HEADER.unpack_from(data, at)
        size &= ~FD_MARK
        if len(data) - at < size:
            break
        name = NAMES[number]
        out.append((name, unpack(name, data[at + HEADER.size:at + size])))
        at += size
    assert at == len(data), "half a message"
    return out


class Disk:
    """What a disk may hold when the power goes.

    Inodes have what was written, and how much of that an fsync made sure
    of.  A directory's changes are sure once it was fsynced; before, each
    may or may not be there, whatever the others are.  More can be lost
    here than on most file systems, and nothing that POSIX promises.
    """

    def __init__(self):
        self.inodes = []	# [bytes, how many are sure]
        self.now = {}		# path: inode, as a process sees it
        self.sure = {}		# as an fsync made it
        self.loose = []		# [(directory, {path: inode or None})]

    @classmethod
    def of(cls, state, skip=("history.db", ".lock")):
        disk = cls()
        for top, _, files in os.walk(state):
            for name in files:
                path = os.path.relpath(os.path.join(top, name), state)
                if path.startswith(skip):
                    continue
                data = open(os.path.join(top, name), "rb").read()
                disk.inodes.append([data, len(data)])
                disk.now[path] = len(disk.inodes) - 1
        disk.sure = dict(disk.now)
        return disk

    def change(self, *changes):
        """An operation on names; in two directories it is two."""
        parts = {}
        for path, inode in changes:
            parts.setdefault(os.path.dirname(path), {})[path] = inode
            if inode is None:
                self.now.pop(path, None)
            else:
                self.now[path] = inode
        self.loose += parts.items()

    def apply(self, kind, path, data):
        if kind == CREATE and path not in self.now:
            self.inodes.append([b"", 0])
            self.change((path, len(self.inodes) - 1))
        elif kind == CREATE and path.endswith(".tmp"):
            self.inodes[self.now[path]] = [b"", 0]	# O_TRUNC
        elif kind == WRITE:
            self.inodes[self.now[path]][0] += data
        elif kind == SYNC and path.endswith("/"):
            here = path.rstrip("/")
            for where, names in [x for x in self.loose if x[0] == here]:
                for name, inode in names.items():
                    self.sure.pop(name, None)
                    if inode is not None:
                        self.sure[name] = inode
            self.loose = [x for x in self.loose if x[0] != here]
        elif kind == SYNC:
            self.inodes[self.now[path]][1] = len(
                self.inodes[self.now[path]][0])
        elif kind == LINK:
            self.change((data.decode(), self.now[path]))
        elif kind == RENAME:
            self.change((path, None), (data.decode(), self.now[path]))
        elif kind == UNLINK:
            self.change((path, None))

    def states(self):
        """Every one, as {path: bytes}."""
        for picked in itertools.product((0, 1), repeat=len(self.loose)):
            names = dict(self.sure)
            for take, (_, changes) in zip(picked, self.loose):
                for path, inode in changes.items() if take else ():
                    names.pop(path, None)
                    if inode is not None:
                        names[path] = inode
            torn = sorted({i for i in names.values()
                           if self.inodes[i][1] < len(self.inodes[i][0])})
            cuts = []
            for i in torn:
                data, sure = self.inodes[i]
                cuts.append(sorted({sure, (sure + len(data)) // 2,
                                    len(data)}))
            for ends in itertools.product(*cuts):
                end = dict(zip(torn, ends))
                yield {p: self.inodes[i][0][:end.get(i)]
                       for p, i in names.items()}


ERRORS = {name: getattr(errno, name)
          for name in ("ENOSPC", "EDQUOT", "EIO", "EROFS")}
