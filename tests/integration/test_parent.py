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

"""The parent: configuration, credentials, sockets; and the control socket's
answers to what is not its language."""

import json
import fcntl
import grp
import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time
import urllib.request

import pytest

from daemon import (BUILD, ROOT, Daemon, children, drain, free_port,
                    wait_until)
from githubsim import GitHubSim


def check(tmp_path, text, env=None, mode=0o644, args=("-n",)):
    conf = tmp_path / "ccmd.conf"
    conf.write_text(text)
    conf.chmod(mode)
    return subprocess.run(
        [str(BUILD / "ccmd/ccmd"), *args, "-f", str(conf)],
        capture_output=True, text=True, timeout=20,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path),
             **(env or {})})


GOOD_HASH = "ab" * 32


@pytest.mark.parametrize("text,line,what", [
    ("listen on 127.0.0.1", 1, "port"),
    ("\n\nlisten on 127.0.0.1 port 70000\n", 3, "65535"),
    ("listen on 127.0.0.1 port x\n", 1, "a number"),
    ("nonsense\n", 1, 'was expected, not "nonsense"'),
    ('listen on "127\\x.0.0.1" port 1\n', 1, 'only \\\\" and'),
    ("\nlisten on %s port 1\n" % ("x" * 5000), 2, "a shorter word"),
    ('\nlisten on "%s" port 1\n' % ("x" * 5000), 2, "a shorter word"),
    ("listen \\x on 127.0.0.1 port 1\n", 1, "a backslash ends a line"),
    ("listen on 127.0.0.1\\x port 1\n", 1, "a backslash ends a line"),
    ('github "a" {\n\towners { "a b" }\n}\n', 2,
     "a user or organisation"),
    ("".join('github "g%d" {\n\turl "https://x"\n\ttoken file "/x"\n}\n' %
             n for n in range(33)), 129, "at most 32"),
    ("poll interval active 0\n", 1, "86400"),
    ("poll interval\n", 1, "active, idle, max or reserve was expected"),
    ('github "a" {\n}\n', 2, "token file"),
    ('github "a" {\n\turl "ftp://x"\n\ttoken file "/x"\n}\n', 2, "https"),
    ('github "a" {\n\turl "http://example.com"\n\ttoken file "/x"\n}\n', 2,
     "clear text"),
    ('github "a" {\n\tapp 0 installation 2 key file "/k"\n}\n', 2,
     "numbers of an App"),
    ('api token "a" role root hash "%s"\n' % GOOD_HASH, 1, "viewer"),
    ('api token "a" role api hash "12"\n', 1, "64 hexadecimal"),
    ('api token "a" role api hash "%s" expires soon\n' % GOOD_HASH, 1,
     "date"),
    ('api token "a" role api hash "%s"\n' % GOOD_HASH * 2, 2, "twice"),
    ('state directory "/x\n', 1, "quote"),
    ('listen on :: port 5443 tls certificate "/c" key "/k"\n', 1,
     "certificate /c: No such file"),
    ("backups newest 0\n", 1, "10000"),
    ("history days 8\n", 1, "from 9"),
    ("history\n", 1, "days"),
    ("history megabytes 90 days\n", 1, "number"),
    ('control socket "/x" role nobody\n', 1, "viewer"),
    ("\x00\n", 1, "NUL"),
    ("listen on example.com port 80\n", 1, "numeric IPv4 or IPv6"),
    ("listen on 300.1.1.1 port 80\n", 1, "numeric IPv4 or IPv6"),
    ("listen on ::1 port 80\nlisten on ::1 port 80\n", 2, "already"),
    pytest.param("".join("listen on ::1 port %d\n" % n for n in range(
        1, 18)), 17, "at most 16", id="listeners"),
    ('control socket "rel"\n', 1, "absolute path"),
    ('control socket "/%s"\n' % ("x" * 107), 1, "at most 107 bytes"),
    ('state directory "rel"\n', 1, "absolute path"),
    ('state directory "/x" more\n', 1,
     'the end of the line was expected, not "more"'),
    ('api token "" role api hash "%s"\n' % GOOD_HASH, 1, "1 to 64 bytes"),
    ('api token "%s" role api hash "%s"\n' % ("n" * 65, GOOD_HASH), 1,
     "1 to 64 bytes"),
    ('api token "a" role api hash "%s" expires 2027-02-30\n' % GOOD_HASH, 1,
     "date"),
    ('github "" {\n\ttoken file "/x"\n}\n', 1, "1 to 64 bytes"),
    ('github "a" {\n\turl "https://h:99999"\n\ttoken file "/x"\n}\n', 2,
     "https://host"),
    ('github "a" {\n\turl "https://h/\u00e9"\n\ttoken file "/x"\n}\n', 2,
     "https://host"),
    pytest.param('github "a" {\n\ttoken file "/x"\n\towners {\n%s\t}\n}\n' %
                 "".join('"%s%d"\n' % ("o" * 35, n) for n in range(1000, 1120)),
                 106, "at most 4096 bytes", id="owners"),
    ('github "a" {\n\n\ttoken file "/no/such"\n}\n', 3,
     "/no/such: No such file"),
    ('github "a" {\n\n\n\twrite token file "/no/such"\n\tapp 1 '
     'installation 2 key file "/dev/null"\n}\n', 4, "/no/such: No such file"),
    ('github "a" {\n\n\ttoken file "/dev/null"\n}\n', 3,
     "/dev/null: a regular file was expected"),
    ('github "a" {\n\tapp 1 installation 2 key file "/no/such"\n}\n', 2,
     "/no/such: No such file"),
    ('\nlisten on ::1 port 80 tls certificate "/no/such" key "/no/key"\n', 2,
     "certificate /no/such: No such file"),
    pytest.param("\n" * 100000 + "listen on ::1 port 80\n", 100001,
                 "at most 100000 lines", id="lines"),
    ('\n\ngithub "a" {\n\ttoken file "/x"\n', 5,
     "not the end of the file, in what begins in line 3"),
    ("limits http {\n\tbogus\n}\n", 3, "was expected"),
    ("limits http { connections }\n", 1, "was expected"),
    ("limits htp {\n\tidle x\n}\n", 1, "http was expected"),
    ('github "a" {\n\tbogus\n}\n', 2, "was expected"),
    ('vps "a" {\n\tbogus\n}\n', 2, "was expected"),
    ('secret "a" {\n\tbogus\n}\n', 2, "was expected"),
    ('github "a" {\n\towners { token }\n}\n', 2, "was expected"),
    ("\f\vlisten\fon ::1 port x\n", 1, "a number was expected"),
])
def test_bad_configuration(tmp_path, text, line, what):
    r = check(tmp_path, text)
    assert r.returncode == 1
    # A file that it names may have had its say before.
    place = "%s/ccmd.conf:%d: " % (tmp_path, line)
    first = next(x for x in r.stderr.splitlines() if "ccmd.conf" in x)
    assert place in first, r.stderr
    assert what in first, r.stderr


