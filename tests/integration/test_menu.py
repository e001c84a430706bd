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


"""The menus and the monitor on a terminal that tmux draws, against the real
daemon and githubsim; and what only a stand-in for the daemon can say."""

import os
import re
import signal
import subprocess

import pytest

import control_standin
from daemon import Daemon
from githubsim import GitHubSim
from terminal import CCMCTL, WAIT, Terminal, display_width, environment

SIZES = [(80, 24), (120, 40)]
MAIN, PIPELINES = "Main menu", "CI/CD Pipelines"
FORM = ["GitHub repository: ", "Workflow file path: ", "Linked domain: ",
        "Linked app name: "]
QUESTION = "Deactivate pipeline %s? (Repository will be preserved): "


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("menu")
    with GitHubSim(tmp) as sim:
        for name in ("myuser/myapp", "acme/a-rather-long-name-for-a-shop"):
            sim.add_repo(name, workflows=["deploy.yml", "ci.yml"])
        with Daemon(tmp, github_url=sim.url) as d:
            d.sim = sim
            yield d


class Menu:
    """ccmctl in tmux.  `type` sends a line; `at` waits for a prompt below
    what was there when it was sent."""

    def __init__(self, tmux, columns, rows):
        self.tmux = tmux
        self.columns = columns
        self.rows = rows
        self.before = 0

    def type(self, *keys):
        self.before = len(self.tmux.history().rstrip().splitlines())
        self.tmux.keys(*keys)

    def enter(self, text):
        self.type(*([text] if text else []), "Enter")

    def wait(self, test):
        """Screen and history in one look, so that they are of one time."""
        screen = None

        def passes(history):
            nonlocal screen
            lines = history.splitlines()
            screen = "\n".join(lines[-self.rows:])
            return len(history.rstrip().splitlines()) > self.before \
                and test(screen)
        self.tmux.expect(passes, history=True)
        return screen

    def at(self, prompt, *words):
        return self.wait(lambda s: last_line(s) == prompt.rstrip() and
                         all(w in s for w in words))

    def page(self, title, *words):
        return self.wait(lambda s: page(s) == title and
                         all(w in s for w in words))

    def start(self, title=PIPELINES):
        self.page(MAIN)
        if title != MAIN:
            self.enter("4")
            self.page(title)

    def answer(self, *values, prompts=FORM):
        for prompt, value in zip(prompts, values):
            self.at(prompt)
            self.enter(value)

    def provision(self, *values):
        self.enter("2")
        self.answer(*values)
        screen = self.page(PIPELINES, "Pipeline provisioned")
        return re.findall("✓ Pipeline provisioned: (pipe_[0-9a-f]{12})",
                          screen)[-1]

    def monitor(self, *words):
        self.enter("4")
        return self.tmux.expect(lambda s: "q quit" in s and
                                all(w in s for w in words))

    def leave_monitor(self, key="q"):
        self.tmux.keys(key)
        self.tmux.expect(lambda s: page(s) == PIPELINES and
                         self.tmux.state() == "0 1")

    def ends(self, *keys):
        self.tmux.keys(*keys)
        # The monitor drops what is typed before the shell is back.
        self.tmux.expect(lambda s: last_line(s)[-1:] in ("#", "$"))
        self.tmux.keys("echo back-$?", "Enter")
        self.tmux.expect("back-0")

    def nothing_overflows(self):
        """Joined where the terminal had to wrap them, no line is too long,
        and frames have straight sides."""
        screen = self.tmux.call("capture-pane", "-p", "-J", "-t", "s")
        # The first lines may be the command's, which is the test's.
        lines = [x.rstrip() for x in screen.splitlines()
                 if CCMCTL not in x and ".sock" not in x]
        assert max(map(display_width, lines)) <= self.columns, screen
        frame = None
        for line in lines:
            if line.startswith("┌"):
                frame = display_width(line)
            if line[:1] in ("┌", "│", "└"):
                assert frame in (None, display_width(line)), screen
                assert line[-1] in "┐│┘", screen


