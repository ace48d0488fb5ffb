"""The tasks of a rollout as a page folds them: groups in groups, and of thousands only a few at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from depl.web.views.tree import Row

MANY = 200  # rows that are shown without being asked for
TONES = {
    "trouble": ("bad", "warn", "back"),
    "work": ("busy", "bad", "warn", "back"),
    "changed": ("good", "bad", "back"),
}
FIRST = {"bad": 0, "warn": 1, "busy": 2, "back": 3}  # tones
ALIKE = ("unchanged", "skipped")  # they are well, and changed nothing


@dataclass(frozen=True)
class Branch:
    """A row with what lies in it. many: how many rows that is. is_open: they are shown; else they are fetched.

    rest: how many come after those that are shown; next: from which one on.
    """

    row: Row
    members: Sequence[Branch] = ()
    many: int = 0
    is_open: bool = True
    rest: int = 0
    next: int = 0


@dataclass(frozen=True)
class Shown:
    """What is shown of all tasks. is_large: groups are closed. rest, next: as of a branch."""

    members: Sequence[Branch]
    many: int
    is_large: bool
    rest: int = 0
    next: int = 0


@dataclass
class _Node:
    row: Row
    members: list[_Node] = field(default_factory=list)
    many: int = 0


def shown(rows: Sequence[Row], *, opened: Collection[str] = (), only: str = "", start: int = 0) -> Shown:
    """opened: anchors of groups. only: trouble, work or changed; empty: all. start: the first one of those on top."""
    if only in TONES:
        found = [row for row in rows if row.kind != "group" and _is_wanted(row, only)]
        part = found[start : start + MANY]
        return Shown([Branch(row) for row in part], len(found), False, *_rest(found, part, start))
    top, is_large = _nested(rows), len(rows) > MANY
    part_of_top = top[start : start + MANY]
    found_open = {*opened, *_worth_opening(part_of_top)} if is_large else None
    return Shown(
        [_branch(node, found_open) for node in part_of_top], len(rows), is_large, *_rest(top, part_of_top, start)
    )


def members(rows: Sequence[Row], anchor: str, start: int = 0) -> Branch | None:
    """A group that is opened, from some row on; None: there is no such group."""
    found = next((node for node in _all(_nested(rows)) if node.row.anchor == anchor), None)
    return None if found is None else _opened(found, start, set() if len(rows) > MANY else None)


def _worth_opening(top: Sequence[_Node]) -> set[str]:
    """The groups that there is room for, level by level, those in trouble or at work first."""
    room, found, level = MANY - len(top), set(), list(top)
    if len(top) == 1:
        found.add(top[0].row.anchor)  # there is nothing else to see
    while level:
        level.sort(key=lambda node: FIRST.get(node.row.look.tone, len(FIRST)))
        for node in level:
            if 0 < len(node.members) <= room:
                room -= len(node.members)
                found.add(node.row.anchor)
        level = [member for node in level if node.row.anchor in found for member in node.members[:MANY]]
    return found


def _branch(node: _Node, opened: Collection[str] | None) -> Branch:
    """opened: None: all are."""
    if not node.members:
        return Branch(node.row)
    if opened is not None and node.row.anchor not in opened:
        return Branch(node.row, many=node.many, is_open=False)
    return _opened(node, 0, opened)


def _opened(node: _Node, start: int, opened: Collection[str] | None) -> Branch:
    part = node.members[start : start + MANY]
    branches = [_branch(one, opened) for one in part]
    return Branch(node.row, branches, node.many, True, *_rest(node.members, part, start))


def _rest(all_of_them: Sequence[object], part: Sequence[object], start: int) -> tuple[int, int]:
    after = start + len(part)
    return max(0, len(all_of_them) - after), after


def _nested(rows: Iterable[Row]) -> list[_Node]:
    known: dict[str, _Node] = {}
    top: list[_Node] = []
    for row in rows:
        node = known[row.anchor] = _Node(row)
        above = known.get(row.above)
        (above.members if above is not None else top).append(node)
        while above is not None:
            above.many += 1
            above = known.get(above.row.above)
    return top


def _all(nodes: Iterable[_Node]) -> Iterable[_Node]:
    for node in nodes:
        yield node
        yield from _all(node.members)


def _is_wanted(row: Row, only: str) -> bool:
    return row.look.tone in TONES[only] and not (only == "changed" and row.look.word in ALIKE)
