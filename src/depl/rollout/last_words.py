"""What is written down of a rollout that was interrupted, when another one goes on from what stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from depl.events import Event, What
from depl.rollout.states import ACTIVE, RolloutState, TaskState

if TYPE_CHECKING:
    from depl.rollout.folding import State

_T = TaskState


def last_words(state: State, by: str) -> list[Event]:
    """The events with which it ends as it stands. by: the rollout that goes on."""
    reason = f"it was interrupted, and rollout {by} went on from what stood there"
    found: list[Event] = []
    for id in state.plan.tree.leaves if state.plan is not None else state.tasks:
        status, (task, _, host) = state.tasks[id].state, id.partition("@")
        about: dict[str, Any] = {"task": task, "host": host or None}
        if id in state.open_gates:
            found.append(Event(What.TASK_SKIPPED, **about, data={"reason": reason}))
        elif status is _T.DISPATCHED:
            found.append(Event(What.TASK_UNKNOWN, **about, data={"reason": reason}))
        elif status is _T.REVERSING:
            found.append(Event(What.TASK_NOT_REVERSED, **about, data={"kind": "failed", "reason": reason}))
    outcome = RolloutState.KEPT if state.state in ACTIVE else RolloutState.CANCELLED
    return [*found, Event(What.OVER, data={"outcome": outcome.value, "reason": reason})]
