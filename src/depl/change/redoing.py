"""Taking back an undo: what it undid, and which reactions must then run again. Pure, from the journal alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from depl.change.changes import Call, Put, Run
from depl.change.folds import fates, is_note, steps_of_unknown_effect
from depl.change.ledger import Repetition, below, reactions
from depl.change.records import Begin, Did, Ended, Failed, Record, Settled


def left_to_redo(records: Iterable[Record]) -> list[Did]:
    """What undos changed since the journal last stood as a whole, and is not taken back yet; last one first."""
    listed = list(records)
    stood = _last_success(listed)
    before = {n for n, fate in fates(listed[:stood]).items() if fate.stands}
    cleared = {did.n for did in _done_by_undos(listed[stood:])}
    found: dict[int, Did] = {}
    for n, fate in fates(listed).items():
        if n in before and not fate.stands:
            found[fate.last.n] = fate.last
        elif n in cleared and not fate.stands and fate.real is fate.forward:
            found[n] = fate.forward  # somebody's, removed by force to make room
    return [found[n] for n in sorted(found, reverse=True)]


def half_redone(records: Iterable[Record]) -> dict[int, Did]:
    """The commands that should have been run again and may have got half way, by what they take back."""
    found: dict[int, Did] = {}
    for fate in fates(records).values():
        if fate.tried is not None:
            found[fate.last.n] = found[fate.tried.undoes or 0] = fate.tried
    return found


def not_run_again(records: Iterable[Record]) -> list[str]:
    """The commands that nobody knew how to undo, and that do not run again either: as those of reactions do."""
    listed = list(records)
    repeated = {run.shown for reaction in reactions(listed) for run in reaction.commands}
    return [shown for shown in steps_of_unknown_effect(listed) if shown not in repeated]


def why_not_again(did: Did) -> str:
    """Why something that an undo did cannot be taken back; nothing if it can."""
    change = did.change
    if isinstance(change, Call):
        return f"what update() of {change.component} did cannot be done again without update()"
    if isinstance(change, Put) and change.lost:
        return f"{change.path} cannot be made again as it was, because what was there was {change.lost} to be kept"
    if isinstance(change, Run) and not change.undo:
        return f"what update() of {did.component} did cannot be done again without update()"
    return ""


def to_repeat_again(records: Iterable[Record], planned: Iterable[Record] = ()) -> list[Repetition]:
    """The reactions to run after an undo was taken back: those with a cause that was redone since they last ended.

    planned: changes that would be made by that.
    """
    listed = list(records)
    redone = [*_redone(listed), *(one for one in planned if isinstance(one, Did) and not is_note(one))]
    ended = {record.component: record.n for record in listed if isinstance(record, Ended)}

    def owed(reaction: Repetition) -> bool:
        last = ended.get(reaction.component, 0)
        return any(did.n > last and below(did.component, cause) for did in redone for cause in reaction.causes)

    return [reaction for reaction in reactions(listed) if owed(reaction)]


def _redone(records: list[Record]) -> Iterator[Did]:
    """The changes that were really made by taking undos back."""
    failed = {n for record in records if isinstance(record, Failed) for n in record.changes}
    for head, did in _under_heads(records):
        if head == "redo" and did.undoes is not None and did.n not in failed and not is_note(did):
            yield did


def _done_by_undos(records: list[Record]) -> Iterator[Did]:
    """The forward changes that undos made."""
    for head, did in _under_heads(records):
        if head == "undo" and did.undoes is None and not isinstance(did.change, Run):
            yield did


def _under_heads(records: list[Record]) -> Iterator[tuple[str, Did]]:
    """The changes, each with what the rollout does that made it: run, undo or redo."""
    undos: set[str] = set()
    head = ""
    for record in records:
        if isinstance(record, Begin):
            head = "redo" if record.undoes in undos else "undo" if record.undoes else "run"
            if head == "undo":
                undos.add(record.rollout)
        elif isinstance(record, Did):
            yield head, record


def _last_success(records: list[Record]) -> int:
    """How many records there are up to the last time that the journal stood as a whole."""
    ends = [at for at, one in enumerate(records, 1) if isinstance(one, Settled) and one.outcome == "succeeded"]
    return ends[-1] if ends else 0
