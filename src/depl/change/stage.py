"""Where new contents are written before they are put in place."""

from __future__ import annotations

import os
from collections.abc import Sequence

from depl.change import disk, trees
from depl.change.blobs import copy_link
from depl.change.looks import Staged
from depl.change.nodes import File, Link, Path
from depl.change.private import make_private


class Stage:
    """Places for new contents: beside their paths, as a directory gives its files labels and defaults.

    Where the directory is still to be made, in `.depl/stage`. There, too, is a list of the places in use, so that
    whoever comes after a crash finds them, even if nothing was journalled yet.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = os.path.join(directory, "stage")
        self._list = os.path.join(self._directory, "places")
        self._left: Sequence[Path] = ()  # by somebody before, who could not remove them

    def places(self, paths: Sequence[Path], first: int, durable: bool = False) -> list[Path]:
        """Places for the contents of some paths; `first` is the number of the first one's change.

        durable: the list of them is on disk before any of them is used, so that a power cut leaves none unnoticed.
        """
        make_private(self._directory)
        places = [self._place(path, number) for number, path in enumerate(paths, first)]
        self._left = self._listed()
        self._write([*self._left, *places])
        if durable:
            trees.sync_file(self._list)
            trees.sync_file(self._directory)
        return places

    def done(self) -> None:
        """All contents are in their places."""
        if self._left:
            self._write(self._left)
        else:
            trees.clear(self._list)

    def clear(self) -> None:
        """Remove the contents that were never put in place; where that is refused, it stays to be done."""
        listed = self._listed()
        left = [place for place in listed if not _cleared(place)]
        trees.sync_parents(listed)  # before the list goes: a power cut must bring none back unnoticed
        for name in disk.names(self._directory):
            if not left or name != os.path.basename(self._list):
                trees.clear(os.path.join(self._directory, name))
        if left:
            self._write(left)

    def _listed(self) -> list[Path]:
        """The places beside their paths that are on the list."""
        try:
            places = map(os.fsdecode, disk.read(self._list).split(b"\0"))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [place for place in places if os.path.basename(place).startswith(".depl-")]

    def _write(self, places: Sequence[Path]) -> None:
        owner = File(None, 0o600, os.geteuid(), os.getegid())
        disk.write(self._list, b"\0".join(map(os.fsencode, places)), None, owner)

    def _place(self, path: Path, number: int) -> Path:
        beside = disk.temporary_name(path, number)
        if os.path.isdir(os.path.dirname(beside)):
            return beside
        return os.path.join(self._directory, str(number))


def write_content(place: Path, staged: Staged) -> None:
    """Write what will be at a path into its place."""
    after = staged.change.after
    if isinstance(after, Link):
        copy_link(staged.source or "", place)
        return
    assert isinstance(after, File)
    if staged.undoes is not None and staged.source is not None:
        disk.write_image(place, staged.source, after)
    else:
        disk.write(place, staged.content, staged.source, after)


def _cleared(place: Path) -> bool:
    try:
        trees.clear(place)
    except OSError:  # its directory was closed meanwhile
        return False
    return True
