"""The half of the acting system that runs commands: each in the journal before it runs."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Callable, Mapping, Optional

from depl.change.answering import Answering
from depl.change.blobs import Blobs
from depl.change.changes import Call, Run, WayBack
from depl.change.here import Here
from depl.change.invocations import HIDDEN, NOT_STARTED, Invocation, Warnings, run_command
from depl.change.leftover import noted
from depl.change.nodes import Path
from depl.change.process import shown as shown_command
from depl.change.records import Did
from depl.change.refusal import assert_reversible
from depl.change.shown import show_change
from depl.change.spawning import Command, holds_secret
from depl.change.system import Input
from depl.errors import CmdExecutionError, Interrupted
from depl.redact import Redactor

IN_BLOB = "depl: in blob"  # instead of what was captured


class Commanding(Answering, Here):
    """Runs commands on this machine. directory: `.depl`, where they are kept with their arguments (blobs).

    reversible_only: commands that nobody can undo are refused.
    at_once: verbs are made at once, as raw code may look at the same paths. redact: hides the secrets.
    """

    def __init__(
        self,
        directory: Path,
        *,
        command_timeout: Optional[float],
        on_output: Callable[[str, str, str], None],
        terminated: Callable[[], bool],
        redact: Optional[Redactor],
    ) -> None:
        super().__init__()
        self.directory = directory
        self.blobs = Blobs(os.path.join(directory, "blobs"))
        self.command_timeout = command_timeout
        self.reversible_only = self.at_once = False
        self._on_output = on_output
        self._terminated = terminated
        self.redact = Redactor() if redact is None else redact
        self.warn = Warnings()

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
        invocation = Invocation(command, cwd, env, timeout, input, check)
        return self._execute(invocation, self.shown_text(command), silent=True)

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
        owns: str = "",
    ) -> tuple[int, str, str]:
        self.commit()
        self._remembered.clear()
        cwd = cwd or os.getcwd()
        hidden = [sensitive or holds_secret(one, self.redact) for one in (command, undo or "")]
        forth = Invocation(command, cwd, env, timeout, input, check, hidden[0])
        back = None if undo is None else Invocation(undo, cwd, env, timeout, None, True, hidden[1])
        text = self._told(command, shown, sensitive)
        way_back = way_back or self.usual_way_back(undo is not None)
        run = Run(
            self.blobs.add_json(forth.as_json()),
            text,
            way_back,
            None if back is None else self.blobs.add_json(back.as_json()),
            "" if undo is None else self._told(undo, undo_shown, sensitive),
            self.redact(reason),
            self.redact(owns),
        )
        told = self.as_told(run)
        if self.reversible_only:
            assert_reversible(text, told.way_back, told.reason)
        self.shown.append(show_change(told))
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
        return shown_command(command, self.redact)

    def _told(self, command: Command, shown: Optional[str], sensitive: bool) -> str:
        if sensitive:
            return HIDDEN
        return self.redact(shown) if shown else self.shown_text(command)

    def keep_undo(self, command: str) -> str:
        """Keep a command that an author declared as the undo of an update; its name in the journal."""
        invocation = Invocation(command, os.getcwd(), check=True, hidden=holds_secret(command, self.redact))
        return self.blobs.add_json(invocation.as_json())

    def kept(self, captured: Mapping[str, Any]) -> Mapping[str, Any]:
        """What an author's capture() gave, for the journal; in a blob, where a secret is in it."""
        return captured if self.redact.data(captured) == captured else {IN_BLOB: self.blobs.add_json(captured)}

    def captured(self, call: Call) -> Any:
        """The same, for the author's reverse(). Journals of old hold whatever capture() gave; None is {}."""
        captured: Any = call.captured
        if isinstance(captured, dict) and IN_BLOB in captured:
            captured = self.blobs.read_json(captured[IN_BLOB])
        return {} if captured is None else captured

    def _go_on(self, shown: str) -> None:
        if self._terminated():
            raise Interrupted(f"interrupted before `{shown}`", self.component)

    def _act(self, invocation: Invocation, shown: str, silent: bool) -> tuple[int, str, str]:
        with noted(self.directory) as note:
            return self._execute(invocation, shown, silent, note)

    def _execute(
        self,
        invocation: Invocation,
        shown: str,
        silent: bool,
        in_child: Optional[Callable[[], None]] = None,
    ) -> tuple[int, str, str]:
        self._go_on(shown)
        if invocation.timeout is None:
            invocation = replace(invocation, timeout=self.command_timeout)

        def on_output(stream: str, text: str) -> None:
            self._on_output(self.component, stream, text)

        self.warn.of_arguments(invocation.command, shown, self.component, self.redact)
        return run_command(
            invocation,
            shown,
            self.component,
            self.redact,
            on_output=None if silent else on_output,
            terminated=self._terminated,
            in_child=in_child,
        )
