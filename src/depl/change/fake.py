"""A machine in a dictionary, for tests of components: the same verbs, no disk, commands answered from a table."""

from __future__ import annotations

import os
from typing import Mapping, Optional, TypeVar, Union

from depl.change.changes import Move, WayBack
from depl.change.nodes import Absent, Directory, File, Link, Node, Path
from depl.change.process import shown as shown_command
from depl.change.spawning import Command
from depl.change.system import Input, Staged, System
from depl.errors import CmdExecutionError

Answer = Union[str, "tuple[int, str, str]"]


class FakeSystem(System):
    """A machine that is a dictionary.

    nodes: what is at each path; contents: of its files. answers: what commands say, by their text; a command without
    an answer succeeds silently. commands: those that acted, in order.
    """

    def __init__(self, answers: Optional[Mapping[str, Answer]] = None) -> None:
        super().__init__()
        self.nodes: dict[Path, Node] = {"/": Directory(0o755, 0, 0)}
        self.contents: dict[Path, bytes] = {}
        self.answers = dict(answers or {})
        self.commands: list[str] = []
        self._trashed = 0

    def commit(self) -> None:
        staged, self.staged, self._links_staged = self.staged, {}, False
        for path, one in staged.items():
            self._make(path, one)

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
        answer = self.answers.get(shown_command(command), (0, "", ""))
        status, out, err = (0, answer, "") if isinstance(answer, str) else answer
        if check and status != 0:
            raise CmdExecutionError(shown_command(command), status, out, err, component=self.component)
        return status, out, err

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
        self._remembered.clear()
        self.commands.append(shown_command(command))
        return self.ask(command, check=check)

    def _make(self, path: Path, staged: Staged) -> None:
        after = staged.change.after or Absent()
        parent = os.path.dirname(path)
        if not isinstance(after, Absent) and not isinstance(self.nodes.get(parent), Directory):
            raise FileNotFoundError(2, "No such file or directory", path)
        if isinstance(after, Absent):
            self.nodes.pop(path, None)
        else:
            self.nodes[path] = after
        if staged.content is not None:
            self.contents[path] = staged.content
        elif staged.source is not None:
            with open(staged.source, "rb") as file:
                self.contents[path] = file.read()
        if not isinstance(after, File):
            self.contents.pop(path, None)

    def _stage(self, staged: Staged) -> None:
        if staged.change.path in self.staged:
            self.commit()
        super()._stage(staged)

    def _move(self, move: Move) -> None:
        self.commit()
        if move.built:
            return
        _rename(self.nodes, move)
        _rename(self.contents, move)

    def _trash(self) -> Path:
        self._trashed += 1
        return f"/.depl/trash/{self._trashed}"

    def _look(self, path: Path, content: bool) -> Node:
        return self.nodes.get(path, Absent())

    def _read(self, path: Path) -> bytes:
        node = self.nodes.get(path)
        if isinstance(node, Directory):
            raise IsADirectoryError(21, "Is a directory", path)
        if isinstance(node, Link):
            return self._read(os.path.normpath(os.path.join(os.path.dirname(path), node.to)))
        if path not in self.contents:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.contents[path]

    def _names(self, path: Path) -> list[str]:
        return sorted(os.path.basename(one) for one in self.nodes if os.path.dirname(one) == path and one != "/")


V = TypeVar("V")


def _rename(table: dict[Path, V], move: Move) -> None:
    for path in [one for one in table if one == move.path or one.startswith(move.path + "/")]:
        table[move.to + path[len(move.path) :]] = table.pop(path)
