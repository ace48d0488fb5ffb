"""`depl init`: a project that runs at once."""

from __future__ import annotations

import os
from pathlib import Path

import click

from depl.cli import scaffold
from depl.cli.options import examples
from depl.cli.session import Session
from depl.errors import ConfigurationError
from depl.report.lines import Line, Printer


@click.command(
    epilog=examples(
        "depl init shop",
        "cd shop && ./depl local dev",
    )
)
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def init(session: Session, directory: Path) -> None:
    """Write a new project into DIRECTORY (default: this one).

    It comes with its own launcher `./depl`, which sets up just what requirements.lock names, and with an environment
    `dev` that deploys a first component here. What is there already is left alone.
    """
    files = scaffold.files(directory.absolute())
    written, existing = lay_out(directory, files)
    tell(session.printer, directory, written, existing)


def lay_out(directory: Path, files: list[scaffold.ProjectFile]) -> tuple[list[str], list[str]]:
    """Write the files that are not there yet; the names of those that were written, and of those that were."""
    written, existing = [], []
    for file in files:
        path = directory / file.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777 if file.executable else 0o666)
        except FileExistsError:
            existing.append(file.name)
            continue
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(file.content)
        written.append(file.name)
    return written, existing


def tell(printer: Printer, directory: Path, written: list[str], existing: list[str]) -> None:
    """Say what was written, what was there, and what to do next."""
    if existing:
        printer.show([Line("left as they are:", "bold"), *(Line(f"  {name}") for name in existing)])
    if not written:
        printer.show([Line(f"nothing to add to {directory}")])
        return
    printer.show([Line("written:", "bold"), *(Line(f"  {name}") for name in written)])
    steps = ["./depl local dev --plan", "./depl local dev", "./depl undo dev"]
    if directory.resolve() != Path.cwd().resolve():
        steps.insert(0, f"cd {directory}")
    if "environments/dev/environment.cfg" not in written:
        steps = [step for step in steps if step.startswith("cd ")] + ["./depl check ENVIRONMENT"]
    printer.show([Line("next:", "bold"), *(Line(f"  {step}") for step in steps)])
