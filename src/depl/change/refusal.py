"""What is refused, by the operating system or by the environment, as a sentence with the next step."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from depl.change.changes import WayBack
from depl.change.looks import Staged
from depl.errors import ChangeFailed, DeploymentError

_HINTS = {
    errno.EACCES: "Mend the rights of the path, or deploy as a user who may write there.",
    errno.EPERM: "Deploy as a user who may do this; changing owners needs root.",
    errno.EROFS: "The file system is mounted read-only.",
    errno.ENOSPC: "Make room on the file system.",
    errno.EDQUOT: "Make room, or raise the quota.",
    errno.ENOENT: "Its directory must be there: add a Directory before it, or say leading=True.",
}


WANTED = "the environment wants a way back from every step (`reversibility = required`)"


def is_unsafe(way_back: WayBack) -> bool:
    """Whether nobody can promise that such a step is undone."""
    return way_back in (WayBack.UNKNOWN, WayBack.IRREVERSIBLE)


def assert_reversible(shown: str, way_back: WayBack, reason: str) -> None:
    """Refuse a command that nobody can undo. Errors: DeploymentError."""
    if is_unsafe(way_back):
        known = f"is {way_back.value}{f' ({reason})' if reason else ''}"
        raise DeploymentError(
            f"`{shown}` was not run: its way back {known}, and {WANTED}",
            hint="Give it an undo, or say `reversibility = ask` or `allow` in the environment.",
        )


@contextmanager
def failing(staged: Staged) -> Iterator[None]:
    """Maps what the operating system refuses to a sentence with the path."""
    try:
        yield
    except OSError as error:
        path = staged.change.path
        raise ChangeFailed(
            path,
            f"{path} cannot be changed: {error.strerror or error}",
            staged.component,
            hint=_HINTS.get(error.errno or 0, ""),
        ) from error
