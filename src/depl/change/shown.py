"""A change in a form that can be shown: words and a diff, made while both sides are at hand."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Optional

from depl.change.changes import Change, Move, Put, Run, WayBack
from depl.change.masks import Masks, text_of
from depl.change.nodes import Absent, Directory, File, Link, describe


@dataclass(frozen=True)
class Shown:
    """A change for people. verb: write, link, make, remove, mode, move, run, build or call. diff: unified."""

    verb: str
    path: str
    before: str
    after: str
    way_back: str
    reason: str = ""
    size: Optional[int] = None
    diff: Optional[str] = None

    def as_json(self) -> dict[str, Any]:
        """The same as JSON."""
        return asdict(self)


def show_put(
    put: Put, old: Optional[bytes], new: Optional[bytes], hidden: bool, masks: Optional[Masks] = None
) -> Shown:
    """A change of a path, with a diff where both contents are text and may be seen; masks: of their secrets."""
    masks = masks or Masks()
    diff = None
    if not hidden and new is not None and (old is not None or isinstance(put.before, (Absent, Link))):
        diff = text_diff(put, old, new, masks)
    return Shown(
        _verb(put),
        put.path,
        describe(put.before),
        describe(put.after or Absent()),
        put.way_back.value,
        size=None if new is None else len(new),
        diff=diff,
        reason=put.lost or ("its content is sensitive" if hidden and new is not None else ""),
    )


def show_change(change: Change) -> Shown:
    """A change that has no diff."""
    if isinstance(change, Put):
        return show_put(change, None, None, hidden=False)
    if isinstance(change, Move):
        verb = "build" if change.built else "move"
        return Shown(verb, change.to if change.built else change.path, "", change.to, WayBack.EXACT.value)
    if isinstance(change, Run):
        return Shown("run", "", "", change.shown, change.way_back.value, change.reason)
    return Shown("call", "", "", change.component, change.way_back.value)


def text_diff(put: Put, old: Optional[bytes], new: bytes, masks: Masks) -> Optional[str]:
    """A unified diff of two texts, or all of the new one where there was none; None where one is large or no text."""
    texts = text_of(old or b""), text_of(new)
    if texts[0] is None or texts[1] is None:
        return None
    before, after = (text.splitlines() for text in masks.sides(put, texts[0], texts[1]))
    if old is None:
        return "".join(f"+{line}\n" for line in after)
    import difflib

    lines = difflib.unified_diff(before, after, put.path, put.path, lineterm="", n=3)
    return "".join(f"{line}\n" for line in lines)


def _verb(put: Put) -> str:
    before, after = put.before, put.after or Absent()
    if isinstance(after, Absent):
        return "remove"
    if isinstance(after, Link):
        return "link"
    if isinstance(after, Directory):
        return "mode" if isinstance(before, Directory) else "make"
    if isinstance(before, File) and isinstance(after, File) and before.digest == after.digest:
        return "mode"
    return "write"
