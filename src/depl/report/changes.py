"""Changes as text: what they do, their diff, and their way back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from depl.report.lines import Line
from depl.report.tally import Step
from depl.rollout import change_words
from depl.rollout.change_words import DIFF_LIMIT, UNSAFE, Shown, diff_parts, is_new, reason_of, sentence, way_of


def change_lines(change: Shown, *, contents: bool = False, ways: bool = False) -> list[Line]:
    """A change as lines.

    contents: new files are shown with what is in them. ways: every way back is named, not only a missing one.
    """
    lines = [Line(f"  {sentence(change)}{way_back(change, ways)}", _style(change))]
    if change.get("diff") and (contents or not is_new(change)):
        lines.extend(diff_lines(change["diff"]))
    return lines


def diff_lines(diff: str, limit: int = DIFF_LIMIT) -> list[Line]:
    """A unified diff as lines; of a long one the first and the last part."""
    return [Line(f"      {line}", _DIFF_STYLES.get(line[:1], "")) for line in diff_parts(diff, limit)]


def way_back(change: Shown, always: bool = False) -> str:
    """A mark that says how a change can be undone, where that has to be said."""
    way = way_of(change)
    if way not in UNSAFE and not always:
        return ""
    reason = reason_of(change)
    return f"  [{way}: {reason}]" if reason else f"  [{way}]"


def counted_changes(changes: Sequence[Shown]) -> str:
    """How many changes there are, and how they can be undone: `4 changes (3 exact, 1 unknown)`."""
    return change_words.counted_ways([way_of(change) for change in changes])


def unsafe_lines(changes: Iterable[Shown]) -> Iterator[Line]:
    """The changes that nobody can promise to undo."""
    for change in changes:
        if change.get("way_back") in UNSAFE:
            yield Line(f"  {sentence(change)}{way_back(change)}", "yellow")


def step_line(step: Step, host: str = "") -> str:
    """A step that nobody can promise to undo in one line: where, whose, what and why. host: where there is just one."""
    where = f"{step.host or host}: {step.component}"
    if step.change is None:
        return f"{where}: cannot be foreseen: {step.reason}"
    verb, _, what = sentence(step.change).partition(" ")
    return f"{where}: {verb} {what.strip()}{way_back(step.change)}"


def unsafe_paragraph(changes: Iterable[Shown]) -> list[Line]:
    """The same under a heading; nothing if there are none."""
    unsafe = list(unsafe_lines(changes))
    return [Line("these cannot be promised to be undone:", "yellow"), *unsafe] if unsafe else []


def _style(change: Shown) -> str:
    if change.get("way_back") in UNSAFE:
        return "yellow"
    return "red" if change.get("verb") == "remove" else "green" if is_new(change) else ""


_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
