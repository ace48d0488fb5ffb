"""What the operating system refuses, as a sentence with the path and the next step."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from depl.change.looks import Staged
from depl.errors import ChangeFailed

_HINTS = {
    errno.EACCES: "Mend the rights of the path, or deploy as a user who may write there.",
    errno.EPERM: "Deploy as a user who may do this; changing owners needs root.",
    errno.EROFS: "The file system is mounted read-only.",
    errno.ENOSPC: "Make room on the file system.",
    errno.EDQUOT: "Make room, or raise the quota.",
    errno.ENOENT: "Its directory must be there: add a Directory before it, or say leading=True.",
}


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
