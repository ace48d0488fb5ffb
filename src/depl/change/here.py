"""What the systems that look at this machine share."""

from __future__ import annotations

import os

from depl.change import disk
from depl.change.system import System


class Here(System):
    """A system whose new files get the mode mask, owner and group of this process."""

    def __init__(self) -> None:
        super().__init__()
        self._umask = disk.umask()

    def _default_mode(self, mode: int) -> int:
        return mode & ~self._umask

    def _ids(self) -> tuple[int, int]:
        return os.geteuid(), os.getegid()