def test_a_start_that_no_repetition_helps(tmp_path):
    """A service manager tells it from what may be better in a moment."""
    for args in ((), ("-d",)):
        r = check(tmp_path, "nonsense\n", args=args)
        assert r.returncode == 78 and "ccmd.conf:1: " in r.stderr


def test_every_error_is_said(tmp_path):
    r = check(tmp_path, "bad\nlisten on 127.0.0.1 port 1\nworse\n")
    assert [x.split(":")[2] for x in r.stderr.splitlines()] == ["1", "3"]


def test_an_error_in_braces_hides_no_other(tmp_path):
    r = check(tmp_path, 'github "a" {\n\tnonsense {\n\t}\n\ttoken file "/x\n'
              '}\ngithub "a" { url 5 }\nlisten on ::1 port 0\n')
    lines = re.findall(r"ccmd.conf:(\d+): ", r.stderr)
    assert r.returncode == 1 and lines == ["2", "4", "6", "6", "7"], r.stderr


def test_lines_go_on_behind_a_backslash(tmp_path):
    r = check(tmp_path, 'listen on 127.0.0.1 \\\n\tport 1234\r\n'
              'api token "a" role api \\\r\n hash \\\n \\\n  "%s"\n'
              'poll interval active 7 \\\n' % GOOD_HASH)
    assert r.returncode == 0, r.stderr
    assert "listen on 127.0.0.1 port 1234\n" in r.stdout
    assert "active 7 " in r.stdout
    # A comment does not go on, and lines are counted all the same.
    r = check(tmp_path, "# one \\\nlisten on ::1 \\\n\\\n  port 0\nx\n")
    assert re.findall(r"conf:(\d+): ", r.stderr) == ["4", "5"], r.stderr


def test_a_group_that_is_not_there(tmp_path):
    """A configuration can be checked where it is not used."""
    text = ('state directory "%s"\n\ncontrol socket "%s" group "no-such"\n' % (
        tmp_path / "state", tmp_path / "sock"))
    r = check(tmp_path, text)
    assert r.returncode == 0
    assert "group no-such (there is none here)\n" in r.stdout
    r = check(tmp_path, text, args=("-d", "-L", str(BUILD / "ccmd")))
    assert r.returncode == 1
    assert 'ccmd.conf:3: group: there is no group "no-such"' in r.stderr
    assert not (tmp_path / "sock").exists()


def test_the_manual_s_example(tmp_path):
    page = (ROOT / "man/ccmd.conf.5").read_text()
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", page[
        page.index(".Sh EXAMPLES"):], re.M | re.S)
    text, = [b.replace("\\e\n", "\\\n") for b in blocks if "listen on" in b]
    for name in set(re.findall(r'"/etc/ccmd/([^"]+)"', text)):
        path = tmp_path / name
        if name == "app.pem":
            subprocess.run(["openssl", "genrsa", "-traditional", "-out", path,
                            "2048"], check=True, stderr=subprocess.DEVNULL)
        else:
            path.write_text("x\n")
        path.chmod(0o600)
    text, n = re.subn(r'hash "\w+\.\.\.64 digits in all\.\.\.\w+"',
                      'hash "%s"' % GOOD_HASH, text)
    assert n == 2 and "\\\n" in text
    r = check(tmp_path, text.replace("/etc/ccmd", str(tmp_path)))
    assert r.returncode == 0 and r.stderr == "", r.stderr
    assert "dashboard role viewer expires 2027-01-31" in r.stdout
    assert "app 12345 installation 678" in r.stdout


