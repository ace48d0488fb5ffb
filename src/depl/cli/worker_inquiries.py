"""What a worker does beside rollouts: it has answered what people ask, publishes the project, and says it is there."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depl.cli.project_stamp import stamp_of
from depl.cli.session import Session
from depl.cli.worker_coordinators import Coordinators, Question
from depl.errors import DeplError
from depl.rollout.log import LogFailed

if TYPE_CHECKING:
    from depl.store.store import Store

AT_ONCE = 2
LIMIT = 600.0  # seconds for an answer; somebody waits for it
GRACE = 5.0  # seconds in which who answers may tidy up, once told to end
PRESENT = 4.0  # seconds after which we say again that we are here
ASKED = 0.5  # seconds between looks for what is asked
CHANGED = 2.0  # seconds between looks for files that have changed, at least


@dataclass
class _AtWork:
    """A process that answers. Times: by the monotonic clock. told: when it was told to end, and why."""

    question: Question
    begun: float
    beaten: float
    told: float = 0.0
    why: str = ""
    is_killed: bool = False


class Inquiries:
    """Has a few of them answered at a time, each by a process of its own, bounded in time.

    Whatever becomes of such a process, its inquiry ends or is left to another worker. Errors: LogFailed.
    """

    def __init__(
        self,
        session: Session,
        store: Store,
        coordinators: Coordinators,
        name: str,
        jobs: int,
        queues: Sequence[str] | None,
    ) -> None:
        self._session, self._store, self._coordinators = session, store, coordinators
        self._name, self._jobs, self._queues = name, jobs, queues
        self._at_work: dict[str, _AtWork] = {}
        self._said = self._looked = self._claimed = self._stamped = float("-inf")
        self._stamp: str | None = None
        self._wanted = self._is_leaving = False

    @property
    def is_busy(self) -> bool:
        """Whether somebody is at one."""
        return bool(self._at_work)

    def is_asked(self) -> bool:
        """Whether somebody asks something, as far as we looked."""
        if self._is_leaving or len(self._at_work) >= AT_ONCE:
            return False
        if time.monotonic() - self._looked >= ASKED:
            self._looked, self._wanted = time.monotonic(), False
            with suppress(LogFailed):
                queues, known = self._queues, self._store.inquiries.open()
                self._wanted = any(not one.owner and (queues is None or one.queue in queues) for one in known)
        return self._wanted

    def look(self) -> bool:
        """Do what is to be done now; whether another one was begun."""
        now = time.monotonic()
        if now - self._said >= PRESENT:
            self._store.workers.beat(self._name, self._queues, self._jobs)
            self._said = now
        for key, one in self._at_work.items():
            self._look_after(key, one, now)
        return len(self._at_work) < AT_ONCE and (self._answer_next() or self._publish())

    def leave(self) -> None:
        """End who answers; others may answer then. To be said until nobody is at one any more."""
        if not self._is_leaving:
            self._is_leaving = True
            self._say_gone()
        now = time.monotonic()
        for key, one in self._at_work.items():
            self._end(key, one, now, "")

    def ended(self, key: str, status: int) -> bool:
        """Hear of a process that has ended; whether it was one of ours."""
        one = self._at_work.pop(key, None)
        if one is None:
            return False
        with suppress(LogFailed):  # then others see that nobody is at it
            self._settle(one, status)
        return True

    def close(self) -> None:
        """Nobody is there any more; what was not answered is left to others."""
        with suppress(LogFailed):
            for one in self._at_work.values():
                self._store.inquiries.let_go(one.question.inquiry, self._name)
        if not self._is_leaving:
            self._say_gone()

    # -- those at work ---------------------------------------------------------------------------------------

    def _look_after(self, key: str, one: _AtWork, now: float) -> None:
        if now - one.begun > LIMIT or one.told:
            self._end(key, one, now, f"it took longer than {LIMIT:g} s")
        if one.question.inquiry and now - one.beaten > self._store.leases.lease / 5:
            one.beaten = now
            if not self._store.inquiries.beat(one.question.inquiry, self._name):
                self._end(key, one, now, "another worker took it over")

    def _end(self, key: str, one: _AtWork, now: float, why: str) -> None:
        if not one.told:
            one.told, one.why = now, why
            self._coordinators.end_answering(key, signal.SIGTERM)
        elif now - one.told > GRACE and not one.is_killed:
            one.is_killed = True
            self._coordinators.end_answering(key, signal.SIGKILL)

    def _settle(self, one: _AtWork, status: int) -> None:
        """See to it that the inquiry is over, or somebody else's."""
        id = one.question.inquiry
        if self._is_leaving:
            if id:
                self._store.inquiries.let_go(id, self._name)
            return
        how = one.why or f"its process was ended by {signal.Signals(-status).name}" if status < 0 else one.why
        said = f"nobody answered: {how or 'its process ended before'}"
        hint = "Ask again; if it comes to the same, look into the log of the worker, or try it by a command."
        if not id:
            if status or one.why:
                self._session.complain_of_warnings([f"not all of the project is published: {how or 'it failed'}"])
        elif self._store.inquiries.fail(id, self._name, DeplError(said, hint=hint).facts):
            self._session.complain_of_warnings([f"inquiry {id}: {said}"])

    # -- those that begin ------------------------------------------------------------------------------------

    def _answer_next(self) -> bool:
        """Also one whose worker is gone, for which we look more seldom."""
        now = time.monotonic()
        if not self.is_asked() and now - self._claimed < self._store.leases.lease / 5:
            return False
        inquiry = self._store.inquiries.claim(self._name, self._queues)
        if inquiry is None:
            self._wanted, self._claimed = False, now
        return inquiry is not None and self._begin(inquiry.id)

    def _publish(self) -> bool:
        """Have the project published, if it is not as it was when that was done last."""
        begun = time.monotonic()
        if begun < self._stamped or Question("", self._name).key in self._at_work:
            return False
        stamp, known = stamp_of(self._session.base), self._stamp
        self._stamped = time.monotonic() + max(CHANGED, 20 * (time.monotonic() - begun))
        if known is None:
            published = self._store.published.get("project", "")
            known = str(published.data.get("stamp", "")) if published is not None else ""
        self._stamp = stamp
        return stamp != known and self._begin("")

    def _begin(self, inquiry: str) -> bool:
        question, now = Question(inquiry, self._name), time.monotonic()
        self._at_work[question.key] = _AtWork(question, now, now)
        self._coordinators.answer(question)
        return True

    def _say_gone(self) -> None:
        with suppress(LogFailed):
            self._store.workers.gone(self._name)
