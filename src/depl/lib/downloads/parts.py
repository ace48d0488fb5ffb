"""What came of a download so far, and why it went no further."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

CHUNK = 1 << 18


class Failed(Exception):
    """An attempt came to nothing. passing: another one may succeed."""

    def __init__(self, reason: str, passing: bool, hint: str = "") -> None:
        super().__init__(reason)
        self.passing, self.hint = passing, hint


class Part:
    """What came so far: a file in the cache of the user, that outlives a run that was cut short."""

    def __init__(self, algorithm: str, digest: str) -> None:
        from depl.compiled import cache_home

        directory = os.path.join(cache_home(), "depl", "downloads")
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.path = os.path.join(directory, f"{algorithm}-{digest}.part")
        self._file = _opened(self.path)
        if not _locked(self._file):  # another run fetches the same
            self._file.close()
            self.path = f"{self.path}.{os.getpid()}"
            self._file = _opened(self.path)

    @property
    def size(self) -> int:
        return self._file.seek(0, os.SEEK_END)

    def take(self, answer: Any) -> int:
        """Write what comes; how many bytes came."""
        received = 0
        for chunk in iter(lambda: answer.read(CHUNK), b""):
            self._file.write(chunk)
            received += len(chunk)
        return received

    def empty(self) -> None:
        self._file.truncate(0)

    def remove(self) -> None:
        if os.path.exists(self.path):
            os.unlink(self.path)

    def close(self) -> None:
        self._file.close()


def _opened(path: str) -> BinaryIO:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    return open(os.open(path, flags, 0o600), "ab", buffering=0)


def _locked(file: BinaryIO) -> bool:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def goes_on_at(answer: Any, start: int) -> bool:
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {start}-")


def failure(problem: BaseException, patience: float) -> Failed:
    """Failures of the network pass; names that do not exist and certificates that are not valid do not."""
    import socket
    import ssl

    cause = getattr(problem, "reason", None)
    if isinstance(cause, BaseException):
        problem = cause
    if isinstance(problem, ssl.SSLCertVerificationError):
        return Failed(f"the certificate is not valid: {problem.verify_message}", passing=False)
    if isinstance(problem, (socket.timeout, TimeoutError)):
        return Failed(f"nothing came for {patience:g} s", passing=True)
    reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return Failed(reason, passing=True, hint="Can this host reach the server? Proxies are taken from the environment.")
