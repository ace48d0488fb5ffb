"""What somebody at a terminal sees, through a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import sys
import time

import pytest

COMPONENT = """\
from depl.component import Component
from depl.lib.file import File


class Slow(Component):
    command = "echo working; sleep 1.5"

    def verify(self):
        assert False, "always"

    def update(self):
        self.cmd(self.command)


class App(Component):
    def configure(self):
        self += File("a.txt", content="new\\n")
        self += Slow()
"""
DEV = "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n"


@pytest.fixture
def at_terminal(project):
    """Call `depl` at a terminal; what appeared there, and the exit status. press: (what to wait for, keys)."""

    def call(directory, *arguments, press=None):
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(directory)
            surroundings = {**os.environ, "PYTHONPATH": str(project / "src"), "TERM": "xterm", "COLUMNS": "100"}
            surroundings.pop("NO_COLOR", None)
            os.execve(sys.executable, [sys.executable, "-m", "depl", *arguments], surroundings)
        seen = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the other end was closed
                break
            if not piece:
                break
            seen += piece
            if press is not None and press[0] in seen:
                time.sleep(0.2)
                os.write(terminal, press[1])
                press = None
        _, status = os.waitpid(child, 0)
        os.close(terminal)
        return seen.decode(), os.waitstatus_to_exitcode(status)

    return call


def test_a_short_run_draws_no_live_line(at_terminal, depl, service):
    depl("local", "dev", cwd=service)
    seen, status = at_terminal(service, "check", "dev")
    assert status == 0
    assert "\x1b" not in seen


def test_a_long_run_shows_who_is_at_work_and_what_was_said(at_terminal, write):
    directory = write({"environments/dev.cfg": DEV, "components/app/component.py": COMPONENT})
    seen, status = at_terminal(directory, "local", "dev")
    assert status == 0
    assert "\x1b[1mdev/localhost\x1b[0m  app/Slow  " in seen
    assert "\x1b[2mworking\x1b[0m" in seen
    assert seen.endswith("take it back with: depl undo dev\r\n")
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")  # the cursor is there again


def test_diffs_are_coloured(at_terminal, depl, service):
    depl("local", "dev", cwd=service)
    (service / "work/hello/hello.txt").write_text("old\n")
    seen, _ = at_terminal(service, "local", "dev", "--plan")
    assert "\x1b[31m      -old\x1b[0m" in seen
    assert "\x1b[32m      +Hello!\x1b[0m" in seen


def test_ctrl_c_lets_the_command_end_and_puts_everything_back(at_terminal, write):
    component = COMPONENT.replace("sleep 1.5", "sleep 1.5; touch {{component.workdir}}/../../ended")
    directory = write(
        {"environments/dev.cfg": DEV, "components/app/component.py": component + "        self += Slow()\n"}
    )
    seen, status = at_terminal(directory, "local", "dev", press=(b"app/Slow | working", b"\x03"))
    assert status == 130
    assert "stopping after what runs now" in seen
    assert (directory / "ended").exists()
    assert not (directory / "work").exists()


def test_somebody_who_is_asked_may_say_no(at_terminal, service):
    seen, status = at_terminal(service, "local", "dev", "--ask", press=(b"[y/N]", b"n\n"))
    assert status == 130
    assert "not done" in seen
    assert "interrupted" not in seen
    assert "1 component would change" in seen
    assert not (service / "work").exists()


def test_somebody_who_is_asked_may_say_yes(at_terminal, service):
    _, status = at_terminal(service, "local", "dev", "--ask", press=(b"[y/N]", b"y\n"))
    assert status == 0
    assert (service / "work").exists()


def test_a_protected_environment_wants_its_name_typed(at_terminal, service):
    environment = service / "environments/dev/environment.cfg"
    environment.write_text(environment.read_text().replace("[hosts]", "confirm = True\n[hosts]"))
    assert at_terminal(service, "local", "dev", press=(b"Type dev", b"yes\n"))[1] == 130
    assert not (service / "work").exists()
    assert at_terminal(service, "local", "dev", press=(b"Type dev", b"dev\n"))[1] == 0
