"""What an agent answers: a closed set of messages, as data.

Named tuples, as making a class of them costs a target a fifth of what a dataclass costs.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union

from depl.protocol.requests import Alive


class Ready(NamedTuple):
    """The machine as the agent found it. lock: held, not held ("" in a plan); owner: who holds it otherwise.

    known: the number that the journal has reached. time: seconds since the epoch. target_directory: in full.
    """

    python: str
    machine: str
    user: str
    home: str
    target_directory: str
    lock: bool
    owner: str = ""
    known: int = 0
    time: float = 0.0
    facts: Mapping[str, Any] = {}


class Wants(NamedTuple):
    """Something is missing on the host. kind: manifest, contents, bundle, wheels."""

    kind: str
    items: Sequence[Any] = ()


class Configured(NamedTuple):
    """The slice is configured. differences: what is not as on the coordinator, as sentences."""

    differences: Sequence[str] = ()
    warnings: Sequence[Mapping[str, Any]] = ()


class Told(NamedTuple):
    """An event (see depl.events)."""

    n: int
    what: str
    task: Optional[str] = None
    component: Optional[str] = None
    data: Mapping[str, Any] = {}


class Said(NamedTuple):
    """A piece of what a command printed."""

    n: int
    component: Optional[str]
    stream: str
    text: str


class TaskOver(NamedTuple):
    """A root component is through. errors: facts each, none where all went well. changed: how many components.

    began: something of it may be in the journal. dropped: it waited and will not begin, as something went wrong before.
    """

    n: int
    task: str
    changed: int = 0
    errors: Sequence[Mapping[str, Any]] = ()
    began: bool = True
    interrupted: bool = False
    dropped: bool = False


class TasksReversed(NamedTuple):
    """Some root components are taken back (or not). owed: those whose reactions are to be run again.

    pivots: steps across which nothing was undone; standing: what was done before them; left: the root components of
    which something is not put back.
    """

    n: int
    tasks: Sequence[str]
    reversed: int = 0
    kept: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    failed: Sequence[str] = ()
    unknown: Sequence[str] = ()
    owed: Sequence[str] = ()
    pivots: Sequence[str] = ()
    standing: Sequence[str] = ()
    left: Sequence[str] = ()


class Repeated(NamedTuple):
    """The reactions of some root components ran again. failed: as sentences."""

    n: int
    tasks: Sequence[str]
    failed: Sequence[str] = ()


class Collected(NamedTuple):
    """What is no longer declared is removed. changed: how much; errors: facts each, none where all went well.

    began: something of it may be in the journal.
    """

    n: int
    changed: int = 0
    errors: Sequence[Mapping[str, Any]] = ()
    began: bool = True
    interrupted: bool = False


class Checked(NamedTuple):
    """Some root components were asked whether they are well. red: those that are not; errors: facts each, why."""

    n: int
    tasks: Sequence[str]
    red: Sequence[str] = ()
    errors: Sequence[Mapping[str, Any]] = ()
    interrupted: bool = False


class Settled(NamedTuple):
    """The last word is in the journal. errors: facts each, of what could not be written."""

    n: int
    errors: Sequence[Mapping[str, Any]] = ()


class Planned(NamedTuple):
    """What a run would do: errors as facts; steps by way back."""

    n: int
    task: str
    changed: int = 0
    errors: Sequence[Mapping[str, Any]] = ()
    unknown: Sequence[str] = ()
    irreversible: Sequence[str] = ()


class Found(NamedTuple):
    """What could be undone: newest first, each {"rollouts", "environments", "tasks", "needs_code", ...}.

    purged: the rollouts that can no longer be undone (those that there is a list of); forgotten: undos that can no
    longer be, and rollouts that had been undone already, if one was asked for by name.
    """

    chains: Sequence[Mapping[str, Any]] = ()
    purged: Sequence[str] = ()
    forgotten: Sequence[str] = ()


class Undoing(NamedTuple):
    """The journal of a rollout is open. tasks: each {"root", "order", "after"}. steps: of a plan. again: to redo it."""

    tasks: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[Mapping[str, Any]] = ()
    unknown: Sequence[str] = ()
    rollouts: Sequence[str] = ()
    again: bool = False


class Logged(NamedTuple):
    """A part of what was done here. rows: see depl.deploy.history. unread: journals that cannot be read, as errors.

    last: nothing comes after it.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    unread: Sequence[Mapping[str, Any]] = ()
    last: bool = True


class LockTaken(NamedTuple):
    """The answer to Lock. owner: who has it instead."""

    held: bool
    owner: str = ""


class Refused(NamedTuple):
    """The agent cannot go on, and ends. errors: facts each. status: locked, lost, wrong or failed."""

    status: str
    errors: Sequence[Mapping[str, Any]] = ()


class Bye(NamedTuple):
    """The agent ends, as it was asked to."""


Reply = Union[
    Ready,
    Wants,
    Configured,
    Told,
    Said,
    TaskOver,
    TasksReversed,
    Repeated,
    Collected,
    Checked,
    Settled,
    Planned,
    Found,
    Undoing,
    Logged,
    LockTaken,
    Refused,
    Bye,
    Alive,
]
REPLIES: Tuple[Type[Any], ...] = Reply.__args__  # type: ignore[attr-defined]
NUMBERED = (
    Told,
    Said,
    TaskOver,
    TasksReversed,
    Repeated,
    Collected,
    Checked,
    Settled,
    Planned,
)  # come again after a cut, by n
