"""Who changed when, and who has seen it: what reactions are owed, forward and on the way back. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Optional

from depl.change.changes import Run, WayBack
from depl.change.folds import is_repeated
from depl.change.records import Began, Did, Ended, Failed, Record, Settled


def below(component: str, subtree: str) -> bool:
    """Whether a component is the root of a subtree or in it, by their ids."""
    return component == subtree or component.startswith(subtree + "/")


def root_of(component: str) -> str:
    """The name of the root component that a component belongs to, by its id."""
    return component.partition("/")[0]


@dataclass
class Ledger:
    """Who changed when, and who has seen it: the fold of a host's records since the last whole Settled.

    The version of a subtree is a fingerprint of all changes in it that stand (0: none). A component's sight is the
    number up to which it has seen the changes; None while its update runs or has failed.
    """

    _versions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # subtree -> (since when, version)
    _owner: dict[int, tuple[str, int]] = field(default_factory=dict)  # change -> component, forward change
    sights: dict[str, Optional[int]] = field(default_factory=dict)
    _repeating: str = ""  # whose commands run again on the way back: that is no change of theirs
    _waiting: str = ""  # whose update began, but has not done anything yet

    def add(self, record: Record) -> None:
        """Take the next record in."""
        if isinstance(record, Did):
            self._did(record)
        elif isinstance(record, Failed):
            for n in record.changes:
                if n in self._owner:
                    self._toggle(*self._owner[n], record.n)
        elif isinstance(record, Began):
            self._began(record)
        elif isinstance(record, Ended):
            self.sights[record.component] = record.n
            self._repeating = self._waiting = ""
        elif isinstance(record, Settled) and record.whole:
            self.__init__()  # type: ignore[misc]

    @property
    def roots(self) -> set[str]:
        """The root components that something is remembered of."""
        return {root_of(one) for one in (*self._versions, *self.sights)}

    def version(self, subtree: str, at: Optional[int] = None) -> int:
        """The version of a subtree, now or as it was at a number."""
        history = self._versions.get(subtree)
        if not history:
            return 0
        if at is None:
            return history[-1][1]
        index = bisect_right(history, (at, 1 << 64))
        return history[index - 1][1] if index else 0

    def differs(self, asker: str, subtree: str) -> bool:
        """Whether something in a subtree changed since the asker last succeeded, or its update was left half done."""
        sight = self.sights.get(asker, 0)
        return sight is None or self.version(subtree) != self.version(subtree, sight)

    def _began(self, began: Began) -> None:
        self._repeating = began.component if began.again else ""
        self._waiting = began.component if began.verbs else ""
        if not began.verbs:
            self.sights[began.component] = None
            if not began.again:  # raw code may change what no other record tells of
                self._toggle(began.component, began.n, began.n)

    def _did(self, did: Did) -> None:
        if did.component == self._waiting:  # now it has really done something
            self._waiting = ""
            self.sights[did.component] = None
        if self._repeating and did.component == self._repeating:
            return
        if isinstance(did.change, Run) and did.change.way_back is WayBack.EXACT:
            return  # all that it did lies in what another change built
        # A change from before the last whole run is nobody's here: taking it back is a change of its component, too.
        component, first = self._owner.get(did.undoes or 0, (did.component, did.n))
        self._owner[did.n] = (component, first)
        self._toggle(component, first, did.n)

    def _toggle(self, component: str, change: int, n: int) -> None:
        """A change of a component begins to stand, or falls if it stood, at number n."""
        mark = int.from_bytes(blake2b(b"%d" % change, digest_size=8).digest(), "big")
        for subtree in subtrees(component):
            history = self._versions.setdefault(subtree, [])
            history.append((n, (history[-1][1] if history else 0) ^ mark))


def subtrees(component: str) -> Iterator[str]:
    """The ids of the subtrees that a component lies in: itself and its parents (a slash in a name does no harm)."""
    yield component
    end = component.rfind("/")
    while end > 0:
        yield component[:end]
        end = component.rfind("/", 0, end)


@dataclass(frozen=True)
class Repetition:
    """A reaction that ran: its component and its recorded commands, in order. known: it was on the host before."""

    component: str
    causes: tuple[str, ...]
    commands: tuple[Run, ...]
    known: bool = True


def to_repeat(records: Iterable[Record], ledger: Ledger) -> list[Repetition]:
    """The reactions to repeat after the restores, in the order in which they ran (providers first).

    Those that ran in these records, were on the host before, and have not seen things as they are now.
    """
    return [
        one
        for one in reactions(records)
        if one.known and any(ledger.differs(one.component, cause) for cause in one.causes)
    ]


def reactions(records: Iterable[Record]) -> list[Repetition]:
    """All reactions that ran in some records, in that order."""
    began: dict[str, Began] = {}
    causes: dict[str, set[str]] = {}
    commands: dict[str, list[Run]] = {}
    fresh: set[str] = set()
    repeating = ""  # whose commands run again on the way back: those are known already
    for record in records:
        if isinstance(record, Began) and record.again:
            repeating = record.component
        elif isinstance(record, Began):
            repeating = ""
            known = began[record.component].known if record.component in began else record.known  # before all of this
            began.pop(record.component, None)
            began[record.component] = Began(record.n, record.component, record.causes, known, record.again)
            causes.setdefault(record.component, set()).update(record.causes)
            fresh.add(record.component)
        elif isinstance(record, Ended):
            repeating = ""
            causes.setdefault(record.component, set()).update(record.causes)
        elif isinstance(record, Did) and is_repeated(record) and isinstance(record.change, Run):
            if record.component == repeating:
                continue
            if record.component in fresh:  # those of before stay until others have really run
                fresh.discard(record.component)
                commands[record.component] = []
            commands.setdefault(record.component, []).append(record.change)
    return [
        Repetition(component, tuple(sorted(causes[component])), tuple(commands[component]), start.known)
        for component, start in began.items()
        if commands.get(component)
    ]
