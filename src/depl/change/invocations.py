"""Commands with all that they need, run with what they say and what goes wrong told without secrets."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, Optional

from depl.change.nodes import Path
from depl.change.process import Result, execute
from depl.change.spawning import Command, holds_secret
from depl.change.system import Input
from depl.errors import CmdExecutionError, Interrupted
from depl.redact import Redactor

NOT_STARTED = -1  # instead of the status of a command that could not be started
HIDDEN = "(a command that must not be shown)"


@dataclass(frozen=True)
class Invocation:
    """A command with all that it needs to run again from the journal.

    hidden: it holds a secret, which whoever runs it again may not know.
    """

    command: Command
    cwd: Optional[Path] = None
    env: Optional[Mapping[str, str]] = None
    timeout: Optional[float] = None
    input: Optional[Input] = None
    check: bool = False
    hidden: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as JSON; a list stays a list, a text a text."""
        input = self.input.decode("utf-8", "surrogateescape") if isinstance(self.input, bytes) else self.input
        command = self.command if isinstance(self.command, str) else list(self.command)
        facts = {**vars(self), "command": command, "input": input}
        if not self.hidden:
            del facts["hidden"]
        return facts


def run_command(
    invocation: Invocation,
    shown: str,
    component: str,
    redact: Redactor,
    *,
    on_output: Optional[Callable[[str, str], None]] = None,
    terminated: Callable[[], bool] = lambda: False,
    in_child: Optional[Callable[[], None]] = None,
) -> tuple[int, str, str]:
    """Run a command: its status, and what it really said. What others are told of that is redacted.

    Errors: CmdExecutionError, which does not have the output of a command that must not be shown.
    """
    try:
        with _told_as_it_comes(redact, on_output) as tell:
            result: Result = execute(
                invocation.command,
                cwd=invocation.cwd,
                env=invocation.env,
                timeout=invocation.timeout,
                input=invocation.input,
                on_output=tell,
                terminated=terminated,
                in_child=in_child,
                hidden=invocation.hidden or holds_secret(invocation.command, redact),
            )
    except OSError as error:
        where = f" in {redact(str(invocation.cwd))}" if invocation.cwd else ""
        reason = f"cannot be started{where}: {error.strerror}"
        hint = "Is the program installed, and is it found in PATH?"
        raise CmdExecutionError(shown, NOT_STARTED, reason=reason, component=component, hint=hint) from error
    if result.status is None and terminated():
        raise Interrupted(f"the command `{shown}` was ended on request", component)
    if result.status is None or (invocation.check and result.status != 0):
        said = ("", "") if shown == HIDDEN else (redact(result.stdout), redact(result.stderr))
        hint = "Give it more time by `timeout=` or `command_timeout`." if result.status is None else ""
        raise CmdExecutionError(shown, result.status, *said, reason=result.reason, component=component, hint=hint)
    return result.status, result.stdout, result.stderr


@contextmanager
def _told_as_it_comes(
    redact: Redactor, on_output: Optional[Callable[[str, str], None]]
) -> Iterator[Callable[[str, str], None]]:
    """Passes on what comes of both streams, once it is sure that no secret begins in it."""
    if on_output is None:
        yield lambda name, text: None
        return
    streams = {name: redact.stream() for name in ("stdout", "stderr")}

    def tell(name: str, text: str) -> None:
        if text:
            on_output(name, text)

    try:
        yield lambda name, text: tell(name, streams[name].feed(text))
    finally:
        for name, stream in streams.items():
            tell(name, stream.end())


class Warnings:
    """Tells of commands whose arguments everybody can read, once for each component.

    tell: called with the component and the warning.
    """

    def __init__(self) -> None:
        self.tell: Callable[[str, str], None] = lambda component, text: None
        self._told: set[str] = set()

    def of_arguments(self, command: Command, shown: str, component: str, redact: Redactor) -> None:
        """Tell of this command, if it is a list with a secret in it: a text is kept from the arguments."""
        if isinstance(command, str) or component in self._told or not holds_secret(command, redact):
            return
        self._told.add(component)
        self.tell(
            component,
            f"the command `{shown}` has a secret among its arguments, which every user of the machine can read while "
            "it runs; give it by `env=` or `input=` instead, if the program can take it so",
        )
