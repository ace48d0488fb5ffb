"""What a coordinator asks of an agent: a closed set of messages, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Sequence, Tuple, Type, Union

VERSION = 1


@dataclass(frozen=True)
class Hello:
    """The first words: what the agent is to do, and where.

    mode: act, plan, undo. project: the key of what is transferred (empty: none), method: how. requirements: the key
    of what component code imports (empty: nothing). wait: for the lock. resume: this rollout is at work on the host
    already; seen: the number of the last message that came through; known: the number that the journal had reached.
    beat: seconds between two signs of life.
    """

    rollout: str
    environment: str
    host: str
    who: str
    target_directory: str
    mode: str = "act"
    project: str = ""
    method: str = "snapshot"
    revision: str = ""
    requirements: str = ""
    undoes: Optional[str] = None
    wait: bool = False
    take_over: bool = False
    resume: bool = False
    seen: int = 0
    known: int = 0
    durability: str = "full"
    command_timeout: Optional[float] = None
    beat: float = 5.0
    version: int = VERSION


@dataclass(frozen=True)
class Slice:
    """What the host needs of the model (see depl.slices)."""

    slice: Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """A part of the answer to Wants. head: what the data are; last: nothing comes after it."""

    kind: str
    head: Mapping[str, Any] = field(default_factory=dict)
    last: bool = True
    data: bytes = b""


@dataclass(frozen=True)
class Withheld:
    """What the agent wants cannot be given; the agent ends."""

    kind: str


@dataclass(frozen=True)
class Start:
    """Deploy root components one after the other, up to one that fails; added to those that wait already.

    tasks: each {"root": name, "order": int, "after": [ids of roots]}. last: then the host has all of its own.
    """

    tasks: Sequence[Mapping[str, Any]]
    last: bool = False


@dataclass(frozen=True)
class Reverse:
    """Take back what was done for some root components, in this order. on_conflict: stop, force or keep."""

    tasks: Sequence[str]
    on_conflict: str = "stop"


@dataclass(frozen=True)
class Repeat:
    """Run again the reactions of some root components that are owed after the restores."""

    tasks: Sequence[str]


@dataclass(frozen=True)
class Settle:
    """The rollout is over here. whole: all root components of the host were meant."""

    outcome: str
    whole: bool = False


@dataclass(frozen=True)
class Chains:
    """What could be undone here? rollout: only this one."""

    rollout: Optional[str] = None


@dataclass(frozen=True)
class Undo:
    """Open the journal of a rollout to take it back. plan: only tell what would be done."""

    rollout: str
    plan: bool = False
    on_conflict: str = "stop"


@dataclass(frozen=True)
class Lock:
    """Take the lock. patience: how many seconds to wait for it; None: for ever."""

    patience: Optional[float] = 0.0


@dataclass(frozen=True)
class Unlock:
    """Give the lock back for now."""


@dataclass(frozen=True)
class Stop:
    """End early. how: hold (what waits does not begin), abort (at the next component), terminate (now)."""

    how: str


@dataclass(frozen=True)
class Check:
    """Call the checks of root components."""

    tasks: Sequence[str]


@dataclass(frozen=True)
class Alive:
    """A sign of life, in both directions. seen: the number of the last numbered message that came through."""

    seen: int = 0


@dataclass(frozen=True)
class Goodbye:
    """The last word: release everything and end."""


Request = Union[
    Hello,
    Slice,
    Given,
    Withheld,
    Start,
    Reverse,
    Repeat,
    Settle,
    Chains,
    Undo,
    Lock,
    Unlock,
    Stop,
    Check,
    Alive,
    Goodbye,
]
REQUESTS: Tuple[Type[Any], ...] = Request.__args__  # type: ignore[attr-defined]
