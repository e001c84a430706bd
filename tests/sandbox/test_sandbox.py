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

"""What a taken-over child can do, and what a healthy one must be able to.

Each test starts sandbox_probe, which enters a role's sandbox and tries one
thing.  How that ended is compared with a table: what a table does not name
must have killed the probe by SIGSYS.  As root each role runs as a user of
its own, without and with a chroot, and as if started by an ordinary user.
A control shows that nearly all of it works outside, so that it is the
sandbox that prevents it.
"""

import errno
import functools
import http.server
import os
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
PROBE = os.path.join(os.environ.get("CCM_BUILDDIR", ROOT),
                     "tests", "sandbox", "sandbox_probe")
ROLES = ("poller", "api", "registry")
NOBODY = 65534
BODY = b"hello from the server\n"
DNS_ADDRESS = "127.0.0.99"

if not os.access(PROBE, os.X_OK):
    pytest.fail("not built: " + PROBE, pytrace=False)

LISTED = [line.split() for line in subprocess.run(
    [PROBE, "-l"], check=True, capture_output=True,
    text=True).stdout.splitlines()]
FORBIDDEN = [name for kind, name in LISTED if kind == "forbidden"]

if ["build", "sanitizer"] in LISTED:
    pytest.skip("a sanitizer build has a wider filter: run these on the "
                "normal one", allow_module_level=True)

IS_ROOT = os.geteuid() == 0
MODES = ("user", "root", "chroot")
needs_root = pytest.mark.skipif(not IS_ROOT, reason="root only")
MODE_PARAMS = [pytest.param(m, marks=() if m == "user" else needs_root)
               for m in MODES]

# How each thing ends that does not end by SIGSYS.  Several: whichever the
# kernel looks at first.
SIGSYS = "SIGSYS"
OPENS = ("open_passwd", "open_outside", "openat_outside", "write_outside",
         "create_outside", "createat_outside", "tmpfile_outside",
         "opendir_outside", "getdents_outside", "proc_mem", "proc_environ",
         "write_tmp")
EXPECTED = {
    "poller": {
        **dict.fromkeys(OPENS, "EACCES"),
        "openat2_outside": "ENOSYS",
        "open_state": "EACCES",
        "create_state": "EACCES",
        "socket_inet": "ok",
        "socket_inet6": "ok",
        "socket_udp": "ok",
        "socket_unix": "EAFNOSUPPORT",
        "socket_netlink": "EAFNOSUPPORT",
        "socket_packet": "EAFNOSUPPORT",
        "socket_vsock": "EAFNOSUPPORT",
        "socket_alg": "EAFNOSUPPORT",
        "socket_high_bits": "EAFNOSUPPORT",
        "connect": "ok",
        "bind": "EACCES",
        "clone3": "ENOSYS",
        "thread": "ok",
    },
    "api": {
        **dict.fromkeys(OPENS, "EACCES"),
        "openat2_outside": "EACCES",
        "open_state": "EACCES",
        "create_state": "EACCES",
        "accept": "ok",
    },
    "registry": {
        **dict.fromkeys(OPENS, "EACCES"),
        "openat2_outside": "ENOSYS",
        "fchdir_outside": "EACCES",
        "mkdir_outside": "EACCES",
        "unlink_outside": "EACCES",
        "open_state": "ok",
        "create_state": "ok",
        "link_out": ("EACCES", "EXDEV"),
        "link_in": ("EACCES", "EXDEV"),
        "rename_out": ("EACCES", "EXDEV"),
        "rename_in": ("EACCES", "EXDEV"),
    },
}

# What fails outside as well, where a kernel lacks it or keeps it from root.
LACKING = ("socket_alg", "socket_vsock", "socket_icmp", "socket_mptcp",
           "init_module", "io_uring", "userfaultfd", "bpf", "x32", "int80",
           "setxattr", "open_by_handle", "clone3", "fanotify", "keyctl",
           "add_key", "fsopen", "open_tree", "kcmp", "unshare_user",
           "mount", "mknod_device", "perf_event_open", "quotactl",
           "pidfd_getfd", "process_madvise", "landlock")

WORKS_EVERYWHERE = ("loop", "sodium", "json", "random", "memory", "clocks",
                    "fdpass", "peercred", "passed_file")
