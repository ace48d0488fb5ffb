"""The paths that an update which acts by itself says that it changes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from depl.change.nodes import Path
from depl.component import Component
from depl.errors import DeploymentError

NAME_THEM = "Name the files in it that the update changes, or let it work in a workdir of its own (`owns_workdir`)."


def touched(component: Component, products: Iterable[Path]) -> list[Path]:
    """What is captured path by path: all that it touches and produces, but for what lies in a workdir that it owns.

    Errors: DeploymentError for a directory with something in it, which cannot be captured as a whole.
    """
    owned = os.path.realpath(component.root.workdir) if component.owns_workdir else ""
    paths = dict.fromkeys([*(component.map(path) for path in component.touches or ()), *products])
    found = [path for path in paths if not lies_in(path, owned)]
    for path in found:
        if component.root.system is not None and component.root.system.names(path):
            what = f"its update() touches {path}, a directory with something in it"
            raise DeploymentError(what, component.id, hint=NAME_THEM)
    return found


def lies_in(path: Path, owned: Path) -> bool:
    """Whether a path lies in the directory that an update owns, if it owns one."""
    return bool(owned) and (os.path.realpath(path) + "/").startswith(owned + "/")


def told_of_directories(tops: Sequence[Path]) -> str:
    """What is to be said of paths that became directories with something in them; nothing if none did."""
    there = [path for path in tops if os.path.isdir(path) and not os.path.islink(path)]
    full = [path for path in there if os.access(path, os.R_OK) and os.listdir(path)]
    if not full:
        return ""
    whole = "directories with something in them" if len(full) > 1 else "a directory with something in it"
    return (
        f"its update() touches {', '.join(full)}, now {whole}: an undo removes what it made there, but its next "
        f"update() will be refused. {NAME_THEM}"
    )
