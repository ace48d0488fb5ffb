"""Commands of tasks: their output line by line, their end by force, and none that outlives a crash unnoticed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext

from depl.change.invocations import Invocation, run_command
from depl.change.leftover import noted
from depl.change.process import Result, shown
from depl.change.spawning import Command
from depl.errors import Interrupted
from depl.tasks.working import Working

LONGEST = 8192  # characters of a line without an end, before they are told


def run(
    working: Working,
    command: Command,
    *,
    cwd: str | None,
    env: Mapping[str, str] | None,
    check: bool,
    input: str | None,
    timeout: float | None,
) -> Result:
    """Run a command to its end. Errors: CmdExecutionError; Interrupted where it was ended by force."""
    text = shown(command, working.redact)
    if working.stop.terminated:
        raise Interrupted(f"interrupted before `{text}`")
    cwd = os.path.join(working.base, cwd or "")
    invocation = Invocation(command, cwd, env, timeout, input, check)
    lines = Lines(working.output)
    try:
        with noted(working.notes) if working.notes else nullcontext() as in_child:
            status, out, err = run_command(
                invocation,
                text,
                "",
                working.redact,
                on_output=lines.feed,
                terminated=lambda: working.stop.terminated,
                in_child=in_child,
            )
    finally:
        lines.end()
    return Result(status, out, err)


class Lines:
    """Makes whole lines of pieces."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._begun: dict[str, str] = {}

    def feed(self, stream: str, text: str) -> None:
        """Tell the lines that are whole by now."""
        text = self._begun.pop(stream, "") + text
        end = len(text) if len(text) > LONGEST else text.rfind("\n") + 1
        if end:
            self._tell(stream, text[:end])
        if text[end:]:
            self._begun[stream] = text[end:]

    def end(self) -> None:
        """Tell the rest."""
        for stream, text in self._begun.items():
            self._tell(stream, text)
        self._begun.clear()
