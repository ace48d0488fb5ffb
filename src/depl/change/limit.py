"""Which files are too large for their before-image to be copied; what is only linked costs nothing."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import Optional

from depl.change.changes import Put
from depl.change.nodes import Path
from depl.change.shown import Shown

CHANGE_LIMIT = 256 * 1024 * 1024  # bytes
TOO_LARGE = "too large"


class Limit:
    """The size of a single file above which no copy of it is kept. blobs: the directory of the images."""

    def __init__(self, blobs: Path = "", size: Optional[int] = None) -> None:
        self._blobs = blobs
        self.size = size

    def foreseen(self, put: Put) -> Put:
        """A change, marked if what it replaces would have to be copied and is too large for that."""
        if self.size is None or not put.needs_image or self.fits(put.path) or self._can_link(put.path):
            return put
        return replace(put, lost=TOO_LARGE)

    def fits(self, path: Path) -> bool:
        """Whether a copy of what is at a path may be kept."""
        if self.size is None:
            return True
        try:
            status = os.lstat(path)
        except OSError:
            return True
        return not stat.S_ISREG(status.st_mode) or status.st_size <= self.size

    def _can_link(self, path: Path) -> bool:
        """Whether a file and the blobs lie on one file system, and nobody can write to it by another name."""
        there = self._blobs
        while not os.path.isdir(there):
            there = os.path.dirname(there)
        status = os.lstat(path)  # it was looked at just now
        return status.st_nlink == 1 and status.st_dev == os.stat(there).st_dev


def amend(shown: list[Shown], put: Put) -> None:
    """Let what is shown of a change say the way back that it really has."""
    for index, one in enumerate(shown):
        if one.path == put.path and one.verb != "mode":
            shown[index] = replace(one, way_back=put.way_back.value, reason=put.lost or one.reason)
