"""What appears in a workdir while an update runs, and is known to no change: named, and never removed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Optional

from depl.change.changes import Call, Move, Put, Run
from depl.change.folds import left_to_undo
from depl.change.ledger import root_of
from depl.change.records import Did, Ended, Failed, Record

MOST = 10_000  # entries in a listing
HUGE = 1_000  # entries of a directory that is not looked into
NAMED = 1_000  # paths in a record
TOLD = 20  # paths in a sentence
MASK = "‹secret"


class Names(NamedTuple):
    """The paths below a directory; closed: the directories that were not looked into."""

    paths: frozenset[str]
    closed: frozenset[str]


def listing(top: str, huge: int = HUGE) -> Names:
    """What is below a directory by name, within bounds. huge: see HUGE."""
    paths: set[str] = set()
    closed: set[str] = set()
    waiting = [top]
    for directory in waiting:
        found = _entries(directory, huge) if len(paths) < MOST else None
        if found is None:
            closed.add(directory)
            continue
        for path, is_directory in found:
            paths.add(path)
            if is_directory:
                waiting.append(path)
    return Names(frozenset(paths), frozenset(closed))


def appeared(before: Names, now: Names, records: Iterable[Record]) -> list[str]:
    """The paths that are new, and that none of some records tells of; of a new directory only itself."""
    changes = [record.change for record in records if isinstance(record, Did)]
    known = {change.path for change in changes if isinstance(change, Put)}
    trees = {change.to for change in changes if isinstance(change, Move)}
    unknown: set[str] = set()
    found: list[str] = []
    for path in sorted(now.paths - before.paths):
        parent = os.path.dirname(path)
        if parent in unknown:
            unknown.add(path)
        elif parent in trees:
            trees.add(path)
        elif path not in known and path not in trees and parent not in before.closed and not _is_own(path):
            unknown.add(path)
            found.append(path)
    return found[:NAMED]


def left_behind(records: Sequence[Record], roots: Optional[Collection[str]] = None) -> list[str]:
    """What appeared while updates ran and is still there, as sentences. roots: of these root components only."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        if isinstance(record, (Ended, Failed)) and (roots is None or root_of(record.component) in roots):
            there = [path for path in record.appeared if MASK in path or os.path.lexists(path)]
            found.setdefault(record.component, {}).update(dict.fromkeys(there))
    return [
        f"left: these appeared while {component} was updated, and were not removed: {told(list(paths))}"
        for component, paths in found.items()
        if paths
    ]


def will_be_left(records: Sequence[Record]) -> list[str]:
    """The same before an undo; what has a way back of its own is not named, as nobody knows what that removes."""
    cared = {did.component for did in left_to_undo(records) if isinstance(did.change, (Run, Call))}
    return left_behind([one for one in records if getattr(one, "component", "") not in cared])


def told(paths: Sequence[str]) -> str:
    """Some paths in a sentence."""
    more = len(paths) - TOLD
    return ", ".join(paths[:TOLD]) + (f" and {more} more" if more > 0 else "")


def _entries(directory: str, huge: int) -> Optional[list[tuple[str, bool]]]:
    """What is in a directory; None where that is too much, or not to be seen."""
    found: list[tuple[str, bool]] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                found.append((entry.path, entry.is_dir(follow_symlinks=False)))
                if len(found) > huge:
                    return None
    except OSError:
        return None
    return found


def _is_own(path: str) -> bool:
    return os.path.basename(path).startswith(".depl-")
