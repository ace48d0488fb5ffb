"""What an undo would meet: each change that stands, last one first, against what is there now."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from depl.change.changes import Change, Run
from depl.change.folds import ChainState, is_note, steps_of_unknown_effect
from depl.change.journal import Journal
from depl.change.ledger import to_repeat
from depl.change.records import Did, Record
from depl.change.redoing import left_to_redo, not_run_again, to_repeat_again, why_not_again
from depl.change.shown import show_change
from depl.deploy.ahead import Ahead
from depl.deploy.appeared import will_be_left
from depl.deploy.books import OWN
from depl.deploy.pivot import is_pivot, standing
from depl.deploy.target import Target

Step = Mapping[str, Any]


def preview(target: Target, journal: Journal, state: ChainState, again: bool = False, keep: bool = False) -> list[Step]:
    """The steps of an undo, up to one across which nothing is undone; nothing is touched.

    journal, state: what is undone. again: it is redone. keep: what cannot be undone is left as it is.

    Of each: component; shown: its reversal; conflict: why it cannot be taken back, nothing if it can. Of a directory
    that others put something into: held, why it stays, or goes_along, what will lie where when its tree is moved. Of
    the last step, where it ends before all is undone: stands, what was done before it.
    """
    left = left_to_redo(journal.records) if again else list(state.standing)
    ahead = Ahead(target, journal.records, left, keep)
    steps: list[Step] = []
    for place, did in enumerate(left):
        change = did.change
        if did.component in OWN or (again and is_note(did)):
            continue
        if isinstance(change, Run) and is_pivot(did):
            if keep:
                continue
            stop = _step(did.component, change, f"it cannot be undone, nor what was done before it: {change.reason}")
            repeated = _repetitions(journal, left[:place], again)
            return [*steps, *repeated, {**stop, "stands": standing(left[place:])}]
        never = why_not_again(did) if again else ""
        steps.append({**_step(did.component, change.reversal() or change, never), **ahead.step(change)})
    return steps + _repetitions(journal, left, again)


def _repetitions(journal: Journal, left: Sequence[Did], again: bool) -> list[Step]:
    """The reactions that would run again after the restores."""
    restored: list[Record] = [
        Did(number, did.component, did.change.reversal() or did.change, did.n)
        for number, did in enumerate(left, journal.number)
    ]
    if again:
        owed = to_repeat_again(journal.records, restored)
    else:
        for record in restored:
            journal.ledger.add(record)
        owed = to_repeat([*journal.records, *restored], journal.ledger)
    return [_step(repetition.component, run) for repetition in owed for run in repetition.commands]


def unknown_steps(records: Sequence[Record], again: bool = False) -> list[str]:
    """What a journal tells of that nobody can take back, or bring back."""
    return not_run_again(records) if again else [*steps_of_unknown_effect(records), *will_be_left(records)]


def _step(component: str, change: Change, conflict: str = "") -> Step:
    return {"component": component, "shown": show_change(change).as_json(), "conflict": conflict}
