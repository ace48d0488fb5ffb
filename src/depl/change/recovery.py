"""After a crash or a refusal: which of the changes that were written down last have been made."""

from __future__ import annotations

from typing import Callable, Iterable, Sequence

from depl.change.changes import Move, Put
from depl.change.nodes import Absent, Node, Path, same
from depl.change.records import Did, Failed, Made, Record


def tail(records: Sequence[Record]) -> list[Did]:
    """The changes of which it is not known that they were made: those after the last word on that."""
    found: list[Did] = []
    for record in reversed(records):
        if isinstance(record, (Made, Failed)):
            break
        if isinstance(record, Did):
            found.append(record)
    return found[::-1]


def unmade(dids: Iterable[Did], look: Callable[[Path], Node]) -> list[int]:
    """The numbers of the changes that were not made, by what is there now.

    In doubt a forward change counts as made and a reversal as not made: both are then looked at by the rule of three.
    """
    return [did.n for did in dids if not _made_or_unseen(did, look)]


def _made_or_unseen(did: Did, look: Callable[[Path], Node]) -> bool:
    try:
        return _made(did, look)
    except OSError:  # one place that cannot be looked at must not keep all others from their way back
        return did.undoes is None


def _made(did: Did, look: Callable[[Path], Node]) -> bool:
    change = did.change
    if isinstance(change, Put):
        now = look(change.path)
        if did.undoes is None:
            return change.after is None or not same(now, change.expected_before(now))
        return change.after is not None and same(now, change.expected_after(now))
    if isinstance(change, Move):
        if change.built:
            return True
        if did.undoes is None:  # nothing was at `to` before; raw code may have made something anew at `path`
            return not isinstance(look(change.to), Absent)
        return isinstance(look(change.path), Absent) and not isinstance(look(change.to), Absent)
    # Whether a command ran cannot be seen: its undo must bear to run for nothing, and to run twice.
    return did.undoes is None
