"""Undoing as text: what it would put back, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from depl.errors import UNWRITABLE, TakenOver
from depl.report.lines import Line
from depl.report.pivots import ways_on
from depl.report.run import UNKNOWN, Outcome, left_lines
from depl.rollout.change_words import sentence
from depl.rollout.wording import counted, seconds


def undo_plan_lines(
    steps: Sequence[Mapping[str, Any]],
    name: str,
    rollouts: Sequence[str],
    unknown: Sequence[str] = (),
    *,
    quiet: bool = False,
    again: bool = False,
    command: str = "depl undo",
) -> list[Line]:
    """What an undo would do, in its order. again: to another undo. command: the one that undoes.

    Of each step: component; shown: the reversal of a change; conflict: why it cannot be, nothing if it can; stands:
    what stays because it was done before this one, which nothing is undone across; held: why it stays itself;
    goes_along: what others put into a tree, and where it will lie.
    """
    lines = [line for step in steps if not quiet for line in _step_lines(step)]
    if not quiet and any("stands" in step for step in steps):
        lines.append(Line(f"put that back, too, all but the step itself, with: {command} --keep"))
    if unknown and not quiet:
        lines += [Line(UNKNOWN, "yellow"), *(Line(f"  {one}") for one in unknown)]
    conflicts = sum(bool(step["conflict"]) and "stands" not in step for step in steps)
    standing = f", {counted(conflicts, 'conflict')}" if conflicts else ""
    done = "made again" if again else "put back"
    what = f"{counted(would_be_done(steps), 'change')} of rollout {', '.join(rollouts)} would be {done}{standing}"
    return [*lines, Line(f"{name}: {what}; nothing was touched", "bold")]


def would_be_done(steps: Sequence[Mapping[str, Any]]) -> int:
    """How many steps there are, without those that stay because of one across which nothing is undone."""
    return sum("stands" not in step and not step.get("held") for step in steps)


def _step_lines(step: Mapping[str, Any]) -> list[Line]:
    component, shown, conflict = step["component"], step["shown"], step["conflict"]
    if "stands" in step:
        stop = [Line(f"{component}: {sentence(shown)}", "red"), Line(f"  here it would stop: {conflict}", "red")]
        return [*stop, *(Line(f"  stays as it is: {one}") for one in step["stands"] or ())]
    held = step.get("held")
    lines = [Line(f"{component}: {sentence(shown)}  [{shown.get('way_back')}]", "red" if conflict or held else "")]
    if held:
        return [*lines, Line(f"  stays as it is: {held}", "red")]
    lines += [Line(f"  goes along: {one}", "yellow") for one in step.get("goes_along", ())]
    return [*lines, Line(f"  not possible now: {conflict}", "red")] if conflict else lines


def undo_lines(outcome: Outcome, name: str, took: float, again: str = "", *, redone: bool = False) -> list[Line]:
    """The last words on an undo. again: the command that was given; redone: it was to take back an undo."""
    many = f"{counted(outcome.changed, 'change')} {'made again' if redone else 'put back'}"
    if outcome.status == "blocked":
        lines = [Line(f"{name}: {many} in {seconds(took)}, but not everything", "red"), *left_lines(outcome)]
        if outcome.pivots and not outcome.conflicts:
            return [*lines, *ways_on(outcome, again)]
        if again and outcome.interrupted:
            lines.append(Line(f"  go on with: {again}"))
        elif again and any(f" {UNWRITABLE}: " in one for one in outcome.conflicts):
            lines.append(Line(f"  make room for the journal, or let it be written, then go on with: {again}"))
        elif again and not any(isinstance(one, TakenOver) for one in outcome.errors):
            lines.append(Line(f"  restore all the same with: {again} --force, or leave it so with: {again} --keep"))
        return lines
    return [Line(f"{name}: {many} in {seconds(took)}", "bold"), *left_lines(outcome)]
