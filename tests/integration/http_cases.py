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

"""Malformed and ambiguous requests, and what each must get: a table.

Every request is one that would change something if it were let through
mended: a DELETE of an active pipeline, or a provision, with the token of an
administrator.  The statuses are those of the contract of the HTTP API; none
comes from the program.

A case is (name, bytes, statuses, close): the statuses of its answers, and
whether the connection must end behind them, whatever else was sent.
"""

import json

TOKEN = "strict-token-0123456789"
PIPELINE = "pipe_0123456789ab"
OTHER = "acme/other"		# a repository that nothing is provisioned for

CASES = []


def case(name, data, statuses, close=False):
    if isinstance(statuses, int):
        statuses = [statuses]
    CASES.append((name, data, statuses, close))


def bad(name, data, status=400):
    """Refused by its framing: the connection ends."""
    case(name, data, status, True)


def request(line, *fields, body=b"", token=TOKEN, host=b"Host: ccm",
            eol=b"\r\n"):
    """Fields are bytes or text; none of them is checked."""
    lines = [line.encode() if isinstance(line, str) else line]
    if host is not None:
        lines.append(host)
    if token is not None:
        lines.append(b"CCM-Token: " + (
            token.encode() if isinstance(token, str) else token))
    lines += [f.encode() if isinstance(f, str) else f for f in fields]
    return eol.join(lines) + eol + eol + body


TARGET = "/api/pipelines/" + PIPELINE
DELETE = "DELETE " + TARGET + " HTTP/1.1"
PROVISION = "POST /api/pipelines/provision HTTP/1.1"
BODY = json.dumps({"repo": OTHER, "workflow_file": "deploy.yml"}).encode()


def delete(*fields, **kw):
    return request(DELETE, *fields, **kw)


def line(text, *fields, **kw):
    return request(text, *fields, **kw)


def post(body=BODY, *fields, length=None, **kw):
    """A provision with its Content-Length."""
    return request(PROVISION, "Content-Length: %d" % (
        len(body) if length is None else length), *fields, body=body, **kw)


def framed(*fields):
    """A provision whose framing is what the fields say."""
    return request(PROVISION, *fields, body=BODY)


# A request that, taken as one of its own, would change something.
HIDDEN = request(DELETE)

# --- Line ends. ----------------------------------------------------------

good_lines = delete()
bad("bare LF after the request line", good_lines.replace(b"\r\n", b"\n", 1))
bad("bare LF after a field", good_lines.replace(b"ccm\r\n", b"ccm\n"))
bad("bare LF ends the head", good_lines[:-2] + b"\n")
bad("bare LF twice ends the head", good_lines[:-4] + b"\n\n")
bad("bare LF everywhere", delete(eol=b"\n"))
bad("bare LF hides Transfer-Encoding",
    framed("Content-Length: %d" % len(BODY), "X: y\nTransfer-Encoding: "
           "chunked"))
bad("bare LF hides Content-Length",
    delete("X: y\nContent-Length: %d" % len(HIDDEN), body=HIDDEN))
bad("bare CR ends a line", good_lines.replace(b"ccm\r\n", b"ccm\r"))
bad("bare CR everywhere", delete(eol=b"\r") + b"\n")
bad("bare CR within a value", delete("X: a\rb"))
bad("CR CR LF", good_lines.replace(b"ccm\r\n", b"ccm\r\r\n"))
bad("LF CR", good_lines.replace(b"ccm\r\n", b"ccm\n\r"))
bad("an empty line first", b"\r\n" + good_lines)
bad("a bare LF first", b"\n" + good_lines)
bad("a blank line first", b" \r\n" + good_lines)
bad("folded with a blank", delete("X: a", " b"))
bad("folded with a tab", delete("X: a", "\tb"))
bad("folded into the first field", DELETE.encode() + b"\r\n " +
    good_lines.split(b"\r\n", 1)[1])
bad("folded token", delete("CCM-Token:", " " + TOKEN, token=None))
bad("folded Transfer-Encoding", delete("Transfer-Encoding:", " chunked"))
bad("a line of blanks", delete("   "))

# --- Control characters. -------------------------------------------------

