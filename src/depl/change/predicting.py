"""The system that predicts: the same verbs and looks, and nothing is ever made."""

from __future__ import annotations

import os
from typing import Mapping, Optional

from depl.change import disk
from depl.change.answering import Answering
from depl.change.changes import Move, Put, Run, WayBack
from depl.change.here import Here
from depl.change.invocations import HIDDEN, Invocation, Warnings, run_command
from depl.change.limit import CHANGE_LIMIT, Limit
from depl.change.looks import path_through
from depl.change.masks import Masks
from depl.change.nodes import Absent, Node, Path
from depl.change.process import shown as shown_command
from depl.change.shown import show_change
from depl.change.spawning import Command
from depl.change.system import Input, Staged
from depl.redact import Redactor


class PredictingSystem(Answering, Here):
    """This machine as it would be. What is staged stays staged; commands that act are only noted."""

    predicting = True

    def __init__(
        self,
        directory: Path,
        *,
        change_limit: int = CHANGE_LIMIT,
        command_timeout: Optional[float] = None,
        redact: Optional[Redactor] = None,
    ) -> None:
        super().__init__()
        self.directory = directory
        self.command_timeout = command_timeout
        self.redact = Redactor() if redact is None else redact
        self.warn = Warnings()
        self.masks = Masks(os.path.join(directory, "masks.json"), self.redact)
        self.limit = Limit(os.path.join(directory, "blobs"), change_limit)
        self._shifted: dict[Path, Optional[Path]] = {}  # tree -> where its content lies on disk; None: it is gone
        self._trashed = 0

    def commit(self) -> None:
        """Nothing is made."""

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
        wanted = self.command_timeout if timeout is None else timeout
        invocation = Invocation(command, cwd, env, wanted, input, check)
        shown = shown_command(command, self.redact)
        self.warn.of_arguments(command, shown, self.component, self.redact)
        return run_command(invocation, shown, self.component, self.redact)

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
        text = HIDDEN if sensitive else self.redact(shown) if shown else shown_command(command, self.redact)
        self.warn.of_arguments(command, text, self.component, self.redact)
        run = Run("", text, way_back or self.usual_way_back(bool(undo)), reason=self.redact(reason))
        self.shown.append(show_change(self.as_told(run)))
        return 0, "", ""

    def run_recorded(self, run: Run, component: str, undoes: Optional[int]) -> None:
        """Note a command of which the journal or the receipts speak."""
        self.component = component
        self.shown.append(show_change(run))

    def _settled(self, path: Path) -> Path:
        return path_through(self.staged, path)

    def _stage(self, staged: Staged) -> None:
        if self._links_staged:
            put = staged.change
            staged.change = Put(self._settled(put.path), put.before, put.after)
        earlier = self.staged.get(staged.change.path)
        if earlier is not None:
            staged.change = Put(staged.change.path, earlier.change.before, staged.change.after)
            if staged.content is None and staged.source is None:
                staged.content, staged.source = earlier.content, earlier.source
        super()._stage(staged)

    def _move(self, move: Move) -> None:
        if move.built:
            return
        for path in [path for path in self.staged if path == move.path or path.startswith(move.path + "/")]:
            staged = self.staged.pop(path)
            self.staged[move.to + path[len(move.path) :]] = staged
        self._shifted[move.to] = self._on_disk(move.path)
        self._shifted[move.path] = None

    def _trash(self) -> Path:
        self._trashed += 1
        return os.path.join(self.directory, "trash", f"planned-{self._trashed}")

    def _on_disk(self, path: Path) -> Optional[Path]:
        """Where on disk lies what the plan has at a path; None: nowhere."""
        parent = path
        while self._shifted and parent != os.path.dirname(parent):
            if parent in self._shifted:
                origin = self._shifted[parent]
                return None if origin is None else origin + path[len(parent) :]
            parent = os.path.dirname(parent)
        return path

    def _look(self, path: Path, content: bool) -> Node:
        where = self._on_disk(path)
        return Absent() if where is None else disk.look(where, content)

    def _read(self, path: Path) -> bytes:
        where = self._on_disk(path)
        if where is None:
            raise FileNotFoundError(2, "No such file or directory", path)
        return disk.read(where)

    def _names(self, path: Path) -> list[str]:
        where = self._on_disk(path)
        return [] if where is None else disk.names(where)
