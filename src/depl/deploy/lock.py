"""The lock of a target directory: a kernel lock, so that the dead hold none."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Any, Callable, Mapping, Optional

from depl.change.private import make_private
from depl.deploy.holder import ask_to_leave, holder
from depl.errors import ChangeFailed, Interrupted, Locked


class Lock:
    """Held from the construction until close(). The file stays: only its kernel lock counts, so a no-op writes nothing.

    patience: how many seconds to wait until the other one is done; None: for ever. take_over: ask the other one to
    leave, and wait until it did, however long that takes. aborted ends the waiting, on_wait is told of it. Errors:
    Locked, naming who holds it; Interrupted.
    """

    def __init__(
        self,
        path: str,
        patience: Optional[float] = 0.0,
        aborted: Callable[[], bool] = lambda: False,
        on_wait: Callable[[str], None] = lambda sentence: None,
        *,
        take_over: bool = False,
    ) -> None:
        self.path = path
        self._on_wait = on_wait
        self._told = ""
        self._asked: set[int] = set()
        try:
            make_private(os.path.dirname(path))
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ChangeFailed(
                path,
                f"the lock {path} cannot be made: {error.strerror}",
                hint="Deploy as a user who may write to the target directory.",
            ) from error
        try:
            self._wait_for_it(patience, aborted, take_over)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _wait_for_it(self, patience: Optional[float], aborted: Callable[[], bool], take_over: bool) -> None:
        until = None if patience is None else time.monotonic() + patience
        while not self._take():
            if aborted():
                raise Interrupted(f"interrupted while waiting: {self._sentence()}")
            if take_over:
                self._ask_to_leave()
            elif until is not None and time.monotonic() >= until:
                raise Locked(self._sentence(), file=self.path, hint="Wait until it is done, or say --wait.")
            else:
                self._tell(f"waiting: {self._sentence()}")
            time.sleep(0.2 if until is None or take_over else min(0.2, max(0.0, until - time.monotonic())))

    def owned_by(self, owner: Mapping[str, Any]) -> None:
        """Write down who holds it, for the messages to others; done once something is changed."""
        text = json.dumps(owner, sort_keys=True).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)

    def owner(self) -> Optional[Mapping[str, Any]]:
        """Who wrote down last that they hold it."""
        try:
            owner = json.loads(os.pread(self._descriptor, 65536, 0))
        except ValueError:
            return None
        return owner if isinstance(owner, dict) else None

    def close(self) -> None:
        """Give it back, even where a child that was forked meanwhile has the file open, too."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)

    def _take(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _ask_to_leave(self) -> None:
        """Ask whoever holds it now, each once. Errors: Locked, where that is not possible."""
        process = holder(self.path)
        if process is None:  # it is leaving, or cannot be seen from here
            self._tell(f"waiting: {self._sentence()}")
        elif process not in self._asked:
            if not ask_to_leave(process):
                raise Locked(
                    f"{self._sentence()}; it cannot be asked to leave by process {os.getpid()}",
                    file=self.path,
                    hint=f"Take it over as the user of process {process}, or as root.",
                )
            self._asked.add(process)
            self._tell(f"waiting until it has left: {self._sentence()}")

    def _tell(self, sentence: str) -> None:
        """Say that it is waited, once in each way."""
        if sentence.partition(":")[0] != self._told:
            self._told = sentence.partition(":")[0]
            self._on_wait(sentence)

    def _sentence(self) -> str:
        directory = os.path.dirname(os.path.dirname(self.path))
        owner = self.owner()
        # The text is that of the last one who changed something; it may be of a run before, if this one has not begun.
        if not owner or not _lives(owner.get("pid")):
            return f"somebody else is at work on {directory}"
        return (
            f"{owner.get('who')} is at work on {directory} since {owner.get('since')}: "
            f"rollout {owner.get('rollout')} of {owner.get('environment')}, process {owner.get('pid')}"
        )


def _lives(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, TypeError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