def last_line(screen):
    return (screen.rstrip().splitlines() or [""])[-1]


def page(screen):
    """The menu that waits for a choice; None if none does."""
    if last_line(screen) != "Select option:":
        return None
    return max((MAIN, PIPELINES),
               key=lambda title: screen.rfind("\n%s\n[" % title))


@pytest.fixture
def menu(tmux, world):
    def start(columns, rows, *args, **env):
        words = ["%s=%s" % pair for pair in
                 {"LC_ALL": "C.UTF-8", **env}.items()]
        tmux.start(" ".join([*words, CCMCTL, "-s", str(world.socket),
                             *(args or ["menu"])]), columns, rows)
        return Menu(tmux, columns, rows)
    yield start
    for p in world.request("GET", "/api/pipelines")[1]["pipelines"]:
        world.request("DELETE", "/api/pipelines/" + p["pipeline_id"])


def document(world, pipeline):
    status, body = world.request("GET", "/api/pipelines/" + pipeline)
    assert status == 200
    return body["pipeline"]


def active(world):
    return world.request("GET", "/api/pipelines?status=active")[1][
        "pipelines"]


@pytest.mark.parametrize("columns, rows", SIZES)
def test_the_description_s_flows(world, menu, columns, rows):
    m = menu(columns, rows)
    screen = m.page(MAIN)
    assert re.findall(r"\[\d\] .*", screen) == [
        "[4] CI/CD Pipelines", "[0] Exit"]
    m.enter("4")
    screen = m.page(PIPELINES)
    assert re.findall(r"\[\d\] .*", screen)[-6:] == [
        "[1] List pipelines", "[2] Provision pipeline",
        "[3] View pipeline details", "[4] Monitor pipeline",
        "[5] Teardown pipeline", "[0] Back to main menu"]

    one = m.provision("myuser/myapp", ".github/workflows/deploy.yml",
                      "myapp.com", "my-app")
    m.nothing_overflows()
    p = document(world, one)
    assert p["repository"] == "myuser/myapp" and p["status"] == "active"
    assert p["workflow_file"] == ".github/workflows/deploy.yml"
    assert p["vps_integration"]["linked_domain"] == "myapp.com"
    assert p["vps_integration"]["linked_app"] == "my-app"
    # The defaults: nothing is linked.
    two = m.provision("acme/a-rather-long-name-for-a-shop", "", "", "")
    p = document(world, two)
    assert p["workflow_file"] == ".github/workflows/deploy.yml"
    assert not p["vps_integration"].get("linked_domain")

    m.enter("1")
    screen = m.page(PIPELINES, "Created", two)
    assert re.search(r"│ %s +myuser/myapp +✓ active +myapp\.com +"
                     r"\d{4}-\d\d-\d\d \d\d:\d\d +│" % one, screen), screen
    m.nothing_overflows()

    run = world.sim.add_run("myuser/myapp", "deploy.yml",
                            head_branch="production", conclusion="failure")
    world.wait_stats(one, lambda s: s["last_run"] and
                     s["last_run"]["run_id"] == run)
    m.enter("3")
    m.at("Select pipeline:")
    m.enter(one)
    m.page(PIPELINES)
    screen = m.tmux.history()
    for line in (r"Run +%d" % run, "Status +✗ failure", "Branch +production",
                 "Last 24 hours", r"Health +(✓|✗|⚠) \d+/100"):
        assert re.search("^" + line, screen, re.M), (line, screen)
    m.nothing_overflows()

    screen = m.monitor("✗")
    assert screen.startswith("Pipeline Status Dashboard\n")
    assert "2 active, 0 inactive, 0 error" in screen
    assert re.search(r"│ pipe_\S+ +myuser/myapp +✓ Active +\d+\.\d% ",
                     screen), screen
    m.nothing_overflows()
    m.leave_monitor()

    m.enter("5")
    screen = m.at("Select pipeline:")
    m.enter(re.findall(r"│ (\d) +%s " % one, screen)[-1])
    m.answer("y", prompts=[QUESTION % one])
    screen = m.page(PIPELINES, "Repository preserved")
    assert "✓ Pipeline deactivated successfully\n" \
        "Repository preserved: myuser/myapp\n" in screen
    m.nothing_overflows()
    assert document(world, one)["status"] == "inactive"
    assert document(world, two)["status"] == "active"
    assert world.sim.repo("myuser/myapp")
    # It is not offered for a teardown again.
    m.enter("5")
    screen = m.at("Select pipeline:")
    assert one not in screen[screen.rfind("┌"):]
    m.enter("0")
    m.page(PIPELINES)
    m.enter("0")
    m.page(MAIN)
    m.ends("0", "Enter")