bad("NUL in a value", delete(b"X: a\0b"))
bad("NUL in Content-Length", framed(b"Content-Length: 5\0 5"))
bad("NUL behind close", delete(b"Connection: close\0"))
bad("NUL begins a line", delete(b"\0X: a"))
bad("NUL line looks like the end", delete(b"\0", b"X: a"))
bad("NUL behind the token", delete(token=TOKEN.encode() + b"\0junk"))
bad("NUL in the target", line(b"DELETE " + TARGET.encode() +
                              b"\0x HTTP/1.1"))
bad("NUL in the method", line(b"DEL\0ETE " + TARGET.encode() +
                              b" HTTP/1.1"))
bad("NUL in a name", delete(b"X\0: a"))
bad("NUL first", b"\0" + good_lines)
bad("control 0x01 in a value", delete(b"X: a\x01b"))
bad("vertical tab in a value", delete(b"X: a\x0bb"))
bad("form feed in a value", delete(b"X: a\x0cb"))
bad("DEL in a value", delete(b"X: a\x7fb"))
bad("ESC in a value", delete(b"X: \x1b[2J"))
bad("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" +
    b"\x5a" * 32)

# --- The request line. ---------------------------------------------------

for version in ("HTTP/01.1", "HTTP/1.01", "HTTP/+1.+1", "HTTP/1.10",
                "HTTP/4294967297.1", "HTTP/2.0", "HTTP/2", "HTTP/0.9",
                "HTTP/1.2", "HTTP/1.", "HTTP/.1", "HTTP/1", "HTTP/-1.1",
                "http/1.1", "Http/1.1", "HTTPS/1.1", "HTTP/1,1", "HTTP/1.1.1",
                "HTTP/1.1 ", "HTTP/ 1.1", "ICY/1.1"):
    bad("version %r" % version, line("DELETE %s %s" % (TARGET, version)),
        505)
bad("no version", line("DELETE " + TARGET))
bad("HTTP/0.9", b"GET /api/pipelines\r\n\r\n")
bad("only a method", line("DELETE"))
bad("two blanks before the target", line("DELETE  %s HTTP/1.1" % TARGET))
bad("two blanks before the version", line("DELETE %s  HTTP/1.1" % TARGET))
bad("a tab before the target", line("DELETE\t%s HTTP/1.1" % TARGET))
bad("a blank first", b" " + good_lines)
bad("no method", line(" %s HTTP/1.1" % TARGET))
bad("a blank in the target", line("DELETE %s x HTTP/1.1" % TARGET))
bad("method with a bracket", line("DEL(TE %s HTTP/1.1" % TARGET))
bad("method with a colon", line("DELETE: %s HTTP/1.1" % TARGET))
bad("method not ASCII", line(b"D\xc3\x8bLETE " + TARGET.encode() +
                             b" HTTP/1.1"))
