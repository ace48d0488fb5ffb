"""Changes as text: what they do, their diff, and their way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from depl.report.lines import Line, counted, size
from depl.report.tally import UNSAFE, Step

DIFF_LIMIT = 200  # lines

Shown = Mapping[str, Any]  # a change as an event carries it


def change_lines(change: Shown, *, contents: bool = False, ways: bool = False) -> list[Line]:
    """A change as lines.

    contents: new files are shown with what is in them. ways: every way back is named, not only a missing one.
    """
    lines = [Line(f"  {sentence(change)}{way_back(change, ways)}", _style(change))]
    if change.get("diff") and (contents or not _is_new(change)):
        lines.extend(diff_lines(change["diff"]))
    return lines


def diff_lines(diff: str, limit: int = DIFF_LIMIT) -> list[Line]:
    """A unified diff as lines; of a long one the first and the last part."""
    lines = diff.splitlines()
    while lines and lines[0].startswith(("--- ", "+++ ")):
        del lines[0]  # the path stands above
    left_out = len(lines) - limit
    if left_out > 0:
        half = limit // 2
        lines[half:-half] = [f"... {counted(left_out, 'line')} left out ..."]
    return [Line(f"      {line}", _DIFF_STYLES.get(line[:1], "")) for line in lines]


def way_back(change: Shown, always: bool = False) -> str:
    """A mark that says how a change can be undone, where that has to be said."""
    way = str(change.get("way_back") or "exact")
    if way not in UNSAFE and not always:
        return ""
    reason = change.get("reason") if way in UNSAFE or change.get("verb") == "call" else ""
    return f"  [{way}: {reason}]" if reason else f"  [{way}]"


def counted_changes(changes: Sequence[Shown]) -> str:
    """How many changes there are, and how they can be undone: `4 changes (3 exact, 1 unknown)`."""
    ways = Counter(str(change.get("way_back") or "exact") for change in changes)
    if len(ways) == 1:
        told = ("all " if len(changes) > 1 else "") + next(iter(ways))
    else:
        told = ", ".join(f"{ways[way]} {way}" for way in _WAYS if ways[way])
    return f"{counted(len(changes), 'change')} ({told})"


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


def sentence(change: Shown) -> str:
    """A change in one line: what is done, to what, and the facts that matter."""
    verb = str(change.get("verb") or "change")
    path, before, after = (str(change.get(key) or "") for key in ("path", "before", "after"))
    if verb == "write":
        return f"new     {path}{_about(change, after)}" if _is_new(change) else f"change  {path}{_about(change)}"
    if verb == "make":
        return f"new     {path}/{_about(change, after)}"
    if verb == "link":
        return f"link    {path} -> {after.removeprefix('a link to ')}"
    if verb == "move":
        return f"move    {path} -> {after}"
    if verb == "mode":
        return f"{_aspect(before, after)} {path}: {_rights(before)} -> {_rights(after)}"
    return f"{verb:<7} {_one_line(path or str(change.get('shown') or after))}"


def _about(change: Shown, node: str = "") -> str:
    size_of, sensitive = change.get("size"), change.get("way_back") not in UNSAFE and change.get("reason")
    facts = [size(size_of) if size_of is not None else "", _rights(node), str(sensitive or "")]
    known = ", ".join(fact for fact in facts if fact)
    return f" ({known})" if known else ""


def _rights(node: str) -> str:
    """`0644, 0:0` of `a file (0644, 0:0)`."""
    return node.rpartition("(")[2].rstrip(")") if "(" in node else ""


def _aspect(before: str, after: str) -> str:
    return "owner  " if _rights(before)[:4] == _rights(after)[:4] else "mode   "


def _one_line(text: str) -> str:
    first, newline, rest = text.strip().partition("\n")
    return f"{first} ... ({counted(rest.count(newline) + 1, 'more line')})" if newline else first


def _is_new(change: Shown) -> bool:
    return change.get("before") in (None, "", "nothing")


def _style(change: Shown) -> str:
    if change.get("way_back") in UNSAFE:
        return "yellow"
    return "red" if change.get("verb") == "remove" else "green" if _is_new(change) else ""


_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_WAYS = ("exact", "compensating", "repeat", "irreversible", "unknown")
