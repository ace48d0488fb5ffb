"""The port to whoever carries tasks of a rollout by hand out: threads in this process, or a fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from depl.events import Event, Output, What
from depl.rollout.signals import Signal
from depl.rollout.tree import Leaf

Happening = Event | Output


@dataclass(frozen=True)
class Happened:
    """Something that a task tells of.

    what: an Event about the task (done, unchanged, failed, saved, progress, reversed, not reversed, or one of what a
    deployment does inside) or its Output. heard: called once it is written down; what a task saves waits for that.
    """

    id: str
    what: Happening
    heard: Callable[[], None] = field(default=lambda: None, compare=False)


class Hands(Protocol):
    """Carries tasks out, and tells what comes of it; asking does not wait.

    After start() or reverse() a task tells of its end by exactly one of ENDS or ENDS_BACK. One that was told to stop
    ends too: by itself (abort, only those that look), or by force within a grace (terminate).
    """

    def start(self, leaf: Leaf, attempt: int, saved: Mapping[str, Any]) -> None:
        """Run a task. saved: what it saved in an earlier attempt."""

    def reverse(self, leaf: Leaf, attempt: int, saved: Mapping[str, Any], *, force: bool = False) -> None:
        """Take a task back. force: also over what others did since."""

    def stop(self, id: str, how: str) -> None:
        """Let a task that is at work end early: abort or terminate."""

    def answer(self, id: str, signal: Signal) -> None:
        """Pass on what somebody answered, approve or reject, to a task that is at work and waits for that."""

    def next(self, timeout: float) -> Happened | None:
        """What happened next; None when nothing did in time (seconds)."""

    def close(self) -> None:
        """Let go of everything; nothing is at work any more."""


ENDS = frozenset({What.TASK_DONE, What.TASK_UNCHANGED, What.TASK_FAILED})
ENDS_BACK = frozenset({What.TASK_REVERSED, What.TASK_NOT_REVERSED})
