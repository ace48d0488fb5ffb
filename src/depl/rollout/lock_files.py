"""The file that is the lock of an environment: whose it is, as JSON, under a kernel lock."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from depl.change.private import make_private
from depl.deploy.holder import holder
from depl.errors import ChangeFailed, Locked

RUNNING, OVER = "running", "over"
BY_ACCIDENT = (errno.ELOOP, errno.EISDIR, errno.ENXIO)


@dataclass(frozen=True)
class Owner:
    """Whose environment it is, or was last. state: running, over, or why the rollout waits (blocked, paused, gate)."""

    rollout: str = ""
    who: str = ""
    since: str = ""
    pid: int = 0
    command: str = ""
    state: str = OVER


def opened(path: str) -> int:
    """The file, made if need be. Errors: OSError where that cannot be; ChangeFailed where it is something else."""
    make_private(os.path.dirname(path))
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno in BY_ACCIDENT:
            raise _no_file(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_file(path)
    return descriptor


def _no_file(path: str) -> ChangeFailed:
    return ChangeFailed(path, f"{path} is no file, so it cannot be the lock of an environment", hint="Remove it.")


def is_mine(descriptor: int, path: str) -> bool:
    """Take the kernel lock of a file, if it still is the one at its path and free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except (BlockingIOError, FileNotFoundError):
        return False


def replaced(path: str, content: bytes, durable: bool) -> int:
    """Put a file in place that is locked from its first moment; its descriptor."""
    directory, name = os.path.split(path)
    new = os.path.join(directory, f".{name}.new")
    with suppress(FileNotFoundError):
        os.unlink(new)
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, content)
        if durable:
            os.fsync(descriptor)
        os.rename(new, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def close(descriptor: int) -> None:
    """Give a kernel lock back, even where a child that was forked meanwhile has the file open, too."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def owner_in(path: str) -> Owner | None:
    """Whose it is, as far as that is written there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            facts = json.loads(file.read(65536))
        return _owner_from(facts) if isinstance(facts, Mapping) else None
    except (OSError, ValueError, RecursionError):
        return None


def _owner_from(facts: Mapping[str, object]) -> Owner:
    pid = facts.get("pid")
    texts = {key: str(facts.get(key, "")) for key in ("rollout", "who", "since", "command")}
    return Owner(**texts, pid=pid if isinstance(pid, int) else 0, state=str(facts.get("state") or OVER))


def at_work(name: str, path: str) -> Locked:
    """The error for those who find the kernel lock taken; what is written there may be older than that."""
    found, process = owner_in(path) or Owner(), holder(path)
    if found.state == RUNNING and process in (None, found.pid):
        text = f"{found.who} is at work on {name} since {found.since}: rollout {found.rollout}, process {found.pid}"
    else:
        text = f"somebody else is at work on {name}" + (f": process {process}" if process else "")
    return Locked(text, file=path, hint="Wait until it is done, or say --wait.")


def left(name: str, found: Owner, path: str) -> Locked:
    """The error for those who find a rollout there that waits."""
    return Locked(
        f"rollout {found.rollout} of {found.who} has {name} since {found.since} and is {found.state}",
        file=path,
        hint=f"Go on with it by `depl rollout resume {found.rollout}`, or take it back by "
        f"`depl rollout undo {found.rollout}`.",
    )
