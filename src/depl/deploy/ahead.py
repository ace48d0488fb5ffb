"""What a way back would find at the paths that it puts back, step by step; nothing is touched."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from depl.change.blobs import Blobs
from depl.change.changes import Call, Change, Move, Put, Run
from depl.change.folds import Restore, rule_of_three
from depl.change.nodes import Absent, Directory, Node, Path, what_changed
from depl.change.predicting import PredictingSystem
from depl.change.records import Did, Record
from depl.deploy.company import newcomers, told_along, trees_of
from depl.deploy.target import Target


class Ahead:
    """The machine as the steps of a way back would leave it, as far as that can be known.

    left: the changes that go, in their order. keep: what others changed would stay.
    """

    def __init__(self, target: Target, records: Sequence[Record], left: Sequence[Did], keep: bool) -> None:
        self._system = PredictingSystem(target.records)
        self._trees = trees_of(records, Blobs(os.path.join(target.records, "blobs")))
        self._goes = {path for did in left for path in _paths(did.change)}
        self._acts = any(isinstance(did.change, (Run, Call)) and did.change.reversal() for did in left)
        self._keep = keep
        self._will_be: dict[Path, Node] = {}  # a path that was changed twice is looked at as the first step leaves it
        self._moved: set[Path] = set()
        self._stay: list[Path] = []

    def step(self, change: Change) -> Mapping[str, Any]:
        """What there is to be said of the next step: conflict, held, goes_along (see depl.deploy.preview)."""
        if isinstance(change, Put):
            about = self._put(change)
        elif isinstance(change, Move):
            about = self._move(change)
        else:
            about = {}
        if "conflict" in about or "held" in about:
            self._stay += _paths(change)
        return about

    def _put(self, put: Put) -> Mapping[str, Any]:
        now = self._look(put.path)
        if now is not None and rule_of_three(now, put) is Restore.CONFLICT:
            return {"conflict": what_changed(put.after or Absent(), now)}
        if isinstance(now, Directory) and not isinstance(put.before, Directory):
            others = (os.path.join(put.path, name) for name in self._system.names(put.path))
            inside = self._stays_in(put.path) or next((path for path in others if path not in self._goes), None)
            if self._acts and inside not in self._stay:
                inside = None  # nobody knows what a command removes
            if inside is not None:
                return _held(inside)
        self._will_be[put.path] = put.before
        return {}

    def _move(self, move: Move) -> Mapping[str, Any]:
        here, there = self._look(move.path), self._look(move.to)
        conflict = _in_its_way(move, here, there)
        if conflict:
            return {"conflict": conflict}
        found = newcomers(self._trees.get(move.to), move.to)
        found = [path for path in found if os.path.join(move.to, path) not in self._goes]
        inside = self._stays_in(move.to)
        if inside is None and found and self._keep:
            inside = os.path.join(move.to, found[0])
        if inside is not None:
            return _held(inside)
        if there is not None:
            self._will_be[move.path] = there
        self._will_be[move.to] = Absent()
        self._moved |= {move.path, move.to}
        return {"goes_along": told_along(move.to, move.path, found)} if found else {}

    def _look(self, path: Path) -> Optional[Node]:
        """What will be at a path; None where nobody knows, as a tree comes or goes above it."""
        if path not in self._will_be and any(path.startswith(tree + "/") for tree in self._moved):
            return None
        return self._will_be.get(path) or self._system.look(path, content=True)

    def _stays_in(self, tree: Path) -> Optional[Path]:
        return next((path for path in self._stay if path.startswith(tree + "/")), None)


def _in_its_way(move: Move, here: Optional[Node], there: Optional[Node]) -> str:
    """Why a tree cannot go back, as far as that is seen; nothing if it can, or is back."""
    if not isinstance(there, Absent):
        return "something is there again" if here is not None and not isinstance(here, Absent) else ""
    return "what depl moved there is gone" if isinstance(here, Absent) and not move.built else ""


def _held(inside: Path) -> Mapping[str, Any]:
    return {"held": f"{inside} is in it and stays"}


def _paths(change: Change) -> list[Path]:
    return [change.path] if isinstance(change, Put) else [change.path, change.to] if isinstance(change, Move) else []
