"""A machine, as components see it: look, stage, commit, run.

Verbs compute a change from what is there and stage it; looks see staged state first. Only commit() and run() touch the
machine, so a system that predicts is one that never commits.
"""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from typing import Any, Mapping, Optional, Union

from depl.change.changes import Move, Put, WayBack
from depl.change.looks import Looks, Staged
from depl.change.nodes import Absent, Directory, File, Link, Node, Other, Path, describe
from depl.change.shown import show_change, show_put
from depl.change.spawning import Command
from depl.errors import ChangeFailed

Input = Union[str, bytes]

__all__ = ["Input", "Staged", "System"]


class System(Looks):
    """A machine that can be changed by verbs and commands. Links are never followed."""

    # -- verbs --------------------------------------------------------------------------------------

    def write(
        self,
        path: Path,
        content: bytes,
        mode: Optional[int] = None,
        uid: Optional[int] = None,
        gid: Optional[int] = None,
        show: bool = True,
    ) -> None:
        """A regular file with this content. Files and links are replaced; mode and owner stay unless given."""
        before = self.look(path, content=True)
        after = self._file(path, before, hashlib.sha256(content).hexdigest(), mode, uid, gid)
        if before == after:
            return
        fresh = not (isinstance(before, File) and before.digest == after.digest)
        put = self.limit.foreseen(Put(path, before, after))
        old = self._old_text(put) if fresh else None
        self.masks.learn(put, old)
        self.shown.append(show_put(put, old, content if fresh else None, not show, self.masks))
        self._stage(Staged(put, self.component, content if fresh else None))

    def copy(
        self,
        source: Path,
        path: Path,
        mode: Optional[int] = None,
        uid: Optional[int] = None,
        gid: Optional[int] = None,
    ) -> None:
        """The same, with the content of a file on this machine, which is streamed."""
        from depl.change.blobs import digest_of

        source = self._followed(source)
        if source in self.staged:
            self.commit()
        if source in self.staged:  # a plan, in which it is never made
            self.write(path, self.read(source), mode, uid, gid)
            return
        digest = digest_of(source)
        if digest is None:
            raise ChangeFailed(source, f"{source} does not exist", self.component)
        before = self.look(path, content=True)
        after = self._file(path, before, digest, mode, uid, gid)
        if before == after:
            return
        fresh = not (isinstance(before, File) and before.digest == digest)
        self._stage_shown(Staged(Put(path, before, after), self.component, source=source if fresh else None))

    def link(self, path: Path, to: str) -> None:
        """A symbolic link. A file or another link is replaced."""
        before = self.look(path, content=True)
        if before == Link(to):
            return
        self._refuse_directory(path, before)
        self._stage_shown(Staged(Put(path, before, Link(to)), self.component))

    def make_dir(
        self, path: Path, mode: Optional[int] = None, uid: Optional[int] = None, gid: Optional[int] = None
    ) -> None:
        """A directory; its parent must be there. An existing mode and owner stay unless given."""
        before = self.look(path, content=True)
        if isinstance(before, Directory):
            after = Directory(
                before.mode if mode is None else mode,
                before.uid if uid is None else uid,
                before.gid if gid is None else gid,
            )
        elif isinstance(before, Absent):
            default = self._default_mode(0o777)
            setgid, new_uid, new_gid = self._new_owner(path)
            after = Directory(
                (default | setgid) if mode is None else mode,
                new_uid if uid is None else uid,
                new_gid if gid is None else gid,
            )
        else:
            raise ChangeFailed(
                path, f"{path} should become a directory, but {describe(before)} is there", self.component
            )
        if before != after:
            self._stage_shown(Staged(Put(path, before, after), self.component))

    def remove(self, path: Path) -> None:
        """Nothing at a path; a tree goes to the trash."""
        before = self.look(path, content=True)
        if isinstance(before, Absent):
            return
        if isinstance(before, Other) or (isinstance(before, Directory) and self.names(path)):
            self.move(path, self._trash())
        else:
            self._stage_shown(Staged(Put(path, before, Absent()), self.component))

    def set_mode(self, path: Path, mode: int) -> None:
        """The permission bits of a file or directory."""
        self._alter(path, mode=mode)

    def set_owner(self, path: Path, uid: Optional[int] = None, gid: Optional[int] = None) -> None:
        """The owner and group of a file or directory, by number."""
        self._alter(path, uid=uid, gid=gid)

    def move(self, path: Path, to: Path) -> None:
        """A file or whole tree goes to another path, which must be free."""
        if not isinstance(self.look(to), Absent):
            raise ChangeFailed(to, f"{path} cannot be moved to {to}: something is there", self.component)
        if isinstance(self.look(path), Absent):
            raise ChangeFailed(path, f"{path} cannot be moved: nothing is there", self.component)
        move = Move(path, to)
        self.shown.append(show_change(move))
        self._move(move)

    def build(self, path: Path) -> None:
        """Declare that raw commands will now build a tree or file at a path that is free; undone as a whole."""
        if not isinstance(self.look(path), Absent):
            raise ChangeFailed(path, f"{path} cannot be built: something is there", self.component)
        move = Move(self._trash(), path, built=True)
        self.shown.append(show_change(move))
        self._move(move)

    def beside(self) -> Path:
        """A free path in the trash, for what is built there to be moved into its place, or moved there for a while."""
        return f"{self._trash()}-tree"

    @abstractmethod
    def run(
        self,
        command: Command,
        *,
        undo: Optional[Command] = None,
        way_back: Optional[WayBack] = None,
        reason: str = "",
        cwd: Optional[Path] = None,
        env: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        input: Optional[Input] = None,
        check: bool = True,
        shown: Optional[str] = None,
        undo_shown: Optional[str] = None,
        sensitive: bool = False,
        owns: str = "",
    ) -> tuple[int, str, str]:
        """Act by a command; it is journalled before it runs.

        undo: what compensates it; it may run twice and must bear it. way_back: by default compensating where there is
        an undo, repeat in a reaction, else unknown. shown, undo_shown: what people see of them. owns: a name for what
        it brings about ("unit x.service"); `--gc` runs the undo once no component is there for it any more. Errors:
        CmdExecutionError where check and it failed.
        """

    @abstractmethod
    def ask(
        self,
        command: Command,
        *,
        cwd: Optional[Path] = None,
        env: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        input: Optional[Input] = None,
        check: bool = False,
    ) -> tuple[int, str, str]:
        """Run a command that only looks: status, stdout, stderr.

        check: a status other than 0 is an error. Errors: CmdExecutionError, also where it cannot be started or takes
        too long.
        """

    # -- what kinds of systems differ in ------------------------------------------------------------

    @abstractmethod
    def _move(self, move: Move) -> None: ...

    @abstractmethod
    def _trash(self) -> Path: ...

    def _default_mode(self, mode: int) -> int:
        return mode & ~0o022

    def _ids(self) -> tuple[int, int]:
        return 0, 0

    def _file(
        self, path: Path, before: Node, digest: str, mode: Optional[int], uid: Optional[int], gid: Optional[int]
    ) -> File:
        self._refuse_directory(path, before)
        if isinstance(before, File):
            default, default_uid, default_gid = before.mode, before.uid, before.gid
            if self._ids()[0] not in (0, before.uid):  # replacing it makes it ours; undoing gives it back
                default_uid, default_gid = self._ids()
        else:
            default = self._default_mode(0o666)
            _, default_uid, default_gid = self._new_owner(path)
        return File(
            digest,
            default if mode is None else mode,
            default_uid if uid is None else uid,
            default_gid if gid is None else gid,
        )

    def _new_owner(self, path: Path) -> tuple[int, int, int]:
        """The set-group-id bit, owner and group that a new path gets from its directory and from us."""
        uid, gid = self._ids()
        parent = self.look(os.path.dirname(path))
        if isinstance(parent, Directory) and parent.mode & 0o2000:
            return 0o2000, uid, parent.gid
        return 0, uid, gid

    def _refuse_directory(self, path: Path, before: Node) -> None:
        if isinstance(before, (Directory, Other)):
            raise ChangeFailed(path, f"{path} is in the way: {describe(before)} is there", self.component)

    def _alter(
        self, path: Path, mode: Optional[int] = None, uid: Optional[int] = None, gid: Optional[int] = None
    ) -> None:
        before = self.look(path, content=True)
        if not isinstance(before, (File, Directory)):
            raise ChangeFailed(path, f"{path} has no mode or owner to set: {describe(before)} is there", self.component)
        kind: Any = type(before)
        values = {
            "mode": before.mode if mode is None else mode,
            "uid": before.uid if uid is None else uid,
            "gid": before.gid if gid is None else gid,
        }
        after: Node = kind(digest=before.digest, **values) if isinstance(before, File) else kind(**values)
        if after != before:
            self._stage_shown(Staged(Put(path, before, after), self.component))

    def _stage_shown(self, staged: Staged) -> None:
        staged.change = self.limit.foreseen(staged.change)
        self.shown.append(show_change(staged.change))
        self._stage(staged)
