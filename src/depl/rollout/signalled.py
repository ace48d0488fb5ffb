"""What a signal that was heard changes in the state of a rollout. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from depl.events import Event
from depl.rollout.states import Hold, RolloutState, TaskState

if TYPE_CHECKING:
    from depl.rollout.folding import State


def signalled(state: State, event: Event, at: str) -> None:
    """Take a signal in; one that was refused is only noted."""
    data = {"at": at, "task": event.task or "", **event.data}
    state.last_signal = max(state.last_signal, int(data.get("number") or 0))
    state.signals.append(data)
    if data.get("refused"):
        return
    name = data["name"]
    if name in ("pause", "pause_rollback"):
        state.held.add(Hold.PAUSED if name == "pause" else Hold.PAUSED_REVERSAL)
    elif name == "resume":
        state.held -= {Hold.PAUSED, Hold.PAUSED_REVERSAL}
    elif name in ("keep", "unkeep"):
        state.keep = name == "keep"
    elif name in ("abort", "terminate") and state.state is not RolloutState.REVERSING:
        state.wish = name
    else:
        _of_tasks(state, name, event.task or "", data)


def _of_tasks(state: State, name: str, id: str, data: dict[str, Any]) -> None:
    if name == "terminate":
        for status in state.tasks.values():
            if status.state is TaskState.REVERSING:
                status.asked[name] = data
    elif name == "approve" and data.get("item"):
        ticked = state.status(id).ticked
        ticked += [data["item"]] if data["item"] not in ticked else []
    elif name == "retry" and not id:  # no task failed
        state.wish = name
    elif id:
        state.status(id).asked[name] = data
