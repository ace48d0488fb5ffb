"""Whether the files of a project are as they were: cheap, as it is asked again and again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from depl import __version__

LOOKED_INTO = ("environments", "components", "rollouts")
PASSED = ("__pycache__", "work")


def stamp_of(base: str) -> str:
    """Differs where a file that says what the project is has come, changed or gone, or another depl is at work."""
    found = [__version__]
    for name in LOOKED_INTO:
        found += sorted(_below(os.path.join(base, name)))
    found += _facts(os.path.join(base, "depl.cfg"))
    return hashlib.sha256("\0".join(found).encode("utf-8", "surrogateescape")).hexdigest()


def _below(directory: str) -> Iterator[str]:
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in PASSED:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from _below(entry.path)
                else:
                    yield from _facts(entry.path)
    except OSError:  # it was there a moment ago
        return


def _facts(path: str) -> Iterator[str]:
    try:
        status = os.stat(path)
    except OSError:
        return
    yield f"{path} {status.st_mtime_ns} {status.st_size} {status.st_ino}"