bad("method in small letters", line("delete %s HTTP/1.1" % TARGET), 501)
bad("method unknown", line("BREW %s HTTP/1.1" % TARGET), 501)
bad("method of 16", line("A" * 16 + " %s HTTP/1.1" % TARGET), 501)
bad("method of 17", line("A" * 17 + " %s HTTP/1.1" % TARGET), 501)
bad("method begins like one", line("DELETED %s HTTP/1.1" % TARGET), 501)
bad("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501)
bad("absolute form", line("DELETE http://ccm%s HTTP/1.1" % TARGET))
bad("no slash", line("DELETE %s HTTP/1.1" % TARGET[1:]))
bad("asterisk", line("DELETE * HTTP/1.1"))
bad("OPTIONS asterisk", line("OPTIONS * HTTP/1.1"))
bad("authority form", line("DELETE ccm:80 HTTP/1.1"))
bad("fragment", line("DELETE %s#x HTTP/1.1" % TARGET))
bad("target not ASCII", line(b"DELETE " + TARGET.encode() +
                             b"\xc3\xbc HTTP/1.1"))
bad("target of 4097", line("DELETE /%s HTTP/1.1" % ("a" * 4096)), 414)
bad("target without an end", b"DELETE /" + b"a" * 9000, 414)
bad("target of 8184", line("DELETE /%s HTTP/1.1" % ("a" * 8184)), 414)

# --- Methods that are known, but not here. -------------------------------

case("HEAD", line("HEAD /api/pipelines HTTP/1.1"), 405, True)
bad("HEAD with a body", line("HEAD /api/pipelines HTTP/1.1",
                             "Content-Length: %d" % len(HIDDEN),
                             body=HIDDEN))
bad("HEAD with a chunked body", line(
    "HEAD /api/pipelines HTTP/1.1", "Transfer-Encoding: chunked",
    body=b"0\r\n\r\n"), 411)
case("CONNECT", line("CONNECT ccm:443 HTTP/1.1"), 405, True)
case("CONNECT with a path", line("CONNECT %s HTTP/1.1" % TARGET), 405, True)
case("CONNECT and a tunnel", line("CONNECT ccm:443 HTTP/1.1") + HIDDEN, 405,
     True)
case("OPTIONS", line("OPTIONS %s HTTP/1.1" % TARGET), 405)
case("TRACE", line("TRACE %s HTTP/1.1" % TARGET), 405)
case("PUT", line("PUT %s HTTP/1.1" % TARGET, "Content-Length: 2",
                 body=b"{}"), 405)
case("DELETE of the list", line("DELETE /api/pipelines HTTP/1.1"), 405)
case("GET of provision", line("GET /api/pipelines/provision HTTP/1.1"), 405)
case("DELETE of provision", line("DELETE /api/pipelines/provision HTTP/1.1"),
     405)
case("POST of one", request("POST %s HTTP/1.1" % TARGET,
                            "Content-Length: %d" % len(BODY), body=BODY),
     405)

# --- Fields. -------------------------------------------------------------

bad("blank before a colon", delete("X : a"))
bad("tab before a colon", delete("X\t: a"))
bad("blank before the token's colon", delete("CCM-Token : " + TOKEN,
                                             token=None))
bad("blank before Content-Length's colon",
    framed("Content-Length : %d" % len(BODY)))
bad("blank before Transfer-Encoding's colon",
    framed("Transfer-Encoding : chunked"))
bad("empty name", delete(": a"))
bad("no colon", delete("X"))
bad("name with a bracket", delete("X(: a"))
bad("name with a blank", delete("X Y: a"))
bad("name with quotes", delete('"X": a'))
bad("name not ASCII", delete(b"X\xc3\xbc: a"))
bad("no Host", delete(host=None))
bad("Host twice", delete("Host: ccm"))
bad("two Hosts", delete("Host: other"))
bad("Host twice in HTTP/1.0", line("DELETE %s HTTP/1.0" % TARGET,
                                   "Host: ccm"))
for host in ("", " ", "a b", "a/b", "a@b", "a:", "a:x", "a:0", "a:70000",
             "a:80:80", "[::1", "[]", "[::1]x", "::1", "a,b", "a?b", "a\\b",
             "http://ccm", ".", "..", "a..b", ".a", "-", "-a", "a-", "a-.b",
             "[:]", "[:::]", "[1.2.3.4]", "[1:2:3:4:5:6:7:8:9]",
             "[fe80::1%25eth0]", "[" + "1" * 60 + "]"):
    bad("Host %r" % host, delete(host=b"Host: " + host.encode()))
bad("Host not ASCII", delete(host=b"Host: \xc3\xbc"))
bad("token twice", delete("CCM-Token: " + TOKEN))
bad("two tokens", delete("CCM-Token: wrong"))
bad("Authorization twice", delete("Authorization: Bearer " + TOKEN,
                                  "authorization: Bearer " + TOKEN,
                                  token=None))
bad("Content-Type twice", post(BODY, "Content-Type: application/json",
                               "Content-Type: application/json"))
bad("65 fields", delete(*["X: a"] * 63), 431)
bad("1000 fields", delete(*["X:"] * 1000), 431)
bad("a head of 8193", delete("X: " + "a" * (8193 - len(delete("X: ")))),
    431)
bad("a head without an end", delete("X: " + "a" * 9000)[:-4], 431)
bad("a name of 8 KB", delete("X" * 8192 + ": a"), 431)

# --- Framing of bodies. --------------------------------------------------

n = len(BODY)
bad("Content-Length twice", framed("Content-Length: %d" % n,
                                   "Content-Length: %d" % n))
bad("two Content-Lengths", framed("Content-Length: %d" % n,
                                  "Content-Length: 0"))
bad("Content-Length in other letters", framed("Content-Length: %d" % n,
                                              "content-length: 0"))
for length in ("%d, %d" % (n, n), "+%d" % n, "-%d" % n, "0x%x" % n, "", " ",
               "%d %d" % (n, n), "%da" % n, "%d.0" % n, "1e2", '"%d"' % n,
               "%d;" % n):
    bad("Content-Length %r" % length, framed("Content-Length: " + length))
bad("Content-Length not ASCII",
    framed("Content-Length: \u0665\u0665".encode()))
bad("Content-Length 65537", framed("Content-Length: 65537"), 413)
bad("Content-Length 2^32+", framed("Content-Length: %d" % (2**32 + n)), 413)
bad("Content-Length 2^64+", framed("Content-Length: %d" % (2**64 + n)), 413)
bad("Content-Length of 40 digits", framed("Content-Length: " + "9" * 40),
    413)
bad("Content-Length beyond, and 100-continue",
    framed("Content-Length: 65537", "Expect: 100-continue"), 413)
for coding in ("chunked", "Chunked", "identity", "xchunked", "gzip, chunked",
               "chunked, identity", "chunked, chunked", "", '"chunked"',
               "chunked;a=b"):
    bad("Transfer-Encoding %r" % coding, framed("Transfer-Encoding: " +
                                                coding), 411)
for size in (b"0x5", b"+5", b" 5", b"5;a=b", b"-1", b"fffffffffffffffff"):
    bad("chunk size %r" % size.decode(), request(
        PROVISION, "Transfer-Encoding: chunked",
        body=size + b"\r\n12345\r\n0\r\n\r\n"), 411)
bad("Transfer-Encoding twice", framed("Transfer-Encoding: chunked",
                                      "Transfer-Encoding: identity"))
bad("Transfer-Encoding before Content-Length",
    framed("Transfer-Encoding: chunked", "Content-Length: %d" % n))
bad("Content-Length before Transfer-Encoding",
    framed("Content-Length: %d" % n, "Transfer-Encoding: chunked"))
bad("Transfer-Encoding in HTTP/1.0", request(
    PROVISION.replace("1.1", "1.0"), "Transfer-Encoding: chunked",
    body=BODY), 411)
bad("Transfer-Encoding of a DELETE", delete("Transfer-Encoding: chunked",
                                            body=b"0\r\n\r\n"), 411)
bad("Transfer-Encoding of a GET", line(
    "GET /api/pipelines HTTP/1.1", "Transfer-Encoding: chunked",
    body=b"0\r\n\r\n" + HIDDEN), 411)
bad("CL.TE smuggling", request(
    PROVISION, "Content-Length: %d" % (5 + len(HIDDEN)),
    "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN))
bad("a GET with a body", line("GET /api/pipelines HTTP/1.1",
                              "Content-Length: %d" % len(HIDDEN),
                              body=HIDDEN))
bad("a DELETE with a body", delete("Content-Length: %d" % len(HIDDEN),
                                   body=HIDDEN))
bad("another expectation", post(BODY, "Expect: 200-ok"), 417)
bad("Expect twice", post(BODY, "Expect: 100-continue",
                         "Expect: 100-continue"))
# A body as announced, whatever is in it, is no request.
case("a request as a body", post(HIDDEN), 400)

# --- JSON. ---------------------------------------------------------------


def with_config(text):
    """A provision with that text as its config."""
    if isinstance(text, str):
        text = text.encode()
    return post(BODY[:-1] + b', "config": ' + text + b"}")


def with_members(**members):
    return post(json.dumps({"repo": OTHER, "workflow_file": "deploy.yml",
                            **members}).encode())


for name, body in (
        ("not JSON", b"repo=acme/other"), ("an array", b"[" + BODY + b"]"),
        ("text", b'"x"'), ("null", b"null"), ("a number", b"1"),
        ("blanks", b"   "), ("cut off", BODY[:-1]),
        ("a comma at the end", BODY[:-1] + b",}"),
        ("two values", BODY + BODY), ("something behind it", BODY + b"x"),
        ("a NUL behind it", BODY + b"\0"),
        ("single quotes", BODY.replace(b'"', b"'")),
        ("a comment", b"/* x */" + BODY), ("a BOM", b"\xef\xbb\xbf" + BODY),
        ("UTF-16", BODY.decode().encode("utf-16")),
        ("names without quotes", b"{repo: 1}"),
        ("a member twice", BODY[:-1] + b', "repo": "acme/shop"}'),
        ("the same member twice", BODY[:-1] + b', "repo": "%s"}' %
         OTHER.encode()),
        ("a member twice, escaped", BODY[:-1] +
         b', "\\u0072epo": "acme/shop"}')):
    case("JSON: " + name, post(body), 400)
for name, text in (
        ("NaN", '{"a": NaN}'), ("Infinity", '{"a": Infinity}'),
        ("-Infinity", '{"a": -Infinity}'), ("1e999", '{"a": 1e999}'),
        ("-1e999", '{"a": -1e999}'), ("2^63", '{"a": 9223372036854775808}'),
        ("-2^63-1", '{"a": -9223372036854775809}'),
        ("30 digits", '{"a": %s}' % ("9" * 30)), ("01", '{"a": 01}'),
        ("-", '{"a": -}'), ("+1", '{"a": +1}'), (".5", '{"a": .5}'),
        ("1.", '{"a": 1.}'), ("1e", '{"a": 1e}'), ("0x10", '{"a": 0x10}'),
        ("True", '{"a": True}'), ("truee", '{"a": truee}'),
        ("an unknown escape", r'{"a": "\x41"}'),
        ("half an escape", r'{"a": "\u00"}'),
        ("a NUL, escaped", r'{"a": "\u0000"}'),
        ("half a surrogate pair", r'{"a": "\ud83d"}'),
        ("a pair the wrong way round", r'{"a": "\ude00\ud83d"}'),
        ("a raw line feed", '{"a": "\n"}'), ("a raw NUL", '{"a": "\0"}'),
        ("UTF-8 too long", b'{"a": "\xc0\xaf"}'),
        ("UTF-8 of a surrogate", b'{"a": "\xed\xa0\x80"}'),
        ("UTF-8 beyond U+10FFFF", b'{"a": "\xf4\x90\x80\x80"}'),
        ("UTF-8 cut off", b'{"a": "\xc3"}'), ("Latin 1", b'{"a": "\xfc"}'),
        ("a byte 0xff", b'{"a": "\xff"}'),
        ("not UTF-8 in a name", b'{"\xff": 1}'),
        ("a member twice inside", '{"a": 1, "a": 2}'),
        ("an empty name twice", '{"": 1, "": 2}'),
        ("33 deep", '{"a": %s}' % ("[" * 31 + "]" * 31)),
        ("brackets that don't match", '{"a": [}]'),
        ("17 KB", '{"a": "%s"}' % ("x" * 17000)),
        ("many members", '{%s}' % ", ".join(
            '"m%d": 0' % i for i in range(2000)))):
    case("JSON: " + name, with_config(text), 400)
case("JSON: 30,000 deep", post(b"[" * 30000), 400)
case("JSON: 30,000 deep, closed", post(b'{"a":' * 9000 + b"1" +
                                       b"}" * 9000), 400)
case("JSON: 64 KB", post(b'{"repo": "' + b"a" * 65500 + b'"}'), 400)
bad("JSON: a byte more than 64 KB", post(b'"' + b"a" * 65535 + b'"'), 413)
for kind in ("text/plain", "application/x-www-form-urlencoded",
             "application/jsonx", "text/json", "application/json2; a=b", "",
             "application", "multipart/form-data; boundary=x"):
    case("Content-Type %r" % kind, post(BODY, "Content-Type: " + kind), 415)

# --- Members. ------------------------------------------------------------

case("no body", request(PROVISION, "Content-Length: 0"), 400)
case("no body, no length", request(PROVISION), 400)
case("no members", post(b"{}"), 400)
case("no workflow_file", post(b'{"repo": "acme/other"}'), 400)
case("no repo", post(b'{"workflow_file": "deploy.yml"}'), 400)
for name, members in (
        ("repo null", {"repo": None}), ("repo a number", {"repo": 1}),
        ("repo a list", {"repo": [OTHER]}), ("repo true", {"repo": True}),
        ("repo empty", {"repo": ""}), ("repo without owner",
                                       {"repo": "other"}),
        ("repo of three", {"repo": "acme/other/x"}),
        ("repo with dots", {"repo": "acme/.."}),
        ("repo up", {"repo": "../other"}),
        ("repo with a query", {"repo": "acme/other?x"}),
        ("repo with an escape", {"repo": "acme%2fother"}),
        ("repo with a line feed", {"repo": "acme/other\n"}),
        ("repo of 300", {"repo": "acme/" + "a" * 300}),
        ("workflow_file null", {"workflow_file": None}),
        ("workflow_file a number", {"workflow_file": 1}),
        ("workflow_file empty", {"workflow_file": ""}),
        ("workflow_file elsewhere", {"workflow_file": "x/deploy.yml"}),
        ("workflow_file up", {"workflow_file":
                              ".github/workflows/../deploy.yml"}),
        ("workflow_file below", {"workflow_file":
                                 ".github/workflows/x/deploy.yml"}),
        ("workflow_file no YAML", {"workflow_file": "deploy.txt"}),
        ("workflow_file only a suffix", {"workflow_file": ".yml"}),
        ("config a list", {"config": []}), ("config text", {"config": "x"}),
        ("trigger_branches text", {"config": {"trigger_branches": "main"}}),
        ("trigger_branches of 101", {"config": {
            "trigger_branches": ["b"] * 101}}),
        ("trigger_branches empty text", {"config": {
            "trigger_branches": [""]}}),
        ("trigger_branches of 256 bytes", {"config": {
            "trigger_branches": ["b" * 256]}}),
        ("trigger_branches a number", {"config": {
            "trigger_branches": [1]}}),
        ("auto_deploy text", {"config": {"auto_deploy": "true"}}),
        ("notifications_enabled a number", {"config": {
            "notifications_enabled": 1}}),
        ("environment a number", {"config": {"environment": 1}}),
        ("linked_domain a number", {"linked_domain": 1}),
        ("linked_domain a URL", {"linked_domain": "http://a.example"}),
        ("linked_domain with a blank", {"linked_domain": "a b"}),
        ("linked_domain with two dots", {"linked_domain": "a..b"}),
        ("linked_domain with a dash first", {"linked_domain": "-a.b"}),
        ("linked_domain of 254", {"linked_domain": "a." * 126 + "aa"}),
        ("linked_app with a dot first", {"linked_app": ".app"}),
        ("linked_app up", {"linked_app": "../app"}),
        ("linked_app of 65", {"linked_app": "a" * 65}),
        ("linked_app not ASCII", {"linked_app": "\u00fc"}),
        ("vps with a slash", {"vps": "a/b"}), ("vps a list", {"vps": []})):
    case("member: " + name, with_members(**members), 400)


def asked(method, path, body):
    """Another operation on the pipeline, with that body."""
    return request("%s %s%s HTTP/1.1" % (method, TARGET, path),
                   "Content-Length: %d" % len(body), body=body)


for name, body in (
        ("linked_domain a number", b'{"linked_domain": 1}'),
        ("linked_app up", b'{"linked_app": "../x"}'),
        ("config a list", b'{"config": []}'),
        ("a branch too many", b'{"config": {"trigger_branches": [%s"b"]}}' %
         (b'"b", ' * 100)), ("text", b'"x"'), ("a list", b"[]"),
        ("a member twice", b'{"vps": "a", "vps": "b"}')):
    case("update: " + name, asked("PATCH", "", body), 400)
for name, body in (
        ("branch a number", b'{"branch": 1}'),
        ("branch empty", b'{"branch": ""}'),
        ("branch of 256", b'{"branch": "%s"}' % (b"b" * 256)),
        ("inputs text", b'{"inputs": "x"}'),
        ("inputs of inputs", b'{"inputs": {"a": {}}}'),
        ("26 inputs", b'{"inputs": {%s}}' % b", ".join(
            b'"i%d": "x"' % i for i in range(26))),
        ("an input without a name", b'{"inputs": {"": "x"}}'),
        ("an input twice", b'{"inputs": {"a": "x", "a": "y"}}')):
    case("trigger: " + name, asked("POST", "/trigger", body), 400)
for value in (b"1", b'"true"', b'"x"', b"[]", b"{}"):
    case("rerun: failed_only %s" % value.decode(), asked(
        "POST", "/runs/1/rerun", b'{"failed_only": %s}' % value), 400)
for run in ("x", "0", "-1", "+1", "1.0", "1e3", "0x1", "%20" + "1", "1%00",
            "1%", "99999999999999999999", "..", "%2e%2e", "1;x"):
    case("run: " + run, asked("POST", "/runs/%s/cancel" % run, b"{}"), 404)

# --- Paths and queries. --------------------------------------------------

for name, path in (
        ("..", ".."), (".", "."), ("%2e%2e", "%2e%2e"),
        ("up and down", "x/../" + PIPELINE), ("%2f", PIPELINE + "%2fx"),
        ("up, escaped", "..%2f..%2f" + PIPELINE), ("nothing", ""),
        ("a slash behind", PIPELINE + "/"), ("two slashes", "/" + PIPELINE),
        ("escaped twice", "%2570" + PIPELINE[1:]), ("%00", PIPELINE + "%00"),
        ("%00 and more", PIPELINE + "%00x"), ("%20", PIPELINE + "%20"),
        ("%0d%0a", PIPELINE + "%0d%0aX:%20y"), ("%", PIPELINE + "%"),
        ("half an escape", PIPELINE + "%7"),
        ("an escape of letters", PIPELINE + "%zz"),
        ("overlong", "%c0%ae%c0%ae"), ("+", PIPELINE + "+"),
        (";", PIPELINE + ";x=y"), ("*", "*"),
        ("65 characters", "a" * 65), ("2,000 characters", "a" * 2000),
        ("capital letters", PIPELINE.upper()), ("quotes", "'" + PIPELINE),
        ("other", "pipe_000000000000")):
    case("path: " + name, line("DELETE /api/pipelines/%s HTTP/1.1" % path),
         404)
case("path: dots before it", line("DELETE /x/..%s HTTP/1.1" % TARGET), 404)
case("path: slashes before it", line("DELETE /%s HTTP/1.1" % TARGET), 404)
case("path: API in capital letters", line(
    "DELETE %s HTTP/1.1" % TARGET.replace("api", "API")), 404)
case("path: an escaped slash", line("DELETE %s HTTP/1.1" % TARGET.replace(
    "/pipe", "%2fpipe", 1)), 404)
for query in ("preserve_repo=false", "preserve_repo=0", "preserve_repo=",
              "preserve_repo", "preserve_repo=True", "preserve_repo=yes",
              "preserve_repo=true%20", "preserve_repo=%20true",
              "preserve_repo=true&preserve_repo=true",
              "preserve_repo=true&preserve_repo=false",
              "preserve_repo=true&%70reserve_repo=false",
              "preserve_repo=true%00", "preserve_repo=true%",
              "preserve_repo=true%2", "preserve_repo=true%zz",
              "preserve_repo=%c3%28", "preserve_repo=true%0a", "%00=1",
              "%=1"):
    case("query: " + query, line("DELETE %s?%s HTTP/1.1" % (TARGET, query)),
         400)
for query in ("limit=0", "limit=10001", "limit=-1", "limit=1.0", "limit=1e1",
              "limit=99999999999999999999", "limit=2&limit=2", "status=x",
              "status=active%00", "include=x", "domain=%ff"):
    case("query: " + query, line("GET /api/pipelines?%s HTTP/1.1" % query),
         400)

# --- Tokens. -------------------------------------------------------------

case("token: none", delete(token=None), 401)
case("token: empty", delete(token=""), 401)
for name, token in (("wrong", "wrong"), ("with more behind", TOKEN + "x"),
                    ("with a blank", TOKEN[:5] + " " + TOKEN[5:]),
                    ("its beginning", TOKEN[:-1]),
                    ("in capital letters", TOKEN.upper()),
                    ("quoted", '"%s"' % TOKEN), ("twice", TOKEN * 2),
                    ("of 7,000", "x" * 7000)):
    case("token: " + name, delete(token=token), 401)
for value in ("Basic " + TOKEN, "Bearer", "Bearer ", TOKEN, "Bearer: " +
              TOKEN, "Token " + TOKEN, "Bearer x, Bearer " + TOKEN):
    case("token: Authorization %r" % value, delete("Authorization: " + value,
                                                   token=None), 401)
case("token: wrong, the other right", delete("Authorization: Bearer " + TOKEN,
                                             token="wrong"), 401)
case("token: in the query", line("DELETE %s?token=%s HTTP/1.1" % (
    TARGET, TOKEN), token=None), 401)
case("token: none, and a body", post(token=None), 401)
case("token: none, and a bad body", post(b"{", token=None), 401)

# --- One after the other. ------------------------------------------------

LIST = line("GET /api/pipelines HTTP/1.1")
case("pipelined: good, bad framing, hidden", LIST + framed(
    "Content-Length: 5", "Transfer-Encoding: chunked") + HIDDEN, [200, 400],
     True)
case("pipelined: good, bad JSON, good", LIST + post(b"{") + LIST,
     [200, 400, 200])
case("pipelined: wrong token, good", delete(token="wrong") + LIST,
     [401, 200])
case("pipelined: 405, 404, good", line("OPTIONS %s HTTP/1.1" % TARGET) +
     line("DELETE /nowhere HTTP/1.1") + LIST, [405, 404, 200])
case("pipelined: close, hidden", line("GET /api/pipelines HTTP/1.1",
                                      "Connection: close") + HIDDEN, 200,
     True)
case("pipelined: close among others, hidden", line(
    "GET /api/pipelines HTTP/1.1", "Connection: keep-alive, Close") + HIDDEN,
     200, True)
case("pipelined: HTTP/1.0, hidden", line("GET /api/pipelines HTTP/1.0") +
     HIDDEN, 200, True)
case("pipelined: HEAD, hidden", line("HEAD /api/pipelines HTTP/1.1") +
     HIDDEN, 405, True)
case("pipelined: refused body, hidden", framed("Content-Length: 70000") +
     HIDDEN, 413, True)

# --- What is good, and looks odd. ----------------------------------------

case("good: the list", LIST, 200)
case("good: HTTP/1.0 without Host", line("GET /api/pipelines HTTP/1.0",
                                         host=None), 200, True)
case("good: HTTP/1.0, kept alive", line("GET /api/pipelines HTTP/1.0",
                                        "Connection: keep-alive"), 200)
case("good: blanks around a value", line(
    "GET /api/pipelines HTTP/1.1", "Accept: \t */* \t "), 200)
case("good: empty value", line("GET /api/pipelines HTTP/1.1", "X:"), 200)
case("good: value not ASCII", line("GET /api/pipelines HTTP/1.1",
                                   b"X: \xc3\xbc\xff"), 200)
case("good: Authorization", line("GET /api/pipelines HTTP/1.1",
                                 "authorization: bearer " + TOKEN,
                                 token=None), 200)
case("good: length 0", line("GET /api/pipelines HTTP/1.1",
                            "Content-Type: application/json",
                            "Content-Length: 0"), 200)
for host in (b"[::1]:5000", b"[::ffff:1.2.3.4]", b"127.0.0.1", b"a.b.:80",
             b"ccm_server", b"a--b", b"1"):
    case("good: Host %r" % host, line("GET /api/pipelines HTTP/1.1",
                                      host=b"Host: " + host), 200)
case("good: an escaped id", line("GET /api/pipelines/%70" + PIPELINE[1:] +
                                 " HTTP/1.1"), 200)
case("good: a head of 8192", line(
    "GET /api/pipelines HTTP/1.1",
    "X: " + "a" * (8192 - len(line("GET /api/pipelines HTTP/1.1", "X: ")))),
     200)
case("good: 64 fields", line("GET /api/pipelines HTTP/1.1",
                             *["X: a"] * 62), 200)
case("a target of 4096", line("DELETE /%s HTTP/1.1" % ("a" * 4095)), 404)
case("100-continue, then a bad body", post(b"{x", "Expect: 100-continue"),
     400)
