"""The lease of a rollout that a worker drives, kept alive by the process that drives it, and by nobody else."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from depl.rollout.log import Fenced, LogFailed

if TYPE_CHECKING:
    from depl.store.leases import Claim
    from depl.store.store import Store


class Gone(BaseException):
    """Somebody wants us to end at once."""


class Lease:
    """Says again and again that we live, as long as this lasts; knows whether we are to end, and how soon.

    worker: the process that claimed the rollout; without it, what runs comes to its end, and another worker goes on.
    """

    def __init__(self, store: Store, claim: Claim, worker: int) -> None:
        self._store, self._claim, self._worker = store, claim, worker
        self._over, self._lost = threading.Event(), False
        self._wishes = 0

    def __enter__(self) -> Lease:
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def end(self) -> None:
        """Somebody wants us to end: soon, or, said again, at once."""
        self._wishes += 1

    def leaving(self) -> bool:
        """Whether nothing new may begin. Errors: Fenced, Gone."""
        if self._lost:
            raise Fenced(f"Rollout {self._claim.rollout} was taken over by somebody else")
        if self._wishes > 1:
            raise Gone
        return self._wishes > 0 or os.getppid() != self._worker

    def _beat(self) -> None:
        """A store that cannot be reached gives the rollout to nobody else, so we go on; each beat is tried again."""
        while not self._over.wait(self._store.leases.lease / 5):
            with suppress(LogFailed):
                if not self._store.beat(self._claim):
                    self._lost = not self._over.is_set()
                    return


class LeaseClock:
    """The machine's own; who sleeps hears that somebody wants us to end."""

    monotonic, wall = staticmethod(time.monotonic), staticmethod(time.time)

    def __init__(self, leaving: Callable[[], bool]) -> None:
        self._leaving = leaving

    def sleep(self, seconds: float) -> None:
        """Wait. Errors: as leaving has them."""
        self._leaving()
        time.sleep(seconds)