WORKS = ([(r, t) for r in ROLES for t in WORKS_EVERYWHERE] +
         [("registry", t) for t in ("sqlite_wal", "sqlite_delete", "store",
                                    "append")] +
         [("api", t) for t in ("accept_writev", "tls")])
ELSEWHERE = {"log", "abort", "leak", "curl", "resolve", "resolv_replaced",
             "parent_respawn", "parent_caps", "parent_kill", "parent_reread",
             "parent_other_file", "parent_mount", "parent_chown"}


class Place:
    """Fresh directories, and a probe that everybody can reach."""

    def __init__(self, base):
        self.base = base
        os.chmod(base, 0o755)
        self.probe = os.path.join(base, "sandbox_probe")
        shutil.copy(PROBE, self.probe)
        self.state = self.make("state", 0o700, NOBODY)
        self.outside = self.make("outside", 0o777, NOBODY)
        self.resolv = self.make("resolv", 0o755, NOBODY)
        self.put(self.state, "pipelines.json", "{}\n", 0o600, NOBODY)
        self.put(self.outside, "secret", "x\n", 0o666, NOBODY)
        self.put(self.outside, "own", "x\n", 0o600)
        self.put(self.outside, "others", "x\n", 0o600, NOBODY)
        self.put(self.resolv, "resolv.conf", "old", 0o644)

    def own(self, path, uid):
        if IS_ROOT and uid is not None:
            os.chown(path, uid, uid)

    def make(self, name, mode, uid=None):
        path = os.path.join(self.base, name)
        os.makedirs(path)
        os.chmod(path, mode)
        self.own(path, uid)
        return path

    def put(self, directory, name, text, mode, uid=None):
        path = os.path.join(directory, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        self.own(path, uid)
        return path

    def run(self, role, thing, mode, *more, resolv=True, statedir=None):
        """How it ended, the line about the level, and stderr."""
        argv = [self.probe, "-O", self.outside, "-u", str(NOBODY), "-g",
                str(NOBODY), *more]
        state = self.state
        if mode == "chroot":
            argv += ["-c", self.state]
            state = "/"
        argv += ["-d", statedir or state]
        if resolv and role == "poller" and mode != "chroot":
            argv += ["-r", self.resolv]
        if mode == "user" and IS_ROOT:
            argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                    "--clear-groups"] + argv
        done = subprocess.run(argv + [role, thing], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines and lines[0].startswith("level "), \
            done.stdout + done.stderr
        return outcome(lines[1:]), lines[0], done.stderr


def outcome(lines):
    """'killed 31', 'errno 13', 'ok' and so on, with names for numbers."""
    text = " ".join(lines)
    if m := re.search(r"killed (\d+)", text):
        return signal.Signals(int(m[1])).name
    if m := re.search(r"errno (\d+)", text):
        return errno.errorcode[int(m[1])]
    return text


@pytest.fixture
def place():
    base = tempfile.mkdtemp(prefix="ccm-sandbox-")
    yield Place(base)
    shutil.rmtree(base)


def test_tables_are_complete():
    """Nothing in the tables that the probe does not know, and the reverse."""
    names = {name for kind, name in LISTED if kind != "build"}
    tabled = {t for _, t in WORKS} | ELSEWHERE | set(FORBIDDEN)
    assert names == tabled
    for role in ROLES:
        assert set(EXPECTED[role]) <= set(FORBIDDEN)
        stopped = [t for t in FORBIDDEN if EXPECTED[role].get(t) != "ok"]
        assert len(stopped) >= 100
    assert set(LACKING) <= set(FORBIDDEN)


@needs_root
@pytest.mark.parametrize("thing", FORBIDDEN)
def test_control(place, thing):
    """Without a sandbox it works: the other tests can fail."""
    how, level, _ = place.run("registry", thing, "root", "-n")
    assert level == "level none"
    if thing.startswith("execve"):
        assert how.strip() == "exec"
    elif how != "ok" and thing in LACKING:
        pytest.skip(f"this kernel says {how} anyway")
    else:
        assert how == "ok"


@pytest.mark.parametrize("mode", MODE_PARAMS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("thing", FORBIDDEN)
def test_forbidden(place, role, mode, thing):
    how, _, stderr = place.run(role, thing, mode)
    wanted = EXPECTED[role].get(thing, SIGSYS)
    wanted = {wanted} if isinstance(wanted, str) else set(wanted)
    if mode == "chroot" and wanted == {"EACCES"} and role != "api":
        wanted |= {"ENOENT"}    # its paths lead nowhere
    assert how in wanted, stderr
    if how != "ok" and thing not in ("open_state", "create_state"):
        with open(os.path.join(place.outside, "secret")) as f:
            assert f.read() == "x\n"
        assert sorted(os.listdir(place.outside)) == [
            "others", "own", "secret"]


@pytest.mark.parametrize("mode", MODE_PARAMS)
@pytest.mark.parametrize("role,thing", WORKS)
def test_works(place, certificate, role, mode, thing):
    how, _, stderr = place.run(role, thing, mode, "-C", certificate)
    assert how == "ok", stderr


@pytest.mark.parametrize("mode", MODE_PARAMS)
@pytest.mark.parametrize("role", ROLES)
def test_log_and_abort(place, role, mode):
    how, _, stderr = place.run(role, "log", mode)
    assert how == "ok" and "a line from inside" in stderr
    assert place.run(role, "abort", mode)[0] == "SIGABRT"


@pytest.mark.parametrize("mode", MODE_PARAMS)
@pytest.mark.parametrize("role", ROLES)
def test_level(place, role, mode, record_property, capsys):
    """Strict goes through, and the level says what there is."""
    how, level, stderr = place.run(role, "json", mode, "-s")
    assert how == "ok", stderr
    with capsys.disabled():
        print(f"\n{role} ({mode}): {level}", end="")
    words = level.split(",")[0].split()[1:]
    wanted = ["fds", "rlimit", "nodump", "nnp", "caps", "seccomp"]
    if mode != "user":
        wanted.append("uid")
    if mode == "chroot":
        wanted.append("chroot")
    abi = [w for w in words if w.startswith("landlock-")]
    assert sorted(words) == sorted(wanted + abi) and len(abi) == 1


def refused(place, argv):
    done = subprocess.run([place.probe, "-O", place.outside] + argv,
                          capture_output=True, text=True, timeout=60)
    return outcome(done.stdout.splitlines()), done.stderr


@needs_root
def test_root_is_refused(place):
    how, stderr = refused(place, ["-d", place.state, "api", "json"])
    assert how == "EINVAL" and "does not run as root" in stderr


def test_missing_directories_are_errors(place):
    user = ["-u", str(NOBODY), "-g", str(NOBODY)]
    how, stderr = refused(place, user + ["registry", "json"])
    assert how == "EINVAL" and "no state directory" in stderr
    how, stderr = refused(place, user + ["-d", place.base + "/none",
                                         "registry", "json"])
    assert how == "ENOENT" and place.base + "/none" in stderr
    if IS_ROOT:
        how, stderr = refused(place, user + ["-c", place.base + "/none",
                                             "api", "json"])
        assert how == "ENOENT" and "chroot" in stderr


def test_resolver_directory_by_default(place):
    """/etc can be read, without a chroot, only if resolv.conf is there."""
    how, _, _ = place.run("poller", "open_passwd", "user", resolv=False)
    real = os.path.dirname(os.path.realpath("/etc/resolv.conf"))
    assert how == ("ok" if real == "/etc" else "EACCES")
    how, _, _ = place.run("poller", "open_outside", "user", resolv=False)
    assert how == "EACCES"


@pytest.mark.parametrize("mode", MODE_PARAMS[:2])
def test_replaced_resolv_conf_is_read(place, mode):
    how, _, stderr = place.run("poller", "resolv_replaced", mode)
    assert how == "ok", stderr


# --- The poller's network: servers and names of our own.

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args):
        pass


class Resolver(socketserver.BaseRequestHandler):
    """A name server that knows one name and one address."""

    def handle(self):
        data, sock = self.request
        end = data.index(b"\0", 12) + 5
        known = data[12:end - 4] == b"\x03dns\x03ccm\x04test\0"
        is_a = data[end - 4:end - 2] == b"\0\1"
        answer = (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1"
                  if known and is_a else b"")
        flags = b"\x81\x80" if known else b"\x81\x83"
        sock.sendto(data[:2] + flags + b"\0\1" +
                    (b"\0\1" if answer else b"\0\0") + b"\0\0\0\0" +
                    data[12:end] + answer, self.client_address)


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True,
                     kwargs={"poll_interval": 0.05}).start()
    return server


