"""All journals of a host: which one is written to, and what the reactions in them are still owed."""

from __future__ import annotations

import os
from typing import Iterator, Mapping

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
        try:
            names = sorted(name for name in os.listdir(self.directory) if name.endswith(".jsonl"))
        except FileNotFoundError:
            return []
        return [os.path.join(self.directory, name) for name in names]

    def states(self) -> Iterator[tuple[str, ChainState]]:
        """Every journal with what it comes to, the one that was written to last first."""
        for path in reversed(list(self._ends())):
            yield path, chain_state(read(path))

    def open(self, rollout: str) -> Journal:
        """The journal to write to: an unsettled one, else a new one for this rollout."""
        ends = self._ends()
        unsettled = [path for path, end in ends.items() if not isinstance(end, Settled)]
        if unsettled:
            return self._open(unsettled[-1], ends)
        ledger, number = self._ledger(ends)
        return Journal(os.path.join(self.directory, f"{number:010d}-{rollout}.jsonl"), number, ledger)

    def open_at(self, path: str) -> Journal:
        """An existing journal, to append to it."""
        return self._open(path, self._ends())

    def _open(self, path: str, ends: Mapping[str, Record]) -> Journal:
        ledger, number = self._ledger(ends)
        return Journal(path, number, ledger, read(path))

    def _ends(self) -> dict[str, Record]:
        """The last record of each journal that has any, in the order in which they were written."""
        found = {path: end for path in self.paths() if (end := read_last(path)) is not None}
        return dict(sorted(found.items(), key=lambda one: one[1].n))

    def _ledger(self, ends: Mapping[str, Record]) -> tuple[Ledger, int]:
        """The ledger since the last whole Settled, read from the end as far as that; and the next number."""
        records: list[Record] = []
        start = 0
        for path, end in reversed(list(ends.items())):
            if end.n <= start:
                break
            if isinstance(end, Settled) and end.whole and not records:
                start = end.n  # nothing came after it
                break
            here = read(path)
            records += here
            start = max([start, *(one.n for one in here if isinstance(one, Settled) and one.whole)])
        ledger = Ledger()
        for record in sorted(records, key=lambda record: record.n):
            if record.n > start:
                ledger.add(record)
        paths = self.paths()
        # Somebody may have been killed before the first record: that file must not come after the next one's.
        taken = int(os.path.basename(paths[-1]).partition("-")[0]) if paths else 0
        return ledger, max([taken, *(end.n for end in ends.values())]) + 1
