"""Whether a content holds a secret, and who may read the file then."""

from __future__ import annotations

from typing import Optional

from depl.change import nodes
from depl.component import Component
from depl.errors import UpdateNeeded
from depl.lib.files.modes import Mode

PRIVATE = 0o600


def holds_secret(component: Component, content: bytes, encoding: Optional[str] = None) -> bool:
    """Whether there is something in a content that must not be shown."""
    redact = component.environment.redact
    return bool(redact) and bool(redact.found(content.decode(encoding or "utf-8", "replace")))


def private_mode(component: Component, path: str) -> Optional[int]:
    """The mode for a secret content that is given none: for the owner only. None: what is there may stay.

    It may if it is narrow enough, or if a Mode of the same root component says who may read the file.
    """
    node = component.system.look(path)
    if not isinstance(node, nodes.File):
        return PRIVATE
    return node.mode & 0o700 if node.mode & 0o077 and not _is_claimed(component, path) else None


def needs_privacy(component: Component, path: str) -> None:
    """Raise UpdateNeeded if others may read a file with a secret content that is given no mode."""
    wanted = private_mode(component, path)
    if wanted is not None:
        raise UpdateNeeded(f"it holds a secret, so its mode should be {wanted:04o}")


def _is_claimed(component: Component, path: str) -> bool:
    below = component.root.component.recursive_sub_components
    return any(isinstance(one, Mode) and one.path == path for one in below)
