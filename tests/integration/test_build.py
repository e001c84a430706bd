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

"""What the executables are made of: libraries, hardening, size of rooms."""

import re
import subprocess

import pytest

from daemon import BUILD, ROOT

# What each may link directly, besides libc: a room has no tool that it may
# not use.
LINKS = {
    "ccmd/ccmd": {"bsd", "event_core", "sodium", "crypto", "seccomp"},
    "ccmd/ccmd-poller": {"bsd", "event_core", "json-c", "sodium", "curl",
                         "ssh2", "ssl", "crypto", "seccomp"},
    "ccmd/ccmd-api": {"bsd", "event_core", "json-c", "sodium", "ssl",
                      "crypto", "seccomp"},
    "ccmd/ccmd-registry": {"bsd", "event_core", "json-c", "sodium",
                           "sqlite3", "seccomp"},
    "ccmctl/ccmctl": {"bsd", "json-c", "sodium", "event_core"},
}


def readelf(option, program):
    return subprocess.run(["readelf", "-W", option, BUILD / program],
                          check=True, capture_output=True, text=True).stdout


def needed(program):
    return {re.sub(r"^lib|(-[\d.]+)?\.so.*", "", name) for name in
            re.findall(r"NEEDED.*\[(.*)\]", readelf("-d", program))}


def sanitized():
    return "asan" in needed("ccmd/ccmd")


@pytest.mark.parametrize("program", LINKS)
def test_links(program):
    if sanitized():
        pytest.skip("a build with sanitizers")
    found = needed(program) - {"c", "ld-linux-x86-64", "m"}
    assert found <= LINKS[program], found - LINKS[program]
    assert "event_core" in found or program.startswith("ccmctl")


@pytest.mark.parametrize("program", LINKS)
def test_hardening(program):
    if sanitized():
        pytest.skip("a build with sanitizers")
    assert re.search(r"Type:\s+DYN", readelf("-h", program)), "PIE"
    dynamic = readelf("-d", program)
    assert "BIND_NOW" in dynamic or "NOW" in dynamic
    headers = readelf("-l", program)
    assert "GNU_RELRO" in headers
    stack = re.search(r"GNU_STACK.*?(\w+)\s+0x\w+$", headers, re.M).group(1)
    assert "E" not in stack
    assert not re.search(r"LOAD.*\bRWE\b", headers)
    symbols = readelf("--dyn-syms", program)
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__\w+_chk@", symbols), "FORTIFY_SOURCE"


def test_rooms_are_apart():
    """Code of one privilege domain includes no header of another."""
    rooms = {room.name: {h.name for h in room.glob("*.h")}
             for room in (ROOT / "ccmd").iterdir() if room.is_dir()}
    rooms["ccmctl"] = {h.name for h in (ROOT / "ccmctl").glob("*.h")}
    places = {name: ROOT / ("ccmd/" + name if name != "ccmctl" else name)
              for name in rooms}
    places["common"] = ROOT / "common"
    rooms["common"] = {h.name for h in places["common"].glob("*.h")}
    seen = 0
    for room, place in places.items():
        # What bison makes of one.
        rooms[room] |= {y.stem + ".h" for y in place.glob("*.y")}
        for source in [*place.glob("*.[chy]")]:
            for header in re.findall(r'^#include "([^"]+)"',
                                     source.read_text(), re.M):
                if header == "config.h":
                    continue
                seen += 1
                assert (header in rooms[room] or header in rooms["common"] or
                        header.endswith(".def")), (source, header)
    assert seen > 200


def test_lines_fit():
    wide = [(str(source.relative_to(ROOT)), n)
            for room in ("common", "compat", "ccmd/*", "ccmctl")
            for kind in ("c", "h", "y", "def")
            for source in ROOT.glob("%s/*.%s" % (room, kind))
            for n, line in enumerate(source.read_text().splitlines(), 1)
            if len(line.expandtabs(8)) > 80]
    assert wide == []


def test_no_function_is_a_design_fault():
    """At most 100 lines each (style: about 30)."""
    longest = (0, None)
    for source in [*ROOT.glob("common/*.c"), *ROOT.glob("ccmd/*/*.c"),
                   *ROOT.glob("ccmctl/*.c")]:
        start = None
        for n, line in enumerate(source.read_text().splitlines(), 1):
            if line == "{":
                start = n
            elif line == "}" and start:
                longest = max(longest, (n - start - 1,
                                        "%s:%d" % (source.name, start)))
                start = None
    print("longest function:", longest)
    assert longest[0] <= 100, longest
