"""Asking a program what it thinks of a file before the file is put in place."""

from __future__ import annotations

import os
from typing import Sequence, Union

from depl.change.passing import passing
from depl.component import Component
from depl.errors import CmdExecutionError
from depl.lib.files.places import mistake
from depl.lib.files.secrecy import holds_secret

Command = Union[str, Sequence[str]]


def check_command(component: Component, command: Command) -> None:
    """See to it that a validating command names the file that it is to look at. Errors: ConfigurationError."""
    parts = [command] if isinstance(command, str) else command
    if not any("{}" in part or "%s" in part for part in parts):
        raise mistake(
            component,
            f"the command validate={command!r} does not say where the file's path goes",
            hint="Write {} or %s where the path of the file is wanted, as in validate='visudo -cf {}'.",
        )


def validated(component: Component, command: Command, path: str, content: Union[bytes, str]) -> None:
    """Run a validating command on a content that is meant for a path. Errors: CmdExecutionError with its output.

    content: the bytes, or the path of a file that has them.
    """
    if isinstance(content, str):
        _ask(component, command, path, content)
        return
    # Never beside the original, where others would find it; under its own name, as its suffix may matter.
    with passing(holds_secret(component, content)) as directory:
        candidate = os.path.join(directory, os.path.basename(path))
        with open(os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        _ask(component, command, path, candidate)


def _ask(component: Component, command: Command, path: str, candidate: str) -> None:
    try:
        component.system.ask(_filled_in(command, candidate), check=True)
    except CmdExecutionError as error:
        raise CmdExecutionError(
            error.cmd.replace(candidate, path),
            error.returncode,
            error.stdout.replace(candidate, path),
            error.stderr.replace(candidate, path),
            reason=f"did not accept the new content of {path}, which was therefore not put in place",
            component=component,
            hint="Its output says why.",
        ) from None


def _filled_in(command: Command, candidate: str) -> Command:
    if isinstance(command, str):
        import shlex

        quoted = shlex.quote(candidate)
        return command.replace("{}", quoted).replace("%s", quoted)
    return [part.replace("{}", candidate).replace("%s", candidate) for part in command]
