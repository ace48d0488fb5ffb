"""The half of the acting system that runs commands: each in the journal before it runs."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping, Optional

from depl.change.blobs import Blobs
from depl.change.changes import Run, WayBack
from depl.change.here import Here
from depl.change.leftover import note_over, note_running
from depl.change.nodes import Path
from depl.change.process import Command, Result, execute
from depl.change.process import shown as shown_command
from depl.change.records import Did
from depl.change.shown import show_change
from depl.change.system import Input
from depl.errors import CmdExecutionError, Interrupted

NOT_STARTED = -1  # instead of the status of a command that could not be started
HIDDEN = "(a command that must not be shown)"


@dataclass(frozen=True)
class Invocation:
    """A command with all that it needs to run again from the journal."""

    command: Command
    cwd: Optional[Path] = None
    env: Optional[Mapping[str, str]] = None
    timeout: Optional[float] = None
    input: Optional[Input] = None
    check: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as JSON; a list stays a list, a text a text."""
        input = self.input.decode("utf-8", "surrogateescape") if isinstance(self.input, bytes) else self.input
        command = self.command if isinstance(self.command, str) else list(self.command)
        return {**vars(self), "command": command, "input": input}


class Commanding(Here):
    """Runs commands on this machine. directory: `.depl`, where they are kept with their arguments (blobs).

    reacting: whether a reaction is running, whose commands are repeated on the way back.
    """

    def __init__(
        self,
        directory: Path,
        *,
        command_timeout: Optional[float],
        on_output: Callable[[str, str, str], None],
        terminated: Callable[[], bool],
        redact: Callable[[str], str],
    ) -> None:
        super().__init__()
        self.directory = directory
        self.blobs = Blobs(os.path.join(directory, "blobs"))
        self.command_timeout = command_timeout
        self.reacting = False
        self._on_output = on_output
        self._terminated = terminated
        self._redact = redact

    @abstractmethod
    def note(self, did: Did) -> Did:
        """Journal something that takes no making here; the record as it is written."""

    @abstractmethod
    def not_done(self, did: Did) -> None:
        """Journal that something that was written down did not happen."""

    def ask(
        self,
        command: Command,
        *,
        cwd: Optional[Path] = None,
        env: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        input: Optional[Input] = None,
        check: bool = False,
    ) -> tuple[int, str, str]:
        self.commit()
        return self._execute(Invocation(command, cwd, env, timeout, input, check), shown_command(command), silent=True)

    def run(
        self,
        command: Command,
        *,
        undo: Optional[Command] = None,
        way_back: Optional[WayBack] = None,
        reason: str = "",
        cwd: Optional[Path] = None,
        env: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        input: Optional[Input] = None,
        check: bool = True,
        shown: Optional[str] = None,
        undo_shown: Optional[str] = None,
        sensitive: bool = False,
    ) -> tuple[int, str, str]:
        self.commit()
        self._remembered.clear()
        cwd = cwd or os.getcwd()
        forth = Invocation(command, cwd, env, timeout, input, check)
        back = None if undo is None else Invocation(undo, cwd, env, timeout, None, True)
        text = self._told(command, shown, sensitive)
        run = Run(
            self.blobs.add_json(forth.as_json()),
            text,
            way_back or self._usual_way_back(undo),
            None if back is None else self.blobs.add_json(back.as_json()),
            "" if undo is None else self._told(undo, undo_shown, sensitive),
            self._redact(reason),
        )
        self.shown.append(show_change(run))
        self._go_on(text)
        did = self.note(Did(0, self.component, run))
        try:
            return self._act(forth, text, silent=sensitive)
        except CmdExecutionError as error:
            if error.returncode == NOT_STARTED:
                self.not_done(did)
            raise

    def run_recorded(self, run: Run, component: str, undoes: Optional[int]) -> None:
        """Run a command again, or an undo, as the journal has it. Errors: CmdExecutionError, JournalError."""
        self.commit()
        self._remembered.clear()
        self.component = component
        invocation = Invocation(**self.blobs.read_json(run.command))
        self.shown.append(show_change(run))
        self.note(Did(0, component, run, undoes))
        self._act(invocation, run.shown, silent=run.shown == HIDDEN)

    def shown_text(self, command: Command) -> str:
        """A command as people may see it."""
        return self._redact(shown_command(command))

    def _told(self, command: Command, shown: Optional[str], sensitive: bool) -> str:
        if sensitive:
            return HIDDEN
        return self._redact(shown) if shown else self.shown_text(command)

    def keep_undo(self, command: str) -> str:
        """Keep a command that an author declared as the undo of an update; its name in the journal."""
        return self.blobs.add_json(Invocation(command, os.getcwd(), check=True).as_json())

    def _usual_way_back(self, undo: Optional[Command]) -> WayBack:
        if undo is not None:
            return WayBack.COMPENSATING
        return WayBack.REPEAT if self.reacting else WayBack.UNKNOWN

    def _go_on(self, shown: str) -> None:
        if self._terminated():
            raise Interrupted(f"interrupted before `{shown}`", self.component)

    def _act(self, invocation: Invocation, shown: str, silent: bool) -> tuple[int, str, str]:
        try:
            return self._execute(invocation, shown, silent, lambda process: note_running(self.directory, process))
        finally:
            note_over(self.directory)

    def _execute(
        self,
        invocation: Invocation,
        shown: str,
        silent: bool,
        on_start: Callable[[int], None] = lambda process: None,
    ) -> tuple[int, str, str]:
        self._go_on(shown)
        if invocation.timeout is None:
            invocation = replace(invocation, timeout=self.command_timeout)

        def on_output(stream: str, text: str) -> None:
            if not silent:
                self._on_output(self.component, stream, text)

        return run_command(
            invocation,
            shown,
            self.component,
            on_output=on_output,
            terminated=self._terminated,
            on_start=on_start,
            secret=shown == HIDDEN,
        )


def run_command(
    invocation: Invocation,
    shown: str,
    component: str,
    *,
    on_output: Callable[[str, str], None] = lambda stream, text: None,
    terminated: Callable[[], bool] = lambda: False,
    on_start: Callable[[int], None] = lambda process: None,
    secret: bool = False,
) -> tuple[int, str, str]:
    """Run a command, with what goes wrong as a CmdExecutionError. secret: which then keeps what the command said."""
    try:
        result: Result = execute(
            invocation.command,
            cwd=invocation.cwd,
            env=invocation.env,
            timeout=invocation.timeout,
            input=invocation.input,
            on_output=on_output,
            terminated=terminated,
            on_start=on_start,
        )
    except OSError as error:
        where = f" in {invocation.cwd}" if invocation.cwd else ""
        reason = f"cannot be started{where}: {error.strerror}"
        hint = "Is the program installed, and is it found in PATH?"
        raise CmdExecutionError(shown, NOT_STARTED, reason=reason, component=component, hint=hint) from error
    if result.status is None and terminated():
        raise Interrupted(f"the command `{shown}` was ended on request", component)
    if result.status is None or (invocation.check and result.status != 0):
        said = ("", "") if secret else (result.stdout, result.stderr)
        hint = "Give it more time by `timeout=` or `command_timeout`." if result.status is None else ""
        raise CmdExecutionError(shown, result.status, *said, reason=result.reason, component=component, hint=hint)
    return result.status, result.stdout, result.stderr