@functools.lru_cache
def hosts_name():
    """A name of 127.0.0.1 that libcurl does not know by itself."""
    if not os.path.exists("/etc/hosts"):
        return None
    with open("/etc/hosts") as f:
        for line in f:
            words = line.split("#")[0].split()
            if words and words[0] == "127.0.0.1":
                for name in words[1:]:
                    if not name.startswith("localhost"):
                        return name
    return None


@pytest.fixture(scope="session")
def certificate():
    """Key and certificate in one file, for every name used here."""
    base = tempfile.mkdtemp(prefix="ccm-sandbox-")
    os.chmod(base, 0o755)
    path = os.path.join(base, "cert.pem")
    names = ["hosts.ccm.test", "dns.ccm.test"]
    names += [hosts_name()] if hosts_name() else []
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=ccm.test", "-addext", "subjectAltName=" +
                    ",".join("DNS:" + n for n in names), "-keyout", path,
                    "-out", path + ".crt"], check=True, capture_output=True)
    with open(path, "a") as f, open(path + ".crt") as crt:
        f.write(crt.read())
    os.chmod(path, 0o644)
    yield path
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def ports(certificate):
    plain = serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    serve(secure)
    yield {"http": plain.server_port, "https": secure.server_port}
    plain.shutdown()
    secure.shutdown()


