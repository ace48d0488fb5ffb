"""What a page watches, and what it is told of that."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

from depl.rollout.folding import State


class Kind(Enum):
    """What can be watched."""

    ROLLOUT = "rollout"
    LISTS = "lists"
    OUTPUT = "output"


@dataclass(frozen=True)
class Watch:
    """What a page wants to hear of. Made by one of the three functions.

    alike: what it shows depends on nothing else but this and what it watches, so that those alike are given the same
    text; such as what may be done. None: on who looks at it.
    """

    kind: Kind
    rollout: str = ""
    task: str = ""
    alike: Hashable = None

    @classmethod
    def of_rollout(cls, rollout: str, alike: Hashable = None) -> Watch:
        """How one rollout stands. Its updates have the state, and the tasks that were touched."""
        return cls(Kind.ROLLOUT, rollout, alike=alike)

    @classmethod
    def of_lists(cls, alike: Hashable = None) -> Watch:
        """All that is listed: rollouts, locks, holds, inquiries, workers. Its updates only say that it changed."""
        return cls(Kind.LISTS, alike=alike)

    @classmethod
    def of_output(cls, rollout: str, task: str, alike: Hashable = None) -> Watch:
        """What a task prints. Its updates say from which character to which there is something new."""
        return cls(Kind.OUTPUT, rollout, task, alike)


@dataclass(frozen=True)
class Update:
    """What happened since a page was last told.

    id: what it has seen after this; since: before; the number of an event, of characters, or a stamp. everything:
    nobody knows what it has seen. state: of the rollout; nobody may change it. touched: ids of the tasks of which
    something new is known; gone: of those that are no more. begin: the first character to show, which is after `since`
    where some are left out. mark: the newest event after which what takes a while to draw is drawn once more.
    new: of those that were touched, the ones that were not known before.
    """

    id: str
    since: str = ""
    everything: bool = False
    state: State | None = None
    touched: Sequence[str] = ()
    gone: Sequence[str] = ()
    begin: int = 0
    mark: int = 0
    new: frozenset[str] = frozenset()
