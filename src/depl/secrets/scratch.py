"""A directory for what must be readable for a moment: in memory where that can be had, and gone whatever happens.

A process of its own, the watchdog, waits for the end of depl at a pipe. So the directory goes even if depl is killed by
a signal that nobody can catch. If both are killed, the next Scratch of the same user sweeps what they left: the lock on
a directory ends with the process that holds it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from depl.errors import DeplError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "depl-secrets-"
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only ever a new directory of mode 0700 in it
IN_MEMORY = ("tmpfs", "ramfs")
# Waits for a byte (all is well: nothing to do) or the end of the pipe. An editor may go on writing in between, so it is
# tried until nothing is left.
WATCHDOG = """
import os, shutil, signal, sys, time
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
    signal.signal(number, signal.SIG_IGN)
os.write(1, b"ready")
os.dup2(2, 1)
if not os.read(0, 1):
    for attempt in range(200):
        shutil.rmtree(sys.argv[1], ignore_errors=True)
        if not os.path.lexists(sys.argv[1]):
            break
        time.sleep(0.05)
"""


class Scratch:
    """A directory of mode 0700, for the length of a `with`; `write` makes files of mode 0600 in it.

    directory: where it is. Errors: DeplError, if there is no place for it or no process to watch over it.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self.directory = ""
        self._descriptor = -1
        self._pipe = -1
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Scratch:
        _sweep(self._environ)
        self.directory, self._descriptor = _made(self._environ)
        try:
            self._watch()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *about: object) -> None:
        self._remove()

    def write(self, name: str, content: bytes) -> str:
        """Write a new file; returns its path."""
        path = os.path.join(self.directory, name)
        with suppress(FileNotFoundError):
            os.unlink(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        return path

    def _watch(self) -> None:
        """Start the watchdog, and wait until it is at its post.

        It is in no terminal's reach, and nothing that depl has open or in its environment stays with it.
        """
        command = [sys.executable, "-I", "-S", "-c", WATCHDOG, self.directory]
        environment = {key: value for key, value in self._environ.items() if key in ("PATH", "LD_LIBRARY_PATH")}
        read, self._pipe = os.pipe()
        try:
            self._watchdog = subprocess.Popen(
                command,
                stdin=read,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise _unwatched(error.strerror or str(error)) from error
        finally:
            os.close(read)
        assert self._watchdog.stdout is not None
        with self._watchdog.stdout as stdout:
            if stdout.read() != b"ready":
                raise _unwatched("it ended at once")

    def _remove(self) -> None:
        """Remove the directory, and let the watchdog go. What cannot be removed here is left to it."""
        shutil.rmtree(self.directory, ignore_errors=True)
        if self._pipe >= 0:
            if not os.path.lexists(self.directory):
                with suppress(OSError):
                    os.write(self._pipe, b".")
            os.close(self._pipe)
        if self._watchdog is not None:
            self._watchdog.wait()
        os.close(self._descriptor)
        self._pipe = self._descriptor = -1


def _sweep(environ: Mapping[str, str]) -> None:
    """Remove what killed processes of this user left."""
    for place in dict.fromkeys(_places(environ)):
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith(f"{PREFIX}{os.geteuid()}-") and _is_ours(entry.path):
                    _remove_left(entry.path)


def _places(environ: Mapping[str, str]) -> Iterator[str]:
    """Where a Scratch may be, the best place first."""
    for place in (environ.get("XDG_RUNTIME_DIR", ""), SHARED_MEMORY):
        if os.path.isabs(place) and _file_system(place) in IN_MEMORY:
            yield place
    yield tempfile.gettempdir()


def _file_system(path: str) -> str:
    """The type of the file system that a path is on; nothing where the system does not tell."""
    path, found, longest = os.path.realpath(path), "", -1
    with suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields, _, rest = line.partition(" - ")
            mounted = fields.split(" ")[4].replace("\\040", " ")
            # A later mount hides an earlier one at the same place.
            if len(mounted) >= longest and (path == mounted or path.startswith(mounted.rstrip("/") + "/")):
                found, longest = rest.split(" ", 1)[0], len(mounted)
    return found


def _is_ours(path: str) -> bool:
    about = os.lstat(path)
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()


def _remove_left(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # somebody is at work in it
    else:
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)


def _made(environ: Mapping[str, str]) -> tuple[str, int]:
    """A new directory, and the descriptor that holds its lock."""
    reason = "there is no place for temporary files"
    for place in _places(environ):
        for _ in range(5):  # another depl may sweep it before it is locked
            try:
                path = tempfile.mkdtemp(prefix=f"{PREFIX}{os.geteuid()}-{os.getpid()}-", dir=place)
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError as error:
                reason = f"{place}: {error.strerror}"
                continue
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                    return path, descriptor
            os.close(descriptor)
            with suppress(OSError):
                os.rmdir(path)
    raise DeplError(
        f"Nothing can be put down for a moment: {reason}",
        hint="Let TMPDIR name a directory that you may write to.",
    )


def _unwatched(reason: str) -> DeplError:
    return DeplError(
        f"The process that removes the readable secrets if depl is killed does not start: {reason}",
        hint="Nothing was written. Look for a limit on processes or memory.",
    )
