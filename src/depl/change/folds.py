"""What the records say: pure folds, from the journal alone, so that they survive a crash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from depl.change.changes import Put, Run, WayBack
from depl.change.nodes import Node, Path, same
from depl.change.records import Began, Begin, Did, Ended, Failed, Made, Record, Settled


def left_to_undo(records: Iterable[Record]) -> list[Did]:
    """The forward changes that still stand, last one first, with what raw code made of their paths filled in.

    A command without an undo is not among them, unless it is irreversible: nothing can be undone across that one.
    """
    standing = [did for did in _standing(list(records)) if _has_way_back(did)]
    return sorted(standing, key=lambda did: did.n, reverse=True)


def steps_of_unknown_effect(records: Iterable[Record]) -> list[str]:
    """The commands that ran and that nobody can say how to undo, first to last, each once.

    A reaction is among them if its component was not on the host before, so that it is not repeated either.
    """
    listed = list(records)
    known = {record.component for record in listed if isinstance(record, Began) and record.known}
    unknown: dict[str, None] = {}
    for did in _standing(listed):
        run = did.change
        if isinstance(run, Run) and run.undo is None:
            repeated = run.way_back is WayBack.REPEAT and did.component in known
            if run.way_back in (WayBack.UNKNOWN, WayBack.REPEAT) and not repeated:
                unknown[run.shown] = None
    return list(unknown)


def _standing(records: list[Record]) -> list[Did]:
    failed = {n for record in records if isinstance(record, Failed) for n in record.changes}
    forward: dict[int, Did] = {}
    origin: dict[int, int] = {}  # a change -> the forward change at the end of its chain
    effect: dict[int, bool] = {}  # a change -> whether the forward change stands when it is made
    stands: dict[int, bool] = {}
    for record in _with_ends(records):
        if not isinstance(record, Did) or record.n in failed:
            continue
        if record.undoes is None:
            forward[record.n], origin[record.n] = record, record.n
            effect[record.n] = stands[record.n] = True
        elif record.undoes in origin:
            first = origin[record.n] = origin[record.undoes]
            # Undoing a forward change fells it, undoing that undo puts it up again; doing either twice changes nothing.
            effect[record.n] = stands[first] = not effect[record.undoes]
    return [did for n, did in forward.items() if stands[n]]


def _has_way_back(did: Did) -> bool:
    change = did.change
    return not isinstance(change, Run) or change.undo is not None or change.way_back is WayBack.IRREVERSIBLE


def is_repeated(did: Did) -> bool:
    """Whether a change is a command of a reaction."""
    return isinstance(did.change, Run) and did.change.way_back is WayBack.REPEAT


def _with_ends(records: list[Record]) -> Iterator[Record]:
    """The records, where an update's raw writes say what they became; nothing is known of those that never ended."""
    waiting: dict[str, dict[Path, int]] = {}  # component -> path -> number of the change
    became: dict[int, Node] = {}
    for record in records:
        if isinstance(record, Began):
            waiting[record.component] = {}
        elif isinstance(record, Did) and isinstance(record.change, Put) and record.change.after is None:
            waiting.setdefault(record.component, {})[record.change.path] = record.n
        elif isinstance(record, Did) and isinstance(record.change, Put):
            captured = waiting.get(record.component, {}).pop(record.change.path, None)
            if captured is not None:  # a verb goes on where raw code ended
                became[captured] = record.change.before
        elif isinstance(record, Ended):
            paths = waiting.pop(record.component, {})
            became.update({paths[path]: node for path, node in record.after.items() if path in paths})
    for record in records:
        if isinstance(record, Did) and isinstance(record.change, Put) and record.n in became:
            yield replace(record, change=replace(record.change, after=became[record.n]))
        else:
            yield record


class Restore(Enum):
    """What the rule of three says."""

    ALREADY = "already undone"
    RESTORE = "restore"
    CONFLICT = "conflict"


def rule_of_three(now: Node, change: Put) -> Restore:
    """Whether a change of a path can be taken back, given what is there now.

    A write that never ended (after None) is restored whatever it left behind.
    """
    if same(now, change.expected_before(now)):
        return Restore.ALREADY
    if change.after is None or same(now, change.expected_after(now)):
        return Restore.RESTORE
    return Restore.CONFLICT


@dataclass(frozen=True)
class ChainState:
    """What a journal comes to. rollouts: the forward ones in it, first to last; environments: theirs."""

    rollouts: tuple[str, ...]
    undos: tuple[str, ...]
    environments: tuple[str, ...]
    host: str
    settled: bool
    outcome: str  # of the last Settled
    standing: tuple[Did, ...]  # last first
    begun: tuple[Begin, ...] = ()  # of the forward rollouts, one for each task, in the order of their last

    @property
    def unsettled(self) -> bool:
        """Whether the last word on it is missing, so that the next one who comes deals with it."""
        return not self.settled


def chain_state(records: Iterable[Record]) -> ChainState:
    """The state of one journal."""
    listed = list(records)
    rollouts: dict[str, None] = {}
    undos: dict[str, None] = {}
    environments: dict[str, None] = {}
    begun: dict[str, Begin] = {}
    host = ""
    settled, outcome = True, ""
    for record in listed:
        if isinstance(record, Begin):
            (undos if record.undoes else rollouts)[record.rollout] = None
            if not record.undoes:
                earlier = begun.pop(record.task, record)
                after = tuple(dict.fromkeys((*earlier.after, *record.after)))
                begun[record.task] = replace(record, after=after)
            environments[record.environment] = None
            host = host or record.host
            settled = False
        elif isinstance(record, Settled):
            settled, outcome = True, record.outcome
            if outcome == "succeeded":  # also of a rollout that only went on here, and had nothing to do
                rollouts[record.rollout] = None
        elif not isinstance(record, Made):
            settled = False
    return ChainState(
        tuple(rollouts),
        tuple(undos),
        tuple(environments),
        host,
        settled,
        outcome,
        tuple(left_to_undo(listed)),
        tuple(begun.values()),
    )
