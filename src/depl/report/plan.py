"""The last words on a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from depl.errors import DeplError
from depl.report.changes import counted_changes, unsafe_paragraph
from depl.report.lines import Line
from depl.rollout.change_words import Shown
from depl.rollout.wording import counted, seconds


class Planned(Protocol):
    """What a plan came to; depl.rollout.local makes them."""

    changes: int
    errors: list[DeplError]


def plan_lines(planned: Planned, label: str, changes: Sequence[Shown], components: int, took: float) -> list[Line]:
    """How much would change, and what of it cannot be promised to be undone."""
    looked = f"({counted(components, 'component')} looked at in {seconds(took)}; nothing was touched)"
    if not planned.changes and not planned.errors:
        return [Line(f"{label}: nothing to do {looked}")]
    ways = f", {counted_changes(changes)}" if changes else ""
    lines = [Line(f"{label}: {counted(planned.changes, 'component')} would change{ways} {looked}", "bold")]
    lines += unsafe_paragraph(changes)
    if planned.errors:
        lines.append(Line(f"{label}: {counted(len(planned.errors), 'component')} would fail", "red"))
    return lines
