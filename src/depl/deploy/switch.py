"""The link that leads to the project on a host: switched before a run, and back when it is taken back."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Optional

from depl.change import disk
from depl.change.changes import Put
from depl.change.journal import Journal
from depl.change.looks import Staged
from depl.change.nodes import Absent, Link, Node, describe
from depl.change.records import Did
from depl.change.refusal import failing
from depl.change.stage import Stage
from depl.change.trees import clear, sync_parents
from depl.deploy.books import PROJECT
from depl.errors import ChangeFailed


class Switch:
    """The link of one run. A run that changes nothing else leaves no journal, so this change alone does not make one.

    With the first record of something else it is journalled, too, as the first of all changes and so the last to be
    taken back. Who is killed before that leaves a link that leads to a whole project by which nothing was changed yet:
    the next run looks at it like at any other, and switches on.
    """

    def __init__(self, directory: str, journal: Journal) -> None:
        self._stage = Stage(directory)
        self._journal = journal
        self._put: Optional[Put] = None

    @property
    def unrecorded(self) -> bool:
        """Whether the link was switched, and nothing of it is in the journal."""
        return self._put is not None and bool(self._journal.owed)

    def to(self, link: str, to: str) -> None:
        """Let the link lead somewhere else, at once and atomically. Errors: ChangeFailed, where it is no link."""
        link = disk.real_path(link)
        now = disk.look(link)
        if not isinstance(now, (Absent, Link)):
            raise ChangeFailed(
                link,
                f"{link} is in the way: {describe(now)} is there, where depl keeps its link to the project",
                hint="Move it away, or deploy to another target directory.",
            )
        if now == Link(to):
            return
        put = Put(link, now, Link(to))
        self._make(put)
        self._put = replace(self._put, after=put.after) if self._put and self.unrecorded else put
        self._journal.owed = (Did(0, PROJECT, self._put),)

    def keep(self) -> None:
        """It stays as it is now, although nothing else was changed."""
        self._journal.owed = ()

    def back(self) -> None:
        """Let it lead to where it did, if nothing of it is in the journal."""
        if self._put is not None and self.unrecorded:
            self._journal.owed = ()
            if disk.look(self._put.path) == self._put.after:
                self._make(self._put.reversal())

    def _make(self, put: Put) -> None:
        wanted: Optional[Node] = put.after
        with failing(Staged(put, PROJECT)):
            if isinstance(wanted, Link):
                (place,) = self._stage.places([put.path], self._journal.next_number)
                clear(place)
                os.symlink(wanted.to, place)
                os.rename(place, put.path)
                self._stage.done()
            else:
                os.unlink(put.path)
            sync_parents([put.path])
