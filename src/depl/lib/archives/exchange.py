"""Another version of an archive: unpacked beside, and then it changes places with the old tree."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any, Callable, Sequence

from depl.change import nodes, trees
from depl.lib import swap
from depl.lib.archives.entries import Entry
from depl.lib.files.places import follow


def is_another(component: Any, entries: Sequence[Entry], differing: Sequence[Entry]) -> bool:
    """Whether so much differs that the old tree goes as a whole, and comes back as it was.

    Not where the working directory itself would go, or where a directory is in the way of a file.
    """
    look, target = component.system.look, component.target
    files = sum(entry.kind == "file" for entry in entries)
    there = [look(os.path.join(target, entry.path)) for entry in differing if entry.kind != "directory"]
    in_the_way = any(isinstance(node, (nodes.Directory, nodes.Other)) for node in there)
    return target != component.workdir and 2 * len(there) >= files > 0 and not in_the_way


def exchange(component: Any, entries: Sequence[Entry], unpack: Callable[[str], None]) -> None:
    """Put the archive into place of the old tree, which goes to the trash; what was put there besides goes along."""
    target, new = follow(component.system, component.target), component.system.beside()
    try:
        unpack(new)
        for entry in entries:
            _take_over(entry, os.path.join(target, entry.path), os.path.join(new, entry.path))
        kept = swap.kept(component, target, new, [entry.path for entry in entries if entry.kind != "directory"])
    except BaseException:
        with suppress(OSError):
            trees.clear(new)
        raise
    swap.swap(component, target, new, kept)


def _take_over(entry: Entry, old: str, new: str) -> None:
    """The owner of what was there, and the mode of a directory of which the archive does not tell one."""
    with suppress(FileNotFoundError, NotADirectoryError):
        status = os.lstat(old)
        if os.geteuid() == 0:
            os.chown(new, status.st_uid, status.st_gid, follow_symlinks=False)
        if entry.kind == "file":
            os.chmod(new, 0o644 if entry.mode is None else entry.mode)  # a change of owner drops bits of it
        elif entry.mode is None and entry.kind == "directory" and stat.S_ISDIR(status.st_mode):
            os.chmod(new, stat.S_IMODE(status.st_mode))
