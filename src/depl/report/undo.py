"""Undoing as text: what it would put back, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from depl.report.changes import Shown, sentence
from depl.report.lines import Line, counted, seconds
from depl.report.run import UNKNOWN, Outcome, left_lines


class Step(Protocol):
    """A change that would be taken back. shown: its reversal. conflict: why not, nothing if it can be."""

    @property
    def component(self) -> str: ...

    @property
    def shown(self) -> Shown: ...

    @property
    def conflict(self) -> str: ...


def undo_plan_lines(
    steps: Sequence[Step], name: str, rollouts: Sequence[str], unknown: Sequence[str] = (), *, quiet: bool = False
) -> list[Line]:
    """What an undo would do, in its order."""
    lines = []
    for step in steps if not quiet else ():
        way = step.shown.get("way_back")
        lines.append(Line(f"{step.component}: {sentence(step.shown)}  [{way}]", "red" if step.conflict else ""))
        if step.conflict:
            lines.append(Line(f"  not possible now: {step.conflict}", "red"))
    if unknown and not quiet:
        lines += [Line(UNKNOWN, "yellow"), *(Line(f"  {one}") for one in unknown)]
    conflicts = sum(bool(step.conflict) for step in steps)
    standing = f", {counted(conflicts, 'conflict')}" if conflicts else ""
    what = f"{counted(len(steps), 'change')} of rollout {', '.join(rollouts)} would be put back{standing}"
    return [*lines, Line(f"{name}: {what}; nothing was touched", "bold")]


def undo_lines(outcome: Outcome, name: str, took: float, again: str = "") -> list[Line]:
    """The last words on an undo. again: the command that was given."""
    many = counted(outcome.changed, "change")
    if outcome.status == "blocked":
        lines = [Line(f"{name}: {many} put back in {seconds(took)}, but not everything", "red"), *left_lines(outcome)]
        if again:
            lines.append(Line(f"  restore all the same with: {again} --force, or leave it so with: {again} --keep"))
        return lines
    return [Line(f"{name}: {many} put back in {seconds(took)}", "bold"), *left_lines(outcome)]
