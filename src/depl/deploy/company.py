"""What others put into a tree after depl built it or moved it into place: it goes along on the way back, and is named.

The names in a tree are kept when the update that made it ended, within bounds; what is there later by another name came
since. Told from the journal and from what lies there now, so that one who goes on after a crash tells the same.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Optional

from depl.change.blobs import Blobs
from depl.change.changes import Move, Put
from depl.change.folds import fates, is_note
from depl.change.ledger import root_of
from depl.change.nodes import Absent, Digest, Path
from depl.change.records import Did, Ended, Record
from depl.deploy.appeared import MOST, TOLD, Names, listing
from depl.errors import JournalError

PASSING = "__pycache__"  # what is made anew by whoever needs it


class Company:
    """What is in trees and keeps them where they are, while an undo goes on."""

    def __init__(self, records: Sequence[Record], blobs: Blobs) -> None:
        self._records = records
        self._blobs = blobs
        self._trees: Optional[Mapping[Path, Names]] = None
        self._staying: list[Path] = []

    def stays(self, path: Path) -> None:
        """Something is left as it is."""
        self._staying.append(path)

    def keeps(self, tree: Path, newcomers_too: bool) -> Optional[Path]:
        """A path in a tree that was left as it is, or that came later; None if there is none."""
        if self._trees is None:
            self._trees = trees_of(self._records, self._blobs)
            self._staying += _left_alone(self._records)
        for path in self._staying:
            if path.startswith(tree + "/") and os.path.lexists(path):
                return path
        found = newcomers(self._trees.get(tree), tree) if newcomers_too else []
        return os.path.join(tree, found[0]) if found else None


def keep_names(blobs: Blobs, records: Sequence[Record], began: int, trash: Path) -> Digest:
    """Keep which names are in the trees that an update put into place; their digest, nothing if there is no tree."""
    found = {tree: _below(tree) for tree in _put_into_place(records, began, trash + "/")}
    return blobs.add(zlib.compress(json.dumps(found).encode())) if found else ""


def trees_of(records: Iterable[Record], blobs: Blobs, roots: Optional[Collection[str]] = None) -> Mapping[Path, Names]:
    """The trees of which the names were kept, with these; of some root components, if not of all."""
    trees: dict[Path, Names] = {}
    for record in records:
        if isinstance(record, Ended) and record.trees and (roots is None or root_of(record.component) in roots):
            with suppress(JournalError, OSError, ValueError, zlib.error):  # then nothing is known of them
                for tree, (paths, closed) in json.loads(zlib.decompress(blobs.read(record.trees))).items():
                    trees[tree] = Names(frozenset(paths), frozenset(closed))
    return trees


def newcomers(known: Optional[Names], place: Path) -> list[Path]:
    """The paths in a tree, below where it lies now, that came later; of a new directory only itself."""
    if known is None:
        return []
    found: list[Path] = []
    new: set[Path] = set()
    for path in sorted(_below(place)[0]):
        above, name = os.path.split(path)
        if above in new:
            new.add(path)
        elif path not in known.paths and above not in known.closed:
            new.add(path)
            if name != PASSING:
                found.append(path)
    return found


def went_along(
    records: Sequence[Record], blobs: Blobs, roots: Optional[Collection[str]] = None
) -> Iterator[tuple[Did, list[str]]]:
    """What lies in trees that were moved back and came into them later: the change, and where, as sentences."""
    trees = trees_of(records, blobs, roots)
    for fate in fates(records).values() if trees else ():
        forward, back = fate.forward.change, fate.real.change
        if isinstance(forward, Move) and isinstance(back, Move) and not fate.applied and not fate.stands:
            paths = newcomers(trees.get(forward.to), back.to)
            if paths:
                yield fate.forward, told_along(forward.to, back.to, paths)


def told_along(tree: Path, place: Path, paths: Sequence[Path]) -> list[str]:
    """Where some paths lie that came into a tree later, and lie elsewhere together with it."""
    since = f"which came into {tree} later"
    told = [f"{os.path.join(place, path)}, {since}" for path in paths[:TOLD]]
    more = len(paths) - TOLD
    return [*told, f"{more} more in {place}, {since}"] if more > 0 else told


def _left_alone(records: Iterable[Record]) -> list[Path]:
    """The paths that an undo left as they are: others filled a directory, or that was wanted."""
    notes = (record.change for record in records if isinstance(record, Did) and is_note(record))
    return [note.path for note in notes if isinstance(note, Put) and not isinstance(note.before, Absent)]


def _put_into_place(records: Sequence[Record], began: int, trash: Path) -> Iterator[Path]:
    for record in reversed(records):
        if record.n <= began:
            break
        if isinstance(record, Did) and isinstance(record.change, Move) and record.undoes is None:
            tree = record.change.to
            if not tree.startswith(trash) and os.path.isdir(tree) and not os.path.islink(tree):
                yield tree


def _below(top: Path) -> tuple[list[Path], list[Path]]:
    """The paths in a tree and those of its directories that were not looked into, both as from its top."""
    found = listing(top, huge=MOST)
    return sorted(os.path.relpath(path, top) for path in found.paths), sorted(
        "" if path == top else os.path.relpath(path, top) for path in found.closed
    )
