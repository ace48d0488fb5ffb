"""What has to be so at a path before something can be put there."""

from __future__ import annotations

import os
from typing import Optional, Type

from depl.change import nodes
from depl.change.system import System
from depl.component import Component
from depl.errors import ChangeFailed, ConfigurationError

LINKS = 40  # followed at most, as the kernel does


def mistake(
    component: Component,
    message: str,
    *,
    hint: str = "",
    kind: Type[ConfigurationError] = ConfigurationError,
    file: Optional[str] = None,
) -> ConfigurationError:
    """An error of the model, with the place where the component was made unless it is in another file."""
    made, line = component.place
    return kind(message, component, file=file or made, line=None if file else line, hint=hint)


def follow(system: System, path: str) -> str:
    """Where a link, or a chain of them, leads to; the path itself where there is none."""
    for _ in range(LINKS):
        node = system.look(path)
        if not isinstance(node, nodes.Link):
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), node.to))
    return path


def lies_in_project(component: Component, path: str) -> bool:
    """Whether a path is part of the project, and not of what is deployed there."""
    environment = component.environment
    return _is_below(path, environment.base_dir) and not _is_below(path, environment.workdir_base)


def make_room(component: Component, path: str, what: str, *, replace: bool, leading: bool) -> None:
    """See to it that a file or link can be put at a path: its directory is there, and no directory is in the way.

    what: what is wanted there, for messages. Errors: ChangeFailed.
    """
    make_parent(component, path, leading)
    node = component.system.look(path)
    if isinstance(node, (nodes.Directory, nodes.Other)):
        refuse_unless(component, path, what, node, replace)
        component.system.remove(path)


def make_parent(component: Component, path: str, leading: bool) -> None:
    """See to it that the directory in which a path lies is there. Errors: ChangeFailed."""
    system = component.system
    missing = []
    parent = os.path.dirname(path)
    node = system.look(follow(system, parent))
    while isinstance(node, nodes.Absent) and parent != os.path.dirname(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
        node = system.look(follow(system, parent))
    if not isinstance(node, nodes.Directory):
        raise ChangeFailed(
            path,
            f"{path} cannot be made: {parent} is no directory, {nodes.describe(node)} is there",
            component,
            hint="Choose another path, or remove what is in the way.",
        )
    if missing and not leading:
        raise ChangeFailed(
            path,
            f"{path} cannot be made: the directory {missing[0]} does not exist",
            component,
            hint="Add a Directory before, or say leading=True to have missing directories made.",
        )
    for directory in reversed(missing):
        system.make_dir(directory)


def refuse_unless(component: Component, path: str, what: str, node: nodes.Node, replace: bool) -> None:
    """Refuse to replace what is at a path, unless that was asked for. Errors: ChangeFailed."""
    if not replace:
        raise ChangeFailed(
            path,
            f"{path} should become {what}, but {nodes.describe(node)} is there",
            component,
            hint="Say replace=True to have it moved to the trash (undoing brings it back), or choose another path.",
        )


def _is_below(path: str, directory: str) -> bool:
    return bool(directory) and path.startswith(directory.rstrip(os.sep) + os.sep)
