"""The states of tasks and rollouts, what may follow what, and which signals make sense when: values."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from depl.errors import DeplError, ReportBug


class TaskState(StrEnum):
    """How a task stands; said in just these words."""

    PENDING = "pending"
    DISPATCHED = "dispatched"
    UNCHANGED = "unchanged"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it was at work when nobody was left to hear how it ended
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    REVERSING = "reversing"
    REVERSED = "reversed"
    REVERSE_FAILED = "reverse failed"
    CONFLICT = "conflict"
    REVERSE_SKIPPED = "reverse skipped"
    KEPT = "kept"  # it cannot be reversed


class RolloutState(StrEnum):
    """How a rollout stands. What is over is read only."""

    DRAFT = "draft"
    PLANNED = "planned"
    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    REVERSING = "reversing"
    BLOCKED = "blocked"
    SUCCEEDED = "succeeded"
    REVERSED = "reversed"
    PARTLY_REVERSED = "partly reversed"
    KEPT = "kept"  # stopped as it is
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after it."""
        return self in OVER


class Hold(StrEnum):
    """Why a rollout waits although it could go on; on top of its state."""

    PAUSED = "paused"
    PAUSED_REVERSAL = "reversal paused"
    APPROVAL = "waiting for approval"
    GATE = "gate"  # a checklist is not ticked


class Block(StrEnum):
    """Why a rollout is blocked."""

    REVERSAL_FAILED = "reversal failed"
    CONFLICT = "conflict"
    UNREACHABLE = "host unreachable"
    PIVOT = "pivot passed"
    FAILED = "failed"  # and somebody is to decide how to go on
    INTERRUPTED = "interrupted"  # likewise


FORWARD = (Block.FAILED, Block.INTERRUPTED, Block.PIVOT)  # what is blocked so may still go on

_T, _R = TaskState, RolloutState
OVER = frozenset({_R.SUCCEEDED, _R.REVERSED, _R.PARTLY_REVERSED, _R.KEPT, _R.CANCELLED})
ACTIVE = frozenset({_R.RUNNING, _R.STOPPING, _R.REVERSING, _R.BLOCKED})
GOOD = frozenset({_T.UNCHANGED, _T.DONE, _T.SKIPPED})
NOT_PUT_BACK = frozenset({_T.REVERSE_FAILED, _T.CONFLICT})

# A task that failed or of which nobody knows is tried again (retry), passed over (skip) or found not to have begun.
TASK_MOVES: dict[TaskState, frozenset[TaskState]] = {
    _T.PENDING: frozenset({_T.DISPATCHED, _T.CANCELLED, _T.SKIPPED}),
    _T.DISPATCHED: frozenset({_T.UNCHANGED, _T.DONE, _T.FAILED, _T.UNKNOWN, _T.SKIPPED, _T.PENDING}),
    _T.UNCHANGED: frozenset(),
    _T.DONE: frozenset({_T.REVERSING, _T.KEPT}),
    _T.FAILED: frozenset({_T.REVERSING, _T.KEPT, _T.DISPATCHED, _T.SKIPPED}),
    _T.UNKNOWN: frozenset({_T.REVERSING, _T.KEPT, _T.DISPATCHED, _T.SKIPPED, _T.DONE, _T.FAILED, _T.PENDING}),
    _T.CANCELLED: frozenset(),
    _T.SKIPPED: frozenset({_T.REVERSING, _T.KEPT}),  # it may have begun before somebody passed over it
    _T.REVERSING: frozenset({_T.REVERSED, _T.REVERSE_FAILED, _T.CONFLICT, _T.REVERSING}),  # again after a crash
    _T.REVERSED: frozenset(),
    _T.REVERSE_FAILED: frozenset({_T.REVERSING, _T.REVERSE_SKIPPED}),
    _T.CONFLICT: frozenset({_T.REVERSING, _T.REVERSE_SKIPPED}),
    _T.REVERSE_SKIPPED: frozenset(),
    _T.KEPT: frozenset(),
}