def test_dry_check_says_all_that_counts(tmp_path):
    secret = tmp_path / "token"
    secret.write_text("s3cr3t\n")
    secret.chmod(0o600)
    r = check(tmp_path, """
api token "grafana" role viewer hash "%s" expires 2999-01-31
control socket "/x/y" role api
state directory "/x"
github "ours" {
\ttoken file "%s"
\twrite token file "%s"
\towners { "acme" "other" }
\turl "https://github.example.com/api/v3"
\tlimits none
}
github "rest" { token file "%s" limits concurrent 7 points 77 }
poll interval active 11 idle 61 max 301 reserve 21%%
backups newest 3 minutely 4 hourly 5 daily 6
history days 12 megabytes 34
public badges
sandbox strict
""" % (GOOD_HASH, secret, secret, secret))
    assert r.returncode == 0 and r.stderr == ""
    for what in ("grafana role viewer expires 2999-01-31", "/x/y role api",
                 "state directory /x\n", "owners acme other",
                 "https://github.example.com/api/v3", "write token yes",
                 "limits none", "limits concurrent 7 points 77",
                 "active 11 idle 61 max 301 reserve 21%",
                 "newest 3 minutely 4 hourly 5 daily 6",
                 "days 12 megabytes 34", "public badges", "sandbox strict"):
        assert what in r.stdout, r.stdout
    assert "s3cr3t" not in r.stdout and GOOD_HASH not in r.stdout
    with open("/dev/full", "w") as full:
        r = subprocess.run([BUILD / "ccmd/ccmd", "-n", "-f",
                            tmp_path / "ccmd.conf"], stdout=full,
                           stderr=subprocess.PIPE, timeout=20)
    assert r.returncode == 1
    assert r.stderr == b"ccmd: standard output: No space left on device\n"


def test_a_token_on_every_line(tmp_path):
    """As many as the file may have lines, and their names are kept apart."""
    lines = ['api token "%d" role api hash "%s"\n' % (n, GOOD_HASH)
             for n in range(100000)]
    r = check(tmp_path, "".join(lines))
    assert r.returncode == 0, r.stderr
    assert r.stdout.count("api token ") == 100000
    lines[-1] = lines[7]
    r = check(tmp_path, "".join(lines))
    assert r.returncode == 1
    assert r.stderr.endswith(
        'ccmd.conf:100000: api token "7": named twice\n'), r.stderr


def test_where_the_projects_are(tmp_path):
    """In the state directory, which root's daemon leaves to a child; the
    Python CCM's may lie elsewhere, of which a user is told."""
    state = tmp_path / "state"
    for path, inside in ((state / "projects.json", True),
                         (state / "other.json", False),
                         (tmp_path / "projects.json", False)):
        r = check(tmp_path, 'state directory "%s"\n' % state,
                  env={"CCM_CONFIG": str(path)})
        if inside:
            assert (r.returncode, r.stderr) == (0, "")
        elif os.geteuid() == 0 and path.parent != state:
            assert r.returncode == 1
            assert "CCM_CONFIG: a file in the state directory" in r.stderr
        else:
            assert r.returncode == 0
            assert "ccmctl registry import" in r.stderr


def test_the_usual_configuration_of_a_user(tmp_path):
    user = "nobody" if os.geteuid() == 0 else None
    with Daemon(tmp_path, user=user, start=False) as d:
        def dry():
            argv = d.argv("-n")
            i = argv.index("-f")
            return subprocess.run(argv[:i] + argv[i + 2:], env=d.env,
                                  capture_output=True, text=True, timeout=20)
        home = "state directory %s/.ccm\n" % d.dir
        r = dry()
        assert r.returncode == 0 and home in r.stdout, r
        (d.dir / ".ccm").mkdir(mode=0o755)
        d.conf_path.rename(d.dir / ".ccm/ccmd.conf")
        r = dry()
        assert r.returncode == 0 and home not in r.stdout, r
        assert "state directory %s\n" % d.state in r.stdout


def test_a_token_of_somebody_else_is_refused(tmp_path):
    """Who owns it can change it at any time."""
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    token = tmp_path / "token"
    token.write_text("s3cr3t\n")
    token.chmod(0o600)
    conf = 'github "a" {\n\ttoken file "%s"\n}\n' % token
    assert check(tmp_path, conf).returncode == 0
    os.chown(token, 65534, 65534)
    r = check(tmp_path, conf)
    assert r.returncode == 1
    assert "%s: must belong to root or to us\n" % token in r.stderr


