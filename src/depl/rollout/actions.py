"""What may be done next about a rollout, as values, and the events that are written first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from depl.events import Event, What
from depl.rollout.folding import State
from depl.rollout.states import Block
from depl.rollout.task_status import TaskStatus


@dataclass(frozen=True)
class Start:
    """Run a task."""

    id: str


@dataclass(frozen=True)
class Reverse:
    """Take a task back. force: also over what others did since."""

    id: str
    force: bool = False


@dataclass(frozen=True)
class End:
    """Let a task that is at work end early. how: abort or terminate."""

    id: str
    how: str


@dataclass(frozen=True)
class Say:
    """Record that something is so."""

    event: Event


Action = Start | Reverse | End | Say


def event_of(action: Action, state: State) -> Event | None:
    """What is written before an action is carried out; None for one that only hurries."""
    if isinstance(action, Say):
        return action.event
    if isinstance(action, Start):
        return event(What.TASK_STARTED, action.id, attempt=state.tasks[action.id].attempt + 1)
    if isinstance(action, Reverse):
        return event(What.TASK_REVERSING, action.id, attempt=state.tasks[action.id].reversal + 1)
    if isinstance(action, End):
        return None
    assert_never(action)


def event(what: What, id: str, **data: object) -> Event:
    """An event about a task; facts that say nothing are left out."""
    return Event(what, id, data={name: value for name, value in data.items() if value not in ("", None)})


def failed(id: str, message: str) -> Event:
    """A task failed that nobody carries out: people said so, or time did."""
    return Event(What.TASK_FAILED, id, data={"error": {"class": "DeplError", "message": message}})


def blocked(block: Block, reason: str) -> Action:
    """Somebody has to decide how to go on."""
    return Say(Event(What.BLOCKED, data={"block": block.value, "reason": reason}))


def reason_of(status: TaskStatus, name: str) -> str:
    """Who wanted something of a task, and why."""
    asked = status.asked[name]
    return f"{asked.get('who') or 'somebody'}: {asked.get('reason') or 'without a reason'}"
