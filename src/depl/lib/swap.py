"""A new tree takes the place of an old one by moves alone, and what was put into the old one besides goes along."""

from __future__ import annotations

import os
from typing import Any, Iterator, Sequence

from depl.change import nodes
from depl.errors import DeploymentError


def kept(
    component: Any, place: str, new: str, own: Sequence[str], whole: bool = True, clobber: bool = True
) -> list[str]:
    """The relative paths of what was put into a tree besides its own files, and goes on to the new one.

    own: the files of the tree, and directories that are its own with all that is in them. whole: the directory itself
    changes places, else what is in it. clobber: what is in the way of the new tree stays behind. Errors:
    DeploymentError, where it must not.
    """
    found = list(_besides(place, frozenset(own)))
    taken = [path for path in found if not _is_free(new, path)]
    if taken and not clobber:
        raise DeploymentError(
            f"{os.path.join(place, taken[0])} was not checked out, but is part of the new checkout",
            component,
            hint="Move it away; or say clobber=True to have it moved to the trash (undo brings it back).",
        )
    return [path for path in found if path not in taken and (whole or "/" in path)]


def swap(
    component: Any, place: str, new: str, kept: Sequence[str], own: Sequence[str] = (), whole: bool = True
) -> None:
    """Put the new tree into its place; the old one goes to the trash. The arguments are those of kept()."""
    system = component.system
    for path in kept:
        os.makedirs(os.path.dirname(os.path.join(new, path)), exist_ok=True)
        system.move(os.path.join(place, path), os.path.join(new, path))
    if whole:
        node = system.look(place)
        if isinstance(node, nodes.Directory):
            os.chmod(new, node.mode)
            if os.geteuid() == 0:
                os.chown(new, node.uid, node.gid)
        _set_aside(system, place)
        system.move(new, place)
        return
    coming = sorted(os.listdir(new))
    for name in sorted({*coming, *(path.split("/")[0] for path in own)}):
        _set_aside(system, os.path.join(place, name))
    for name in coming:
        system.move(os.path.join(new, name), os.path.join(place, name))


def _set_aside(system: Any, path: str) -> None:
    """By a move, also of a single file: so that it comes back with its time."""
    if not isinstance(system.look(path), nodes.Absent):
        system.move(path, system.beside())


def _besides(top: str, own: frozenset[str]) -> Iterator[str]:
    """What is in a tree and none of its own files; of a directory in which there is none of those only itself."""
    directories = {""}
    for path in own:
        parent = os.path.dirname(path)
        while parent not in directories:
            directories.add(parent)
            parent = os.path.dirname(parent)
    waiting = [""]
    for below in waiting:
        for name in sorted(os.listdir(os.path.join(top, below))):
            path = os.path.join(below, name)
            there = os.path.join(top, path)
            if path in directories and os.path.isdir(there) and not os.path.islink(there):
                waiting.append(path)
            elif path not in own:
                yield path


def _is_free(top: str, path: str) -> bool:
    """Whether something can be put at a path without going through a file or link, or over something."""
    if os.path.lexists(os.path.join(top, path)):
        return False
    parent = os.path.dirname(path)
    while parent:
        there = os.path.join(top, parent)
        if os.path.lexists(there):
            return os.path.isdir(there) and not os.path.islink(there) and _is_free_above(top, parent)
        parent = os.path.dirname(parent)
    return True


def _is_free_above(top: str, path: str) -> bool:
    parent = os.path.dirname(path)
    while parent:
        if os.path.islink(os.path.join(top, parent)):
            return False
        parent = os.path.dirname(parent)
    return True
