"""`depl requirements install`: what component code imports becomes available here."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from typing import TYPE_CHECKING

import click

from depl.cli.options import examples
from depl.cli.session import Session
from depl.errors import ConfigurationError, DeploymentError
from depl.report.lines import Line
from depl.rollout.wording import counted

if TYPE_CHECKING:
    from depl.remote.requirements import Requirements

LOCK = "requirements.lock"  # what the launcher installs: versions that are not to change under depl


@click.group(epilog=examples("depl requirements install"))
def requirements() -> None:
    """What component code imports: the packages that requirements.txt names."""


@requirements.command(epilog=examples("depl requirements install", "depl requirements install worker.txt"))
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(exists=True, dir_okay=False))
@click.pass_obj
def install(session: Session, file: str | None) -> None:
    """Make what component code imports available here, where the model is built.

    The packages that requirements.txt names are installed beside depl, into the Python environment of the project's
    launcher. Hosts need nothing of this: `depl remote` sends them what they need. FILE, of the same form, names
    packages that are for this machine alone, such as those of a worker.
    """
    from depl.remote.requirements import FILE, Requirements

    wanted = Requirements(session.base, file=FILE if file is None else os.path.abspath(file))
    name = file or FILE
    if not wanted.key:
        session.show([Line(f"nothing to install: {name} names no package{'' if file else ', or does not exist'}")])
        return
    assert_launched(session.base, name)
    install_here(wanted, name)
    session.show([Line(f"installed: {counted(len(wanted.lines.packages), 'package')} of {name}, with what they need")])


def assert_launched(base: str, name: str) -> None:
    """Refuse to change a Python environment that is not the launcher's. Errors: ConfigurationError with what to do."""
    room = os.path.join(os.path.realpath(base), ".depl", "python", "")
    if not os.path.realpath(sys.prefix).startswith(room):
        raise ConfigurationError(
            f"depl was not started by a launcher, so the Python that it runs on is not its own: {sys.executable}",
            hint=f"Install into it yourself: {sys.executable} -m pip install -r {name}",
        )


def install_here(wanted: Requirements, name: str) -> None:
    """Install into the Python environment that this runs in; depl's own packages stay as they are."""
    from depl.remote.wheelhouse import explained, python_with_pip, ran, written

    with tempfile.TemporaryDirectory() as room:
        binding = [*wanted.lines.binding, *locked(wanted.base_dir)]
        files = written(room, wanted.lines.wanted, binding)
        command = [python_with_pip(), "-P", "-m", "pip", "--python", sys.executable, "install", "--no-input"]
        command += ["--disable-pip-version-check", "--no-color", *files]
        done = ran(command, wanted.base_dir, {**os.environ, "PIP_USER": "0"})
    if done.returncode:
        raise DeploymentError(
            f"pip cannot install what {name} names:\n{explained(done)}",
            hint="Check the names and versions, the network and pip's configuration (pip config list).",
        )


def locked(base: str) -> list[str]:
    """What the launcher's lock pins, as constraints."""
    try:
        with open(os.path.join(base, LOCK), encoding="utf-8") as file:
            return re.findall(r"^([\w.-]+==[^\s\\;]+)", file.read(), re.MULTILINE)
    except FileNotFoundError:
        return []
