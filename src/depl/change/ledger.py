"""Who changed when, and who has seen it: what reactions are owed, forward and on the way back. Pure."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Optional

from depl.change.changes import Run
from depl.change.folds import is_repeated
from depl.change.records import Began, Did, Ended, Failed, Record, Settled


def below(component: str, subtree: str) -> bool:
    """Whether a component is the root of a subtree or in it, by their ids."""
    return component == subtree or component.startswith(subtree + "/")


@dataclass
class Ledger:
    """Who changed when, and who has seen it: the fold of a host's records since the last whole Settled.

    The version of a component is the number of its last change that stands (0: none). A component's sight is the
    number up to which it has seen the changes; None while its update runs or has failed.
    """

    _stack: dict[str, list[int]] = field(default_factory=dict)  # component -> numbers of its standing changes
    _history: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # component -> (when, version)
    _owner: dict[int, tuple[str, int]] = field(default_factory=dict)  # change -> component, forward change
    _touched: dict[str, int] = field(default_factory=dict)  # subtree -> number of the last change in it
    _members: dict[str, list[str]] = field(default_factory=dict)  # subtree -> components that changed in it
    sights: dict[str, Optional[int]] = field(default_factory=dict)
    _repeating: str = ""  # whose commands run again on the way back: that is no change of theirs

    def add(self, record: Record) -> None:
        """Take the next record in."""
        if isinstance(record, Did):
            self._did(record)
        elif isinstance(record, Failed):
            for n in record.changes:
                if n in self._owner:
                    self._changed(*self._owner[n], record.n)
        elif isinstance(record, Began):
            self.sights[record.component] = None
            self._repeating = record.component if record.again else ""
        elif isinstance(record, Ended):
            self.sights[record.component] = record.n
            if not self._repeating:  # raw code changed what no other record tells of
                self._changed(record.component, record.n, record.n)
            self._repeating = ""
        elif isinstance(record, Settled) and record.whole:
            self.__init__()  # type: ignore[misc]

    @property
    def empty(self) -> bool:
        """Whether nothing is remembered: no change and no sight since the last whole run."""
        return not self._history and not self.sights

    def version(self, component: str, at: Optional[int] = None) -> int:
        """The number of a component's last standing change, now or as it was at a number."""
        history = self._history.get(component)
        if not history:
            return 0
        if at is None:
            return history[-1][1]
        index = bisect_right(history, (at, 1 << 62))
        return history[index - 1][1] if index else 0

    def differs(self, asker: str, subtree: str) -> bool:
        """Whether something in a subtree changed since the asker last succeeded, or its update was left half done."""
        sight = self.sights.get(asker, 0)
        if sight is None:
            return True
        if self._touched.get(subtree, 0) <= sight:
            return False
        return any(self.version(one) != self.version(one, sight) for one in self._members[subtree])

    def _did(self, did: Did) -> None:
        if self._repeating and did.component == self._repeating:
            return
        # A change from before the last whole run is nobody's here: taking it back is a change of its component, too.
        component, first = self._owner.get(did.undoes or 0, (did.component, did.n))
        self._owner[did.n] = (component, first)
        self._changed(component, first, did.n)

    def _changed(self, component: str, change: int, n: int) -> None:
        """A change of a component begins to stand, or falls if it stood, at number n."""
        stack = self._stack.setdefault(component, [])
        if change in stack:
            stack.remove(change)
        else:
            insort(stack, change)
        if component not in self._history:
            self._history[component] = []
            for subtree in subtrees(component):
                self._members.setdefault(subtree, []).append(component)
        self._history[component].append((n, stack[-1] if stack else 0))
        for subtree in subtrees(component):
            self._touched[subtree] = n


def subtrees(component: str) -> Iterator[str]:
    """The ids of the subtrees that a component lies in: itself and its parents (a slash in a name does no harm)."""
    yield component
    end = component.rfind("/")
    while end > 0:
        yield component[:end]
        end = component.rfind("/", 0, end)


@dataclass(frozen=True)
class Repetition:
    """A reaction that is owed on the way back: its component and its recorded commands, in order."""

    component: str
    causes: tuple[str, ...]
    commands: tuple[Run, ...]


def to_repeat(records: Iterable[Record], ledger: Ledger) -> list[Repetition]:
    """The reactions to repeat after the restores, in the order in which they ran (providers first).

    Those that ran in these records, were on the host before, and have not seen things as they are now.
    """
    began: dict[str, Began] = {}
    causes: dict[str, set[str]] = {}
    commands: dict[str, list[Run]] = {}
    repeating = ""  # whose commands run again on the way back: those are known already
    for record in records:
        if isinstance(record, Began) and record.again:
            repeating = record.component
        elif isinstance(record, Began):
            repeating = ""
            known = record.known or (record.component in began and began[record.component].known)
            began.pop(record.component, None)
            began[record.component] = Began(record.n, record.component, record.causes, known, record.again)
            causes.setdefault(record.component, set()).update(record.causes)
            commands[record.component] = []
        elif isinstance(record, Ended):
            repeating = ""
            causes.setdefault(record.component, set()).update(record.causes)
        elif isinstance(record, Did) and is_repeated(record) and isinstance(record.change, Run):
            if record.component == repeating:
                continue
            commands.setdefault(record.component, []).append(record.change)
    return [
        Repetition(component, tuple(sorted(causes[component])), tuple(commands[component]))
        for component, start in began.items()
        if start.known
        and commands.get(component)
        and any(ledger.differs(component, cause) for cause in sorted(causes[component]))
    ]
