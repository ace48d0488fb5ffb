"""Hands without machines: tasks end as a script says, in a random order that can be had again. For tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from depl.events import Event, What
from depl.rollout.hands import Happened
from depl.rollout.signals import Signal
from depl.rollout.tree import Leaf


@dataclass
class HandsScript:
    """What becomes of the tasks, by id. fails: how often a task fails before it works (a high number: always).

    stuck: likewise its reversal; conflicts: a reversal that only works by force. endless: those that end only when they
    are told to, endless_back: on the way back. seed: the order in which things happen.
    """

    fails: Mapping[str, int] = field(default_factory=dict)
    unchanged: frozenset[str] = frozenset()
    stuck: Mapping[str, int] = field(default_factory=dict)
    conflicts: frozenset[str] = frozenset()
    endless: frozenset[str] = frozenset()
    endless_back: frozenset[str] = frozenset()
    seed: int = 0


class FakeHands:
    """Notes what it is asked. world: what has been done and not put back, as hosts would know it; it outlives hands.

    log: ("run" | "reverse", id) when a task begins. between: called before each answer, so that tests may interfere.
    """

    def __init__(
        self,
        script: HandsScript | None = None,
        world: dict[str, int] | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.script = script or HandsScript()
        self.world = world if world is not None else {}
        self.between = between
        self.log: list[tuple[str, str]] = []
        self.at_once = 0  # how many were at work at the same time, at most
        self._random = random.Random(self.script.seed)  # noqa: S311 no secret
        self._at_work: dict[str, tuple[str, int, bool]] = {}
        self._order: list[str] = []
        self._told: dict[str, str] = {}

    def start(self, leaf: Leaf, attempt: int, saved: Mapping[str, Any]) -> None:
        """Run a task; from now on it may have done something."""
        self._begin("run", leaf.id, attempt, force=False)
        self.world[leaf.id] = self.world.get(leaf.id, 0) + 1

    def reverse(self, leaf: Leaf, attempt: int, saved: Mapping[str, Any], *, force: bool = False) -> None:
        """Take a task back."""
        self._begin("reverse", leaf.id, attempt, force=force)

    def stop(self, id: str, how: str) -> None:
        """Let it end."""
        self._told[id] = how
        self.log.append((how, id))

    def answer(self, id: str, signal: Signal) -> None:
        """Nothing in it waits for people."""

    def next(self, timeout: float) -> Happened | None:
        """The end of one of those at work."""
        self.between()
        for _ in range(len(self._order)):
            place = self._random.randrange(len(self._order))
            self._order[place], self._order[-1] = self._order[-1], self._order[place]
            id = self._order[-1]
            if self._ends(id):
                self._order.pop()
                return Happened(id, self._end(id, *self._at_work.pop(id)))
        return None

    def close(self) -> None:
        """Nothing to let go of."""

    def _ends(self, id: str) -> bool:
        endless = self.script.endless_back if self._at_work[id][0] == "reverse" else self.script.endless
        return id not in endless or id in self._told

    def _begin(self, what: str, id: str, attempt: int, *, force: bool) -> None:
        assert id not in self._at_work, f"{id} is at work already"
        self.log.append((what, id))
        self._at_work[id] = (what, attempt, force)
        self._order.append(id)
        self.at_once = max(self.at_once, len(self._order))

    def _end(self, id: str, what: str, attempt: int, force: bool) -> Event:
        told = self._told.pop(id, "")
        if what == "run":
            if id in self.script.unchanged:
                self.world.pop(id)
                return Event(What.TASK_UNCHANGED, id)
            if attempt <= self.script.fails.get(id, 0) or told == "terminate":
                return Event(What.TASK_FAILED, id, data={"error": {"class": "DeplError", "message": f"{id} fails"}})
            return Event(What.TASK_DONE, id)
        if attempt <= self.script.stuck.get(id, 0) or told == "terminate":
            return Event(What.TASK_NOT_REVERSED, id, data={"kind": "failed", "reason": "stuck", "error": {}})
        if id in self.script.conflicts and not force:
            return Event(What.TASK_NOT_REVERSED, id, data={"kind": "conflict", "reason": "changed", "error": {}})
        self.world.pop(id, None)
        return Event(What.TASK_REVERSED, id)
