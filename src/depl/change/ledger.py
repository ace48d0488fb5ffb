"""Who changed when, and who has seen it: what reactions are owed, forward and on the way back. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Mapping, Optional

from depl.change.changes import Run, WayBack
from depl.change.folds import is_repeated
from depl.change.records import Began, Begin, Did, Ended, Failed, Record, Settled


def below(component: str, subtree: str) -> bool:
    """Whether a component is the root of a subtree or in it, by their ids."""
    return component == subtree or component.startswith(subtree + "/")


def root_of(component: str) -> str:
    """The name of the root component that a component belongs to, by its id."""
    return component.partition("/")[0]


@dataclass
class Ledger:
    """Who changed when, and who has seen it: the fold of a host's records since the last Settled that is a start.

    The version of a subtree is a fingerprint of all changes in it that stand (0: none). A component's sight is the
    number up to which it has seen the changes; None while its update runs or has failed.
    """

    _versions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # subtree -> (since when, version)
    _owner: dict[int, tuple[str, int]] = field(default_factory=dict)  # change -> component, forward change
    sights: dict[str, Optional[int]] = field(default_factory=dict)
    _chain: list[str] = field(default_factory=list)  # the rollouts since the last Settled, and what they undo
    _undo: str = ""  # the last of them, if it undoes or redoes
    _half: dict[str, list[str]] = field(default_factory=dict)  # component -> the chain that left its update half done
    _repeating: str = ""  # whose commands run again on the way back: that is no change of theirs
    _waiting: str = ""  # whose update began, but has not done anything yet

    def add(self, record: Record) -> None:
        """Take the next record in."""
        if isinstance(record, Begin):
            self._chain += [one for one in (record.rollout, record.undoes) if one and one not in self._chain]
            self._undo = record.rollout if record.undoes else ""
        elif isinstance(record, Did):
            self._did(record)
        elif isinstance(record, Failed):
            for n in record.changes:
                if n in self._owner:
                    self._toggle(*self._owner[n], record.n)
        elif isinstance(record, Began):
            self._began(record)
        elif isinstance(record, Ended):
            self.sights[record.component] = record.n
            self._half.pop(record.component, None)
            self._repeating = self._waiting = ""
        elif isinstance(record, Settled):
            self._settled(record)

    @classmethod
    def since(cls, start: Optional[Settled], before: Iterable[Record] = ()) -> Ledger:
        """The ledger as it was at a start. before: earlier records that may be taken back later, by their numbers."""
        ledger, earlier = cls(), cls()
        for record in before:
            earlier.add(record)
        ledger._owner = earlier._owner
        carried = (start.ledger if start is not None and not start.whole else None) or {}
        ledger._versions = {one: [(n, at) for n, at in history] for one, history in carried.get("versions", {}).items()}
        ledger.sights = dict(carried.get("sights", {}))
        ledger._half = {one: list(chain) for one, chain in carried.get("half", {}).items()}
        return ledger

    def carried(self, over: Settled, begin: Optional[Begin] = None) -> Mapping[str, Any]:
        """All that is needed to answer every question from now on: of each history what some sight can tell apart.

        over: the last word that it will go with; begin: what will be written before that.
        """
        if begin is not None:
            self.add(begin)
        moments = sorted({sight for sight in self.sights.values() if sight is not None})
        versions = {subtree: _told_apart(history, moments) for subtree, history in self._versions.items()}
        told = {one: history for one, history in versions.items() if history}
        return {"versions": told, "sights": self.sights, "half": self._still_half(over)}

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

    def is_half_done(self, component: str) -> bool:
        """Whether a component's update began and did not end, or was taken back in part: neither before nor after."""
        return component in self._half

    def _settled(self, settled: Settled) -> None:
        self._repeating = self._waiting = ""  # what was cut off there is over
        if settled.whole:
            self.__init__()  # type: ignore[misc]
        self._half, self._chain, self._undo = self._still_half(settled), [], ""

    def _still_half(self, over: Settled) -> dict[str, list[str]]:
        """What is half done when a rollout is over: what it took back, or made again, is not."""
        back = self._chain if over.outcome == "reversed" or over.rollout == self._undo else ()
        return {one: chain for one, chain in self._half.items() if not set(back) & set(chain)}

    def _began(self, began: Began) -> None:
        self._repeating = began.component if began.again else ""
        self._waiting = began.component if began.verbs else ""
        if not began.verbs:
            self._is_at_work(began.component)
            if not began.again:  # raw code may change what no other record tells of
                self._toggle(began.component, began.n, began.n)

    def _is_at_work(self, component: str) -> None:
        self.sights[component], self._half[component] = None, self._chain

    def _did(self, did: Did) -> None:
        if did.component == self._waiting:  # now it has really done something
            self._waiting = ""
            self._is_at_work(did.component)
        if did.undoes is not None:
            self._half[did.component] = self._chain
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


def _told_apart(history: list[tuple[int, int]], moments: list[int]) -> list[list[int]]:
    """Those entries of a history that tell the version at some moments, and now."""
    told: list[list[int]] = []
    for index in sorted({*(bisect_right(history, (at, 1 << 64)) for at in moments), len(history)} - {0}):
        n, version = history[index - 1]
        if version != (told[-1][1] if told else 0):
            told.append([n, version])
    return told


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