@pytest.mark.parametrize("columns, rows", SIZES)
def test_the_monitor_is_told(world, menu, columns, rows):
    """It asks nothing anew (-i 3600): what it shows it was told."""
    pipeline = world.provision("myuser/myapp", linked_domain="myapp.com")
    m = menu(columns, rows, "monitor", "-i", "3600")

    def shows(*patterns):
        screen = m.tmux.expect(lambda s: "q quit" in s and all(
            re.search(p, s, re.M) for p in patterns))
        m.nothing_overflows()
        return screen

    def waits(why):
        m.tmux.expect(lambda s: last_line(s).startswith(
            "waiting for the daemon: ") and why in s)
        m.nothing_overflows()

    shows(r": 1 active", r"myuser/\S+ +✓ Active")
    run = world.sim.add_run("myuser/myapp", "deploy.yml",
                            status="in_progress")
    shows("1 running", r"myuser/\S+ .* ⟳ ")
    world.sim.patch_run("myuser/myapp", run, status="completed",
                        conclusion="failure")
    screen = shows(r"myuser/\S+ .* ✗ ")
    assert "running" not in screen
    world.provision("acme/a-rather-long-name-for-a-shop",
                    linked_domain="a.rather.long.name.example.org")
    shows(": 2 active", "acme/")
    m.columns, m.rows = {80: (120, 40), 120: (80, 24)}[columns]
    m.tmux.resize(m.columns, m.rows)
    m.tmux.expect(lambda s: any(
        line.startswith("┌") and line.endswith("┐") and
        m.columns - 6 <= display_width(line) <= m.columns
        for line in s.splitlines()))
    m.nothing_overflows()

    # One child goes, and the set with it; then all of them.
    world.kill("ccmd-api")
    waits("connection lost: the daemon ended or restarts")
    shows(": 2 active")
    world.stop()
    waits("no daemon at")
    world.start()
    shows(": 2 active")
    world.request("DELETE", "/api/pipelines/" + pipeline)
    shows(": 1 active", r"myuser/\S+ +⏸ Inactive")
    m.ends("C-c")
    assert m.tmux.state() == "0 1"


