"""The half of the acting system that runs commands: each in the journal before it runs."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import Callable, Mapping, Optional

from depl.change.blobs import Blobs
from depl.change.changes import Run, WayBack
from depl.change.nodes import Path
from depl.change.process import Command, Result, execute
from depl.change.process import shown as shown_command
from depl.change.records import Did
from depl.change.shown import show_change
from depl.change.system import Input, System
from depl.errors import CmdExecutionError


class Commanding(System):
    """Runs commands on this machine. blobs: where they are kept with their arguments.

    reacting: whether a reaction is running, whose commands are repeated on the way back.
    """

    def __init__(
        self,
        blobs: Blobs,
        *,
        command_timeout: Optional[float],
        on_output: Callable[[str, str, str], None],
        terminated: Callable[[], bool],
        redact: Callable[[str], str],
    ) -> None:
        super().__init__()
        self.blobs = blobs
        self.command_timeout = command_timeout
        self.reacting = False
        self._on_output = on_output
        self._terminated = terminated
        self._redact = redact

    @abstractmethod
    def note(self, did: Did) -> None:
        """Journal something that takes no making here."""

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
        return self._execute(command, cwd, env, timeout, input, check, silent=True)

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
        text = "(a command that must not be shown)" if sensitive else self._redact(shown or shown_command(command))
        run = Run(
            self._keep(command, cwd, env, timeout, input, check),
            text,
            way_back or self._usual_way_back(undo),
            None if undo is None else self._keep(undo, cwd, env, timeout, None, True),
            "" if undo is None else self._redact(undo_shown or shown_command(undo)),
            reason,
        )
        self.shown.append(show_change(run))
        self.note(Did(0, self.component, run))
        try:
            return self._execute(command, cwd, env, timeout, input, check, silent=sensitive)
        except CmdExecutionError as error:
            error.cmd = text
            raise

    def run_recorded(self, run: Run, component: str, undoes: Optional[int]) -> None:
        """Run a command again, or an undo, as the journal has it. Errors: CmdExecutionError, JournalError."""
        self.commit()
        self._remembered.clear()
        self.component = component
        how = self.blobs.read_json(run.command)
        self.shown.append(show_change(run))
        self.note(Did(0, component, run, undoes))
        self._execute(how["command"], how["cwd"], how["env"], how["timeout"], how["input"], how["check"], silent=False)

    def _keep(
        self,
        command: Command,
        cwd: Path,
        env: Optional[Mapping[str, str]],
        timeout: Optional[float],
        input: Optional[Input],
        check: bool,
    ) -> str:
        if isinstance(input, bytes):
            input = input.decode("utf-8", "surrogateescape")
        argv = command if isinstance(command, str) else list(command)
        how = {"command": argv, "cwd": cwd, "env": env, "timeout": timeout, "input": input, "check": check}
        return self.blobs.add_json(how)

    def _usual_way_back(self, undo: Optional[Command]) -> WayBack:
        if undo is not None:
            return WayBack.COMPENSATING
        return WayBack.REPEAT if self.reacting else WayBack.UNKNOWN

    def _execute(
        self,
        command: Command,
        cwd: Optional[Path],
        env: Optional[Mapping[str, str]],
        timeout: Optional[float],
        input: Optional[Input],
        check: bool,
        silent: bool,
    ) -> tuple[int, str, str]:
        return run_command(
            command,
            cwd=cwd,
            env=env,
            timeout=self.command_timeout if timeout is None else timeout,
            input=input,
            check=check,
            component=self.component,
            on_output=(lambda stream, text: None)
            if silent
            else (lambda stream, text: self._on_output(self.component, stream, text)),
            terminated=self._terminated,
        )


def run_command(
    command: Command,
    *,
    cwd: Optional[Path],
    env: Optional[Mapping[str, str]],
    timeout: Optional[float],
    input: Optional[Input],
    check: bool,
    component: str,
    on_output: Callable[[str, str], None] = lambda stream, text: None,
    terminated: Callable[[], bool] = lambda: False,
) -> tuple[int, str, str]:
    """Run a command, with what goes wrong as a CmdExecutionError."""
    text = shown_command(command)
    try:
        result: Result = execute(
            command, cwd=cwd, env=env, timeout=timeout, input=input, on_output=on_output, terminated=terminated
        )
    except OSError as error:
        where = f" in {cwd}" if cwd else ""
        reason = f"cannot be started{where}: {error.strerror}"
        raise CmdExecutionError(text, 127, reason=reason, component=component) from error
    if result.status is None:
        raise CmdExecutionError(text, None, result.stdout, result.stderr, reason=result.reason, component=component)
    if check and result.status != 0:
        raise CmdExecutionError(text, result.status, result.stdout, result.stderr, component=component)
    return result.status, result.stdout, result.stderr
