"""What depl made on a host, and for which component: folded from the changes of a journal that stand.

What was there before depl is not among it, be it changed, replaced or moved away.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, Mapping, Optional

from depl.change import disk
from depl.change.changes import Move, Put
from depl.change.folds import fates
from depl.change.nodes import Absent, Directory, File, Link, Node, Path
from depl.change.records import Record
from depl.deploy.books import OWN

Entry = Mapping[str, Any]  # component, kind, digest of a file, to of a link
TREE = "tree"  # built as a whole; what is in it is nobody's own
RAW = "raw"  # of an entry: made by a class that looks by itself (see depl.deploy.insight)


class Owning:
    """The fold. owned: what was owned before these changes, and is by now. aside: where depl keeps what it took away.

    look: what is at a path now, for what raw commands built and nobody wrote down.
    """

    def __init__(self, owned: Mapping[Path, Entry], aside: Path, look: Callable[[Path], Node]) -> None:
        self.owned = dict(owned)
        self._aside = os.path.join(os.path.realpath(aside), "")
        self._look = look
        self._foreign: set[Path] = set()  # what others had made is changed or gone
        self._moved: list[Path] = []  # the same of whole trees
        self._kept_aside: set[Path] = set()  # where those went to that depl took away

    def take(self, records: Iterable[Record]) -> dict[Path, Entry]:
        """Fold the changes that stand; what is owned then."""
        for fate in fates(records).values():
            component, change = fate.forward.component, fate.real.change
            if not (fate.stands and fate.applied) or component in OWN:
                continue
            if isinstance(change, Put):
                self._put(component, change)
            elif isinstance(change, Move):
                self._move(component, change)
        return {path: entry for path, entry in self.owned.items() if not self._is_aside(path)}

    def _put(self, component: str, put: Put) -> None:
        path, after = put.path, self._look(put.path) if put.after is None else put.after
        if not isinstance(put.before, Absent) and path not in self.owned:
            self._foreign.add(path)
        elif isinstance(after, Absent):
            self._drop(path, isinstance(put.before, Directory))
        elif not self._lies_in_own_tree(path, component):
            self._make(path, component, after)

    def _move(self, component: str, move: Move) -> None:
        if move.built or self._was_built_aside(move.path):
            node = self._look(move.to)
            self._make(move.to, component, node, TREE if isinstance(node, Directory) else "")
        elif move.path not in self.owned:
            self._moved.append(move.path)  # of others: where it goes to, it stays theirs
            self._kept_aside.add(move.to)
        passes = self._is_aside(move.path) or self._is_aside(move.to)  # it stays whose it was
        for path, entry in self._drop(move.path, True).items():
            to = move.to + path[len(move.path) :]
            self.owned[to] = entry if passes else {**entry, "component": component}

    def _was_built_aside(self, path: Path) -> bool:
        """Whether something was built there to be moved into its place, like another version of an archive."""
        beside = os.path.dirname(path) == os.path.join(self._aside, "trash")
        return beside and path not in self.owned and path not in self._kept_aside

    def _is_aside(self, path: Path) -> bool:
        return path.startswith(self._aside)

    def _make(self, path: Path, component: str, node: Node, kind: str = "") -> None:
        entry = entry_of(component, node, kind)
        if entry is not None and not self._is_foreign(path) and not self._is_aside(path):
            self.owned[path] = entry

    def _drop(self, path: Path, with_all: bool) -> dict[Path, Entry]:
        """Forget a path, and what is below it; what was forgotten."""
        below = [one for one in self.owned if one.startswith(path + "/")] if with_all else []
        return {one: self.owned.pop(one) for one in [path, *below] if one in self.owned}

    def _is_foreign(self, path: Path) -> bool:
        return path in self._foreign or any(path == one or path.startswith(one + "/") for one in self._moved)

    def _lies_in_own_tree(self, path: Path, component: str) -> bool:
        return any(
            self.owned[above]["kind"] == TREE and self.owned[above]["component"] == component
            for above in parents(path)
            if above in self.owned
        )


def entry_of(component: str, node: Node, kind: str = "") -> Optional[Entry]:
    """What is noted of something that was made; None of what has no content to be known by."""
    if isinstance(node, File):
        return {"component": component, "kind": "file", "digest": node.digest}
    if isinstance(node, Link):
        return {"component": component, "kind": "link", "to": node.to}
    if isinstance(node, Directory):
        return {"component": component, "kind": kind or "directory"}
    return None


def marked(entry: Entry, component: str, is_raw: bool) -> Entry:
    """An entry as that of a component."""
    rest = {name: value for name, value in entry.items() if name not in (RAW, "component")}
    return {"component": component, **rest, **({RAW: True} if is_raw else {})}


def looked_at(path: Path) -> Node:
    """What is at a path now, with its content; nothing where that cannot be told."""
    try:
        return disk.look(path, content=True)
    except OSError:
        return Absent()


def parents(path: Path) -> Iterable[Path]:
    """All directories above a path, the nearest first."""
    above = os.path.dirname(path)
    while above != path:
        yield above
        path, above = above, os.path.dirname(above)