def test_the_group_of_the_control_socket(tmp_path):
    """Its members may, others may not; also behind a reload."""
    if os.geteuid() != 0:
        pytest.skip("only root may give a group what is its own")
    group = grp.getgrgid(65534)
    # In a place that others may enter; but it is root's.
    with Daemon(tmp_path, user="nobody", start=False) as d:
        def argv(*more):
            argv = daemon_argv(*more)
            return argv[argv.index(str(d.bin / "ccmd")):]
        daemon_argv, d.argv = d.argv, argv
        for path in (d.dir, d.conf_path):
            os.chown(path, 0, 0)
        d.conf_path.write_text(d.conf_path.read_text().replace(
            'control socket "%s"' % d.socket,
            'control socket "%s" group "%s" role viewer' % (
                d.socket, group.gr_name)))
        shutil.copy2(BUILD / "ccmctl/ccmctl", d.bin)
        d.start()

        def ctl(gid, *words):
            return subprocess.run(
                [d.bin / "ccmctl", "-s", d.socket, *words], user=65533,
                group=gid, extra_groups=[], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=20,
                env={"PATH": os.environ["PATH"]})
        for _ in range(2):
            st = os.stat(d.socket)
            assert (st.st_gid, stat.S_IMODE(st.st_mode)) == (
                group.gr_gid, 0o660)
            assert ctl(group.gr_gid, "list").returncode == 0
            r = ctl(65533, "list")
            assert r.returncode == 3 and "Permission denied" in r.stderr
            assert ctl(group.gr_gid, "reload").returncode == 1
            d.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "configuration is in force" in d.log(), 20,
                       "reloaded")


def test_a_line_goes_on_behind_a_backslash(tmp_path):
    """Also right behind a word, and before a comment or nothing."""
    for text in ("listen on 127.0.0.1 \\\n\tport 5001\n",
                 "listen on 127.0.0.1\\\n\tport\\\n5001\\\n\n",
                 "listen on 127.0.0.1\\\r\n port 5001 \\\n# no more\n"):
        r = check(tmp_path, text, env={"CCM_API_TOKEN": "t"})
        assert r.returncode == 0 and "127.0.0.1 port 5001\n" in r.stdout, r


def test_the_first_day_is_not_never(tmp_path):
    r = check(tmp_path, 'api token "a" role api hash "%s" expires 1970-01-01\n'
              % GOOD_HASH)
    assert r.returncode == 0
    assert "role api expires 1970-01-01 (it is over)\n" in r.stdout


def test_configuration_that_is_no_file(tmp_path):
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        r = subprocess.run([BUILD / "ccmd/ccmd", "-n", "-f", path],
                           capture_output=True, text=True, timeout=20)
        assert r.returncode == 1 and "must be a file" in r.stderr


def test_dry_check_prints_no_secret(tmp_path):
    token = tmp_path / "token"
    token.write_text("S3cret\n")
    token.chmod(0o600)
    r = check(tmp_path, """
# a comment
listen on 127.0.0.1 port 5001	# another
listen on ::1 port 5002
control socket "%s/s" role viewer
state directory "%s/state"
github "default" {
	url "https://api.github.com"
	token file "%s"
	owners { "myorg" "myuser" }
	limits concurrent 30 points 900
}
api token "vps-manager" role api hash "%s" expires 2099-01-01
poll interval active 10 idle 60 max 300 reserve 20%%
vps "srv1" {
	host "203.0.113.7" port 2223 user "deployer" key file "/k"
	host key "ssh-ed25519 AAAA"
	apps directory "/home/deployer/apps" sudo
}
secret "DATABASE_URL" { file "/f" repositories { "myorg/*" } }""" % (
        tmp_path, tmp_path, token, GOOD_HASH),
        env={"CCM_API_TOKEN": "S3cret-api"})
    assert r.returncode == 0, r.stderr
    assert "listen on ::1 port 5002" in r.stdout
    assert "vps-manager role api" in r.stdout
    assert "owners myorg myuser token yes" in r.stdout
    assert "S3cret" not in r.stdout + r.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("how,what", [
    (lambda p: p.chmod(0o640), "chmod 600"),
    (lambda p: p.chmod(0o604), "chmod 600"),
    (lambda p: p.write_text(""), "one line"),
    (lambda p: p.write_text("a b\n"), "without blanks"),
    (lambda p: p.write_text("x" * 2000), "one line"),
    (lambda p: (p.unlink(), p.symlink_to("/etc/hostname")), "ymbolic"),
    (lambda p: (p.unlink(), p.mkdir()), "regular file"),
    (lambda p: p.unlink(), "No such file"),
])
def test_credential_files(tmp_path, how, what):
    token = tmp_path / "token"
    token.write_text("secret\n")
    token.chmod(0o600)
    how(token)
    r = check(tmp_path, 'github "a" {\n\ttoken file "%s"\n}\n' % token)
    assert r.returncode == 1
    assert what in r.stderr and str(token) in r.stderr, r.stderr
    assert "secret" not in r.stderr