@pytest.fixture
def names(place):
    """A chroot's /etc, and the name server that its resolv.conf names."""
    etc = os.path.join(place.state, "etc")
    os.mkdir(etc)
    place.put(etc, "hosts", "127.0.0.1 hosts.ccm.test\n", 0o644)
    place.put(etc, "resolv.conf", f"nameserver {DNS_ADDRESS}\n"
              "options timeout:2 attempts:1\n", 0o644)
    os.chmod(place.state, 0o755)
    try:
        server = socketserver.UDPServer((DNS_ADDRESS, 53), Resolver)
    except OSError as e:
        pytest.skip(f"{DNS_ADDRESS}:53: {e}")
    serve(server)
    yield
    server.shutdown()
    server.server_close()


@needs_root
@pytest.mark.parametrize("name", ("hosts.ccm.test", "dns.ccm.test"))
@pytest.mark.parametrize("scheme", ("http", "https"))
def test_curl_in_chroot(place, certificate, ports, names, scheme, name):
    url = f"{scheme}://{name}:{ports[scheme]}/"
    how, _, stderr = place.run("poller", "curl", "chroot", "-U", url,
                               "-C", certificate)
    assert how == "ok", stderr


@needs_root
def test_resolve_in_chroot(place, names):
    how, _, stderr = place.run("poller", "resolve", "chroot", "-U",
                               "http://dns.ccm.test/")
    assert how == "ok", stderr


@pytest.mark.parametrize("mode", MODE_PARAMS[:2])
@pytest.mark.parametrize("scheme", ("http", "https"))
def test_curl(place, certificate, ports, mode, scheme):
    if hosts_name() is None:
        pytest.skip("/etc/hosts has no other name for 127.0.0.1")
    url = f"{scheme}://{hosts_name()}:{ports[scheme]}/"
    how, _, stderr = place.run("poller", "curl", mode, "-U", url, "-C",
                               certificate, resolv=False)
    assert how == "ok", stderr


@pytest.mark.parametrize("role", ("api", "registry"))
def test_curl_is_the_pollers(place, ports, role):
    how, _, _ = place.run(role, "curl", "user", "-U",
                          f"http://127.0.0.1:{ports['http']}/")
    assert how == SIGSYS


# --- The parent.

PARENT_ROOT = {
    "parent_respawn": "ok",
    "parent_caps": "ok",
    "parent_kill": "ok",
    "parent_reread": "ok",
    "parent_other_file": "EACCES",
    "parent_mount": "EPERM",
    "parent_chown": "EPERM",
}


@needs_root
@pytest.mark.parametrize("thing", PARENT_ROOT)
def test_parent(place, thing):
    assert place.run("parent", thing, "root", "-n")[0] == "ok" or \
        thing == "parent_caps"
    place.own(os.path.join(place.outside, "own"), 0)
    os.chmod(place.state, 0o755)
    how, level, stderr = place.run("parent", thing, "root", "-s")
    assert how == PARENT_ROOT[thing], stderr
    assert level.startswith("level nodump nnp caps,")


def test_parent_as_user(place):
    how, level, stderr = place.run("parent", "parent_caps", "user", "-s")
    assert how == "ok", stderr
    assert level.startswith("level nodump nnp caps,")
