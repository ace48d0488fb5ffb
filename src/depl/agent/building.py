"""A directory that comes into being beside its final place: nothing is written through links, or outside of it."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from typing import Dict, List, Optional, Tuple

from depl.agent.manifests import DIRECTORY, FILE, LINK, Entry, is_safe
from depl.errors import ProtocolError

PIECE = 1 << 20
EXCLUSIVE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)


class Building:
    """Lays files, directories and links into an empty directory. entries: what is there so far.

    Links and the modes of directories come last, so that no file can lie behind a link or in a closed directory.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.entries: List[Entry] = []
        self._directories: Dict[str, int] = {"": 0o700}
        self._links: List[Entry] = []

    def make_directory(self, path: str, mode: int) -> None:
        """Make a directory, and those that it lies in."""
        self._need(os.path.dirname(path))
        if path not in self._directories:
            os.mkdir(self.place(path), 0o700)
        self._directories[path] = mode | 0o700

    def make_link(self, path: str, target: str) -> None:
        self._need(os.path.dirname(path))
        self._links.append(Entry(path, LINK, target=target))

    def open(self, path: str, mode: int) -> Arriving:
        """A file that is to be written."""
        self._need(os.path.dirname(path))
        return Arriving(self, path, mode)

    def copy(self, source: str, entry: Entry) -> bool:
        """Bring in a file from elsewhere on this machine; False, and nothing is here, if it is not what is listed."""
        try:
            file = open(source, "rb", opener=_without_links, buffering=0)  # noqa: SIM115 - closed below
        except OSError:
            return False
        arriving = self.open(entry.path, entry.mode)
        with file:
            status = os.fstat(file.fileno())
            try:
                while arriving.size <= entry.size:
                    piece = file.read(min(PIECE, entry.size + 1))
                    if not piece:
                        break
                    arriving.write(piece)
            except OSError:
                arriving.discard()
                raise
        if (arriving.size, arriving.digest) != (entry.size, entry.digest):
            arriving.discard()
            return False
        arriving.close((status.st_atime_ns, status.st_mtime_ns))
        return True

    def link(self, source: str, entry: Entry, before: int) -> bool:
        """Share a file of another project, unless it changed since it was complete; whether that could be done."""
        try:
            status = os.lstat(source)
            wanted = (entry.size, stat.S_IFREG | entry.mode | 0o400, os.geteuid())
            if (status.st_size, status.st_mode, status.st_uid) != wanted or status.st_mtime_ns >= before:
                return False
            os.link(source, self.place(entry.path))
        except OSError:
            return False
        self.entries.append(entry)
        return True

    def finish(self) -> List[Entry]:
        """Make the links and set the modes of directories; all that is there."""
        for link in self._links:
            os.symlink(link.target, self.place(link.path))
        for path in sorted(self._directories, reverse=True):
            if path:
                os.chmod(self.place(path), self._directories[path])
        made = [Entry(path, DIRECTORY, mode) for path, mode in self._directories.items() if path]
        return [*self.entries, *self._links, *made]

    def place(self, path: str) -> str:
        return os.path.join(self.directory, path)

    def _need(self, path: str) -> None:
        if path not in self._directories:
            self.make_directory(path, 0o755)


class Arriving:
    """A file that is being written, with the digest of what is there so far."""

    def __init__(self, building: Building, path: str, mode: int) -> None:
        if not is_safe(path):
            raise ProtocolError(f"{path!r} must not be in a project")
        self.path, self.size = path, 0
        self._building, self._mode, self._summed = building, mode | 0o400, sha256()
        try:
            self._descriptor = os.open(building.place(path), EXCLUSIVE, 0o600)
        except FileExistsError:
            raise ProtocolError(f"{path!r} comes twice") from None

    @property
    def digest(self) -> str:
        return self._summed.hexdigest()

    def write(self, piece: bytes) -> None:
        self.size += len(piece)
        self._summed.update(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def close(self, times: Optional[Tuple[int, int]] = None) -> None:
        """The file is complete. times: of last access and change, in nanoseconds."""
        os.fchmod(self._descriptor, self._mode)
        os.close(self._descriptor)
        if times:
            os.utime(self._building.place(self.path), ns=times)
        self._building.entries.append(Entry(self.path, FILE, self._mode, self.size, self.digest))

    def discard(self) -> None:
        os.close(self._descriptor)
        os.unlink(self._building.place(self.path))


def is_as_listed(directory: str, entries: List[Entry], before: int = 0) -> bool:
    """Whether all that should be in a directory is there, every content as it was.

    before: contents that were changed last before then are not read (in nanoseconds).
    """
    for entry in entries:
        path = os.path.join(directory, entry.path)
        try:
            if not _is_as_listed(path, entry, os.lstat(path), before):
                return False
        except OSError:
            return False
    return True


def _is_as_listed(path: str, entry: Entry, status: os.stat_result, before: int) -> bool:
    if entry.kind == LINK:
        return stat.S_ISLNK(status.st_mode) and os.readlink(path) == entry.target
    if entry.kind == DIRECTORY:
        return stat.S_ISDIR(status.st_mode)
    if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
        return False
    if status.st_mtime_ns < before:
        return True
    summed = sha256()
    with open(path, "rb", buffering=0) as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            summed.update(piece)
    return summed.hexdigest() == entry.digest


def remove(path: str) -> None:
    """Remove a directory or a file; nothing there is fine."""
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil

        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | os.O_NONBLOCK)
