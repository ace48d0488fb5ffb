"""The part of the acting system that keeps what raw code may change and what goes aside, and looks what became."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Optional

from depl.change import disk, trees
from depl.change.changes import Put
from depl.change.commands import Commanding
from depl.change.folds import half_written
from depl.change.journal import Journal
from depl.change.limit import TOO_LARGE
from depl.change.looks import Staged
from depl.change.nodes import File, Link, Path
from depl.change.owned import Became, became, below, left_open
from depl.change.private import make_private
from depl.change.records import Began, Did, Failed
from depl.change.refusal import failing


class Capturing(Commanding):
    """Captures single paths and whole directories. A file may be written to where it lies, so only a copy keeps it."""

    journal: Journal

    def capture(self, path: Path) -> list[Path]:
        """Keep what is at a path that raw code is about to write, perhaps through a link; the paths that were kept."""
        self.commit()
        path = disk.real_path(path)
        put, _ = self._kept(path, self._next_number)
        self.blobs.sync()
        self._record(Did(0, self.component, put))
        target = os.path.realpath(path)
        return [path, *self.capture(target)] if isinstance(put.before, Link) and target != path else [path]

    def capture_tree(self, top: Path) -> None:
        """Keep a directory whole before raw code may do anything in it.

        On the way back a directory must be there before what is in it: so it is written down after that, the top last.
        """
        self.commit()
        with failing(Staged(Put(top, self.look(top), None), self.component)):
            paths = [*below(top, self.directory), top]
        kept = [self._kept(path, number, sync=False) for number, path in enumerate(paths, self._next_number)]
        with failing(Staged(kept[-1][0], self.component)):
            trees.sync_files([image for _, image in kept if image])
            self.blobs.sync()
        self._record(*(Did(0, self.component, put) for put, _ in kept))

    def became(self, began: Began) -> Became:
        """What an update made of what it owns or touches; made is then written down, what it left alone is not."""
        found = became(self.journal.records, began, self.directory, lambda path: disk.look(path, content=True))
        # Somebody may have written the same anew: it must be on disk before there is no image of it any more.
        trees.sync_written([did.change.path for did in found.left_alone if isinstance(did.change, Put)])
        if found.made:
            self._record(*found.made)
        return found

    def close(self, began: Began, appeared: Sequence[Path] = ()) -> None:
        """The last word on an update that failed or was killed, with all that it made in its directories on record."""
        found = self.became(began) if began.workdir or began.tops else Became()
        self.journal.append(Failed(0, found.unchanged, began.component, appeared), durable=True)
        self.forget(found)

    def close_left_open(self) -> None:
        """The same for those that somebody who is gone left behind; and what any wrote half gets on disk as it is."""
        for began in left_open(self.journal.records):
            self.close(began)
        trees.sync_written(half_written(self.journal.records))

    def forget(self, found: Became) -> None:
        """Drop the images of what an update left alone."""
        for did in found.left_alone:
            with suppress(OSError):
                assert isinstance(did.change, Put)
                self.blobs.forget(did.change.before, did.n)

    def _kept(self, path: Path, number: int, sync: bool = True) -> tuple[Put, Optional[Path]]:
        """Keep what is at a path; the change, and where the image lies, if a file has one."""
        put = Put(path, self.look(path, content=True), None)
        with failing(Staged(put, self.component)):
            if isinstance(put.before, Link):
                self.blobs.keep_link(path, number)
            elif isinstance(put.before, File) and not self.limit.fits(path):
                return replace(put, lost=TOO_LARGE), None
            elif isinstance(put.before, File):
                return put, self.blobs.copy(path, put.before.digest or "", number, sync)
        return put, None

    def _trash(self) -> Path:
        self.commit()
        directory = os.path.join(self.directory, "trash")
        make_private(directory)
        return os.path.join(directory, str(self._next_number))

    @property
    @abstractmethod
    def _next_number(self) -> int:
        """The number of the next change."""

    @abstractmethod
    def _record(self, *records: Did) -> list[Did]: ...
