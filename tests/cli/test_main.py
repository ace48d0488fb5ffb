"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import click
import pytest

from depl import __version__
from depl.cli.main import COMMANDS, main

HEAVY = (
    "paramiko",
    "sqlalchemy",
    "asyncio",
    "rich",
    "yaml",
    "jinja2",
    "http",
    "ssl",
    "starlette",
    "uvicorn",
    "urllib.request",
    "email",
    "tarfile",
    "zipfile",
    "depl.environment",
    "depl.component",
)


def test_help_lists_the_commands_and_costs_no_heavy_import(project):
    script = f"""
import sys
from depl.cli.main import main
try:
    main(["--help"])
finally:
    print("imported:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(project / "src")}, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "\n  local " in done.stdout
    assert done.stdout.endswith("imported: []\n")


def test_version_is_that_of_the_package(depl, tmp_path):
    assert depl("--version", cwd=tmp_path).stdout == f"depl {__version__}\n"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_and_the_text_of_the_list(name, depl, tmp_path):
    done = depl(name, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"\n    depl {name}" in done.stdout
    command = getattr(import_module(f"depl.cli.{name}"), name)
    assert isinstance(command, click.Command)
    assert isinstance(main, click.Group)


def test_an_unknown_command_is_answered_with_the_one_that_was_meant(depl, tmp_path):
    done = depl("locl", "dev", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'local'?" in done.stderr


def test_an_unknown_option_is_answered_with_the_one_that_was_meant(depl, tmp_path):
    done = depl("local", "dev", "--paln", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean '--plan'" in done.stderr


def test_outside_of_a_project_the_next_step_is_named(depl, tmp_path):
    done = depl("check", "dev", cwd=tmp_path)
    assert done.returncode == 1
    assert "depl init" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_launcher_says_which_project_is_meant(depl, service, tmp_path):
    done = depl("local", "dev", cwd=tmp_path, DEPL_PROJECT=str(service))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("  take it back with: ./project/depl undo dev\n")
    assert depl("undo", "dev", cwd=service, DEPL_PROJECT=str(service)).returncode == 0


def test_commands_of_components_do_not_see_which_project_was_meant(depl, write):
    component = """\
        from depl.component import Component

        class App(Component):
            def verify(self):
                assert False
            def update(self):
                self.cmd('echo "project: ${DEPL_PROJECT-none}"')
        """
    files = {"environments/dev.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n"}
    directory = write({**files, "components/app/component.py": component})
    assert "project: none" in depl("local", "dev", cwd=directory, DEPL_PROJECT=str(directory)).stdout


def test_a_mistake_of_depl_itself_is_a_sentence_and_with_verbose_a_traceback(capsys):
    from depl.cli.session import Session

    session = Session()
    session.fail_unexpectedly(ZeroDivisionError("division by zero"))
    told = capsys.readouterr().err
    assert told.startswith("error: unexpected ZeroDivisionError: division by zero\n")
    assert "This is a mistake in depl" in told
    assert session.status == 3
    session = Session()
    session.verbose = session.acting = True
    session.fail_unexpectedly(ZeroDivisionError("division by zero"))
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err
    assert session.status == 4
