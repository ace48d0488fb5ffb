"""A command that outlived whoever started it (a kill, nothing less): it must not go on while things are put back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Callable, Optional

from depl.change.private import make_private
from depl.change.process import GRACE

NAME = "running"  # in `.depl`: the process of the command that runs, when it was started, and by which boot


@contextmanager
def noted(directory: str) -> Iterator[Callable[[], None]]:
    """While a command runs; what is given is for its process to call, before that becomes the command.

    So there is no moment in which a command runs that is not written down, whoever may be killed then. Until the note
    is made, the process has the lock of the host open like the one that started it: nobody else looks for it so early.
    If there is no room for a note, the command runs without one.
    """
    path = os.path.join(directory, NAME)
    descriptor: Optional[int] = None
    with suppress(OSError):
        make_private(directory)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def note() -> None:
        # Between fork and exec: nothing but system calls, as another thread may have held any lock at the fork.
        mark = _mark(os.getpid())
        if descriptor is not None and mark is not None:
            with suppress(OSError):
                os.write(descriptor, f"{os.getpid()} {mark}\n".encode())

    try:
        yield note
    finally:
        if descriptor is not None:
            os.close(descriptor)
            _remove(path)


def end_leftover(directory: str) -> None:
    """End the command that somebody who is gone left running, with all of its children; the lock is held."""
    path = os.path.join(directory, NAME)
    try:
        number, _, mark = _content(path).strip().partition(" ")
    except OSError:
        return
    if number.isdecimal():
        _end(int(number), mark)
    _remove(path)


def _end(process: int, mark: str) -> None:
    for what in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + GRACE
        if _mark(process) == mark:
            try:
                os.killpg(process, what)
            except (ProcessLookupError, PermissionError):
                break
        while _mark(process) == mark and time.monotonic() < until:
            time.sleep(0.02)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def _mark(process: int) -> Optional[str]:
    """What no other process has, of this boot or another; None if it does not live (any more)."""
    try:
        fields = _content(f"/proc/{process}/stat").rpartition(")")[2].split()
        boot = _content("/proc/sys/kernel/random/boot_id").strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{fields[19]} {boot}"


def _content(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
