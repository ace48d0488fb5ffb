"""The locks of environments in one project directory: a kernel lock, so that the dead hold none, and who has it.

A rollout keeps an environment until it is over. While a process is at work on it, the kernel lock of the environment's
file is held; while it waits for somebody (blocked, at a gate, paused), the file alone says so.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from types import TracebackType

from depl.deploy.begin import utc
from depl.deploy.holder import holder
from depl.errors import Interrupted, Locked
from depl.rollout.lock_files import OVER, RUNNING, Owner, at_work, close, is_mine, left, opened, owner_in, replaced
from depl.rollout.named import file_name

__all__ = ["EnvironmentLocks", "Held", "Owner"]

GRACE = 0.1  # seconds in which somebody who only looks lets go again


class EnvironmentLocks:
    """The locks of a project's environments. directory: the project's `.depl`."""

    def __init__(self, directory: str) -> None:
        self.directory = os.path.join(directory, "locks")

    def take(
        self,
        names: Iterable[str],
        rollout: str,
        who: str,
        wait: float | None = 0.0,
        stopped: Callable[[], bool] = lambda: False,
        over: Callable[[str], bool] = lambda rollout: False,
        *,
        command: str = "",
        tell: Callable[[str], None] = lambda sentence: None,
        take_over: bool = False,
    ) -> Held:
        """Take the locks of some environments, in the order of their names; all of them or none.

        rollout: whose they are from now on; empty: see Held.own. wait: how many seconds; None: for ever; tell hears of
        it, stopped ends it. over: whether a rollout that somebody left in the middle is over by now. take_over: go on
        without the lock where another process has it. Where the directory cannot be written to, there is no lock.
        Errors: Locked, Interrupted.
        """
        owner = Owner(rollout, who, utc(), os.getpid(), command, RUNNING)
        held = Held(owner)
        waiting = _Waiting(wait, stopped, tell)
        try:
            for name in sorted(set(names)):
                self._take_one(name, held, waiting, over, take_over)
            if rollout:
                held.own(rollout)
        except BaseException:
            held.give_back()
            raise
        return held

    def owner(self, name: str) -> Owner | None:
        """Who wrote down last that the environment is theirs."""
        return owner_in(self._path(name))

    def is_at_work(self, name: str) -> bool:
        """Whether a process holds it now; without that, a rollout that is running is interrupted."""
        path = self._path(name)
        if holder(path) is not None:
            return True
        with suppress(OSError), open(path, "rb") as file:  # what the kernel does not show here can still be tried
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, file_name(name))

    def _take_one(self, name: str, held: Held, waiting: _Waiting, over: Callable[[str], bool], take_over: bool) -> None:
        path = self._path(name)
        while True:
            try:
                descriptor = opened(path)
            except OSError:
                return  # nobody can lock it here: the locks of its hosts suffice
            try:
                if is_mine(descriptor, path):
                    found = owner_in(path) or Owner()
                    waits = found.state not in (RUNNING, OVER) and found.rollout != held.owner.rollout
                    if not waits or over(found.rollout):
                        held.add(name, path, descriptor, found)
                        return
                    refused = left(name, found, path)
                elif take_over:
                    close(descriptor)
                    return
                else:
                    refused = at_work(name, path)
            except BaseException:
                close(descriptor)
                raise
            close(descriptor)
            waiting.once_more(refused)


@dataclass
class Held:
    """Environments that this process may work on. taken_over: rollouts that a process left without a word, by name."""

    owner: Owner
    taken_over: dict[str, Owner] = field(default_factory=dict)
    _locks: dict[str, tuple[str, int]] = field(default_factory=dict)  # path and descriptor
    _before: dict[str, Owner] = field(default_factory=dict)  # until something is begun

    @property
    def names(self) -> list[str]:
        """The environments that are locked."""
        return list(self._locks)

    def add(self, name: str, path: str, descriptor: int, before: Owner) -> None:
        """One more of which the kernel lock is ours."""
        self._locks[name] = path, descriptor
        self._before[name] = before
        if before.state == RUNNING and before.rollout != self.owner.rollout:
            self.taken_over[name] = before

    def own(self, rollout: str) -> None:
        """Write down whose they are. Whoever may turn out to change nothing does so once something is changed."""
        self.owner = replace(self.owner, rollout=rollout)
        self._write(self.owner)

    def begin(self) -> None:
        """From now on they stay with the rollout, whatever becomes of this process."""
        self._before.clear()

    def put_back(self) -> None:
        """Let go; where nothing was begun, what was written there before is written again."""
        for name in self.names:
            if name in self._before:
                self._write(self._before[name], [name])
        self.give_back()

    def leave(self, state: str) -> None:
        """Let go, but keep the environments for the rollout, which waits. state: blocked, paused, gate, ..."""
        self._write(replace(self.owner, state=state), durable=True)
        self.give_back()

    def release(self) -> None:
        """Let go: the rollout is over."""
        if any(owner_in(path) == self.owner for path, _ in self._locks.values()):
            self._write(Owner())
        self.give_back()

    def give_back(self) -> None:
        """Let go of the kernel locks, and leave what is written there as it is."""
        for _, descriptor in self._locks.values():
            close(descriptor)
        self._locks.clear()

    def __enter__(self) -> Held:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def _write(self, owner: Owner, names: Iterable[str] | None = None, *, durable: bool = False) -> None:
        """Readers find the old text or the new one: a locked file takes the other's place.

        Who waits for the old file notices (see is_mine). Where there is no room, the kernel lock says enough.
        """
        for name in self.names if names is None else names:
            path, descriptor = self._locks[name]
            with suppress(OSError):
                self._locks[name] = path, replaced(path, json.dumps(asdict(owner)).encode(), durable)
                close(descriptor)


class _Waiting:
    """Patience with those who are there already."""

    def __init__(self, wait: float | None, stopped: Callable[[], bool], tell: Callable[[str], None]) -> None:
        self._until = None if wait is None else time.monotonic() + max(wait, GRACE)
        self._tells = wait is None or wait > GRACE
        self._stopped, self._tell = stopped, tell
        self._told = ""

    def once_more(self, refused: Locked) -> None:
        """Wait a little. Errors: the one that is given, where there was enough of that; Interrupted."""
        if self._stopped():
            raise Interrupted(f"interrupted while waiting: {refused.message}")
        if self._until is not None and time.monotonic() >= self._until:
            raise refused
        if self._tells and self._told != refused.message:
            self._told = refused.message
            self._tell(f"waiting: {refused.message}")
        time.sleep(0.2 if self._tells else GRACE / 5)