def test_wrong_entries_are_asked_again(world, menu):
    m = menu(80, 50)
    m.start()
    for wrong in ("9", "list", "44", "-1", ""):
        m.enter(wrong)
        m.at("Select option:", *["No such option: " + wrong] * bool(wrong))
    m.enter("2")
    for prompt, wrongs, right in (
            (FORM[0], ["", "myapp", "a/b/c", "../x"], "myuser/myapp"),
            (FORM[1], ["deploy.txt", "../deploy.yml"], "ci.yml"),
            (FORM[2], ["not_a_host", "-"], "x.example.org"),
            (FORM[3], ["a b", ".x"], "app")):
        for wrong in wrongs:
            m.answer(wrong, prompts=[prompt])
            screen = m.at(prompt)
            assert screen.rstrip().splitlines()[-2].startswith("⚠ ")
        m.answer(right, prompts=[prompt])
    m.page(PIPELINES, "Pipeline provisioned")
    # What GitHub refuses is told, and the menu goes on.
    m.enter("2")
    m.answer("no/such", "", "", "")
    m.page(PIPELINES, "✗ Repository not found: no/such")
    m.nothing_overflows()

    m.enter("5")
    for wrong in ("2", "pipe_", "-1", ""):
        m.answer(wrong, prompts=["Select pipeline: "])
        m.at("Select pipeline: ", *["No such pipeline: " + wrong] *
             bool(wrong))
    m.enter("1")
    question = QUESTION % active(world)[0]["pipeline_id"]
    m.answer("perhaps", prompts=[question])
    m.at(question, "Please answer y or n.")
    m.enter("n")
    m.page(PIPELINES)
    assert [p["workflow_file"] for p in active(world)] == [
        ".github/workflows/ci.yml"]


@pytest.mark.parametrize("key", ["C-c", "C-d"])
def test_one_level_back(world, menu, key):
    question = QUESTION % world.provision("myuser/myapp")
    m = menu(80, 24)
    m.start()
    # From each question of the form; Ctrl-C with a line half typed, too.
    for n, prompt in enumerate(FORM):
        m.enter("2")
        m.answer(*["myuser/myapp", "ci.yml", ""][:n])
        m.at(prompt)
        if key == "C-c":
            m.tmux.keys("half")
        m.type(key)
        m.page(PIPELINES)
    # From the selection, from the question whether.
    m.enter("3")
    m.at("Select pipeline:")
    m.type(key)
    m.page(PIPELINES)
    m.enter("5")
    m.answer("1", prompts=["Select pipeline: "])
    m.at(question)
    m.type(key)
    m.page(PIPELINES)
    # From the monitor, which has no question.
    m.monitor()
    m.leave_monitor("C-c")
    m.type(key)
    m.page(MAIN)
    m.ends(key)
    assert len(active(world)) == 1


def test_another_size_and_a_restart(world, menu):
    """Tables take the size that the terminal has by then; the menu does not
    mind that the daemon was away."""
    world.provision("acme/a-rather-long-name-for-a-shop",
                    linked_domain="a.rather.long.name.example.org")
    m = menu(120, 40)
    m.start()
    m.enter("1")
    m.page(PIPELINES, "a.rather.long.name.example.org",
           "a-rather-long-name-for-a-shop")
    m.tmux.resize(60, 20)
    m.columns, m.rows = 60, 20
    world.stop()
    m.enter("1")
    m.page(PIPELINES, "✗ no daemon at")
    world.start()
    m.enter("1")
    screen = m.page(PIPELINES, "│ pipe_", "…")
    assert "a-rather-long-name-for-a-shop" not in screen
    m.nothing_overflows()


@pytest.mark.parametrize("args, env", [
    (("-A", "menu"), {}), (("menu", "-A"), {}), (("menu",), {"LC_ALL": "C"})])
def test_plain_ascii(world, menu, args, env):
    world.provision("myuser/myapp")
    m = menu(80, 24, *args, **env)
    m.start()
    m.enter("1")
    assert m.page(PIPELINES, "Created", "active").isascii()
    assert m.monitor("active").isascii()
    m.nothing_overflows()


def test_without_a_command(world, menu):
    m = menu(80, 40, "-A")
    m.start(MAIN)
    m.ends("0", "Enter")
    # Only to a person who sees it and can answer.
    for redirected in ("| cat", "</dev/null"):
        m.tmux.keys("clear; %s -s %s %s; echo end" % (
            CCMCTL, world.socket, redirected), "Enter")
        m.tmux.expect(lambda s: "ccmctl: a command is missing" in s and
                      "end" in s.splitlines())
        m.nothing_overflows()


# --- What a stand-in for the daemon says. ------------------------------

