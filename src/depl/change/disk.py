"""The disk under the acting system: what is there, and the making of one change. Knows no journal."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from contextlib import suppress
from typing import Optional, Sequence

from depl.change.blobs import CHUNK, copy_link, digest_of
from depl.change.changes import Put
from depl.change.nodes import Absent, Directory, File, Link, Node, Other, Path
from depl.change.trees import clear, sync_file, sync_parents


def look(path: Path, content: bool = False) -> Node:
    """What is at a path, links not followed. content: with the digest of a file's content."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Absent()
    mode = status.st_mode
    if stat.S_ISREG(mode):
        digest = digest_of(path) if content else None
        return File(digest, stat.S_IMODE(mode), status.st_uid, status.st_gid)
    if stat.S_ISDIR(mode):
        return Directory(stat.S_IMODE(mode), status.st_uid, status.st_gid)
    if stat.S_ISLNK(mode):
        return Link(os.readlink(path))
    return Other()


def signature(path: Path) -> Optional[tuple[int, ...]]:
    """What changes when somebody changes what is at a path; None where nothing is."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(status.st_mode):  # what comes and goes in a directory is no change of its own
        return (status.st_ino, status.st_mode, status.st_uid, status.st_gid)
    return (status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns)


def real_path(path: Path) -> Path:
    """The path with the links among its parents followed, but not one at its end."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def read(path: Path) -> bytes:
    """The content of a file."""
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def names(path: Path) -> list[str]:
    """The names in a directory; none where there is none."""
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []


def holds(path: Path, content: bytes) -> bool:
    """Whether a regular file with just this content is at a path; read only if its size fits."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            return False
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != len(content):
            return False
        start = 0
        while start < len(content):
            piece = os.read(descriptor, CHUNK)
            if not piece or content[start : start + len(piece)] != piece:
                return False
            start += len(piece)
        return not os.read(descriptor, 1)
    finally:
        os.close(descriptor)


def umask() -> int:
    """The process's file mode mask."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write(path: Path, content: Optional[bytes], source: Optional[Path], node: File) -> None:
    """A new file with its final owner and mode; readable by nobody else before it has them. Not synced."""
    if os.path.lexists(path):  # left by somebody who was killed; it may be another name of a before-image
        os.unlink(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        if content is not None:
            _write_all(file, content)
        elif source is not None:
            digest = hashlib.sha256()
            with open(source, "rb") as origin:
                while piece := origin.read(CHUNK):
                    digest.update(piece)
                    _write_all(file, piece)
            if node.digest not in (None, digest.hexdigest()):
                raise OSError(errno.EAGAIN, f"{source} was changed while it was read")
        _own(descriptor, node)


def _write_all(file: io.FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


def write_image(path: Path, image: Path, node: File) -> None:
    """A kept file again: its old inode where it can be linked, with a new time, as what depends on it is stale."""
    if os.path.lexists(path):
        os.unlink(path)
    try:
        os.link(image, path)
    except OSError:
        import shutil  # it brings compression along, and is seldom needed

        write(path, None, image, File(node.digest, 0o600, os.geteuid(), os.getegid()))
        shutil.copystat(image, path)
    try:
        set_attributes(path, node)
    except PermissionError:  # not root: what belongs to others comes back as ours where it had to be copied
        with suppress(PermissionError):
            os.chmod(path, node.mode & ~0o6000)  # it must not let others act as us
    with suppress(PermissionError):
        os.utime(path)


def make(put: Put, content: Optional[Path], number: int) -> None:
    """Make one change of a path, atomically. content: where a file's new content lies, complete."""
    after = put.after
    if put.before == after:
        return
    if isinstance(after, (File, Link)) and content is not None:
        _rename(content, put.path, number)
    elif isinstance(after, (File, Directory)):
        if isinstance(after, Directory) and not isinstance(put.before, Directory):
            _make_directory(put.path, after, number)
        else:
            set_attributes(put.path, after)
    elif isinstance(after, Link):
        temporary = temporary_name(put.path, number)
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(after.to, temporary)
        os.rename(temporary, put.path)
    elif isinstance(put.before, Directory):
        os.rmdir(put.path)
    else:
        os.unlink(put.path)


def sync(puts: Sequence[Put]) -> None:
    """See to it that changes which were made are on disk: their names, and what was altered where it lies."""
    for put in puts:
        if put.before != put.after and _is_altered(put.before, put.after):
            with suppress(PermissionError, FileNotFoundError):  # ours, but not for us to read; gone again
                sync_file(put.path)
    sync_parents([put.path for put in puts])


def _is_altered(before: Node, after: Optional[Node]) -> bool:
    if isinstance(before, File) and isinstance(after, File):
        return before.digest == after.digest
    return isinstance(before, Directory) and isinstance(after, Directory)


def temporary_name(path: Path, number: int) -> Path:
    """The name beside a path that change `number` may leave behind when it is killed."""
    return os.path.join(os.path.dirname(path), f".depl-{number}")


def _rename(content: Path, path: Path, number: int) -> None:
    try:
        os.rename(content, path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        temporary = temporary_name(path, number)
        clear(temporary)
        if os.path.islink(content):
            copy_link(content, temporary)
            os.rename(temporary, path)
            os.unlink(content)
            return
        import shutil

        status = os.lstat(content)
        node = File(None, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        write(temporary, None, content, node)
        shutil.copystat(content, temporary)
        sync_file(temporary)
        os.rename(temporary, path)
        os.unlink(content)


def _make_directory(path: Path, node: Directory, number: int) -> None:
    temporary = temporary_name(path, number)
    clear(temporary)
    os.mkdir(temporary, 0o700)
    try:
        set_attributes(temporary, node)
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        os.rename(temporary, path)
    except OSError:
        os.rmdir(temporary)
        raise


def set_attributes(path: Path, node: Node) -> None:
    """Owner and mode of what is at a path, in this order, as a change of owner drops bits of the mode."""
    assert isinstance(node, (File, Directory))
    status = os.lstat(path)
    if (status.st_uid, status.st_gid) != (node.uid, node.gid):
        os.chown(path, node.uid, node.gid, follow_symlinks=False)
    if stat.S_IMODE(os.lstat(path).st_mode) != node.mode:
        os.chmod(path, node.mode)


def _own(descriptor: int, node: File) -> None:
    status = os.fstat(descriptor)
    if (status.st_uid, status.st_gid) != (node.uid, node.gid):
        os.fchown(descriptor, node.uid, node.gid)
    os.fchmod(descriptor, node.mode)
