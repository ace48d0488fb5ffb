"""Changes in words: what they do, how they can be taken back, and the parts of long diffs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from depl.rollout.wording import counted, size

UNSAFE = ("irreversible", "unknown")
DIFF_LIMIT = 200  # lines

Shown = Mapping[str, Any]  # a change as an event carries it


def sentence(change: Shown) -> str:
    """A change in one line: what is done, to what, and the facts that matter."""
    verb = str(change.get("verb") or "change")
    path, before, after = (str(change.get(key) or "") for key in ("path", "before", "after"))
    if verb == "write":
        return f"new     {path}{_about(change, after)}" if is_new(change) else f"change  {path}{_about(change)}"
    if verb == "make":
        return f"new     {path}/{_about(change, after)}"
    if verb == "link":
        return f"link    {path} -> {after.removeprefix('a link to ')}"
    if verb == "move":
        return f"move    {path} -> {after}"
    if verb == "mode":
        return f"{_aspect(before, after)} {path}: {_rights(before)} -> {_rights(after)}"
    return f"{verb:<7} {_one_line(path or str(change.get('shown') or after))}"


def way_of(change: Shown) -> str:
    """How a change can be undone: exact, compensating, repeat, irreversible or unknown."""
    return str(change.get("way_back") or "exact")


def reason_of(change: Shown) -> str:
    """Why it cannot be undone for sure, or what else is to be known of that."""
    is_told = way_of(change) in UNSAFE or change.get("verb") == "call"
    return str(change.get("reason") or "") if is_told else ""


def counted_ways(ways: Sequence[str]) -> str:
    """How many changes there are, and how they can be undone: `4 changes (3 exact, 1 unknown)`."""
    counts = Counter(ways)
    if len(counts) == 1:
        told = ("all " if len(ways) > 1 else "") + next(iter(counts))
    else:
        told = ", ".join(f"{counts[way]} {way}" for way in _WAYS if counts[way])
    return f"{counted(len(ways), 'change')} ({told})"


def diff_parts(diff: str, limit: int = DIFF_LIMIT) -> list[str]:
    """The lines of a unified diff without the paths, which stand above; of a long one the first and the last part."""
    lines = diff.splitlines()
    while lines and lines[0].startswith(("--- ", "+++ ")):
        del lines[0]
    left_out = len(lines) - limit
    if left_out > 0:
        half = limit // 2
        lines[half:-half] = [f"... {counted(left_out, 'line')} left out ..."]
    return lines


def is_new(change: Shown) -> bool:
    """Whether there was nothing before."""
    return change.get("before") in (None, "", "nothing")


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


_WAYS = ("exact", "compensating", "repeat", "irreversible", "unknown")
