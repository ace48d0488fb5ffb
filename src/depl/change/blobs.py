"""Contents that the journal speaks of: before-images, commands. On the host only, for its owner only, never shown."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from contextlib import suppress
from typing import Any, Optional

from depl.change.nodes import Digest, File, Node, Path
from depl.change.private import make_private, replace_file, sync_directory
from depl.errors import JournalError

CHUNK = 1 << 20


class Blobs:
    """The blobs of a host, in a directory that is made on first use."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def add(self, content: bytes) -> Digest:
        """Keep some bytes, synced; their digest finds them again."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if not os.path.exists(path):
            make_private(self.directory)
            replace_file(path, content)
        return digest

    def add_json(self, value: Any) -> Digest:
        """Keep a value as JSON."""
        return self.add(json.dumps(value, sort_keys=True).encode())

    def read_json(self, digest: Digest) -> Any:
        """A value that was kept. Errors: JournalError if it is gone or damaged."""
        return json.loads(self.read(digest))

    def read(self, digest: Digest) -> bytes:
        """Bytes that were kept. Errors: JournalError if they are gone or damaged."""
        try:
            with open(self._path(digest), "rb") as file:
                content = file.read()
        except (FileNotFoundError, IsADirectoryError):
            content = b""
        if hashlib.sha256(content).hexdigest() != digest:
            raise _lost(self._path(digest))
        return content

    def keep_inode(self, path: Path, digest: Digest, number: int) -> bool:
        """Keep a file as it is before change `number` by a hard link; False where that is not possible.

        The directory is synced by the caller, once for many.
        """
        image = self._image(digest, number)
        try:
            if os.lstat(path).st_nlink > 1:  # other names of it may be written to
                return False
            os.link(path, image, follow_symlinks=False)
        except OSError:  # another file system, or a file that is not ours to link
            return False
        return True

    def copy(self, path: Path, digest: Digest, number: int, sync: bool = True) -> Path:
        """The same by a copy; where that lies. sync: else its content is synced by the caller."""
        image = self._image(digest, number)
        temporary = image + ".new"
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        shutil.copystat(path, temporary)
        os.chmod(temporary, 0o600)  # before there is anything in it
        shutil.copyfile(path, temporary)
        status = os.stat(path)
        os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        if sync:
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
        os.rename(temporary, image)
        return image

    def _image(self, digest: Digest, number: int) -> Path:
        """A free place for an image."""
        image = self._path(f"{digest}.{number}")
        make_private(self.directory)
        if os.path.lexists(image):
            os.unlink(image)
        return image

    def keep_link(self, path: Path, number: int) -> None:
        """Keep a symbolic link as it is before change `number`: for its owner, as the journal has where it leads."""
        image = self.link_image(number)
        make_private(self.directory)
        if os.path.lexists(image):
            os.unlink(image)
        copy_link(path, image)

    def forget(self, before: Node, number: int) -> None:
        """Change `number` was not made: what was kept for it must not stay a second name of what is still in place."""
        image = self._path(f"{before.digest}.{number}") if isinstance(before, File) else self.link_image(number)
        if os.path.lexists(image):
            os.unlink(image)

    def link_image(self, number: int) -> Path:
        """Where the link lies, if any, that was kept before change `number`."""
        return self._path(f"link.{number}")

    def sync(self) -> None:
        """See to it that the names of the blobs are on disk."""
        if os.path.isdir(self.directory):  # no change so far needed an image, if there is none
            sync_directory(self.directory)

    def image(self, digest: Digest, number: int) -> Path:
        """Where the image lies that was kept before change `number`. Errors: JournalError if it is gone or damaged."""
        path = self._path(f"{digest}.{number}")
        if os.path.isdir(path) or digest_of(path) != digest:
            raise _lost(path)
        return path

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)


def digest_of(path: Path) -> Optional[Digest]:
    """The SHA-256 of a file's content, read in pieces; None if there is no such file."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def copy_link(path: Path, to: Path) -> None:
    """A symbolic link once more: the same inode where that is possible, else one like it."""
    try:
        os.link(path, to, follow_symlinks=False)
    except OSError:
        status = os.lstat(path)
        os.symlink(os.readlink(path), to)
        if (status.st_uid, status.st_gid) != (os.lstat(to).st_uid, os.lstat(to).st_gid):
            with suppress(PermissionError):  # not root: it comes back as ours
                os.chown(to, status.st_uid, status.st_gid, follow_symlinks=False)


def _lost(path: Path) -> JournalError:
    return JournalError(
        f"what was kept in {path} is gone or damaged",
        file=path,
        hint="This change can no longer be taken back from the journal.",
    )
