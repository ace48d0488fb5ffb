"""How one task of a rollout stands, and which event moves it where. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from depl.events import Event, What
from depl.rollout.states import TaskState

_T = TaskState
MOVES = {
    What.TASK_STARTED: _T.DISPATCHED,
    What.TASK_UNCHANGED: _T.UNCHANGED,
    What.TASK_DONE: _T.DONE,
    What.TASK_FAILED: _T.FAILED,
    What.TASK_UNKNOWN: _T.UNKNOWN,
    What.TASK_NOT_STARTED: _T.PENDING,
    What.TASK_SKIPPED: _T.SKIPPED,
    What.TASK_REVERSING: _T.REVERSING,
    What.TASK_REVERSED: _T.REVERSED,
    What.REVERSAL_SKIPPED: _T.REVERSE_SKIPPED,
    What.TASK_KEPT: _T.KEPT,
}
ABOUT = ("place", "hint", "output")
WAY_BACK = frozenset({_T.REVERSED, _T.REVERSE_FAILED, _T.CONFLICT, _T.REVERSE_SKIPPED})


@dataclass
class TaskStatus:
    """How a task stands. attempt, reversal: how often it was begun, forward and backward. Times: UTC, as in records.

    asked: what people want of it (retry, skip, force, approve, reject), by name with who, reason and more.
    """

    state: TaskState = _T.PENDING
    attempt: int = 0
    reversal: int = 0
    error: Mapping[str, Any] | None = None
    reason: str = ""
    saved: Mapping[str, Any] = field(default_factory=dict)
    done: float = 0
    total: float = 0
    began: str = ""
    ended: str = ""
    tolerated: str = ""  # the group that bears its failure
    asked: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    ticked: list[str] = field(default_factory=list)  # items of a checklist
    forth: tuple[TaskState, str, str] | None = None  # how it ended before it went back, and when it had begun and ended

    def move(self, after: TaskState, event: Event, at: str) -> None:
        """Take in an event that moves it; what people asked of it so far is dealt with."""
        before, self.state = self.state, after
        self.asked.clear()
        if after is _T.DISPATCHED:
            self.attempt, self.began, self.ended, self.error = self.attempt + 1, at, "", None
        elif after is _T.REVERSING:
            self.forth = self.forth or (before, self.began, self.ended)
            self.reversal, self.began, self.ended, self.error = self.reversal + 1, at, "", None
        else:
            self.ended = at
            self.reason = str(event.data.get("reason") or "")
            self.tolerated = str(event.data.get("tolerated") or "")
        if event.what in (What.TASK_FAILED, What.TASK_NOT_REVERSED):
            self.error = error_of(event)


def error_of(event: Event) -> Mapping[str, Any] | None:
    """What went wrong, as facts: deployments tell it in a sentence with the rest beside it."""
    error: Mapping[str, Any] | str | None = event.data.get("error")
    if not isinstance(error, str):
        return error
    return {"message": error, **{name: event.data[name] for name in ABOUT if event.data.get(name)}}


def moved_to(event: Event) -> TaskState | None:
    """The state that an event moves its task to; None: it moves none."""
    if event.what is What.TASK_NOT_REVERSED:
        return _T.CONFLICT if event.data.get("kind") == "conflict" else _T.REVERSE_FAILED
    return MOVES.get(event.what)


def id_of(event: Event) -> str:
    """The id of the task that an event is about."""
    return f"{event.task}@{event.host}" if event.host else event.task or ""


def state_before(known: TaskState, after: TaskState) -> TaskState:
    """The state before, of what is in no plan: it need not have been heard of from its beginning.

    It may be looked at once more when all is through, as what is no longer declared is removed.
    """
    if known in (TaskState.UNCHANGED, TaskState.DONE, TaskState.FAILED) and after in (
        TaskState.DISPATCHED,
        TaskState.FAILED,
    ):
        return TaskState.PENDING if after is TaskState.DISPATCHED else TaskState.DISPATCHED
    if after in (TaskState.REVERSING, TaskState.KEPT) and known in (TaskState.PENDING, TaskState.UNCHANGED):
        return TaskState.DONE
    if known is not TaskState.PENDING or after is TaskState.DISPATCHED:
        return known
    return TaskState.REVERSING if after in WAY_BACK else TaskState.DISPATCHED
