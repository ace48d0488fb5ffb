"""What an undo would meet: each change that stands, last one first, against what is there now."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from depl.change.changes import Put, Run, WayBack
from depl.change.folds import ChainState, Restore, rule_of_three, steps_of_unknown_effect
from depl.change.journal import Journal
from depl.change.ledger import to_repeat
from depl.change.nodes import Absent, Node, describe
from depl.change.predicting import PredictingSystem
from depl.change.records import Did, Record
from depl.change.shown import show_change
from depl.deploy import receipts
from depl.deploy.target import Target
from depl.rollout.options import Options


@dataclass(frozen=True)
class Step:
    """A change that would be taken back. shown: its reversal. conflict: why it cannot be, nothing if it can."""

    component: str
    shown: Mapping[str, Any]
    conflict: str = ""


def preview(state: ChainState, options: Options) -> list[Step]:
    """The steps of an undo, up to one across which nothing is undone; nothing is touched."""
    system = PredictingSystem(os.path.join(options.target_directory, ".depl"))
    restored: dict[str, Node] = {}  # a path that was changed twice is looked at as the first step back leaves it
    steps = []
    for did in state.standing:
        change, conflict = did.change, ""
        if did.component == receipts.COMPONENT:
            continue
        if isinstance(change, Put):
            now = restored.get(change.path) or system.look(change.path, content=True)
            if rule_of_three(now, change) is Restore.CONFLICT:
                conflict = f"depl left {describe(change.after or Absent())}, but {describe(now)} is there now"
            else:
                restored[change.path] = change.before
        elif isinstance(change, Run) and change.way_back is WayBack.IRREVERSIBLE:
            conflict = f"it cannot be undone, nor what was done before it: {change.reason}"
        steps.append(Step(did.component, show_change(change.reversal() or change).as_json(), conflict))
        if isinstance(change, Run) and change.way_back is WayBack.IRREVERSIBLE:
            return steps
    return steps + _repetitions(state, options)


def _repetitions(state: ChainState, options: Options) -> list[Step]:
    """The reactions that would run again after the restores."""
    journal = _journal(state, options)
    restored: list[Record] = [
        Did(number, did.component, did.change.reversal() or did.change, did.n)
        for number, did in enumerate(state.standing, journal.number)
    ]
    for record in restored:
        journal.ledger.add(record)
    return [
        Step(repetition.component, show_change(run).as_json())
        for repetition in to_repeat([*journal.records, *restored], journal.ledger)
        for run in repetition.commands
    ]


def unknown_steps(state: ChainState, options: Options) -> list[str]:
    """The commands of a journal whose effects nobody can take back."""
    return steps_of_unknown_effect(_journal(state, options).records)


def _journal(state: ChainState, options: Options) -> Journal:
    journals = Target(options.target_directory).journals
    return journals.open_at(next(path for path, one in journals.states() if one.rollouts == state.rollouts))
