"""A command that outlived whoever started it (a kill, nothing less): it must not go on while things are put back."""

from __future__ import annotations

import os
import signal
import time
from typing import Optional

from depl.change.journal import make_private
from depl.change.process import GRACE

NAME = "running"  # in `.depl`: the process of the command that runs, when it was started, and by which boot


def note_running(directory: str, process: int) -> None:
    """Write down that a command runs, if there is room for that; whoever comes after a crash looks for it."""
    mark = _mark(process)
    if mark is None:
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        make_private(directory)
        with open(os.open(os.path.join(directory, NAME), flags, 0o600), "w") as file:
            file.write(f"{process} {mark}\n")
    except OSError:
        note_over(directory)


def note_over(directory: str) -> None:
    """It is over."""
    try:
        os.unlink(os.path.join(directory, NAME))
    except OSError:
        pass


def end_leftover(directory: str) -> None:
    """End the command that somebody who is gone left running, with all of its children; the lock is held."""
    try:
        with open(os.path.join(directory, NAME)) as file:
            number, _, mark = file.read().strip().partition(" ")
        process = int(number)
    except (OSError, ValueError):
        return
    for what in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + GRACE
        if _mark(process) == mark:
            try:
                os.killpg(process, what)
            except (ProcessLookupError, PermissionError):
                break
        while _mark(process) == mark and time.monotonic() < until:
            time.sleep(0.02)
    note_over(directory)


def _mark(process: int) -> Optional[str]:
    """What no other process has, of this boot or another; None if it does not live (any more)."""
    try:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{fields[19]} {boot}"
