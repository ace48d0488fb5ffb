"""Undoing as text: what it would put back, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from depl.errors import TakenOver
from depl.report.changes import sentence
from depl.report.lines import Line, counted, seconds
from depl.report.run import UNKNOWN, Outcome, left_lines


def undo_plan_lines(
    steps: Sequence[Mapping[str, Any]],
    name: str,
    rollouts: Sequence[str],
    unknown: Sequence[str] = (),
    *,
    quiet: bool = False,
    again: bool = False,
) -> list[Line]:
    """What an undo would do, in its order. again: to another undo.

    Of each step: component; shown: the reversal of a change; conflict: why it cannot be, nothing if it can.
    """
    lines = []
    for step in steps if not quiet else ():
        component, shown, conflict = step["component"], step["shown"], step["conflict"]
        lines.append(Line(f"{component}: {sentence(shown)}  [{shown.get('way_back')}]", "red" if conflict else ""))
        if conflict:
            lines.append(Line(f"  not possible now: {conflict}", "red"))
    if unknown and not quiet:
        lines += [Line(UNKNOWN, "yellow"), *(Line(f"  {one}") for one in unknown)]
    conflicts = sum(bool(step["conflict"]) for step in steps)
    standing = f", {counted(conflicts, 'conflict')}" if conflicts else ""
    done = "made again" if again else "put back"
    what = f"{counted(len(steps), 'change')} of rollout {', '.join(rollouts)} would be {done}{standing}"
    return [*lines, Line(f"{name}: {what}; nothing was touched", "bold")]


def undo_lines(outcome: Outcome, name: str, took: float, again: str = "", *, redone: bool = False) -> list[Line]:
    """The last words on an undo. again: the command that was given; redone: it was to take back an undo."""
    many = f"{counted(outcome.changed, 'change')} {'made again' if redone else 'put back'}"
    if outcome.status == "blocked":
        lines = [Line(f"{name}: {many} in {seconds(took)}, but not everything", "red"), *left_lines(outcome)]
        if again and not any(isinstance(one, TakenOver) for one in outcome.errors):
            lines.append(Line(f"  restore all the same with: {again} --force, or leave it so with: {again} --keep"))
        return lines
    return [Line(f"{name}: {many} in {seconds(took)}", "bold"), *left_lines(outcome)]
