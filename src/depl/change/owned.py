"""What an update owns or touches: what became of it, by what was captured before and what is there now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Callable, Optional

from depl.change.changes import Move, Put
from depl.change.nodes import Absent, Node, Path
from depl.change.records import Began, Did, Ended, Failed, Record


@dataclass
class Became:
    """What became of an owned directory, and of single paths.

    left_alone: what was captured whole, and is as it was. made: what is new, to be written down. changed: what raw
    code did.
    """

    left_alone: list[Did] = field(default_factory=list)
    made: list[Did] = field(default_factory=list)
    changed: list[Put] = field(default_factory=list)

    @property
    def after(self) -> dict[Path, Node]:
        """What is now at the paths that raw code changed."""
        return {put.path: put.after or Absent() for put in self.changed}

    @property
    def unchanged(self) -> list[int]:
        """The numbers of what is as it was: changes that were not made."""
        return [did.n for did in self.left_alone]


def below(top: Path, but: Path = "/.depl") -> Iterator[Path]:
    """All paths below a directory, what is in a directory before itself; but for one of depl's own."""

    def refuse(error: OSError) -> None:
        raise error

    if not os.path.isdir(top):
        return
    for directory, directories, files in os.walk(top, topdown=False, onerror=refuse):
        if directory != but and not directory.startswith(but + "/"):
            yield from (os.path.join(directory, name) for name in (*files, *directories))


def became(records: Sequence[Record], began: Began, but: Path, look: Callable[[Path], Node]) -> Became:
    """What the update that began made; nothing of its directory, if it was killed before all of that was captured."""
    found, owned = Became(), [began.workdir] if began.workdir else []
    dids = _of(records, began)
    captured = {did.change.path: did for did in dids if isinstance(did.change, Put) and did.change.after is None}
    if any(top not in captured for top in owned):
        return found
    verbs = _first_by_verbs(dids)
    for path, did in captured.items():
        if path not in verbs:
            _compare(did, look(path), found, _lies_in(path, owned))
    trees = [did.change.to for did in dids if isinstance(did.change, Move)]
    tops = [top for top in sorted([*owned, *began.tops]) if top in captured and not os.path.islink(top)]
    inside: dict[Path, Did] = {}
    for top in tops:
        with suppress(*(() if top in owned else (PermissionError,))):  # what others alone may see is left alone
            inside.update(dict.fromkeys(below(top, but), captured[top]))
    for path in sorted(inside):  # a directory before what is in it
        if path not in captured and not _lies_in(path, trees):
            follows = _maker(path, verbs) or inside[path]
            _add_made(Did(0, began.component, Put(path, Absent(), _found(verbs, path)), None, follows.n), look, found)
    return found


def _first_by_verbs(dids: Sequence[Did]) -> dict[Path, Did]:
    """The paths that verbs changed, and what they did there first."""
    first: dict[Path, Did] = {}
    for did in dids:
        if isinstance(did.change, Put) and did.change.after is not None:
            first.setdefault(did.change.path, did)
    return first


def _found(verbs: Mapping[Path, Did], path: Path) -> Optional[Node]:
    """What verbs found at a path; None if they did nothing there."""
    did = verbs.get(path)
    return did.change.before if did is not None and isinstance(did.change, Put) else None


def _maker(path: Path, verbs: Mapping[Path, Did]) -> Optional[Did]:
    """The verb that made the directory in which raw code then made a path."""
    parent = os.path.dirname(path)
    while parent != os.path.dirname(parent):
        if isinstance(_found(verbs, parent), Absent):
            return verbs[parent]
        parent = os.path.dirname(parent)
    return None


def _compare(did: Did, now: Node, found: Became, owned: bool) -> None:
    assert isinstance(did.change, Put)
    if now != did.change.before:
        found.changed.append(replace(did.change, after=now))
    elif owned:
        found.left_alone.append(did)


def _add_made(did: Did, look: Callable[[Path], Node], found: Became) -> None:
    """Take in what is new, as raw code made it: a verb that made it, or went on with it, has a record of its own."""
    assert isinstance(did.change, Put)
    if isinstance(did.change.after, Absent):
        return
    found.made.append(did)
    if did.change.after is None:
        found.changed.append(replace(did.change, after=look(did.change.path)))


def left_open(records: Sequence[Record]) -> list[Began]:
    """The updates that may have made whole directories and were killed before anybody could see."""
    waiting: dict[str, Began] = {}
    for record in records:
        if isinstance(record, Began):
            waiting.pop(record.component, None)
            if record.workdir or record.tops:
                waiting[record.component] = record
        elif isinstance(record, (Ended, Failed)):
            waiting.pop(record.component, None)
    return list(waiting.values())


def _of(records: Sequence[Record], began: Began) -> list[Did]:
    """The changes of an update, up to now."""
    failed = {n for record in records if isinstance(record, Failed) for n in record.changes}
    return [
        record
        for record in records
        if isinstance(record, Did)
        and record.n > began.n
        and record.component == began.component
        and record.undoes is None
        and record.n not in failed
    ]


def _lies_in(path: Path, trees: Sequence[Path]) -> bool:
    return any(path == tree or path.startswith(tree + "/") for tree in trees)
