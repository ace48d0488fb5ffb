"""Whether two rollouts changed the same things."""

from __future__ import annotations

from typing import Sequence

from depl.change.changes import Move, Put
from depl.change.records import Did
from depl.deploy.books import OWN


def overlap(older: Sequence[Did], newer: Sequence[Did]) -> bool:
    """Whether both changed the same path, or one of them something in a tree that the other one moved or built."""
    paths, trees = _paths(older)
    newer_paths, newer_trees = _paths(newer)
    return bool(paths & newer_paths) or _reach(trees, newer_paths) or _reach(newer_trees, paths)


def _reach(trees: set[str], paths: set[str]) -> bool:
    return any(path.startswith(tree + "/") for tree in trees for path in paths)


def _paths(dids: Sequence[Did]) -> tuple[set[str], set[str]]:
    """The paths that some changes are about, and those of them that are whole trees."""
    paths: set[str] = set()
    trees: set[str] = set()
    for did in dids:
        if isinstance(did.change, Put) and did.component not in OWN:
            paths.add(did.change.path)
        elif isinstance(did.change, Move):
            trees.update((did.change.path, did.change.to))
    return paths | trees, trees
