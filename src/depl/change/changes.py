"""The four changes that can be made to a host, each with its way back beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Mapping, Optional, Union

from depl.change.nodes import Absent, Digest, File, Node, Path


class WayBack(str, Enum):
    """How a change can be undone."""

    EXACT = "exact"
    COMPENSATING = "compensating"
    REPEAT = "repeat"  # a reaction's command: run again after the restores
    IRREVERSIBLE = "irreversible"  # declared, with a reason
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Put:
    """What is at a path becomes something else: files, links, directories, modes, owners and removals.

    after None: raw code writes it; the record of its end says what it became. lost: why what was there could not be
    kept; then there is no way back.
    """

    path: Path
    before: Node
    after: Optional[Node]
    lost: str = ""

    @property
    def way_back(self) -> WayBack:
        return WayBack.UNKNOWN if self.lost else WayBack.EXACT

    @property
    def needs_image(self) -> bool:
        """Whether the way back takes the content of the file that was there."""
        before, after = self.before, self.after
        return isinstance(before, File) and not (isinstance(after, File) and after.digest == before.digest)

    def reversal(self) -> Put:
        return replace(self, before=self.after or Absent(), after=self.before, lost="")

    def expected_before(self, now: Node) -> Node:
        """What was there before; a content that this change left alone may be another one by now."""
        return self._with_content_of(now, self.before)

    def expected_after(self, now: Node) -> Node:
        """What was there afterwards; a content that this change left alone may be another one by now."""
        return self._with_content_of(now, self.after or Absent())

    def _with_content_of(self, now: Node, then: Node) -> Node:
        before, after = self.before, self.after
        left_alone = isinstance(before, File) and isinstance(after, File) and before.digest == after.digest
        if left_alone and isinstance(now, File) and isinstance(then, File):
            return replace(then, digest=now.digest)
        return then


@dataclass(frozen=True)
class Move:
    """A whole tree goes from one path to another, on one file system if that is possible.

    A tree that raw code builds in place is a Move too, from the trash where it will lie when it is undone (`built`).
    """

    path: Path
    to: Path
    built: bool = False

    way_back = WayBack.EXACT

    def reversal(self) -> Move:
        return Move(self.to, self.path)


@dataclass(frozen=True)
class Run:
    """A command. Its arguments and environment lie in a blob, as they may hold secrets; `shown` may be shown.

    owns: the name of what it brings about that is no path, and that its undo ends.
    """

    command: Digest
    shown: str
    way_back: WayBack
    undo: Optional[Digest] = None
    undo_shown: str = ""
    reason: str = ""
    owns: str = ""

    def reversal(self) -> Optional[Run]:
        if self.undo is None:
            return None
        return replace(self, command=self.undo, shown=self.undo_shown, undo=self.command, undo_shown=self.shown)


@dataclass(frozen=True)
class Call:
    """An author's capture() and reverse(): the only change whose undo needs the project's code."""

    component: str
    captured: Mapping[str, Any]
    backwards: bool = False

    way_back = WayBack.COMPENSATING

    def reversal(self) -> Call:
        return replace(self, backwards=not self.backwards)


Change = Union[Put, Move, Run, Call]
