"""All journals of a host: which one is written to, and what the reactions in them are still owed."""

from __future__ import annotations

import os
from typing import Iterator, Optional, Sequence

from depl.change.ends import End, ends, journal_paths
from depl.change.folds import ChainState, chain_state
from depl.change.journal import Journal, read, read_last
from depl.change.ledger import Ledger
from depl.change.records import Record, Settled


class Journals:
    """All journals of a host, oldest first."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def paths(self) -> list[str]:
        """The files, oldest first: their names begin with the number of their first record."""
        return journal_paths(self.directory)

    def states(self) -> Iterator[tuple[str, ChainState]]:
        """Every journal with what it comes to, the one that was written to last first."""
        for end in reversed(ends(self.directory)):
            yield end.path, chain_state(read(end.path))

    def open(self, rollout: str) -> Journal:
        """The journal to write to: an unsettled one, else a new one for this rollout."""
        found = ends(self.directory)
        unsettled = [end.path for end in found if not end.settled]
        if unsettled:
            return self._open(unsettled[-1], found)
        number = self._number(found)
        path = os.path.join(self.directory, f"{number:010d}-{rollout}.jsonl")
        return Journal(path, number, _ledger(found, ()), behind=found[-1].path if found else None)

    def open_at(self, path: str) -> Journal:
        """An existing journal, to append to it."""
        return self._open(path, ends(self.directory))

    def _open(self, path: str, found: Sequence[End]) -> Journal:
        records = read(path)
        behind = found[-1].path if found and found[-1].path != path else None
        return Journal(path, self._number(found), _ledger(found, records), records, behind)

    def _number(self, found: Sequence[End]) -> int:
        """The number of the next record."""
        paths = self.paths()
        # Somebody may have been killed before the first record: that file must not come after the next one's.
        taken = int(os.path.basename(paths[-1]).partition("-")[0]) if paths else 0
        return max([taken, *(end.n for end in found)]) + 1


def _ledger(found: Sequence[End], own: Sequence[Record]) -> Ledger:
    """The ledger, read from the end as far as the last Settled that is a start. own: of the journal that goes on."""
    records = {record.n: record for record in own}
    start: Optional[Settled] = None
    for end in reversed(found):
        if start is not None and end.n <= start.n:
            break
        last = read_last(end.path) if start is None else None
        here: Sequence[Record]
        if isinstance(last, Settled) and last.is_start:
            here = [last]
        else:
            here = own if own and own[-1].n == end.n else read(end.path)
        records.update((record.n, record) for record in here)
        starts = [record for record in here if isinstance(record, Settled) and record.is_start]
        start = max([*starts, *([start] if start else [])], key=lambda one: one.n, default=None)
    at = start.n if start is not None else 0
    listed = [records[n] for n in sorted(records)]
    ledger = Ledger.since(start, (record for record in listed if record.n <= at))
    for record in listed:
        if record.n > at:
            ledger.add(record)
    return ledger
