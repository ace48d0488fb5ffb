"""What an undo would meet: each change that stands, last one first, against what is there now."""

from __future__ import annotations

from typing import Any, Mapping

from depl.change.changes import Change, Put, Run, WayBack
from depl.change.folds import ChainState, Restore, rule_of_three, steps_of_unknown_effect
from depl.change.journal import Journal
from depl.change.ledger import to_repeat
from depl.change.nodes import Absent, Node, what_changed
from depl.change.predicting import PredictingSystem
from depl.change.records import Did, Record
from depl.change.shown import show_change
from depl.deploy.books import OWN
from depl.deploy.target import Target

Step = Mapping[str, Any]


def preview(target: Target, state: ChainState) -> list[Step]:
    """The steps of an undo, up to one across which nothing is undone; nothing is touched.

    Of each: component; shown: its reversal; conflict: why it cannot be taken back, nothing if it can.
    """
    system = PredictingSystem(target.records)
    restored: dict[str, Node] = {}  # a path that was changed twice is looked at as the first step back leaves it
    steps: list[Step] = []
    for did in state.standing:
        change, conflict = did.change, ""
        if did.component in OWN:
            continue
        if isinstance(change, Put):
            now = restored.get(change.path) or system.look(change.path, content=True)
            if rule_of_three(now, change) is Restore.CONFLICT:
                conflict = what_changed(change.after or Absent(), now)
            else:
                restored[change.path] = change.before
        elif isinstance(change, Run) and change.way_back is WayBack.IRREVERSIBLE:
            conflict = f"it cannot be undone, nor what was done before it: {change.reason}"
        steps.append(_step(did.component, change.reversal() or change, conflict))
        if isinstance(change, Run) and change.way_back is WayBack.IRREVERSIBLE:
            return steps
    return steps + _repetitions(target, state)


def _repetitions(target: Target, state: ChainState) -> list[Step]:
    """The reactions that would run again after the restores."""
    journal = _journal(target, state)
    restored: list[Record] = [
        Did(number, did.component, did.change.reversal() or did.change, did.n)
        for number, did in enumerate(state.standing, journal.number)
    ]
    for record in restored:
        journal.ledger.add(record)
    return [
        _step(repetition.component, run)
        for repetition in to_repeat([*journal.records, *restored], journal.ledger)
        for run in repetition.commands
    ]


def unknown_steps(target: Target, state: ChainState) -> list[str]:
    """The commands of a journal whose effects nobody can take back."""
    return steps_of_unknown_effect(_journal(target, state).records)


def _step(component: str, change: Change, conflict: str = "") -> Step:
    return {"component": component, "shown": show_change(change).as_json(), "conflict": conflict}


def _journal(target: Target, state: ChainState) -> Journal:
    journals = target.journals
    return journals.open_at(next(path for path, one in journals.states() if one.rollouts == state.rollouts))
