"""All events: what happened in a rollout. Everything that is shown to people is made from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Callable, Mapping, Optional, Union


class What(str, Enum):
    """The closed set of things that can happen. Output is not among them: it is a stream beside the events."""

    STARTED = "started"  # the rollout. data: rollout, environment, host, tasks
    TASK_STARTED = "task started"  # a root component is looked at
    CHANGED = "changed"  # a component. data: changes (see deploy.shown), seconds, reason
    TASK_UNCHANGED = "task unchanged"
    TASK_DONE = "task done"  # data: changed (number of components), seconds
    TASK_SKIPPED = "task skipped"  # data: reason
    TASK_FAILED = "task failed"  # data: error
    LOG = "log"  # data: text
    WARNING = "warning"  # data: text
    REVERSING = "reversing"  # the way back begins. data: count, reason
    REVERSED = "reversed"  # a change was put back. data: change
    REPEATED = "repeated"  # a reaction ran again on the way back. data: command
    KEPT = "kept"  # something was left as it is. data: path, reason
    UNDECLARED = "no longer declared"  # what was made, and no component is there for. data: things, removing
    CONFLICT = "conflict"  # a change was not put back. data: change, reason
    OVER = "over"  # the rollout. data: outcome, seconds, changed, ...

    # Told by coordinators only. A task is named by its id in the plan, or by root and host.
    PLANNED = "planned"  # the rollout. data: see depl.rollout.plan.RolloutPlan
    QUEUED = "queued"
    STOPPING = "stopping"  # nothing new begins. data: reason, cause (a task's id, or empty)
    BLOCKED = "blocked"  # somebody has to decide. data: block (see depl.rollout.states), reason
    RESUMED = "resumed"  # no longer blocked. data: direction (forward, backward)
    HELD = "held"  # data: hold, reason
    RELEASED = "released"  # data: hold
    SIGNALLED = "signalled"  # data: number, name, who, reason
    TAKEN_UP = "taken up"  # by another process, as nobody was at work any more. data: who, epoch
    TASK_UNKNOWN = "task unknown"  # nobody heard how it ended. data: reason
    TASK_NOT_STARTED = "task not started"  # it was found that it had not begun
    TASK_SAVED = "task saved"  # data: state, what its way back needs
    PROGRESS = "progress"  # data: done, total
    TASK_REVERSING = "task reversing"  # data: attempt
    TASK_REVERSED = "task reversed"
    TASK_NOT_REVERSED = "task not reversed"  # data: kind (failed, conflict), reason
    REVERSAL_SKIPPED = "reversal skipped"  # data: reason
    TASK_KEPT = "task kept"  # it cannot be reversed. data: reason


@dataclass(frozen=True)
class Event:
    """Something that happened. task: a root component's name; component: a component's id; host: where, if not here."""

    what: What
    task: Optional[str] = None
    component: Optional[str] = None
    data: Mapping[str, Any] = field(default_factory=dict)
    host: Optional[str] = None


@dataclass(frozen=True)
class Output:
    """A piece of what a command printed, as it came. stream: `stdout` or `stderr`."""

    component: Optional[str]
    stream: str
    text: str
    host: Optional[str] = None


Emit = Callable[[Union[Event, Output]], None]
