"""Trees and contents under the acting system: copied, cleared away, and brought to the disk."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Sequence

from depl.change.nodes import Path
from depl.change.private import sync_directory

WORKERS = 4  # files synced at the same time


def copy_tree(path: Path, to: Path) -> None:
    """A copy with modes, owners, times and links, synced."""
    import shutil  # it brings compression along, and is seldom needed

    if os.path.islink(path) or not os.path.isdir(path):
        shutil.copy2(path, to, follow_symlinks=False)
    else:
        shutil.copytree(path, to, symlinks=True)
    for directory, directories, files in os.walk(path):
        links = [name for name in directories if os.path.islink(os.path.join(directory, name))]
        for name in [".", *links, *files]:
            source = os.path.normpath(os.path.join(directory, name))
            target = os.path.normpath(os.path.join(to, os.path.relpath(source, path)))
            status = os.lstat(source)
            os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
                os.chmod(target, stat.S_IMODE(status.st_mode))
                sync_file(target)


def clear(path: Path) -> None:
    """Nothing at a path, whatever was there."""
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil

        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def sync_files(paths: Sequence[Path]) -> None:
    """See to it that the contents of some files are on disk: side by side, as many sync almost as fast as one."""
    errors: list[OSError] = []

    def sync(share: Sequence[Path]) -> None:
        try:
            for path in share:
                sync_file(path)
        except OSError as error:
            errors.append(error)

    workers = [
        threading.Thread(target=sync, args=(paths[start::WORKERS],)) for start in range(min(WORKERS, len(paths)))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]


def sync_written(paths: Sequence[Path]) -> None:
    """See to it that what others wrote at some paths is on disk, as far as we may read it."""
    there = [path for path in paths if not os.path.islink(path) and os.access(path, os.R_OK)]
    sync_files([path for path in there if os.path.isfile(path)])
    directories = [path for path in there if os.path.isdir(path)]  # for their own mode and owner
    sync_parents([*paths, *(os.path.join(path, ".") for path in directories)])


def sync_tree(top: Path) -> None:
    """See to it that a whole tree is on disk."""
    paths = [top]
    for directory, names, files in os.walk(top):
        paths += [os.path.join(directory, name) for name in [*names, *files]]
    sync_files([path for path in paths if not os.path.islink(path) and (os.path.isfile(path) or os.path.isdir(path))])


def sync_parents(paths: Iterable[Path]) -> None:
    """See to it that the names of some paths are on disk."""
    for directory in sorted({os.path.dirname(path) for path in paths}):
        if os.path.isdir(directory):
            sync_directory(directory)


def sync_file(path: Path) -> None:
    """See to it that a file, or the names in a directory, are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
