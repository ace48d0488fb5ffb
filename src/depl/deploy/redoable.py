"""Which undos can be taken back: the newest ones of a journal, whose things nobody changed since."""

from __future__ import annotations

from typing import Optional, Sequence

from depl.change.folds import ChainState, fates
from depl.change.journal import read, read_last
from depl.change.records import Did
from depl.change.redoing import left_to_redo, why_not_again
from depl.deploy.overlap import overlap
from depl.errors import NothingToUndo


def redoes(state: ChainState, rollout: Optional[str]) -> bool:
    """Whether naming a rollout means to take an undo back."""
    return rollout is not None and rollout in state.undone


def assert_redoable(
    path: str, state: ChainState, rollout: str, newer: Sequence[tuple[str, ChainState]], stands: bool
) -> None:
    """Errors: NothingToUndo, which says why an undo cannot be taken back.

    path, state: its journal; newer: those that were written to later; stands: it has something to undo.
    """
    if not redoes(state, rollout):
        raise _why_not(state, rollout, stands)
    mine, end = left_to_redo(read(path)), read_last(path)
    later = [other for other_path, other in newer if end and overlap(mine, _changed_since(other_path, end.n))]
    if later:
        names = [other.undone[-1] if other.undone else other.rollouts[-1] for other in later]
        raise NothingToUndo(
            f"the undo {rollout} cannot be taken back before {', '.join(names)}, which changed the same things later",
            hint="Take back the newer ones first, newest first.",
        )


def assert_can_be_done_again(path: str) -> None:
    """Errors: NothingToUndo, where something that an undo did cannot be taken back."""
    reasons = list(dict.fromkeys(filter(None, map(why_not_again, left_to_redo(read(path))))))
    if reasons:
        raise NothingToUndo(
            f"this undo cannot be taken back as a whole: {'; '.join(reasons)}",
            hint="Deploy again to go forward, or leave that out with --keep.",
        )


def _why_not(state: ChainState, rollout: str, stands: bool) -> NothingToUndo:
    if state.undone:
        return NothingToUndo(
            f"{rollout} is not the newest undo of rollout {state.rollouts[0]}: that is {state.undone[-1]}",
            hint="Name that one to redo what it took back.",
        )
    if stands and state.settled:
        return NothingToUndo(f"the undo {rollout} is taken back already")
    return NothingToUndo(
        f"the undo {rollout} cannot be taken back: what it undid had not come to its end",
        hint="Deploy again to go forward.",
    )


def _changed_since(path: str, number: int) -> list[Did]:
    """What stands in a journal and did not at a number, or the other way round."""
    records = read(path)
    then = {n for n, fate in fates(record for record in records if record.n <= number).items() if fate.stands}
    return [fate.forward for n, fate in fates(records).items() if fate.stands != (n in then)]
