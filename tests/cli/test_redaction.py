"""No secret shows, whoever prints it and wherever: in real processes, at a terminal too."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "correct horse-battery"
MASK = "‹secret app.password #"
DEV = "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n"
COMMAND = f"[depl]\nformat = 1\n\n[component:app]\npassword = !command printf '{SECRET}'\n"

COMPONENT = """\
import atexit
import logging
import os
import subprocess
import sys
import threading
import warnings

from depl import output
from depl.component import Component
from depl.lib.file import File


class Loud(Component):
    def verify(self):
        print("verify", self.parent.password)
        os.system("printf 'system %s\\\\n' '" + self.parent.password + "'")
        os.write(1, b"split " + self.parent.password[:9].encode())
        os.write(1, self.parent.password[9:].encode() + b"\\n")
        subprocess.run(["sh", "-c", "echo \\"stderr $0\\" >&2", self.parent.password])
        assert False

    def update(self):
        self.cmd("printf 'said correct'; sleep 0.3; echo ' horse-battery'")
        self.cmd("printf 'colour correct \\\\033[1mhorse\\\\033[0m-battery\\\\n'")
        logging.warning("log %s", self.parent.password)
        warnings.warn("warn " + self.parent.password)
        thread = threading.Thread(target=self.fail)
        thread.start()
        thread.join()
        if os.environ.get("FAILS"):
            try:
                int(self.parent.password)
            except ValueError as error:
                raise RuntimeError(f"failed with {self.parent.password}") from error

    def fail(self):
        raise ValueError("thread " + self.parent.password)


class App(Component):
    password = ""

    def configure(self):
        print("configuring", self.password)
        atexit.register(print, "at exit", self.password)
        output.line("told " + self.password)
        self += File("a.txt", content="x {{component.password}}\\n")
        self += Loud()
        if os.environ.get("WRONG"):
            int(self.password)
"""


@pytest.fixture
def loud(write):
    """A project whose component tells its secret in every way."""
    return write(
        {
            "environments/dev/environment.cfg": DEV,
            "environments/dev/secrets.cfg.age": COMMAND,
            "components/app/component.py": COMPONENT,
        }
    )


def test_what_component_code_prints_in_any_way_is_masked(depl, loud):
    ended = depl("local", "dev", cwd=loud)
    assert ended.returncode == 0, ended.stderr
    for word in ("configuring", "told", "verify", "system", "split", "said", "at exit"):
        assert f"{word} {MASK}" in ended.stdout
    for word in ("stderr", "log", "warn", "thread"):
        assert f"{word} {MASK}" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    assert "horse\n" not in ended.stdout


def test_a_value_with_a_colour_in_its_middle_is_masked(depl, loud):
    seen = depl("local", "dev", cwd=loud).stdout
    assert f"colour {MASK}" in seen


def test_a_plan_and_a_diff_are_masked(depl, loud):
    ended = depl("local", "dev", "--plan", cwd=loud)
    assert ended.returncode == 0
    assert f"+x {MASK}" in ended.stdout
    assert SECRET not in ended.stdout + ended.stderr


def test_programs_read_json_alone_and_no_secret(depl, loud):
    ended = depl("local", "dev", "--json", cwd=loud)
    assert ended.returncode == 0
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    assert events[-1]["outcome"]["status"] == "succeeded"
    assert f"verify {MASK}" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    said = "".join(event["text"] for event in events if event["event"] == "output")
    assert f"said {MASK}" in said
    assert "horse" not in said


@pytest.mark.parametrize("how", [["--verbose"], ["--json"], []])
def test_a_failure_is_told_without_the_value(depl, loud, how):
    ended = depl("local", "dev", *how, cwd=loud, FAILS="1")
    assert ended.returncode == 3
    assert f"failed with {MASK}" in ended.stdout + ended.stderr
    assert SECRET not in ended.stdout + ended.stderr


@pytest.mark.parametrize("how", [["--verbose"], ["--json"], []])
def test_a_mistake_of_the_model_is_told_without_the_value(depl, loud, how):
    ended = depl("check", "dev", *how, cwd=loud, WRONG="1")
    assert ended.returncode == 1
    assert MASK in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    assert ("Traceback" in ended.stderr) == ("--verbose" in how)


def test_nothing_that_is_kept_holds_the_value(depl, loud):
    depl("local", "dev", cwd=loud, FAILS="1")
    depl("local", "dev", cwd=loud)
    assert depl("undo", "dev", cwd=loud).returncode == 0
    for directory, _, files in os.walk(loud / ".depl"):
        if not directory.endswith("blobs"):
            for name in files:
                path = Path(directory, name)
                assert SECRET not in path.read_text(errors="replace"), path


def test_what_others_print_comes_before_what_depl_says_of_it(depl, loud):
    seen = depl("local", "dev", cwd=loud).stdout
    assert seen.index("verify ") < seen.index("app/Loud | said") < seen.index("changed")


def test_a_reader_that_goes_away_does_not_end_the_run(project, loud):
    surroundings = {**os.environ, "PYTHONPATH": str(project / "src")}
    command = f"{sys.executable} -m depl local dev 2>/dev/null | head -1; echo status ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], cwd=loud, env=surroundings, capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1] == "status 0"
    assert (loud / "work/app/a.txt").exists()


def test_without_secrets_nobody_is_between_a_component_and_the_output(depl, write):
    component = """\
        import os
        from depl.component import Component


        class App(Component):
            def configure(self):
                os.system("readlink /proc/self/fd/1")
        """
    directory = write({"environments/dev.cfg": DEV, "components/app/component.py": component})
    with open(directory / "seen", "w") as seen:
        subprocess.run([sys.executable, "-m", "depl", "check", "dev"], cwd=directory, stdout=seen, check=True)
    assert (directory / "seen").read_text().splitlines()[0] == str(directory / "seen")


def at_terminal(project, directory, *arguments, keys=(), **more):
    """What appears at a terminal, and the exit status. keys: what is waited for, and typed then."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(directory)
        surroundings = {**os.environ, "PYTHONPATH": str(project / "src"), "TERM": "xterm", "COLUMNS": "100", **more}
        surroundings.pop("NO_COLOR", None)
        os.execve(sys.executable, [sys.executable, "-m", "depl", *arguments], surroundings)
    seen, waiting = b"", list(keys)
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end was closed
            break
        seen += piece
        if waiting and waiting[0][0] in seen:
            os.write(terminal, waiting.pop(0)[1])
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return seen.decode(), os.waitstatus_to_exitcode(status)


