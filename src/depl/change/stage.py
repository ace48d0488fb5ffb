"""Where new contents are written before they are put in place."""

from __future__ import annotations

import os
from collections.abc import Sequence

from depl.change import disk, trees
from depl.change.journal import make_private
from depl.change.nodes import File, Path


class Stage:
    """Places for new contents: beside their paths, as a directory gives its files labels and defaults.

    Where the directory is still to be made, in `.depl/stage`. There, too, is a list of the places in use, so that
    whoever comes after a crash finds them, even if nothing was journalled yet.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = os.path.join(directory, "stage")
        self._list = os.path.join(self._directory, "places")

    def places(self, paths: Sequence[Path], first: int) -> list[Path]:
        """Places for the contents of some paths; `first` is the number of the first one's change."""
        make_private(self._directory)
        places = [self._place(path, number) for number, path in enumerate(paths, first)]
        owner = File(None, 0o600, os.geteuid(), os.getegid())
        disk.write(self._list, b"\0".join(map(os.fsencode, places)), None, owner)
        return places

    def done(self) -> None:
        """All contents are in their places."""
        trees.clear(self._list)

    def clear(self) -> None:
        """Remove the contents that were never put in place."""
        for name in disk.names(self._directory):
            path = os.path.join(self._directory, name)
            if path == self._list:
                for place in map(os.fsdecode, disk.read(path).split(b"\0")):
                    if os.path.basename(place).startswith(".depl-"):
                        trees.clear(place)
            trees.clear(path)

    def _place(self, path: Path, number: int) -> Path:
        beside = disk.temporary_name(path, number)
        if os.path.isdir(os.path.dirname(beside)):
            return beside
        return os.path.join(self._directory, str(number))
