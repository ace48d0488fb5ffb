"""What the records say: pure folds, from the journal alone, so that they survive a crash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Optional

from depl.change.changes import Put, Run, WayBack
from depl.change.nodes import Node, Path, same
from depl.change.records import Began, Begin, Did, Ended, Failed, Made, Record, Settled


@dataclass
class Fate:
    """What became of a forward change. last: what decided whether it stands; real: what really changed something last.

    applied: whether the real one made the change, rather than took it back. tried: a command that should have made it
    again, and may have got half way.
    """

    forward: Did
    last: Did
    real: Did
    stands: bool = True
    applied: bool = True
    tried: Optional[Did] = None


def left_to_undo(records: Iterable[Record]) -> list[Did]:
    """The changes that still stand, last one first, with what raw code made of their paths filled in.

    Of one that was undone and made again it is the record of that. A command without an undo is not among them, unless
    it is irreversible: nothing can be undone across that one. Nor is what replaced a file that was too large to keep.
    """
    standing: dict[tuple[int, int], Did] = {}
    for fate in fates(records).values():
        if fate.tried is not None:
            standing[_place(fate.tried)] = fate.tried
        elif fate.stands and fate.applied and _has_way_back(fate.real):
            standing[_place(fate.last)] = fate.real
    return [standing[place] for place in sorted(standing, reverse=True)]


def _place(did: Did) -> tuple[int, int]:
    """When a change was made, by numbers: what raw code made in a directory is written down only later."""
    return did.follows or did.n, did.n


def steps_of_unknown_effect(records: Iterable[Record]) -> list[str]:
    """What was done that nobody can say how to undo, first to last, each once: commands, and files that were not kept.

    A reaction is among them if its component was not on the host before, so that it is not repeated either.
    """
    listed = list(records)
    known = {record.component for record in listed if isinstance(record, Began) and record.known}
    unknown: dict[str, None] = {}
    for fate in fates(listed).values():
        did, run = fate.real, fate.real.change
        if not (fate.stands and fate.applied):
            continue
        if isinstance(run, Run) and run.undo is None:
            repeated = run.way_back is WayBack.REPEAT and did.component in known
            if run.way_back in (WayBack.UNKNOWN, WayBack.REPEAT) and not repeated:
                unknown[run.shown] = None
        elif isinstance(run, Put) and run.lost and run.after != run.before:
            unknown[f"{run.path}: what was there was not kept, as it is {run.lost}"] = None
    return list(unknown)


def fates(records: Iterable[Record]) -> dict[int, Fate]:
    """What became of each forward change that was made, by its number."""
    listed = list(records)
    failed = {n for record in listed if isinstance(record, Failed) for n in record.changes}
    found: dict[int, Fate] = {}
    origin: dict[int, int] = {}  # a change -> the forward change at the end of its chain
    effect: dict[int, bool] = {}  # a change -> whether the forward change stands when it is made
    for record in with_ends(listed):
        if not isinstance(record, Did):
            continue
        if record.undoes is None:
            if record.n not in failed:
                found[record.n] = Fate(record, record, record)
                origin[record.n], effect[record.n] = record.n, True
        elif record.undoes in origin:
            # Undoing a forward change fells it, undoing that undo puts it up again; doing either twice changes nothing.
            stands = not effect[record.undoes]
            if record.n not in failed:
                _decide(found[origin[record.undoes]], record, stands)
            elif stands and isinstance(record.change, Run):
                found[origin[record.undoes]].tried = record
            else:
                continue
            origin[record.n], effect[record.n] = origin[record.undoes], stands
    return found


def _decide(fate: Fate, did: Did, stands: bool) -> None:
    fate.last, fate.stands, fate.tried = did, stands, None
    if not is_note(did):
        fate.real, fate.applied = did, stands


def is_note(did: Did) -> bool:
    """Whether a way back only says that something is left as it is."""
    return did.undoes is not None and isinstance(did.change, Put) and did.change.before == did.change.after


def _has_way_back(did: Did) -> bool:
    change = did.change
    if isinstance(change, Put):
        return not change.lost
    return not isinstance(change, Run) or change.undo is not None or change.way_back is WayBack.IRREVERSIBLE


def is_repeated(did: Did) -> bool:
    """Whether a change is a command of a reaction."""
    return isinstance(did.change, Run) and did.change.way_back is WayBack.REPEAT


def with_ends(records: list[Record]) -> Iterator[Record]:
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


def is_captured(did: Did) -> bool:
    """Whether it was only written down because raw code may change it."""
    return isinstance(did.change, Put) and did.change.after is None


def half_written(records: Iterable[Record]) -> list[Path]:
    """The paths of which nobody wrote down what raw code made of them: its update did not end."""
    puts = [one.change for one in with_ends(list(records)) if isinstance(one, Did) and isinstance(one.change, Put)]
    return [put.path for put in puts if put.after is None]


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
    """What a journal comes to. rollouts: the forward ones in it, first to last, redoing too; environments: theirs."""

    rollouts: tuple[str, ...]
    undos: tuple[str, ...]
    environments: tuple[str, ...]
    host: str
    settled: bool
    outcome: str  # of the last Settled
    standing: tuple[Did, ...]  # last first
    begun: tuple[Begin, ...] = ()  # of the forward rollouts, one for each task, in the order of their last
    undone: tuple[str, ...] = ()  # the undos since it last stood as a whole: naming one of them redoes

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
    undone: dict[str, None] = {}
    host = ""
    settled, outcome, stood = True, "", False
    for record in listed:
        if isinstance(record, Begin):
            redoes = record.undoes in undos
            (undos if record.undoes and not redoes else rollouts)[record.rollout] = None
            if not record.undoes:
                stood = False
                undone.clear()
                earlier = begun.pop(record.task, record)
                after = tuple(dict.fromkeys((*earlier.after, *record.after)))
                begun[record.task] = replace(record, after=after)
            elif stood and not redoes:
                undone[record.rollout] = None
            environments[record.environment] = None
            host = host or record.host
            settled = False
        elif isinstance(record, Settled):
            settled, outcome = True, record.outcome
            if outcome == "succeeded":  # also of a rollout that only went on here, and had nothing to do
                rollouts[record.rollout] = None
                stood = True
                undone.clear()
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
        tuple(undone),
    )
