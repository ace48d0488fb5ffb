"""The pivot: a step that cannot be undone, so that what was done before it stands, too."""

from __future__ import annotations

from collections import Counter
from typing import Iterable, Sequence

from depl.change.changes import Run, WayBack
from depl.change.ledger import root_of
from depl.change.records import Did
from depl.deploy.books import OWN


def is_pivot(did: Did) -> bool:
    """Whether nothing is undone across a change."""
    return isinstance(did.change, Run) and did.change.way_back is WayBack.IRREVERSIBLE


def pivot_sentence(did: Did) -> str:
    """What cannot be undone, and why."""
    run = did.change
    assert isinstance(run, Run)
    return f"{did.component}: {run.shown} cannot be undone: {run.reason}"


def standing(dids: Iterable[Did]) -> list[str]:
    """What stands because of a pivot: how many changes of which root component. dids: last one first."""
    counts = Counter(root_of(did.component) for did in dids if did.component not in OWN and not is_pivot(did))
    return [f"{root}: {count} change{'' if count == 1 else 's'}" for root, count in reversed(counts.items())]


def roots_of(dids: Iterable[Did]) -> Sequence[str]:
    """The root components that changes belong to."""
    return sorted({root_of(did.component) for did in dids if did.component not in OWN})
