"""Looking at a machine: what is staged first, then what is there."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, Optional, TypeVar

from depl.change.changes import Put
from depl.change.limit import Limit
from depl.change.masks import LARGEST_DIFF, Masks
from depl.change.nodes import Absent, Directory, File, Link, Node, Path
from depl.change.shown import Shown

T = TypeVar("T")


@dataclass
class Staged:
    """A change of a path that waits to be made.

    content or source: what a file will hold, where that is new. undoes: the change that it takes back. seen: how the
    path looked when this was staged, to notice others at work.
    """

    change: Put
    component: str
    content: Optional[bytes] = None
    source: Optional[Path] = None
    undoes: Optional[int] = None
    seen: Any = None


class Looks(ABC):
    """A machine to be looked at. Paths are absolute; links are never followed.

    component: on whose behalf changes are staged (set by whoever drives). shown: what was staged since it was last
    taken, in a form for people. masks: what is secret in it. limit: which files are too large to be kept. seen: which
    paths were looked at, and who was the first; None: nobody wants to know.
    """

    predicting = False

    def __init__(self) -> None:
        self.component = ""
        self.staged: dict[Path, Staged] = {}
        self.shown: list[Shown] = []
        self.masks = Masks()
        self.limit = Limit()
        self.seen: Optional[dict[Path, str]] = None
        self._links_staged = False
        self._remembered: dict[tuple[Any, ...], Any] = {}

    # -- looks --------------------------------------------------------------------------------------

    def look(self, path: Path, content: bool = False) -> Node:
        """What is at a path. content: with the digest of a file's content."""
        self.saw(path)
        if self._links_staged:
            path = self._settled(path)
        staged = self.staged.get(path)
        if staged is not None:
            return staged.change.after or Absent()
        return self._look(path, content)

    def read(self, path: Path) -> bytes:
        """The content of a file. Errors: OSError as of open()."""
        self.saw(path)
        path = self._followed(path)
        staged = self.staged.get(path)
        if staged is None:
            return self._read(path)
        if staged.content is not None:
            return staged.content
        if staged.source is not None and isinstance(staged.change.after, File):
            with open(staged.source, "rb") as file:
                return file.read()
        if isinstance(staged.change.after, File):
            return self._read(path)
        if isinstance(staged.change.after, Directory):
            raise IsADirectoryError(21, "Is a directory", path)
        raise FileNotFoundError(2, "No such file or directory", path)

    def holds(self, path: Path, content: bytes) -> bool:
        """Whether a regular file with just this content is at a path."""
        self.saw(path)
        if path in self.staged or self._links_staged:
            return isinstance(self.look(path), File) and self.read(path) == content
        return self._holds(path, content)

    def names(self, path: Path) -> list[str]:
        """The sorted names in a directory; none where there is none."""
        self.saw(path)
        path = self._followed(path)
        names = set(self._names(path))
        if self.staged:
            for one, staged in self.staged.items():
                if os.path.dirname(one) == path:
                    if isinstance(staged.change.after, Absent):
                        names.discard(os.path.basename(one))
                    else:
                        names.add(os.path.basename(one))
        return sorted(names)

    def remember(self, key: tuple[Any, ...], look: Callable[[], T]) -> T:
        """An observation that many share: made once, forgotten when a command runs."""
        if key not in self._remembered:
            self._remembered[key] = look()
        value: T = self._remembered[key]
        return value

    def saw(self, path: Path) -> None:
        """Note, if somebody wants to know, that a path matters to the component that is at work."""
        if self.seen is not None:
            self.seen.setdefault(path, self.component)

    def _old_text(self, put: Put) -> Optional[bytes]:
        """What a change would replace, where that is small enough to be shown."""
        if not isinstance(put.before, File):
            return None
        try:
            content = self.read(put.path)
        except OSError:
            return None
        return content if len(content) <= LARGEST_DIFF else None

    # -- what kinds of systems differ in ------------------------------------------------------------

    @abstractmethod
    def _look(self, path: Path, content: bool) -> Node: ...

    @abstractmethod
    def _read(self, path: Path) -> bytes: ...

    @abstractmethod
    def _names(self, path: Path) -> list[str]: ...

    @abstractmethod
    def commit(self) -> None:
        """Make what is staged."""

    def _holds(self, path: Path, content: bytes) -> bool:
        return isinstance(self._look(path, False), File) and self._read(path) == content

    def _stage(self, staged: Staged) -> None:
        self.staged[staged.change.path] = staged
        if isinstance(staged.change.after, Link) or isinstance(staged.change.before, Link):
            self._links_staged = True

    def _settled(self, path: Path) -> Path:
        """A path that leads through no link that is only staged, so that it means what it will mean."""
        if path_through(self.staged, path) != path:
            self.commit()
        return path

    def _followed(self, path: Path) -> Path:
        """The same where a link at its end is followed, too."""
        return os.path.dirname(self._settled(os.path.join(path, "_"))) if self._links_staged else path


def path_through(staged: dict[Path, Staged], path: Path) -> Path:
    """A path with the staged links among its parents followed."""
    for _ in range(40):
        parent = os.path.dirname(path)
        while parent != os.path.dirname(parent):
            one = staged.get(parent)
            if one is not None and isinstance(one.change.after, Link):
                target = os.path.join(os.path.dirname(parent), one.change.after.to)
                path = os.path.normpath(target + path[len(parent) :])
                break
            parent = os.path.dirname(parent)
        else:
            return path
    return path
