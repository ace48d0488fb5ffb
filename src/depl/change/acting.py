"""The system that acts: keep what was, write what will be, journal it, make it, sync it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import Any, Callable, Optional, Sequence

from depl.change import disk, trees
from depl.change.capturing import Capturing
from depl.change.changes import Move, Put
from depl.change.finishing import finish
from depl.change.finishing import move as move_tree
from depl.change.journal import Journal
from depl.change.limit import CHANGE_LIMIT, TOO_LARGE, Limit, amend
from depl.change.masks import Masks
from depl.change.nodes import Absent, File, Link, Node, Other, Path, describe
from depl.change.records import Did, Failed, Made
from depl.change.recovery import unmade
from depl.change.refusal import WANTED, failing
from depl.change.shown import show_change, show_put
from depl.change.stage import Stage, write_content
from depl.change.system import Staged
from depl.errors import ChangeFailed
from depl.redact import Redactor

BATCH = 256  # changes in one commit


class ActingSystem(Capturing):
    """This machine, changed for real. Records lie in `directory` (`.depl`); commands can be ended by `terminated`.

    durability: `full` syncs the contents of files too, `journal` only what the way back needs. change_limit: bytes of a
    single file above which no copy of it is kept (a link always is).
    """

    def __init__(
        self,
        directory: Path,
        journal: Journal,
        *,
        durability: str = "full",
        change_limit: int = CHANGE_LIMIT,
        command_timeout: Optional[float] = None,
        on_output: Callable[[str, str, str], None] = lambda component, stream, text: None,
        terminated: Callable[[], bool] = lambda: False,
        redact: Optional[Redactor] = None,
    ) -> None:
        super().__init__(
            directory,
            command_timeout=command_timeout,
            on_output=on_output,
            terminated=terminated,
            redact=redact,
        )
        self.journal = journal
        self.durability = durability
        self.limit = Limit(self.blobs.directory, change_limit)
        self.masks = Masks(os.path.join(directory, "masks.json"), self.redact)
        self._stage_area = Stage(directory)
        self._unmarked = False

    # -- files --------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Make what is staged: keep, write and sync, journal once, make, sync directories.

        Errors: ChangeFailed with the path; JournalError, and then nothing was changed.
        """
        staged, self.staged, self._links_staged = list(self.staged.values()), {}, False
        if not staged:
            return
        contents, dids = self._written_down(staged)
        try:
            for one, content, did in zip(staged, contents, dids):
                with failing(one):
                    disk.make(one.change, content, did.n)
            with failing(staged[-1]):
                disk.sync([one.change for one in staged])
        except BaseException:
            self.settle_tail(dids)
            raise
        self._unmarked = True
        self._stage_area.done()
        for one in staged:
            if one.undoes is not None and one.source is not None:
                trees.clear(one.source)  # an image that is back in its place must not be a second name of it

    def _written_down(self, staged: Sequence[Staged]) -> tuple[list[Optional[Path]], list[Did]]:
        """What was there kept, the new contents beside, and the changes in the journal: all but the making."""
        for one in staged:  # without links in it, as somebody may put another one in their place
            one.change = replace(one.change, path=disk.real_path(one.change.path))
        first = self._next_number
        contents: list[Optional[Path]] = []
        try:
            with failing(staged[0]):
                self.masks.keep(staged)
                places = self._stage_area.places([one.change.path for one in staged], first, self.durability == "full")
            for number, (one, place) in enumerate(zip(staged, places), first):
                with failing(one):
                    contents.append(self._prepare(one, number, place))
            if self.durability == "full":
                with failing(staged[0]):
                    trees.sync_files([content for content in contents if content and not os.path.islink(content)])
            if any(isinstance(one.change.before, (File, Link)) for one in staged):
                self.blobs.sync()
            dids = self._record(*(Did(0, one.component, one.change, one.undoes) for one in staged))
        except BaseException:
            with suppress(OSError):  # whoever comes next clears up
                self._stage_area.clear()
                for number, one in enumerate(staged, first):
                    self.blobs.forget(one.change.before, number)
            raise
        return contents, dids

    def settle_tail(self, dids: Sequence[Did]) -> None:
        """Note which of some changes that were written down were not made, and remove what they left beside."""
        with suppress(OSError):
            self._stage_area.clear()
        for did in dids:
            if isinstance(did.change, (Put, Move)):
                with suppress(OSError):  # what cannot be looked at now is left to the rule of three
                    finish(did.change, did.n)
        failed = unmade(dids, lambda path: disk.look(path, content=True))
        if failed:
            self.journal.append(Failed(0, failed), durable=True)
        for did in dids:
            if did.n in failed and isinstance(did.change, Put):
                with suppress(OSError):
                    self.blobs.forget(did.change.before, did.n)
        self._unmarked = True

    def note(self, did: Did) -> Did:
        """Journal something that takes no making here; the record as it is written."""
        self.commit()
        written = self._record(did)[0]
        self._unmarked = True
        return written

    def not_done(self, did: Did) -> None:
        """Journal that something that was written down did not happen."""
        self.journal.append(Failed(0, [did.n]), durable=True)

    def mark(self) -> None:
        """Note in the journal that every change so far is on disk."""
        if self._unmarked:
            self._unmarked = False
            self.journal.append(Made(0))

    def put_back(self, did: Did, now: Node) -> None:
        """Stage the reversal of a change of a path; what is there now is kept like before any change."""
        assert isinstance(did.change, Put)
        before, after = now, did.change.expected_before(now)
        source = None
        if isinstance(after, Other) and before != after:
            raise ChangeFailed(did.change.path, f"{did.change.path} was {describe(after)}, which cannot be made anew")
        if isinstance(after, File) and not (isinstance(before, File) and before.digest == after.digest):
            assert after.digest is not None
            source = self.blobs.image(after.digest, did.n)
        elif isinstance(after, Link) and after != before and os.path.lexists(self.blobs.link_image(did.n)):
            source = self.blobs.link_image(did.n)
        put = Put(did.change.path, before, after)
        self.shown.append(show_put(put, None, None, False, self.masks))
        self._stage(Staged(put, did.component, source=source, undoes=did.n))

    def move_back(self, did: Did) -> None:
        """Undo a move; journalled and made at once."""
        assert isinstance(did.change, Move)
        reversal = did.change.reversal()
        self.shown.append(show_change(reversal))
        self._make_move(reversal, did.component, did.n)

    def _prepare(self, staged: Staged, number: int, place: Path) -> Optional[Path]:
        """Keep the before-image and write the new content beside; where the new content lies."""
        put = staged.change
        if disk.signature(put.path) != staged.seen:
            raise ChangeFailed(
                put.path,
                f"{put.path} was changed by somebody else in this moment",
                staged.component,
                hint="Deploy again: it is then looked at anew.",
            )
        content = None
        if staged.content is not None or staged.source is not None:
            content = place
            write_content(place, staged)
        if isinstance(put.before, File) and (content is not None or not isinstance(put.after, File)):
            self._keep(staged, put.before, number)
        elif isinstance(put.before, Link) and put.before != put.after:
            self.blobs.keep_link(put.path, number)
        return content

    def _keep(self, staged: Staged, before: File, number: int) -> None:
        """Keep the file that is replaced, unless that takes a copy and it is too large for one."""
        assert before.digest is not None
        path = staged.change.path
        linked = self.blobs.keep_inode(path, before.digest, number)
        lost = "" if linked or self.limit.fits(path) else TOO_LARGE
        if lost and self.reversible_only:
            raise ChangeFailed(path, f"{path} was not replaced: what is there is {lost} to be kept, and {WANTED}")
        if not linked and not lost:
            self.blobs.copy(path, before.digest, number)
        if lost != staged.change.lost:
            staged.change = replace(staged.change, lost=lost)
            amend(self.shown, staged.change)

    def _stage(self, staged: Staged) -> None:
        if staged.change.path in self.staged or len(self.staged) >= BATCH:
            self.commit()
        staged.seen = disk.signature(staged.change.path)
        super()._stage(staged)
        if self.at_once:
            self.commit()

    def _move(self, move: Move) -> None:
        self._make_move(move, self.component, None)

    def _make_move(self, move: Move, component: str, undoes: Optional[int]) -> None:
        self.commit()
        move = replace(move, path=disk.real_path(move.path), to=disk.real_path(move.to))
        dids = self._record(Did(0, component, move, undoes))
        try:
            if not move.built:
                with failing(Staged(Put(move.to, Absent(), None), component)):
                    move_tree(move.path, move.to)
        except BaseException:
            self.settle_tail(dids)
            raise
        self._unmarked = True

    @property
    def _next_number(self) -> int:
        """The number of the next change: a mark for those before it may come first."""
        return self.journal.next_number + (1 if self._unmarked else 0)

    def _record(self, *records: Did) -> list[Did]:
        marks: Sequence[Any] = (Made(0),) if self._unmarked else ()
        self._unmarked = False
        return [one for one in self.journal.append(*marks, *records, durable=True) if isinstance(one, Did)]

    # -- looks --------------------------------------------------------------------------------------

    def _look(self, path: Path, content: bool) -> Node:
        return disk.look(path, content)

    def _read(self, path: Path) -> bytes:
        return disk.read(path)

    def _names(self, path: Path) -> list[str]:
        return disk.names(path)

    def _holds(self, path: Path, content: bytes) -> bool:
        return disk.holds(path, content)