@pytest.fixture
def standin(tmp_path):
    d = control_standin.Daemon(tmp_path / "sock")
    d.answers["daemon.status"] = (200, {"success": True})
    yield d
    d.stop()


def piped(d, text, **env):
    r = subprocess.run([CCMCTL, "-s", d.path, "menu"], input=text.encode(
        errors="surrogateescape"), capture_output=True, timeout=WAIT,
        env=environment(**env))
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]",
                         r.stdout + r.stderr), r.stdout
    r.out = r.stdout.decode()
    return r


EVIL = ["\x1b[2J\x1b[H", "\x9b31m", "a\nb", "tab\there", "\x7f\x07\x08",
        "\u202egnp.exe", "zero\u200bwidth", "%s%n", "x" * 5000, "日" * 3000]


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_hostile_answers(standin, evil):
    p = {"pipeline_id": evil, "repository": evil, "status": evil,
         "created_at": evil, "error": evil,
         "vps_integration": {"linked_domain": evil, "linked_app": evil}}
    standin.answers.update({
        "pipeline.list": (200, {"success": True, "pipelines": [p, 1, {}]}),
        "pipeline.show": (200, {"success": True, "pipeline": p}),
        "pipeline.provision": (409, {"success": False, "error": evil}),
        "pipeline.teardown": (200, {"success": True, "cancelling": [evil],
                                    "warnings": [evil]})})
    for locale in ("C.UTF-8", "C"):
        r = piped(standin, "4\n1\n2\na/b\n\n\n\n3\n1\n4\n5\n1\ny\n0\n0\n",
                  LC_ALL=locale)
        assert r.returncode == 0 and r.stderr == b""
        assert "Pipeline deactivated successfully\n" in r.out
    assert standin.seen[-1] == ("pipeline.teardown", {"id": evil})


TYPED = [
    "", "4", "4\n", "4\n2\n", "4\n2\na/b\n", "4\n5\n", "\n\n\n", "0" * 5000,
    "4\n" + "1" * 5000 + "\n", "\0\n4\0\n", "\udcff\udcfe\n4\n2\n\udcff\n",
    "\x1b[A\n4\n\x1b[2J\n2\n\x1b[2J\n", "4\n5\n1\n\udcff\n"]


@pytest.mark.parametrize("typed", TYPED, ids=range(len(TYPED)))
def test_hostile_input(standin, typed):
    """Whatever is typed, it ends with its end, and nothing was changed."""
    standin.answers["pipeline.list"] = (200, {
        "success": True, "pipelines": [{"pipeline_id": "p", "status":
                                        "active"}]})
    for locale in ("C.UTF-8", "C"):
        assert piped(standin, typed, LC_ALL=locale).returncode == 0
    assert {verb for verb, _ in standin.seen} <= {"daemon.status",
                                                  "pipeline.list"}


def test_long_lines_are_asked_again(standin):
    r = piped(standin, "4\n2\na/" + "b" * 3000 + "\na/b\n")
    assert r.out.count("That is too long.") == 1
    assert "Workflow file path: " in r.out


def test_no_daemon(tmp_path):
    class Nobody:
        path = str(tmp_path / "nobody")
    r = piped(Nobody, "4\n")
    assert r.returncode == 3 and r.out == ""
    assert b"no daemon at" in r.stderr


def test_no_answer_is_no_prison(standin):
    """Ctrl-C goes back from an operation, too, and says what that means."""
    standin.raw["pipeline.list"] = lambda op: b""
    t = Terminal([CCMCTL, "-s", standin.path, "menu"], environment())
    t.expect("Select option: ")
    t.type("4\n")
    t.expect("[5] Teardown pipeline")
    t.type("1\n")
    standin.wait_seen(2)
    t.type("\x03")
    t.expect("given up: whether it was done is not known")
    t.expect("[5] Teardown pipeline\r\n[0]")
    os.kill(t.pid, signal.SIGTERM)
    assert t.wait() == 0