def test_somebody_at_a_terminal_sees_masks_in_live_lines_too(project, loud):
    component = loud / "components/app/component.py"
    component.write_text(COMPONENT.replace("'; sleep 0.3; echo ' horse-battery'", " horse-battery\\\\n'; sleep 1.5"))
    seen, status = at_terminal(project, loud, "local", "dev")
    assert status == 0
    assert SECRET not in seen
    assert f"\x1b[2msaid {MASK}" in seen
    assert f"verify {MASK}" in seen
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")


def test_a_question_is_seen_and_answered(project, loud):
    seen, status = at_terminal(project, loud, "local", "dev", "--ask", keys=[(b"[y/N]", b"y\n")])
    assert status == 0
    assert "Do this to localhost?" in seen
    assert SECRET not in seen
    assert (loud / "work/app/a.txt").exists()


def test_a_wrong_command_line_is_told_without_the_value(depl, loud):
    ended = depl("local", "dev", "--component", SECRET, cwd=loud)
    assert ended.returncode != 0
    assert SECRET not in ended.stdout + ended.stderr


@pytest.fixture
def identities(tmp_path):
    """Two age identities: of somebody who may read, and of somebody else."""
    import pyrage

    return pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()


@pytest.fixture
def encrypted(write, identities):
    """A project whose secret is encrypted, and which prints it when it is undone."""
    from depl.secrets.identities import Identities
    from depl.secrets.vault import Vault

    component = """\
        from depl.component import Component


        class App(Component):
            password = ""
            reverse_cmd = "echo undoing; cat ../../kept"

            def verify(self):
                assert False

            def update(self):
                self.cmd("true")
        """
    directory = write(
        {"environments/dev/environment.cfg": DEV, "components/app/component.py": component, "kept": SECRET + "\n"}
    )
    vault = Vault(str(directory), "dev")
    vault.open(Identities(None, environ={"DEPL_AGE_IDENTITY": str(identities[0])}))
    vault.set_recipients([str(identities[0].to_public())], {}, rotate=False)
    vault.set(("component:app", "password"), SECRET)
    vault.save()
    return directory


def test_an_undo_filters_what_its_commands_print(depl, encrypted, identities):
    own = {"DEPL_AGE_IDENTITY": str(identities[0])}
    assert depl("local", "dev", cwd=encrypted, **own).returncode == 0
    undone = depl("undo", "dev", cwd=encrypted, **own)
    assert undone.returncode == 0, undone.stderr
    assert "undoing" in undone.stdout
    assert MASK in undone.stdout
    assert SECRET not in undone.stdout + undone.stderr


@pytest.mark.parametrize("how", [[], ["--json"], ["--plan"]])
def test_an_undo_works_where_the_secrets_cannot_be_read_but_shows_no_output(depl, encrypted, identities, how):
    assert depl("local", "dev", cwd=encrypted, DEPL_AGE_IDENTITY=str(identities[0])).returncode == 0
    undone = depl("undo", "dev", *how, cwd=encrypted, DEPL_AGE_IDENTITY=str(identities[1]))
    assert undone.returncode == 0, undone.stderr
    assert undone.stderr.count("warning: ") == 1
    assert "the secrets of dev cannot be read here" in undone.stderr
    assert "| undoing" not in undone.stdout
    assert SECRET not in undone.stdout + undone.stderr
