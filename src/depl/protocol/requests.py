"""What a coordinator asks of an agent: a closed set of messages, as data.

Named tuples, as making a class of them costs a target a fifth of what a dataclass costs.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union

VERSION = 1


class Hello(NamedTuple):
    """The first words: what the agent is to do, and where.

    mode: act, plan, undo, look. project: the key of what is transferred (empty: none), method: how. requirements: the
    key of what component code imports (empty: nothing). patience: seconds to wait for the lock, None: for ever.
    resume: this rollout is at work on the host already; seen: the number of the last message that came through; known:
    the number that the journal had reached; done: the root components that went through. beat: seconds between two
    signs of life. of: the project's own name. selected: not all root components of the host are meant. gc: what is no
    longer declared is to be removed.
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
    patience: Optional[float] = 0.0
    take_over: bool = False
    resume: bool = False
    seen: int = 0
    known: int = 0
    since: float = 0.0
    done: Sequence[str] = ()
    durability: str = "full"
    change_limit: int = 256 * 1024 * 1024
    command_timeout: Optional[float] = None
    reversible_only: bool = False
    keep_rollouts: int = 10
    keep_days: int = 30
    beat: float = 5.0
    of: str = ""
    selected: bool = False
    gc: bool = False
    version: int = VERSION


class Slice(NamedTuple):
    """What the host needs of the model (see depl.slices)."""

    slice: Mapping[str, Any]


class Given(NamedTuple):
    """A part of the answer to Wants. head: what the data are; last: nothing comes after it."""

    kind: str
    head: Mapping[str, Any] = {}
    last: bool = True
    data: bytes = b""


class Withheld(NamedTuple):
    """What the agent wants cannot be given; the agent ends."""

    kind: str


class Start(NamedTuple):
    """Deploy root components one after the other, up to one that fails; added to those that wait already.

    tasks: each {"root": name, "order": int, "after": [ids of roots]}. last: then the host has all of its own.
    """

    tasks: Sequence[Mapping[str, Any]]
    last: bool = False


class Reverse(NamedTuple):
    """Take back what was done for some root components, in this order. on_conflict: stop, force or keep."""

    tasks: Sequence[str]
    on_conflict: str = "stop"


class Repeat(NamedTuple):
    """Run again the reactions of some root components that are owed after the restores."""

    tasks: Sequence[str]


class Collect(NamedTuple):
    """Remove what is no longer declared, now that all went through, on all hosts; in a plan: say what that would be."""


class Check(NamedTuple):
    """Ask some root components, which are deployed, whether they are well."""

    tasks: Sequence[str]


class Settle(NamedTuple):
    """The rollout is over here. whole: all root components of the host were meant."""

    outcome: str
    whole: bool = False


class Chains(NamedTuple):
    """What could be undone here? rollout: only this one."""

    rollout: Optional[str] = None


class Undo(NamedTuple):
    """Open the journal of a rollout to take it back. plan: only tell what would be done."""

    rollout: str
    plan: bool = False
    on_conflict: str = "stop"


class Log(NamedTuple):
    """What was done here? path: only changes of it, and of what is below it. changes: tell them, not just rollouts.

    more: go on with the answer to the last one.
    """

    path: Optional[str] = None
    changes: bool = False
    more: bool = False


class Lock(NamedTuple):
    """Take the lock. patience: how many seconds to wait for it; None: for ever."""

    patience: Optional[float] = 0.0


class Stop(NamedTuple):
    """End early. how: hold (what waits does not begin), abort (at the next component), terminate (now)."""

    how: str


class Alive(NamedTuple):
    """A sign of life, in both directions. seen: the number of the last numbered message that came through."""

    seen: int = 0


class Goodbye(NamedTuple):
    """The last word: release everything and end."""


Request = Union[
    Hello,
    Slice,
    Given,
    Withheld,
    Start,
    Reverse,
    Repeat,
    Collect,
    Check,
    Settle,
    Chains,
    Undo,
    Log,
    Lock,
    Stop,
    Alive,
    Goodbye,
]
REQUESTS: Tuple[Type[Any], ...] = Request.__args__  # type: ignore[attr-defined]
