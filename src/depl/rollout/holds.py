"""Environments that somebody wants to be left as they are, until they are released: `depl hold`."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Protocol

from depl.change.private import make_private, sync_directory
from depl.deploy.begin import utc
from depl.errors import ChangeFailed, Locked
from depl.rollout.named import file_name


@dataclass(frozen=True)
class Freeze:
    """That an environment is held. since, until: UTC; until is empty where it has no end of its own."""

    environment: str
    who: str
    since: str
    reason: str
    until: str = ""

    @property
    def sentence(self) -> str:
        """Who holds it, since when and why."""
        until = f" until {self.until}" if self.until else ""
        return f"{self.environment} is held by {self.who} since {self.since}{until}: {self.reason}"


class Holds(Protocol):
    """Where it is written down. What has come to its end is not there any more."""

    def of(self, environment: str) -> Freeze | None:
        """Whether an environment is held."""

    def all(self) -> Sequence[Freeze]:
        """Those that are held, by name."""

    def set(self, freeze: Freeze) -> None:
        """Hold an environment. Errors: Locked where it is held already; ChangeFailed where that cannot be noted."""

    def clear(self, environment: str) -> Freeze | None:
        """Release an environment; how it was held. Errors: ChangeFailed."""


class HoldFiles:
    """Those of a project: a file for each environment. directory: the project's `.depl`."""

    def __init__(self, directory: str) -> None:
        self.directory = os.path.join(directory, "holds")

    def of(self, environment: str) -> Freeze | None:
        """Whether an environment is held."""
        return _read(self._path(environment), environment)

    def all(self) -> Sequence[Freeze]:
        """Those that are held, by name."""
        try:
            names = [name for name in os.listdir(self.directory) if not name.startswith(".")]
        except OSError:
            return []
        found = [_read(os.path.join(self.directory, name), name) for name in names]
        return sorted((one for one in found if one), key=lambda freeze: freeze.environment)

    def set(self, freeze: Freeze) -> None:
        """Hold an environment; of two who want to at the same time, one does."""
        path = self._path(freeze.environment)
        try:
            make_private(self.directory)
            with _alone(self.directory):
                held = self.of(freeze.environment)
                if held is not None:
                    raise Locked(held.sentence, hint=f"`depl release {freeze.environment}` ends that.")
                _put(path, json.dumps(asdict(freeze)).encode())
        except OSError as error:
            raise ChangeFailed(path, f"{path} cannot be written: {error.strerror}") from error

    def clear(self, environment: str) -> Freeze | None:
        """Release an environment; how it was held."""
        path, held = self._path(environment), self.of(environment)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ChangeFailed(path, f"{path} cannot be removed: {error.strerror}") from error
        sync_directory(self.directory)
        return held

    def _path(self, environment: str) -> str:
        return os.path.join(self.directory, file_name(environment))


def assert_not_held(holds: Holds, environments: Iterable[str]) -> None:
    """Errors: Locked for the first of some environments that somebody holds."""
    for environment in sorted(set(environments)):
        held = holds.of(environment)
        if held is not None:
            raise Locked(held.sentence, hint=f"Wait for them, or let it go by `depl release {environment}`.")


def end_of(seconds: float) -> str:
    """The time so many seconds from now, as `until` has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@contextmanager
def _alone(directory: str) -> Iterator[None]:
    """While this lasts, nobody else holds an environment."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _put(path: str, content: bytes) -> None:
    directory, name = os.path.split(path)
    new = os.path.join(directory, f".{name}.new")
    with suppress(FileNotFoundError):
        os.unlink(new)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, path)
    sync_directory(directory)


def _read(path: str, name: str) -> Freeze | None:
    """Who holds an environment. One that cannot be read, or that is damaged, still holds."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            facts = json.loads(file.read(65536))
    except OSError as error:
        absent = error.errno in (errno.ENOENT, errno.ENOTDIR) or not os.path.lexists(path)
        return None if absent else _unknown(name, path)
    except (ValueError, RecursionError):
        return _unknown(name, path)
    if not isinstance(facts, Mapping):
        return _unknown(name, path)
    freeze = Freeze(**{key: str(facts.get(key) or "") for key in Freeze.__dataclass_fields__})
    return None if freeze.until and freeze.until <= utc() else freeze


def _unknown(name: str, path: str) -> Freeze:
    return Freeze(name, "somebody", "some time", f"{path} cannot be read")