def test_environment_is_checked(tmp_path):
    for env, what in [
            ({"CCM_GITHUB_URL": "http://example.com"}, "CCM_GITHUB_URL"),
            ({"CCM_PIPELINES_PATH": "/x/y.json"}, "CCM_PIPELINES_PATH"),
            ({"CCM_DRY_RUN": "1"}, "CCM_DRY_RUN"),
            ({"CCM_PIPELINES": "/x/y.json"}, "CCM_PIPELINES:"),
            ({"CCM_SOCKET": "/" + "x" * 107}, "CCM_SOCKET"),
            ({"GITHUB_TOKEN": "a\u00e9"}, "GITHUB_TOKEN"),
            ({"GHT": "a b"}, "GHT")]:
        r = check(tmp_path, "", env=env)
        assert r.returncode == 1, (env, r.stderr)
        assert r.stderr.startswith("ccmd: " + what), r.stderr
    r = check(tmp_path, "", env={
        "CCM_PIPELINES_PATH": "~/x/pipelines.json", "GITHUB_TOKEN": "t"})
    assert r.returncode == 0
    assert "state directory %s/x\n" % tmp_path in r.stdout
    assert "token yes" in r.stdout
    assert "http: not listening" in r.stdout


def test_usage():
    r = subprocess.run([str(BUILD / "ccmd/ccmd"), "-x"], capture_output=True,
                       text=True)
    assert r.returncode == 2 and r.stderr.count("usage:") == 1


def test_writable_configuration_is_refused(tmp_path):
    r = check(tmp_path, "\n", mode=0o666)
    assert r.returncode == 1 and "chmod go-w" in r.stderr


def test_without_token_http_does_not_listen(tmp_path):
    with Daemon(tmp_path, tokens={"t": ("admin", "x")}, start=False) as d:
        text = d.conf_path.read_text()
        d.conf_path.write_text("\n".join(
            x for x in text.splitlines() if "api token" not in x) + "\n")
        d.start(wait=False)
        wait_until(lambda: d.ctl("status").returncode == 0, what="control")
        assert d.logged("not listening for http")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", d.port), 2)


def test_second_daemon_is_refused(tmp_path):
    with Daemon(tmp_path) as d:
        other = d.conf_path.with_name("other.conf")
        other.write_text(d.conf_path.read_text()
                         .replace("port %d" % d.port, "port %d" %
                                  free_port())
                         .replace("ccmd.sock", "other.sock"))
        r = subprocess.run(
            [str(BUILD / "ccmd/ccmd"), "-d", "-L", str(BUILD / "ccmd"), "-f",
             str(other)], capture_output=True, text=True, timeout=20)
        assert r.returncode == 1
        assert "in use by another ccmd (pid %d)" % d.process.pid in r.stderr
        assert d.request("GET", "/healthz")[0] == 200


def test_control_socket_modes_and_leftovers(tmp_path):
    with Daemon(tmp_path) as d:
        assert stat.S_IMODE(os.stat(d.socket).st_mode) == 0o600
        d.kill_all()
        assert d.socket.exists()
        d.start()
        assert d.stop() == 0
        assert not d.socket.exists()
        d.socket.write_text("not a socket")
        d.start(wait=False)
        assert d.process.wait(10) == 1
        assert d.logged("no socket")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has those places")
def test_who_locks_directories_keeps_no_daemon(tmp_path):
    """flock(2) takes no more than leave to read."""
    def nobody():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    held = []
    for name in "ab":
        (tmp_path / name).mkdir()
    try:
        with Daemon(tmp_path / "a") as a:
            jail = os.path.dirname(os.readlink(
                "/proc/%d/root" % a.pids()["ccmd-api"]))
            for path in (os.path.dirname(jail), jail):
                held.append(subprocess.Popen(
                    ["flock", "-n", path, "sh", "-c", "echo; exec sleep 60"],
                    stdout=subprocess.PIPE, preexec_fn=nobody,
                    process_group=0))
                assert held[-1].stdout.readline() == b"\n"
            a.kill_all()
            with Daemon(tmp_path / "b"):
                assert not os.path.exists(jail)
    finally:
        for p in held:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes any")
def test_what_was_killed_leaves_no_jail(tmp_path):
    """Not for longer than until the next start; that of a daemon that
    lives stays."""
    def jail(d):
        root = os.readlink("/proc/%d/root" % d.pids()["ccmd-api"])
        assert root.endswith("/empty")
        return os.path.dirname(root)
    for name in "ab":
        (tmp_path / name).mkdir()
    with Daemon(tmp_path / "a") as a, Daemon(tmp_path / "b") as b:
        kept, left = jail(a), jail(b)
        assert kept != left
        b.kill_all()
        assert os.path.isdir(left)
        b.start()
        assert not os.path.exists(left)
        assert os.path.isdir(kept + "/poller/etc")
        own = jail(b)
        b.stop()
        assert not os.path.exists(own)
        assert a.request("GET", "/healthz")[0] == 200


