"""A change in a form that can be shown: words and a diff, made while both sides are at hand."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Optional

from depl.change.changes import Change, Move, Put, Run, WayBack
from depl.change.nodes import Absent, Directory, File, Link, describe

LARGEST_DIFF = 256 * 1024  # bytes of either side; larger contents are told by size and digest


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


def show_put(put: Put, old: Optional[bytes], new: Optional[bytes], hidden: bool) -> Shown:
    """A change of a path, with a diff where both contents are text and may be seen."""
    after = put.after or Absent()
    diff = None
    if not hidden and new is not None and (old is not None or isinstance(put.before, (Absent, Link))):
        diff = text_diff(put.path, old or b"", new, fresh=old is None)
    return Shown(
        _verb(put),
        put.path,
        describe(put.before),
        describe(after),
        put.way_back.value,
        size=None if new is None else len(new),
        diff=diff,
        reason="its content is sensitive" if hidden and new is not None else "",
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


def text_diff(path: str, old: bytes, new: bytes, fresh: bool) -> Optional[str]:
    """A unified diff of two texts; None where one is large or no text."""
    if len(old) > LARGEST_DIFF or len(new) > LARGEST_DIFF or b"\0" in old or b"\0" in new:
        return None
    try:
        before, after = old.decode().splitlines(), new.decode().splitlines()
    except UnicodeDecodeError:
        return None
    if fresh:
        return "".join(f"+{line}\n" for line in after)
    import difflib

    lines = difflib.unified_diff(before, after, path, path, lineterm="", n=3)
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
