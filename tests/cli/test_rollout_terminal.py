"""`depl rollout` at a terminal: what is asked, and what waits for somebody there."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time

import pytest

ROLLOUT = """\
from depl.rollout import Parameter, Rollout
from depl.tasks import Command, Sequential


class Ask(Rollout):
    word = Parameter(str, help="what to write")
    kind = Parameter(choices=["big", "small"], default="small")
    hidden = Parameter(str, default="quiet", advanced=True)

    def plan(self):
        return Sequential(
            Command(f"echo {self.word} {self.kind} {self.hidden} > said", undo="test ! -e stuck && rm said"),
            Command("sleep 0.6; test ! -e broken", undo="true"),
        )
"""


class Terminal:
    """A `depl` at a terminal of its own."""

    def __init__(self, directory, source, *arguments):
        self.seen = ""
        self.child, self.end = pty.fork()
        if self.child == 0:
            os.chdir(directory)
            surroundings = {**os.environ, "PYTHONPATH": source, "TERM": "xterm", "COLUMNS": "120"}
            os.execve(sys.executable, [sys.executable, "-m", "depl", *arguments], surroundings)

    def wait_for(self, text):
        until = time.monotonic() + 60
        while text not in self.seen:
            assert time.monotonic() < until, self.seen
            assert self._read(), self.seen

    def type(self, keys):
        os.write(self.end, keys.encode())

    def status(self):
        while self._read():
            pass
        _, status = os.waitpid(self.child, 0)
        os.close(self.end)
        return os.waitstatus_to_exitcode(status)

    def _read(self):
        try:
            piece = os.read(self.end, 65536)
        except OSError:  # the other end was closed
            return False
        self.seen += piece.decode(errors="replace")
        return bool(piece)


@pytest.fixture
def base(write):
    """A project with a rollout that asks."""
    return write({"rollouts/ask.py": ROLLOUT, "environments/.keep": ""})


@pytest.fixture
def at_terminal(project, base):
    """Call `depl` at a terminal."""
    return lambda *arguments: Terminal(base, str(project / "src"), *arguments)


def test_what_is_not_given_is_asked_for(at_terminal, base):
    terminal = at_terminal("rollout", "start", "ask")
    terminal.wait_for("word (what to write): ")
    terminal.type("hello\n")
    terminal.wait_for("kind [big, small] [small]: ")
    terminal.type("huge\n")
    terminal.wait_for("'huge' is not one of big, small")
    terminal.type("big\n")
    assert terminal.status() == 0, terminal.seen
    assert (base / "said").read_text() == "hello big quiet\n"
    assert "Run `sleep 0.6; test ! -e broken`\x1b[0m  " in terminal.seen or "sleep 0.6" in terminal.seen


def test_blocked_it_stays_until_somebody_says_how_to_go_on(at_terminal, base, depl):
    (base / "stuck").touch()
    (base / "broken").touch()
    terminal = at_terminal("rollout", "start", "ask", "--set", "word=x", "--set", "kind=big")
    terminal.wait_for("blocked: ")
    terminal.wait_for("try again what failed: depl rollout retry ")
    (base / "stuck").unlink()
    assert depl("rollout", "retry", "latest", cwd=base).returncode == 0
    assert terminal.status() == 3, terminal.seen
    assert not (base / "said").exists()


def test_ctrl_c_leaves_what_is_blocked_to_whoever_comes_next(at_terminal, base, depl):
    (base / "stuck").touch()
    (base / "broken").touch()
    terminal = at_terminal("rollout", "start", "ask", "--set", "word=x", "--set", "kind=big")
    terminal.wait_for("blocked: ")
    os.kill(terminal.child, signal.SIGINT)
    assert terminal.status() == 4, terminal.seen
    assert "leaving it blocked, as it is" in terminal.seen
    assert "stopping after what runs now" not in terminal.seen
    (base / "stuck").unlink()
    assert depl("rollout", "resume", "latest", cwd=base).returncode == 3
    assert not (base / "said").exists()


CHECKLIST = """\
from depl.rollout import Rollout
from depl.tasks import Checklist


class Tick(Rollout):
    def plan(self):
        return Checklist(["backup", "mail"])
"""


def test_a_whole_checklist_is_ticked_by_whoever_says_yes_to_its_items(at_terminal, base, depl):
    (base / "rollouts/tick.py").write_text(CHECKLIST)
    waiting = at_terminal("rollout", "start", "tick", "--yes")
    waiting.wait_for("--item ITEM")
    assert "ticks" not in depl("rollout", "approve", "latest", "--item", "mail", cwd=base).stdout
    hesitant = at_terminal("rollout", "approve", "latest")
    hesitant.wait_for("Is all of this done?")
    hesitant.type("n\n")
    assert (hesitant.status(), "backup" in hesitant.seen) == (130, True)
    done = depl("rollout", "approve", "latest", cwd=base)
    assert (done.returncode, "ticks all that is left:\n  backup\n" in done.stdout) == (0, True), done.stderr
    assert waiting.status() == 0, waiting.seen