def test_background(tmp_path):
    """Without -d: detached, and the log where an administrator looks."""
    if os.geteuid() == 0:
        prefix = ["setpriv", "--reuid=65534", "--regid=65534",
                  "--clear-groups"]
        home = "/tmp/ccmd-bg-%d" % os.getpid()
        os.mkdir(home, 0o755)
        os.chown(home, 65534, 65534)
    else:
        prefix, home = [], str(tmp_path)
    # The build tree may lie where only its owner can go.
    shutil.copytree(BUILD / "ccmd", os.path.join(home, "bin"),
                    ignore=lambda d, names: [
                        n for n in names if os.path.isdir(
                            os.path.join(d, n))])
    env = {"PATH": os.environ["PATH"], "HOME": home, "CCM_API_TOKEN": "t"}
    conf = os.path.join(home, "c.conf")
    port = free_port()
    with open(conf, "w") as f:
        f.write("listen on 127.0.0.1 port %d\n" % port)
    r = subprocess.run([*prefix, home + "/bin/ccmd", "-L",
                        home + "/bin", "-f", conf], env=env,
                       capture_output=True, text=True, timeout=20)
    assert r.returncode == 0, r.stderr
    with open(os.path.join(home, ".ccm/.lock")) as f:
        pid = int(f.read())
    try:
        log = os.path.join(home, ".ccm/logs/ccmd.log")
        assert "running" in open(log).read(), "it waited for that"
        assert stat.S_IMODE(os.stat(log).st_mode) == 0o600
        assert len(children(pid)) == 3
        # What it takes up is told anew by each set, also once the process
        # that the shell waited for is gone.
        os.kill(children(pid)["ccmd-api"], signal.SIGKILL)
        wait_until(lambda: open(log).read().count("running") == 2,
                   what="a new set")

        def told():
            with urllib.request.urlopen(urllib.request.Request(
                    "http://127.0.0.1:%d/metrics" % port,
                    headers={"CCM-Token": "t"}), timeout=10) as r:
                return re.search(r'process_resident_memory_bytes\{process='
                                 r'"parent"\} [1-9]', r.read().decode())
        wait_until(told, what="what the parent takes up")
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not os.path.exists("/proc/%d" % pid),
                   what="its end")
        if os.geteuid() == 0:
            subprocess.run(["rm", "-rf", home], check=True)


