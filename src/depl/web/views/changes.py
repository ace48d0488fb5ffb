"""Changes as they are shown: a sentence, the way back, the diff. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depl.rollout import change_words
from depl.rollout.change_words import UNSAFE, diff_parts, reason_of, sentence, way_of


@dataclass(frozen=True)
class DiffLine:
    """kind: add, del, hunk, same or cut (lines are left out here)."""

    kind: str
    text: str


@dataclass(frozen=True)
class Change:
    """A change. verb: new, change, remove, ...; what: the rest of its sentence. reason: why it has no sure way back."""

    verb: str
    what: str
    way_back: str
    reason: str
    is_sure: bool
    diff: Sequence[DiffLine] = ()

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        return f"{self.verb} {self.what}".rstrip()


@dataclass(frozen=True)
class ComponentChanges:
    """What changes of a component on a host. reason: why, or why nothing can be foreseen."""

    host: str
    component: str
    reason: str
    changes: Sequence[Change]


def change_of(shown: Mapping[str, Any]) -> Change:
    """From what an event carries."""
    verb, _, what = sentence(shown).partition(" ")
    way = way_of(shown)
    diff = tuple(map(_diff_line, diff_parts(str(shown.get("diff") or ""))))
    return Change(verb, what.strip(), way, reason_of(shown), way not in UNSAFE, diff)


def changes_of(found: Iterable[Mapping[str, Any]]) -> list[ComponentChanges]:
    """From what an inquiry answers on a task: {"host", "component", "changes", "reason"} each."""
    return [
        ComponentChanges(
            str(one.get("host") or ""),
            str(one.get("component") or ""),
            str(one.get("reason") or ""),
            [change_of(shown) for shown in one.get("changes") or ()],
        )
        for one in found
    ]


def counted_ways(changes: Iterable[Change]) -> str:
    """`4 changes (3 exact, 1 unknown)`; nothing if there are none."""
    ways = [change.way_back for change in changes]
    return change_words.counted_ways(ways) if ways else ""


def _diff_line(line: str) -> DiffLine:
    if line.startswith("... ") and line.endswith(" left out ..."):
        return DiffLine("cut", line)
    return DiffLine(_KINDS.get(line[:1], "same"), line)


_KINDS = {"+": "add", "-": "del", "@": "hunk"}
