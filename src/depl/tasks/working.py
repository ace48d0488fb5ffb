"""What a task has around it while it is at work: who hears of it, what is wished of it, what it may use."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from threading import Event as Flag
from typing import Any

from depl.deploy.failure import LINES_OF_OUTPUT
from depl.deploy.stop import Stop
from depl.errors import ReportBug
from depl.events import Event, Output, What
from depl.redact import Redactor
from depl.rollout.hands import Happening
from depl.rollout.masking import masked
from depl.rollout.signals import Signal
from depl.rollout.task_status import id_of
from depl.rollout.telling import ENDS, ENDS_BACK
from depl.tasks.deployer import Deployer, Notifier

PROGRESS = 0.5  # seconds between two words on how far a task is, at least
DROPPED = frozenset(  # of what a deployment inside tells: the rollout around it has its own words on itself
    {What.STARTED, What.REVERSING, What.OVER, What.STOPPING, What.SIGNALLED, What.BLOCKED, What.RESUMED}
)

OVER = ENDS.union(ENDS_BACK)


class Wish(Stop):
    """A wish that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.wished = Flag()

    def abort(self) -> None:
        super().abort()
        self.wished.set()

    def terminate(self) -> None:
        super().terminate()
        self.wished.set()


class Answers:
    """What people answered to one task, as signals of what it does inside."""

    def __init__(self) -> None:
        self._posted: list[Signal] = []

    def new(self, after: int) -> Sequence[Signal]:
        """Those with a higher number than that, in their order."""
        return self._posted[after:]

    def post(self, signal: Signal) -> Signal:
        """Add one; with the number that it was given."""
        self._posted.append(replace(signal, task="", number=len(self._posted) + 1))
        return self._posted[-1]


@dataclass
class Working:
    """By itself it tells nobody, for a task that is tried out alone.

    tell: takes what happened, and whether to wait until it is written down. forced: over what others did since.
    on_failure: what a deployment inside does when it fails. notes: a directory for a note on the command that runs, so
    that it can be ended after a crash; none without it. output_instead: what is said instead of all that commands
    print, where secrets cannot be read that it may hold; empty: they are heard.
    """

    id: str = ""
    base: str = "."
    redact: Redactor = field(default_factory=Redactor)
    tell: Callable[[Happening, bool], None] = lambda what, wait: None
    stop: Wish = field(default_factory=Wish)
    rollout: str = ""
    answers: Answers = field(default_factory=Answers)
    attempt: int = 1
    forced: bool = False
    on_failure: Callable[[], str] = lambda: "rollback"
    notes: str = ""
    output_instead: str = ""
    given_deployer: Deployer | None = None
    given_notifier: Notifier | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_OF_OUTPUT))
    _progress: float = -PROGRESS
    _over: set[str] = field(default_factory=set)  # of what a deployment does inside
    _total: int = 0

    @property
    def deployer(self) -> Deployer:
        """Who deploys."""
        if self.given_deployer is None:
            raise ReportBug("a task that deploys is at work where nobody can deploy")
        return self.given_deployer

    def event(self, what: What, data: dict[str, Any] | None = None, *, wait: bool = False) -> None:
        """Tell of this task; what people read passes the filter."""
        self.tell(Event(what, self.id, data=masked(data or {}, self.redact)), wait)

    def state(self, state: Mapping[str, Any], wait: bool) -> None:
        """Tell what the task keeps, filtered by whoever knows what is lost by that."""
        self.tell(Event(What.TASK_SAVED, self.id, data={"state": state}), wait)

    def output(self, stream: str, text: str) -> None:
        """Tell what was printed: whole lines, already filtered."""
        if self.output_instead:
            return
        self.tail.extend(text.splitlines())
        self.tell(Output(self.id, stream, text), False)

    def progress(self, done: float, total: float) -> None:
        """Tell how far it is, not too often."""
        done, total, now = float(done), float(total), time.monotonic()
        is_news = now - self._progress >= PROGRESS or done >= total
        if is_news and isfinite(done) and isfinite(total):
            self._progress = now
            self.event(What.PROGRESS, {"done": done, "total": total})

    def inside(self, what: Happening) -> None:
        """Pass on what a deployment tells that is a part of this task."""
        if isinstance(what, Output):
            named = f"{self.id}/{what.component}" if what.component else self.id
            self.tell(replace(what, component=named, text=self.redact(what.text)), False)
        elif what.what not in DROPPED:
            named = f"{self.id}/{what.task}" if what.task else self.id
            self.tell(replace(what, task=named, data=masked(what.data, self.redact)), False)
        if isinstance(what, Event):
            self._count(what)

    def _count(self, event: Event) -> None:
        """Tell how much of a deployment is through."""
        if event.what is What.STARTED:
            self._over.clear()
            self._total = int(event.data.get("tasks") or 0)
        elif event.what in OVER and event.task:
            self._over.add(id_of(event))
        if self._total and event.what in (What.STARTED, *OVER):
            self.progress(min(len(self._over), self._total), self._total)
