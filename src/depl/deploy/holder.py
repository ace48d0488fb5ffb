"""Who holds a kernel lock, as Linux tells it, and asking them to leave."""

from __future__ import annotations

import os
import signal
from typing import Iterator, Optional


def holder(path: str) -> Optional[int]:
    """The process that holds the lock of a file; None if nobody does, or none that can be seen from here."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    for process, at, inode in _locks():
        # On stacked file systems the kernel names another device than the file has: then the process must have it open.
        if inode == status.st_ino and (at == device or _has_open(process, status)):
            return process
    return None


def ask_to_leave(process: int) -> bool:
    """Tell a process to end at its next safe moment; False if we may not, or are it ourselves."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, signal.SIGTERM)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def _locks() -> Iterator[tuple[int, str, int]]:
    """The locks that are held by flock(): process, device and inode of each."""
    try:
        with open("/proc/locks") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.split()  # `1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF`; those who wait have `->` in front
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[4].isdigit():
            device, _, inode = fields[5].rpartition(":")
            if inode.isdigit() and int(fields[4]) > 0:
                yield int(fields[4]), device, int(inode)


def _has_open(process: int, status: os.stat_result) -> bool:
    directory = f"/proc/{process}/fd"
    try:
        names = os.listdir(directory)
    except OSError:
        return False
    for name in names:
        try:
            if os.path.samestat(os.stat(os.path.join(directory, name)), status):
                return True
        except OSError:  # closed meanwhile
            continue
    return False
