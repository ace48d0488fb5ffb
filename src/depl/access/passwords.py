"""How passwords are kept: as argon2id makes them, which costs whoever guesses time and memory, and us too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST, MOST = 12, 1024  # characters; more would only be work for us
AT_ONCE = 2  # verifications in one process: each takes 64 MiB
WAITING = 8  # so many more may wait for theirs
PATIENCE = 10.0  # seconds


class Busy(Exception):
    """Too many passwords are being looked at; later there is room again."""


def refused_password(password: str, name: str = "") -> str:
    """Why something is no password to take, as a sentence; empty: it is one. name: of whom it would be."""
    if len(password) < LEAST:
        return f"The password has {len(password)} characters, but at least {LEAST} are needed"
    if len(password) > MOST:
        return f"The password has more than {MOST} characters"
    if name and name.lower() in password.lower() and len(password) < len(name) + LEAST:
        return "The password is hardly more than the name"
    if len(set(password)) < 4:
        return "The password has fewer than four different characters"
    return ""


def hashed_password(password: str) -> str:
    """What is kept of it. Errors: Busy."""
    with _turn():
        return _hasher().hash(password)


def is_password(kept: str, password: str) -> bool:
    """Whether it is the one that is kept. Errors: Busy.

    kept: empty where nobody is of that name or they have no password: it takes as long, so that time tells nothing.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > MOST:
        return False
    with _turn():
        try:
            _hasher().verify(kept or _nobodys(), password)
        except (VerificationError, InvalidHashError):
            return False
    return bool(kept)


def is_outdated(kept: str) -> bool:
    """Whether it is kept in a way that was good enough once."""
    return _hasher().check_needs_rehash(kept)


_slots, _queue = threading.BoundedSemaphore(AT_ONCE), threading.BoundedSemaphore(AT_ONCE + WAITING)


@contextmanager
def _turn() -> Iterator[None]:
    """One of few at a time, so that nobody uses up the memory by trying."""
    if not _queue.acquire(blocking=False):
        raise Busy
    try:
        if not _slots.acquire(timeout=PATIENCE):
            raise Busy
        try:
            yield
        finally:
            _slots.release()
    finally:
        _queue.release()


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys() -> str:
    """That of nobody."""
    return _hasher().hash("nobody has this password")
