"""A worker: looks for rollouts in the store, and lets a process of its own drive each of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from depl.cli.project_store import is_over
from depl.cli.session import Session
from depl.cli.worker_coordinators import WISHES, Coordinators
from depl.cli.worker_inquiries import Inquiries
from depl.errors import DeplError
from depl.rollout.holds import HoldFiles
from depl.rollout.lock_files import OVER, RUNNING
from depl.rollout.locks import EnvironmentLocks
from depl.rollout.log import LogFailed

if TYPE_CHECKING:
    from depl.store.leases import Claim
    from depl.store.store import Store

POLL = 1.0  # seconds between looks at the store
AGAIN = 5.0  # seconds until somebody looks again whether a rollout can begin
ENDING = ("ending once what runs now has ended; told so again, it ends at once", "ending at once")
STARTING = 20.0  # seconds in which a process may be too busy with its beginning to keep its lease alive
KEEPING = 3600.0  # seconds between looks at what is kept no longer


@dataclass
class _Coordinator:
    """A process that drives a rollout. told: how often it was told to end. Times: by the monotonic clock."""

    claim: Claim
    begun: float
    told: int = 0
    beaten: float = 0.0


class Worker:
    """Drives at most `jobs` rollouts at a time. Leases end with the processes that drive, which keep them alive.

    queues: all unless given. once: it ends when there is nothing to do. name: how it is called in the store.
    """

    def __init__(
        self,
        session: Session,
        store: Store,
        coordinators: Coordinators,
        name: str,
        jobs: int,
        queues: Sequence[str] | None = None,
        *,
        once: bool,
    ) -> None:
        self._session, self._store, self._name, self._jobs, self._once = session, store, name, jobs, once
        self._coordinators, self._queues = coordinators, queues
        self._inquiries = Inquiries(session, store, coordinators, name, jobs, queues)
        self._at_work: dict[str, _Coordinator] = {}
        self._told_to_end = 0
        self._seen: object = None
        self._kept = float("-inf")
        self._complaint = ""
        self._not_before = float("-inf")

    def run(self) -> None:
        """Until it is told to end, and nobody is at work any more."""
        with heeded(self._end):
            try:
                while not self._told_to_end or self._at_work or self._inquiries.is_busy:
                    begun = self._look()
                    if self._once and not begun and not self._at_work and not self._inquiries.is_busy:
                        return
                    if not begun:
                        self._rest(POLL / 5 if self._once else POLL)
            finally:
                self._inquiries.close()

    def _rest(self, seconds: float) -> None:
        """Until a coordinator has ended or somebody wants us to end, at most so long."""
        told, until = self._told_to_end, time.monotonic() + seconds
        while told == self._told_to_end and time.monotonic() < until:
            if self._coordinators.wait(POLL / 5) or self._inquiries.is_asked():
                return

    def _look(self) -> bool:
        """Do what is to be done now; whether another rollout was begun."""
        self._look_after()
        self._assert_able()
        if self._told_to_end:
            self._inquiries.leave()
            return False
        try:
            asked = self._inquiries.look()
            self._take_in()
            may_begin = len(self._at_work) < self._jobs and time.monotonic() >= self._not_before
            claim = self._claim() if may_begin else None
            self._complaint = ""
        except LogFailed as error:
            if self._complaint != error.message:  # once, however long it takes
                self._complaint = error.message
                self._session.complain_of_warnings([f"{error.message}; going on as soon as that is over"])
            self._not_before = time.monotonic() + self._store.leases.lease / 2  # whoever lives can say so before
            return False
        if claim is not None:
            self._begin(claim)
        return asked or claim is not None

    def _claim(self, only: str | None = None) -> Claim | None:
        claim = self._store.claim(self._name, queues=self._queues, only=only)
        if claim is not None and self._is_in_the_way(claim):
            self._store.let_go(claim, AGAIN)
            self._store.locks.give_back(claim.rollout)
            return None
        return claim

    def _is_in_the_way(self, claim: Claim) -> bool:
        """Whether a rollout that has not begun must wait for somebody in this directory; in the store nobody is."""
        header = self._store.header(claim.rollout)
        if header.started:
            return False
        directory = os.path.join(self._session.base, ".depl")
        locks, holds = EnvironmentLocks(directory), HoldFiles(directory)
        for name in header.environments:
            owner = locks.owner(name)
            if owner is None or owner.state in (RUNNING, OVER) or owner.rollout == claim.rollout:
                waits = False
            else:
                waits = not is_over(self._session, owner.rollout)
            if waits or holds.of(name) is not None or locks.is_at_work(name):
                return True
        return False

    def _begin(self, claim: Claim) -> None:
        self._coordinators.begin(claim)
        self._at_work[claim.rollout] = _Coordinator(claim, time.monotonic())

    def _look_after(self) -> None:
        """Tell those at work that they are to end, and see who has."""
        told = -1
        for rollout, status in self._coordinators.ended().items():
            if self._inquiries.ended(rollout, status):
                continue
            coordinator = self._at_work.pop(rollout)
            if status < 0 and self._is_left(coordinator.claim):
                ended = f"rollout {rollout} is interrupted: its process was ended by {signal.Signals(-status).name}"
                self._session.complain_of_warnings([ended])
        for rollout, coordinator in self._at_work.items():
            if coordinator.told < self._told_to_end:
                self._coordinators.end(rollout)
                told, coordinator.told = coordinator.told, coordinator.told + 1
            self._beat_for(coordinator)
        if told >= 0:
            self._session.complain_of_warnings([ENDING[min(told, 1)]])

    def _assert_able(self) -> None:
        if self._coordinators.gone:
            hint = "Start the worker again; what was at work is left to it, or to others."
            raise DeplError("The process in which coordinators of rollouts begin was ended", hint=hint)

    def _is_left(self, claim: Claim) -> bool:
        """Whether a coordinator that is gone has not let go of its rollout."""
        try:
            header = self._store.header(claim.rollout)
        except DeplError:
            return True
        return (header.owner, header.epoch) == (claim.owner, claim.epoch)

    def _beat_for(self, coordinator: _Coordinator) -> None:
        now = time.monotonic()
        if now - coordinator.begun < STARTING and now - coordinator.beaten > self._store.leases.lease / 5:
            coordinator.beaten = now
            with suppress(LogFailed):
                self._store.beat(coordinator.claim)

    def _end(self) -> None:
        """Somebody wants us to end."""
        self._told_to_end += 1

    # -- records of commands ---------------------------------------------------------------------------------

    def _take_in(self) -> None:
        """What commands wrote down since, if they did; now and then, what is kept no longer goes."""
        seen = _stamp(os.path.join(self._session.base, ".depl", "rollouts"))
        if seen != self._seen:
            self._store.take_in(tell=lambda sentence: self._session.complain_of_warnings([sentence]))
            self._seen = seen
        if time.monotonic() - self._kept >= KEEPING:
            self._kept = time.monotonic()
            self._store.inquiries.forget()
            for name, keep_rollouts, keep_days in _kept(self._session.base):
                self._store.forget(name, keep_rollouts, keep_days)


@contextmanager
def heeded(end: Callable[[], None]) -> Iterator[None]:
    """While this lasts, INT and TERM only say that somebody wants us to end; also those that came before."""

    def heed(number: int, frame: FrameType | None) -> None:
        end()

    before = {number: signal.signal(number, heed) for number in WISHES}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WISHES)  # they are held back until a coordinator has come so far
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stamp(directory: str) -> Sequence[tuple[str, int, int]]:
    """Differs where a record has come, grown or gone."""
    try:
        with os.scandir(directory) as found:
            return sorted((one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in found)
    except OSError:
        return []


def _kept(base: str) -> Iterator[tuple[str, int, int]]:
    """How many rollouts and days each environment keeps, and those without one."""
    from depl.environment import environment_names
    from depl.settings import EnvironmentSettings

    yield "", EnvironmentSettings().keep_rollouts, EnvironmentSettings().keep_days
    for name in environment_names(base):
        try:
            from depl.cli.hosts import declared

            settings = declared(name, base).settings
        except DeplError:
            continue  # as long as nobody knows what is kept, all is
        yield name, settings.keep_rollouts, settings.keep_days
