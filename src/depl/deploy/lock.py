"""The lock of a target directory: a kernel lock, so that the dead hold none."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Any, Callable, Mapping, Optional

from depl.change.journal import make_private
from depl.errors import ChangeFailed, Interrupted, Locked


class Lock:
    """Held from the construction until close(). The file stays: only its kernel lock counts, so a no-op writes nothing.

    wait: until the other one is done; aborted ends the waiting, on_wait is told of it. Errors: Locked, naming who
    holds it; Interrupted.
    """

    def __init__(
        self,
        path: str,
        wait: bool = False,
        aborted: Callable[[], bool] = lambda: False,
        on_wait: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.path = path
        waiting = False
        try:
            make_private(os.path.dirname(path))
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ChangeFailed(
                path,
                f"the lock {path} cannot be made: {error.strerror}",
                hint="Deploy as a user who may write to the target directory.",
            ) from error
        while not self._take():
            owner = self.owner()
            if aborted():
                os.close(self._descriptor)
                raise Interrupted(f"interrupted while waiting: {_sentence(path, owner)}")
            if not wait:
                os.close(self._descriptor)
                raise Locked(_sentence(path, owner), file=path, hint="Wait until it is done, or say --wait.")
            if not waiting:
                waiting = True
                on_wait(f"waiting: {_sentence(path, owner)}")
            time.sleep(0.2)

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


def _sentence(path: str, owner: Optional[Mapping[str, Any]]) -> str:
    directory = os.path.dirname(os.path.dirname(path))
    # The text is that of the last one who changed something; it may be of a run before, if this one has not begun to.
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