ROLLOUT_MOVES: dict[RolloutState, frozenset[RolloutState]] = {
    _R.DRAFT: frozenset({_R.PLANNED, _R.CANCELLED}),
    _R.PLANNED: frozenset({_R.PLANNED, _R.QUEUED, _R.RUNNING, _R.REVERSING, _R.CANCELLED}),
    _R.QUEUED: frozenset({_R.PLANNED, _R.RUNNING, _R.REVERSING, _R.CANCELLED}),
    _R.RUNNING: frozenset({_R.STOPPING, _R.SUCCEEDED, _R.BLOCKED}),
    _R.STOPPING: frozenset({_R.REVERSING, _R.KEPT, _R.BLOCKED, _R.REVERSED}),
    _R.REVERSING: frozenset({_R.REVERSED, _R.PARTLY_REVERSED, _R.BLOCKED, _R.KEPT}),
    _R.BLOCKED: frozenset({_R.RUNNING, _R.STOPPING, _R.REVERSING, _R.KEPT, _R.PARTLY_REVERSED, _R.REVERSED}),
    _R.SUCCEEDED: frozenset(),  # what is over is taken back by another rollout
    _R.KEPT: frozenset(),
    _R.REVERSED: frozenset(),
    _R.PARTLY_REVERSED: frozenset(),
    _R.CANCELLED: frozenset(),
}

# Which signals are legal in which state of a rollout; read by command line, web and API alike.
SIGNALS: dict[str, frozenset[RolloutState]] = {
    "pause": frozenset({_R.RUNNING}),
    "resume": frozenset({_R.RUNNING, _R.STOPPING, _R.REVERSING}),
    "abort": frozenset({_R.PLANNED, _R.QUEUED, _R.RUNNING, _R.BLOCKED}),
    "terminate": frozenset({_R.RUNNING, _R.STOPPING, _R.REVERSING}),  # then: what is being put back fails
    "keep": frozenset({_R.RUNNING, _R.STOPPING, _R.BLOCKED}),
    "unkeep": frozenset({_R.RUNNING, _R.STOPPING}),
    "approve": frozenset({_R.RUNNING}),
    "reject": frozenset({_R.RUNNING}),
    "retry": frozenset({_R.BLOCKED}),
    "skip": frozenset({_R.RUNNING, _R.BLOCKED}),
    "force": frozenset({_R.BLOCKED}),
    "pause_rollback": frozenset({_R.STOPPING, _R.REVERSING}),
}

# Those about one task, and in which states of it they make sense.
TASK_SIGNALS: dict[str, frozenset[TaskState]] = {
    "approve": frozenset({_T.DISPATCHED}),
    "reject": frozenset({_T.DISPATCHED}),
    "retry": frozenset({_T.FAILED, _T.UNKNOWN, _T.REVERSE_FAILED, _T.CONFLICT}),
    "skip": frozenset({_T.PENDING, _T.FAILED, _T.UNKNOWN, _T.REVERSE_FAILED, _T.CONFLICT}),
    "force": frozenset({_T.CONFLICT, _T.REVERSE_FAILED}),
}
NEED_REASON = frozenset({"skip", "force", "reject"})


class IllegalTransition(ReportBug):
    """A state was to follow one that it cannot follow: a mistake of depl, or a record that somebody changed."""

    def __init__(self, what: str, before: str, after: str) -> None:
        super().__init__(f"{what} is {before} and cannot become {after}")


class IllegalSignal(DeplError):
    """A signal that makes no sense now."""


def assert_task_move(task: str, before: TaskState, after: TaskState) -> None:
    """Errors: IllegalTransition."""
    if after not in TASK_MOVES[before]:
        raise IllegalTransition(f"Task {task}", before, after)


def assert_rollout_move(rollout: str, before: RolloutState, after: RolloutState) -> None:
    """Errors: IllegalTransition."""
    if after not in ROLLOUT_MOVES[before]:
        raise IllegalTransition(f"Rollout {rollout}", before, after)


def states_between(before: RolloutState, after: RolloutState) -> list[RolloutState]:
    """Records of a model need not tell all that lies between two states."""
    if before is _R.RUNNING and after in (_R.REVERSED, _R.KEPT, _R.PARTLY_REVERSED):
        return [_R.STOPPING, *([_R.REVERSING] if after is _R.PARTLY_REVERSED else [])]
    if before is _R.REVERSING and after is _R.SUCCEEDED:
        raise AssertionError("what goes back does not succeed")
    return []


def signals_in(state: RolloutState, holds: Collection[Hold] = (), block: Block | None = None) -> list[str]:
    """The signals that make sense now, in the order in which they are offered."""
    legal = [name for name, states in SIGNALS.items() if state in states]
    if block is not None and block not in FORWARD:  # it is on its way back
        legal = [name for name in legal if name != "abort"]
    if not {Hold.APPROVAL, Hold.GATE}.intersection(holds):
        legal = [name for name in legal if name not in ("approve", "reject")]
    paused = Hold.PAUSED in holds, Hold.PAUSED_REVERSAL in holds
    if not any(paused):
        return [name for name in legal if name != "resume"]
    return [name for name in legal if name != ("pause" if paused[0] else "pause_rollback")]
