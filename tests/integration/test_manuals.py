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
"""What there is stands in the manual pages, so that nothing is forgotten.

Names come from the tables and sources that the programs are made of; each
has to be there with the macro that a reader would look for.
"""

import re
import shutil
import subprocess

import pytest

from daemon import ROOT

MAN = ROOT / "man"


def page(name):
    """Of a page: all of it, without macros' escapes."""
    return (MAN / name).read_text().replace("\\(dq", '"').replace("\\&", "")


def source(*patterns):
    """Sources, comments out, continued lines and strings joined."""
    text = "\n".join(path.read_text() for pattern in patterns
                     for path in sorted(ROOT.glob(pattern)))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S).replace("\\\n", " ")
    return re.sub(r'"\s+"', "", text)


def verbs():
    """(name, method, path, words, [(argument, place, option)])"""
    text = source("common/verb.def")
    args = {name: re.findall(
        r"A\((\w+), \w+, (\w+), \w+, ('.'|0),", body) for name, body in
        re.findall(r"#define VERB_ARGS_(\w+)\(A\)(.*)", text)}
    rows = re.findall(r'^VERB\((\w+), "([^"]+)",\s+(NULL|"\w+"),\s+'
                      r'(NULL|"[^"]+"),\s+(NULL|"[^"]+"),', text, re.M)
    assert len(rows) == len(re.findall("^VERB", text, re.M)) >= 10
    return [(name, *(x.strip('"') if x != "NULL" else None for x in
                     (method, path, words)), args[key])
            for key, name, method, path, words in rows]


VERBS = verbs()
HTTP = [v for v in VERBS if v[2]]
COMMANDS = [v for v in VERBS if v[3]]


def paragraph(text, start):
    """From an item to the next one of its kind, or its section's end."""
    m = re.search(r"^\.It (?:Xo\n\.)?%s(?=[ \n]).*?"
                  r"(?=^\.It (?:Li [A-Z]+ /|Cm |Xo\n\.Cm )|^\.Sh )" % start,
                  text, re.M | re.S)
    return m and m[0]


@pytest.mark.parametrize("verb", HTTP, ids=lambda v: v[0])
def test_requests(verb):
    name, method, path, _, args = verb
    # `GET /api/pipelines/ Ns Ar id Ns Li /runs`
    item = re.sub(r"/\{(\w+)\}", r"/ Ns Ar \1 Ns Li ", path)
    item = "Li %s %s" % (method, item.removesuffix(" Ns Li "))
    text = paragraph(page("ccm-api.7"), re.escape(item))
    assert text, "ccm-api.7: .It " + item
    if method != "GET" or args:
        assert "Li " + name in text, name
    for arg, place, _ in args:
        if place != "PATH":
            assert re.search(r"\b%s\b" % arg, text), (item, arg)


@pytest.mark.parametrize("verb", COMMANDS, ids=lambda v: v[3])
def test_commands(verb):
    name, _, _, words, args = verb
    text = paragraph(page("ccmctl.8"), "Cm " + re.escape(words))
    assert text, "ccmctl.8: .It Cm " + words
    for arg, _, option in args:
        letter = option.strip("'")
        if letter not in ("0", "-"):
            assert re.search(r"Fl \w*%s\w*\b" % letter, text), (words, arg)


def test_own_commands_and_options_of_ccmctl():
    text = page("ccmctl.8")
    own = re.findall(r'\.words = "([^"]+)"', source("ccmctl/*.c"))
    assert {"monitor", "help"} <= set(own)
    for words in own:
        assert paragraph(text, "Cm " + re.escape(words)), words
    letters = re.search(r'getopt\(argc, argv, "\+:([^"]+)"',
                        source("ccmctl/parser.c"))[1].replace(":", "")
    for letter in letters:
        assert re.search(r"^\.It Fl %s\b" % letter, text, re.M), letter
    codes = re.findall(r"EXIT_\w+\s*=\s*(\d)", source("ccmctl/ccmctl.h"))
    for code in {"0", *codes}:
        assert re.search(r"^\.It %s$" % code, text, re.M), code


def test_options_of_ccmd():
    letters = re.search(r'getopt\(argc, argv, "([^"]+)"',
                        source("ccmd/parent/ccmd.c"))[1].replace(":", "")
    assert "n" in letters
    for letter in letters:
        assert re.search(r"^\.It Fl %s\b" % letter, page("ccmd.8"), re.M)


def test_directives():
    """Each word of the grammar, as one that is typed as it is."""
    words = re.findall(r'\{ "(\w+)", \w+ \}', source("ccmd/parent/lex.c"))
    assert {"listen", "github", "poll"} <= set(words)
    text = page("ccmd.conf.5")
    typed = " ".join(re.findall(r"\b(?:Ic|Cm)((?: [\w,{}]+)+)", text))
    for word in words:
        assert re.search(r"\b%s\b" % word, typed), word


@pytest.mark.parametrize("where,name", [("ccmd/parent/*.c", "ccmd.8"),
                                        ("ccmctl/*.c", "ccmctl.8")])
def test_environment(where, name):
    names = set(re.findall(r'"((?:CCM|GHT|GITHUB|NOTIFY|WATCHDOG)_?[A-Z_]*)"',
                           source(where)))
    names |= set(re.findall(r'getenv\("(\w+)"\)', source(where)))
    # Where the home directory is, ccmd.conf(5) and the rest take for granted.
    names -= {"HOME"}
    assert names
    for env in names:
        assert re.search(r"^\.(It )?Ev .*\b%s\b" % env, page(name),
                         re.M), env


def test_signals():
    caught = set(re.findall(r"ev(?:ent)?signal_\w+\([^;]*?\b(SIG[A-Z0-9]+)",
                            source("ccmd/parent/*.c")))
    assert {"SIGTERM", "SIGINT", "SIGHUP"} <= caught
    for sig in caught - {"SIGCHLD"}:
        assert re.search(r"^\.It Dv .*\b%s\b" % sig, page("ccmd.8"),
                         re.M), sig


def test_error_codes():
    codes = set(re.findall(r'\b(?:4\d\d|50\d),\s*"([a-z_]+)"',
                           source("ccmd/*/*.c", "common/*.c")))
    assert {"busy", "github_error", "invalid_token"} <= codes
    for code in codes:
        assert re.search(r"^\.It Li %s Ta" % code, page("ccm-api.7"),
                         re.M), code


@pytest.mark.skipif(not shutil.which("mandoc"), reason="no mandoc")
@pytest.mark.parametrize("path", sorted(MAN.iterdir()), ids=lambda p: p.name)
def test_mandoc_has_nothing_to_say(path):
    r = subprocess.run(["mandoc", "-Tlint", "-Wwarning", path],
                       capture_output=True, text=True)
    assert r.returncode == 0, r.stdout


def test_pages_are_installed():
    named = set(re.search(r"dist_man_MANS = (.*)",
                          source("Makefile.am"))[1].split())
    assert named == {"man/" + p.name for p in MAN.iterdir()}
