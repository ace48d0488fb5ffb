"""The records of a host's journal, as values and as JSON. Numbers grow, over all journals of a host."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Mapping, Optional, Sequence, Union

from depl.change.changes import Call, Change, Move, Put, Run, WayBack
from depl.change.nodes import Absent, Digest, Directory, File, Link, Node, Other, Path
from depl.errors import JournalError

SCHEMA = 2  # of what is written; those below are read, too
NEWER = "Use the depl that wrote it, or a newer one."


@dataclass(frozen=True)
class Begin:
    """Work on a task begins. undoes: the rollout that this one takes back.

    after: the ids (`root@host`) of the root components that this one came after. project: the key under which the
    project lies on the host, if it was brought there.
    """

    n: int
    rollout: str
    environment: str
    host: str
    task: str
    order: int
    who: str
    revision: str
    boot: str
    at: str
    undoes: Optional[str] = None
    schema: int = SCHEMA
    after: Sequence[str] = ()
    project: str = ""


@dataclass(frozen=True)
class Did:
    """A change, written before it is made. undoes: the number of the change that it takes back.

    follows: the change that it came right after, where it was written down later than others that came after it.
    """

    n: int
    component: str
    change: Change
    undoes: Optional[int] = None
    follows: Optional[int] = None


@dataclass(frozen=True)
class Made:
    """Every change before this record is on disk; those after the last one are looked at again in recovery."""

    n: int


@dataclass(frozen=True)
class Failed:
    """Changes that were written down, but then not made: the machine refused, or depl was killed before.

    component: the one whose update failed, where this is the last word on it. appeared: as in Ended.
    """

    n: int
    changes: Sequence[int]
    component: str = ""
    appeared: Sequence[Path] = ()


@dataclass(frozen=True)
class Began:
    """An update begins. causes: the subtrees that this component reacts to.

    known: it was on the host before this rollout. again: a repetition on the way back. verbs: it acts through verbs
    alone, so that without a change on record nothing was done. workdir: the directory that it owns, captured whole.
    tops: what else it touches, and is no directory with something in it; what is in one there later, it made.
    """

    n: int
    component: str
    causes: Sequence[str] = ()
    known: bool = False
    again: bool = False
    verbs: bool = False
    workdir: Path = ""
    tops: Sequence[Path] = ()


@dataclass(frozen=True)
class Ended:
    """An update ended well. after: what raw code made of the paths that were captured for it.

    appeared: what is new in the workdir and stands in no change, as it may be shown. trees: the blob with the names in
    the trees that it put into place (see depl.deploy.company).
    """

    n: int
    component: str
    after: Mapping[Path, Node] = field(default_factory=dict)
    causes: Sequence[str] = ()
    appeared: Sequence[Path] = ()
    trees: Digest = ""


@dataclass(frozen=True)
class End:
    """Work on a task ended; error None: well."""

    n: int
    task: str
    error: Optional[str] = None


@dataclass(frozen=True)
class Settled:
    """A rollout is over. whole: the host's whole slice went through, so versions and sights start anew.

    ledger: else what they are now, so that nobody has to read what came before; None in journals of old.
    """

    n: int
    rollout: str
    whole: bool
    outcome: str = "succeeded"
    ledger: Optional[Mapping[str, Any]] = None

    @property
    def is_start(self) -> bool:
        """Whether versions and sights are known from here on without what came before."""
        return self.whole or self.ledger is not None


Record = Union[Begin, Did, Made, Failed, Began, Ended, End, Settled]

_RECORDS = {kind.__name__.lower(): kind for kind in (Begin, Did, Made, Failed, Began, Ended, End, Settled)}
_NODES = {kind.__name__.lower(): kind for kind in (Absent, File, Link, Directory, Other)}
_CHANGES = {kind.__name__.lower(): kind for kind in (Put, Move, Run, Call)}


def to_json(record: Record) -> dict[str, Any]:
    """A record as JSON; `is` names its kind."""
    data = _plain(record)
    if isinstance(record, Did):
        data["change"] = _change_to_json(record.change)
    elif isinstance(record, Ended):
        data["after"] = {path: node_to_json(node) for path, node in record.after.items()}
    return data


def from_json(data: Mapping[str, Any]) -> Record:
    """The record that some JSON stands for. Errors: JournalError for what is no record of this schema."""
    try:
        values = dict(data)
        kind = _RECORDS[values.pop("is")]
        if kind is Begin and values.get("schema", SCHEMA) > SCHEMA:
            raise JournalError(
                f"the journal was written by a newer depl (schema {values['schema']}, this one knows {SCHEMA})",
                hint=NEWER,
            )
        if kind is Begin:
            values["after"] = tuple(values.get("after", ()))
        elif kind is Did:
            values["change"] = _change_from_json(values["change"])
        elif kind is Ended:
            values["after"] = {path: node_from_json(node) for path, node in values["after"].items()}
        for name in ("appeared", "tops"):
            if name in values:
                values[name] = tuple(values[name])
        record: Record = kind(**values)
        return record
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise JournalError(f"this record cannot be understood: {error!r}", hint=NEWER) from error


def node_to_json(node: Node) -> dict[str, Any]:
    """A node as JSON."""
    return _plain(node)


def node_from_json(data: Mapping[str, Any]) -> Node:
    """The node that some JSON stands for."""
    values = dict(data)
    node: Node = _NODES[values.pop("is")](**values)
    return node


def _change_to_json(change: Change) -> dict[str, Any]:
    data = _plain(change)
    if isinstance(change, Put):
        data["before"] = node_to_json(change.before)
        data["after"] = None if change.after is None else node_to_json(change.after)
    elif isinstance(change, Run):
        data["way_back"] = change.way_back.value
    return data


def _change_from_json(data: Mapping[str, Any]) -> Change:
    values = dict(data)
    kind = _CHANGES[values.pop("is")]
    if kind is Put:
        values["before"] = node_from_json(values["before"])
        values["after"] = None if values["after"] is None else node_from_json(values["after"])
    elif kind is Run:
        values["way_back"] = WayBack(values["way_back"])
    change: Change = kind(**values)
    return change


def _plain(value: Any) -> dict[str, Any]:
    kind = type(value)
    data: dict[str, Any] = {"is": kind.__name__.lower()}
    for one in fields(kind):
        data[one.name] = getattr(value, one.name)
    return data
