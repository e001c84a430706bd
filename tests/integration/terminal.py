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

"""Programs on a terminal, for the tests: a pty of a given size, and tmux,
which draws what they write.

Standard library only, and tmux.
"""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

from daemon import children

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CCM_BUILDDIR", TOP / "build"))
CCMCTL = str(BUILD / "ccmctl" / "ccmctl")
WAIT = 20          # seconds that anything may take


def environment(**more):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent",
           "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update(more)
    return env


class Terminal:
    """A program on a pty of a given size."""

    def __init__(self, argv, env, columns=80, rows=24):
        pid, self.fd = pty.fork()
        if pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ,
                            struct.pack("HHHH", rows, columns, 0, 0))
                os.execve(argv[0], argv, env)
            finally:
                os._exit(126)
        self.pid = pid
        self.text = ""

    def read(self):
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def expect(self, what):
        end = time.monotonic() + WAIT
        while what not in self.text:
            left = end - time.monotonic()
            assert left > 0, self.text
            if select.select([self.fd], [], [], left)[0] and not self.read():
                assert what in self.text, self.text

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self):
        while self.read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        assert os.WIFEXITED(status), status
        return os.WEXITSTATUS(status)


def strip(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def display_width(line):
    return sum(0 if unicodedata.combining(c) else
               2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in line)


def descendants(pid):
    found = list(children(pid).values())
    return found + [p for child in found for p in descendants(child)]


class Tmux:
    """A shell in a window without a status line."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.servers = 0

    def call(self, *args):
        return subprocess.run(
            ["tmux", "-u", "-L", "ccm-%d" % self.servers, "-f",
             "/dev/null", *args], capture_output=True, text=True, check=True,
            env=environment(TMUX_TMPDIR=self.directory, PS1="$ "),
            timeout=WAIT).stdout

    def start(self, command, columns=80, rows=24):
        self.stop()
        self.servers += 1       # a former one may still be ending
        self.call("new-session", "-d", "-x", str(columns), "-y", str(rows),
                  "-s", "s", "sh")
        self.call("set", "-g", "status", "off")
        self.keys(command, "Enter")

    def stop(self):
        """Nobody is left: LeakSanitizer, at work when the terminal goes,
        would never come to an end."""
        if self.servers == 0:
            return
        shell = self.call("display-message", "-p", "#{pane_pid}").strip()
        left = descendants(int(shell)) if shell.isdigit() else []
        self.call("kill-server")
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def keys(self, *keys):
        """Each is a key's name as tmux knows it, else text."""
        self.call("send-keys", "-t", "s", "--", *keys)

    def resize(self, columns, rows):
        self.call("resize-window", "-t", "s", "-x", str(columns), "-y",
                  str(rows))

    def screen(self):
        return self.call("capture-pane", "-p", "-t", "s")

    def history(self):
        """The screen and what went off its top."""
        return self.call("capture-pane", "-p", "-S", "-", "-t", "s")

    def expect(self, test, history=False):
        """Wait for a screen that passes; a text must be on it."""
        end = time.monotonic() + WAIT
        while True:
            screen = self.history() if history else self.screen()
            if test in screen if isinstance(test, str) else test(screen):
                return screen
            assert time.monotonic() < end, screen
            time.sleep(0.02)

    def state(self):
        """The alternate screen is on, the cursor is shown."""
        return self.call("display", "-p", "-t", "s",
                         "#{alternate_on} #{cursor_flag}").strip()