def test_background_that_fails(tmp_path):
    """The shell hears of it: status 1, and where the reason is."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path),
           "CCM_API_TOKEN": "t"}
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "pipelines.json").write_text('{"pipelines": nonsense')
    conf = tmp_path / "c.conf"
    conf.write_text('listen on 127.0.0.1 port %d\n'
                    'state directory "%s"\ncontrol socket "%s"\n'
                    % (free_port(), state, tmp_path / "s"))
    r = subprocess.run([BUILD / "ccmd/ccmd", "-L", BUILD / "ccmd", "-f",
                        conf], env=env, capture_output=True, text=True,
                       timeout=20)
    assert r.returncode == 1
    assert "did not come up" in r.stderr
    with open(state / ".lock", "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_files_of_the_python_ccm(tmp_path):
    """They load as they are, and get their numbers from GitHub."""
    old = {"pipelines": {"pipe_old": {
        "pipeline_id": "pipe_old", "repository": "acme/shop",
        "workflow_file": ".github/workflows/deploy.yml", "status": "active",
        "created_at": "2026-01-05T10:30:00.123456", "last_updated": "x",
        "config": {"trigger_branches": ["main"]}, "mine": {"kept": [1]},
        "vps_integration": {"linked_domain": "a.example"}}},
        "registry_version": "2.0", "also": "kept"}
    with GitHubSim(tmp_path) as sim:
        repo = sim.add_repo("acme/shop", workflows=["deploy.yml"])
        sim.add_run("acme/shop", "deploy.yml", conclusion="success")
        with Daemon(tmp_path, github_url=sim.url, start=False) as d:
            d.state.mkdir()
            (d.state / "backups").mkdir(mode=0o755)
            (d.state / "pipelines.json").write_text(json.dumps(old))
            (d.state / "projects.json").write_text('{"projects": {}}')
            for path in d.state.glob("*.json"):
                path.chmod(0o664)
            d.start()
            s = d.wait_stats("pipe_old", lambda s: not s["stale"])
            assert s["metrics_24h"]["run_count"] == 1
            now = d.registry()
            doc = now["pipelines"]["pipe_old"]
            assert doc["mine"] == {"kept": [1]} and now["also"] == "kept"
            # Others could read them; nobody can now, nor their backups.
            for path in (d.state / "pipelines.json", d.state /
                         "projects.json", *(d.state / "backups").iterdir()):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            assert stat.S_IMODE((d.state / "backups").stat().st_mode) == 0o700
            assert doc["created_at"] == "2026-01-05T10:30:00.123456"
            assert doc["github"]["repository_id"] > 0
            assert d.request("POST", "/api/pipelines/provision", {
                "repo": "acme/shop", "workflow_file": "deploy.yml"})[0] == 409
            assert repo is not None


def test_broken_registry_file_stops_the_start(tmp_path):
    with Daemon(tmp_path, start=False) as d:
        d.state.mkdir()
        (d.state / "backups").mkdir()
        (d.state / "backups/pipelines-2026-01-05-10-30-00.json").write_text(
            '{"pipelines": {}, "registry_version": "2.0"}')
        path = d.state / "pipelines.json"
        path.write_text('{"pipelines": {\n  "a": }\n}')
        d.start(wait=False)
        assert d.process.wait(15) == 78
        log = d.log()
        assert "pipelines.json:2:8: " in log, log
        assert "ccmd -R %s/backups/pipelines-2026-01-05-10-30-00.json" % (
            d.state) in log, log
        assert path.read_text() == '{"pipelines": {\n  "a": }\n}'
        # What it says can be typed, and helps.
        command = re.search(r"backup: ccmd (-R .*)$", log, re.M)[1]
        r = subprocess.run([BUILD / "ccmd/ccmd", "-L", BUILD / "ccmd",
                            *command.split()], capture_output=True,
                           text=True, timeout=20, cwd="/",
                           env={"HOME": str(tmp_path)})
        assert r.returncode == 0, r.stderr
        assert d.registry()["pipelines"] == {}


def test_restore_a_backup(tmp_path):
    with GitHubSim(tmp_path) as sim:
        for i in range(2):
            sim.add_repo("acme/r%d" % i, workflows=["deploy.yml"])
        with Daemon(tmp_path, github_url=sim.url) as d:
            first = d.provision("acme/r0")
            d.provision("acme/r1")
            d.stop()
            backups = sorted((d.state / "backups").iterdir())
            good = [b for b in backups
                    if list(json.loads(b.read_text())["pipelines"]) ==
                    [first]]
            (d.state / "pipelines.json").write_text("broken")
            r = subprocess.run(d.argv("-R", "backups/" + good[-1].name),
                               env=d.env, capture_output=True, text=True,
                               timeout=20)
            assert r.returncode == 0, r.stderr
            assert list(d.registry()["pipelines"]) == [first]
            d.start()
            assert d.request("GET", "/api/pipelines")[1]["count"] == 1



@pytest.mark.skipif(os.getuid() != 0, reason="takes a user to be another")
def test_no_link_of_the_registry_is_restored(tmp_path):
    """Root opens what is to be restored, and the registry is shown it: a
    registry that was taken over leaves a link where its backups lie."""
    with Daemon(tmp_path) as d:
        d.stop()
        secret = d.dir / "secret.json"
        secret.write_text('{"pipelines": {}, "registry_version": "1.0"}')
        secret.chmod(0o600)
        user = d.state.stat().st_uid
        assert user != 0

        def restore(name):
            return subprocess.run(d.argv("-R", name), env=d.env, timeout=20,
                                  capture_output=True, text=True)
        link = d.state / "backups/pipelines-2026-01-05-10-30-00.json"
        link.symlink_to(secret)
        assert restore("backups/" + link.name).returncode == 0
        os.chown(link, user, user, follow_symlinks=False)
        r = restore("backups/" + link.name)
        assert r.returncode == 1 and "is not followed" in r.stderr, r.stderr
        elsewhere = d.state / "logs/elsewhere"
        elsewhere.symlink_to(d.dir)
        os.chown(elsewhere, user, user, follow_symlinks=False)
        r = restore(str(elsewhere / secret.name))
        assert r.returncode == 1 and "is not followed" in r.stderr, r.stderr
        link.unlink()
        os.mkfifo(link)
        r = restore(str(link))
        assert r.returncode == 1 and "regular file" in r.stderr, r.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="takes a user to be another")
def test_another_users_configuration_is_refused(tmp_path):
    d = Daemon(tmp_path, start=False)
    os.chown(d.conf_path, 65534, 65534)
    r = subprocess.run(d.argv("-n"), env=d.env, capture_output=True,
                       text=True, timeout=20)
    assert r.returncode == 1 and "belong to root" in r.stderr, r.stderr



def test_a_busy_daemons_socket_is_left_alone(tmp_path):
    """Nobody is refused there, but nobody is let in either."""
    d = Daemon(tmp_path, start=False)
    with socket.socket(socket.AF_UNIX) as there, socket.socket(
            socket.AF_UNIX) as client:
        there.bind(str(d.socket))
        there.listen(0)
        client.connect(str(d.socket))
        r = subprocess.run(d.argv(), env=d.env, capture_output=True,
                           text=True, timeout=20)
        assert r.returncode == 1, r.stderr
        assert "another daemon listens there" in r.stderr
        assert d.socket.exists()


def frame(kind, payload):
    """An imsg: type, length, peer id, pid; then the payload."""
    return struct.pack("=IIII", kind, 16 + len(payload), 0, 0) + payload


def message_number(name):
    with open(ROOT / "common/msg.def") as f:
        rows = re.findall(r"^MSG\((\w+),", f.read(), re.M)
    return rows.index(name) + 1


def talk(d, data):
    """What the api says to these bytes until it closes."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(d.socket))
        s.sendall(data)
        return drain(s)


