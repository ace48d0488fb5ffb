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
