"""Whether a program can listen on an address, and who does so already."""

from __future__ import annotations

import errno
import os
from typing import Collection, Optional


def obstacle(address: str, own: Collection[int] = ()) -> Optional[str]:
    """Why nobody new can listen on an address "host:port", in words; None if there is no reason.

    own: the process groups that may hold it.
    """
    import socket

    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return _in_use(int(port), own)
            return os.strerror(error.errno).lower() if error.errno else str(error)
    return None


def holder(port: int) -> Optional[str]:
    """The process that listens on a port, as "nginx (process 123)", where this user may see it; Linux only."""
    pid = _listener(port)
    return None if pid is None else f"{_name(pid)} (process {pid})"


def _in_use(port: int, own: Collection[int]) -> Optional[str]:
    pid = _listener(port)
    if pid is None:
        return None if own else "the port is in use by another process"  # which one, this user may not see
    try:
        if os.getpgid(pid) in own:
            return None
    except ProcessLookupError:
        pass
    return f"the port is in use by {_name(pid)} (process {pid})"


def _listener(port: int) -> Optional[int]:
    inodes = _listening(port)
    if not inodes:
        return None
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        if not inodes.isdisjoint(_descriptors(pid)):
            return pid
    return None


def _listening(port: int) -> set[str]:
    """The sockets that listen on a port, as they appear among the descriptors of processes."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{row[9]}]")
    return found


def _descriptors(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:  # it ended, or it is somebody else's
        return found
    for name in names:
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:  # closed meanwhile, as the one that the names were read by
            pass
    return found


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "a process"