def test_control_socket_refuses(tmp_path):
    hello = message_number("CTL_HELLO")
    op = message_number("CTL_OP")
    good_hello = frame(hello, struct.pack(">I", 1))

    def blob(b):
        return struct.pack(">I", len(b)) + b
    with Daemon(tmp_path) as d:
        for name, data in {
                "unknown message": frame(9999, b"x"),
                "wrong version": frame(hello, struct.pack(">I", 99)),
                "a parent's message": frame(message_number("LEASE"),
                                            b"\0" * 8),
                "operation before hello": frame(
                    op, struct.pack(">Q", 1) + blob(b"healthz") + b"\0" +
                    blob(b"{}")),
                "oversized": good_hello + struct.pack(
                    "=IIII", op, 0x7fffffff, 0, 0),
                "shorter than a head": struct.pack("=IIII", op, 3, 0, 0),
                "trailing bytes": frame(hello, struct.pack(">I", 1) + b"x"),
                "truncated payload": frame(hello, b"\0"),
                "unknown operation": good_hello + frame(
                    op, struct.pack(">Q", 1) + blob(b"no.such") + b"\0" +
                    blob(b"{}")),
                "http only": good_hello + frame(
                    op, struct.pack(">Q", 1) + blob(b"healthz") + b"\0" +
                    blob(b"{}")),
                "not json": good_hello + frame(
                    op, struct.pack(">Q", 1) + blob(b"pipeline.list") +
                    b"\0" + blob(b"{"))}.items():
            talk(d, data)       # ends only when the api closes
            assert d.ctl("status").returncode == 0, name
        assert len(d.pids()) == 4


def test_role_of_the_control_socket(tmp_path):
    with Daemon(tmp_path, conf="") as d:
        text = d.conf_path.read_text().replace(
            'ccmd.sock"', 'ccmd.sock" role viewer')
        d.stop()
        d.conf_path.write_text(text)
        d.start()
        assert d.ctl("list").returncode == 0
        r = d.ctl("provision", "acme/shop")
        assert r.returncode == 1 and "role" in r.stderr


def test_roles_and_expiry(tmp_path):
    with Daemon(tmp_path, tokens={"a": ("admin", "adm"), "b": ("api", "ap"),
                                  "c": ("viewer", "vi")}) as d:
        body = {"repo": "a/b", "workflow_file": "x.yml"}
        post = lambda t: d.request("POST", "/api/pipelines/provision", body,
                                   token=t)[0]
        assert post("vi") == 403
        assert post("ap") == 502        # no GitHub token is configured
        assert post("adm") == 502
        assert d.request("GET", "/api/pipelines", token="vi")[0] == 200
        assert d.request("GET", "/api/pipelines", token="adm", headers={
            "CCM-Token": "adm"})[0] == 200
        text = d.conf_path.read_text()
        d.stop()
        d.conf_path.write_text(re.sub(
            r'("c" role viewer hash "\w+")', r"\1 expires 2020-01-01", text))
        d.start(wait=False)
        wait_until(lambda: d.ctl("status").returncode == 0, what="control")
        assert d.request("GET", "/api/pipelines", token="vi")[0] == 401
        assert d.request("GET", "/api/pipelines", token="adm")[0] == 200


def test_rate_limits_are_obeyed(tmp_path):
    with GitHubSim(tmp_path) as sim:
        sim.add_repo("acme/shop", workflows=["deploy.yml"])
        with Daemon(tmp_path, github_url=sim.url) as d:
            p = d.provision("acme/shop")
            d.wait_stats(p, lambda s: not s["stale"])
            sim.fault("status", status=429, count=1,
                      headers={"Retry-After": "4"},
                      path="/repos/acme/shop/actions/runs")
            s = d.wait_stats(p, lambda s: s.get("stale_reason"))
            assert "throttled" in s["stale_reason"]
            mark = sim.mark()
            began = time.monotonic()
            sim.wait_for(1, since=mark, path="/actions/runs", timeout=15)
            assert time.monotonic() - began > 2.5
            d.wait_stats(p, lambda s: not s["stale"])
            # A person is told when to come again.
            sim.fault("status", status=403, headers={"Retry-After": "60"})
            wait_until(lambda: "stale_reason" in d.stats(p), what="limit")
            status, head, body = d.raw(
                "POST", "/api/pipelines/provision",
                {"repo": "acme/x", "workflow_file": "a.yml"})
            assert status == 503, body
            assert 1 <= int(head["Retry-After"]) <= 61


def test_a_narrow_umask(tmp_path, sim):
    """As the unit has it.  Each child gets into its root all the same, and
    the poller finds a host's name where root's is a copy of /etc."""
    d = Daemon(tmp_path, github_url=sim.url.replace("127.0.0.1", "localhost"),
               start=False)
    before = os.umask(0o077)
    try:
        d.start(wait=False)
    finally:
        os.umask(before)
    with d:
        d.wait_ready()
        pipe = d.provision("acme/shop")
        d.wait_stats(pipe, lambda s: not s["stale"])
