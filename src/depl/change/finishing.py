"""Changes that take more than one step: moves between file systems; and what to do where a crash cut one off."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import Union

from depl.change import disk, trees
from depl.change.changes import Move, Put
from depl.change.nodes import Directory, File, Path


def move(path: Path, to: Path) -> None:
    """A file or tree goes to another path; copied where that is another file system."""
    try:
        os.rename(path, to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = moving_name(to)
        trees.clear(beside)
        try:
            os.mkdir(beside, 0o700)  # what is copied into it is for nobody else before it has its own rights
            trees.copy_tree(path, os.path.join(beside, "tree"))
            os.rename(os.path.join(beside, "tree"), to)
        finally:
            trees.clear(beside)
        trees.sync_parents([to])
        trees.clear(path)
    trees.sync_parents([path, to])


def moving_name(to: Path) -> Path:
    """The name beside a path that a move from another file system may leave behind when it is killed."""
    name = hashlib.sha256(os.fsencode(os.path.basename(to))).hexdigest()[:16]
    return os.path.join(os.path.dirname(to), f".depl-moving-{name}")


def finish(change: Union[Put, Move], number: int) -> None:
    """Leave change `number` either made or not made.

    A copy to another file system that is complete, but whose original is not yet gone; an owner without its mode.
    """
    if isinstance(change, Put):
        trees.clear(disk.temporary_name(change.path, number))
        if _half_set(change):
            assert change.after is not None
            disk.set_attributes(change.path, change.after)
        disk.sync([change])  # whoever was killed may not have come to that
    elif not change.built:
        trees.clear(moving_name(change.to))
        if os.path.lexists(change.path) and os.path.lexists(change.to) and _is_copied(change.path, change.to):
            trees.clear(change.path)
        trees.sync_parents([change.path, change.to])


def _half_set(put: Put) -> bool:
    before, after = put.before, put.after
    now = disk.look(put.path, content=True)
    if isinstance(before, File) and isinstance(after, File):
        if not isinstance(now, File) or {now.digest, before.digest} != {after.digest}:
            return False
    elif not (isinstance(before, Directory) and isinstance(after, Directory) and isinstance(now, Directory)):
        return False
    return (
        now not in (before, after)
        and now.uid in (before.uid, after.uid)
        and now.gid in (before.gid, after.gid)
        and now.mode | 0o6000 in (before.mode | 0o6000, after.mode | 0o6000)  # a change of owner drops these bits
    )


def _is_copied(path: Path, to: Path) -> bool:
    """Whether all that is still in a tree is in its copy on another file system."""
    if os.lstat(path).st_dev == os.lstat(to).st_dev:
        return False
    for directory, directories, files in os.walk(path):
        there = os.path.normpath(os.path.join(to, os.path.relpath(directory, path)))
        if not all(os.path.lexists(os.path.join(there, name)) for name in [*directories, *files]):
            return False
    return True
