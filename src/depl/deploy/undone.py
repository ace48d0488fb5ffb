"""What came of an undo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Collection, Iterable, Optional, Sequence

from depl.change.changes import Change, Move, Put
from depl.change.ledger import root_of
from depl.change.records import Did, Failed, Record
from depl.change.shown import show_change
from depl.deploy.books import OWN
from depl.deploy.pivot import pivot_sentence, standing
from depl.events import Emit, Event, What


@dataclass
class Undone:
    """How far it went. conflicts, failed: what was not put back, as sentences; kept: what others wrote.

    pivots: the steps across which nothing was undone; standing: what was done before them. left: the root components
    of which something is not put back.
    """

    reversed: int = 0
    kept: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    pivots: list[str] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)
    left: Sequence[str] = ()

    @property
    def whole(self) -> bool:
        """Whether everything known is as before."""
        return not (self.conflicts or self.failed or self.pivots)

    def add(self, more: Undone) -> None:
        """Take in what came of another part."""
        self.reversed += more.reversed
        self.kept += [one for one in more.kept if one not in self.kept]
        self.conflicts += more.conflicts
        self.failed += more.failed
        self.pivots += [one for one in more.pivots if one not in self.pivots]
        self.standing += [one for one in more.standing if one not in self.standing]
        self.unknown += [one for one in more.unknown if one not in self.unknown]


class Tally:
    """Tells what becomes of each change on the way back, and keeps count.

    blocked: root components of which something could not be taken back, so that what was done before it waits.
    again: it is an undo that is taken back.
    """

    def __init__(self, emit: Emit, again: bool = False) -> None:
        self._emit = emit
        self._about: dict[str, Any] = {"again": True} if again else {}
        self.undone = Undone()
        self.blocked: set[str] = set()
        self._stuck: dict[str, str] = {}  # paths that are not put back -> whose
        self._said: set[int] = set()
        self._untold: dict[int, tuple[Did, Change]] = {}  # what may be staged only
        self._heard = 0  # how many records
        self._along: set[str] = set()

    def start(self, roots: Optional[Collection[str]], undone: Undone) -> None:
        """Begin (again) with the changes of some root components, or of all."""
        self.undone = undone
        self.blocked = {root for root in self.blocked if roots is not None and root not in roots}
        self._stuck = {path: root for path, root in self._stuck.items() if roots is not None and root not in roots}

    def waits_for_another(self, did: Did, path: str) -> bool:
        """Whether something below a path is not put back yet; then so is this change, and its turn comes after that."""
        waits = any(stuck.startswith(path + "/") for stuck in self._stuck)
        if waits:
            self._sticks(did)
        return waits

    def reversed(self, did: Did, change: Change) -> None:
        """A change is put back, or will be with what is staged."""
        if did.component not in OWN:
            self._untold[did.n] = did, change

    def made(self, records: Sequence[Record]) -> None:
        """Tell of what was really put back. records: of the journal."""
        back: dict[int, int] = {}
        new, self._heard = records[self._heard :], len(records)
        for record in new:
            if isinstance(record, Did) and record.undoes in self._untold:
                back[record.n] = record.undoes
            elif isinstance(record, Failed):
                for n in record.changes:
                    back.pop(n, None)
        for n in dict.fromkeys(back.values()):
            did, change = self._untold.pop(n)
            self.undone.reversed += 1
            self._event(What.REVERSED, did, {"change": show_change(change).as_json()})

    def kept(self, did: Did, what: str, reason: str) -> None:
        """Something is left for ever as it is."""
        if any(kept.startswith(what + "/") for kept in self.undone.kept):
            return  # what is kept in it is named already
        self.undone.kept.append(what)
        self._event(What.KEPT, did, {"path": what, "reason": reason})

    def went_along(self, did: Did, sentences: Sequence[str]) -> None:
        """A tree was moved back, and what others put into it with it: that lies elsewhere now."""
        for sentence in sentences:
            self.undone.kept.append(sentence)
            if sentence not in self._along:
                self._along.add(sentence)
                self._event(What.KEPT, did, {"path": sentence, "reason": "it went along"})

    def conflict(self, did: Did, what: str) -> None:
        """Somebody else has changed the same thing."""
        self.undone.conflicts.append(what)
        self._not_put_back(did, what)

    def failed(self, did: Did, why: str) -> None:
        """A change could not be put back."""
        if not isinstance(did.change, (Put, Move)):
            self.blocked.add(root_of(did.component))
        self.undone.failed.append(f"{did.component}: {why}")
        self._not_put_back(did, why)

    def stopped(self, pivot: Did, before: Iterable[Did]) -> None:
        """Nothing is undone across a step. before: what would have been undone then."""
        self.undone.pivots.append(pivot_sentence(pivot))
        self.undone.standing += standing(before)
        self._not_put_back(pivot, pivot_sentence(pivot))

    def _not_put_back(self, did: Did, why: str) -> None:
        """Say once, even where it is tried a second time, that something was not put back."""
        self._sticks(did)
        if did.n not in self._said:
            self._said.add(did.n)
            self._event(What.CONFLICT, did, {"change": show_change(did.change).as_json(), "reason": why})

    def _sticks(self, did: Did) -> None:
        if isinstance(did.change, (Put, Move)):
            self._stuck[did.change.path] = root_of(did.component)
        if isinstance(did.change, Move):
            self._stuck[did.change.to] = root_of(did.component)

    def _event(self, what: What, did: Did, data: dict[str, Any]) -> None:
        self._emit(Event(what, root_of(did.component), did.component, {**data, **self._about}))
