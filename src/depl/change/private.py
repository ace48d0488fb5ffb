"""What depl keeps for itself on a host: directories and files for their owner only."""

from __future__ import annotations

import errno
import os
from contextlib import suppress


def replace_file(path: str, content: bytes, durable: bool = True) -> None:
    """Put a file in place as a whole, for its owner only from its first moment; its directory must be there.

    durable: it is on disk when this returns.
    """
    temporary = path + ".new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    os.rename(temporary, path)
    if durable:
        sync_directory(os.path.dirname(path))


def make_private(directory: str) -> None:
    """A directory of depl's own, with its parents, for the owner only; synced."""
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(directory)
    if not os.path.isdir(parent):
        make_private(parent)
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:  # somebody else was quicker
        return
    if os.path.basename(directory) == ".depl":
        _keep_from_git(directory)
    sync_directory(parent)


def _keep_from_git(directory: str) -> None:
    """What was replaced lies there in clear, secrets too: an absent-minded `git add .` must not take it along."""
    with suppress(OSError), open(os.path.join(directory, ".gitignore"), "x") as file:
        file.write("*\n")


def sync_directory(path: str) -> None:
    """See to it that the names in a directory are on disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # one that may be written but not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot
            raise
    finally:
        os.close(descriptor)
