"""A directory for a content that a program is to look at for a moment: for its owner only, and found after a kill."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import Iterator, Optional

from depl.change.nodes import Path

MEMORY = "/dev/shm"  # noqa: S108 where Linux keeps files in memory; what is made there is for its owner only
PREFIX = ".depl-passing-"


@contextmanager
def passing(secret: bool) -> Iterator[Path]:
    """The directory, while this lasts. secret: it must not come to a disk, where a kill would leave it."""
    import shutil

    directory, descriptor = _made(MEMORY if secret and os.access(MEMORY, os.W_OK | os.X_OK) else None)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def sweep() -> None:
    """Remove what processes of this user left in memory that were killed: their locks ended with them."""
    with suppress(OSError):
        for name in os.listdir(MEMORY):
            if name.startswith(PREFIX):
                _sweep_one(os.path.join(MEMORY, name))


def _made(place: Optional[Path]) -> tuple[Path, int]:
    import tempfile

    while True:
        directory = tempfile.mkdtemp(prefix=PREFIX, dir=place)
        with suppress(FileNotFoundError):  # swept by somebody in between
            descriptor = _locked(directory, wait=True)
            if os.path.isdir(directory):
                return directory, descriptor
            os.close(descriptor)


def _sweep_one(directory: Path) -> None:
    import shutil

    with suppress(OSError):
        status = os.lstat(directory)
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            descriptor = _locked(directory, wait=False)
            shutil.rmtree(directory, ignore_errors=True)
            os.close(descriptor)


def _locked(directory: Path, wait: bool) -> int:
    import fcntl

    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
