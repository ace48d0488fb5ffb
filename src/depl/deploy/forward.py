"""The way forward of a rollout on one host: root component by root component, and what lies there then."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Iterable, Optional, Sequence

from depl.change.acting import ActingSystem
from depl.change.journal import Journal
from depl.change.records import Begin
from depl.component import RootComponent
from depl.deploy import checks
from depl.deploy.begin import of_task
from depl.deploy.books import COLLECTED
from depl.deploy.collecting import collect
from depl.deploy.failure import facts_of_failure, note_failure
from depl.deploy.holdings import Holdings
from depl.deploy.stop import Stop
from depl.deploy.undeclared import Row
from depl.deploy.walk import Walk
from depl.environment import Environment
from depl.errors import DeplError, Interrupted
from depl.events import Emit, Event, What


@dataclass(frozen=True)
class Result:
    """What became of a root component. began: whether something of it may be in the journal."""

    changed: int
    errors: list[DeplError]
    began: bool


class Forward:
    """What a Work does before anything is taken back (see there)."""

    journal: Journal
    changed: int
    done: list[RootComponent]
    _head: Begin
    _emit: Emit
    _stop: Stop
    _system: ActingSystem
    _holdings: Holdings
    _went_on: bool
    _begun: set[str]
    _order: int
    _environment: Optional[Environment]

    def deploy(self, root: RootComponent, order: int, after: Sequence[str] = ()) -> Result:
        """Deploy a root component, then look whether it is well. after: the ids of those that it comes after."""
        self._order = max(order, self._order)
        self.journal.will_begin(of_task(self._head, root.name, order, after))
        changed, errors = self._attempt(root)
        return Result(changed, errors, self._has_begun(root.name))

    def _has_begun(self, task: str) -> bool:
        if self.journal.begin is None:
            self._begun.add(task)
        return task in self._begun

    def _attempt(self, root: RootComponent) -> tuple[int, list[DeplError]]:
        self._emit(Event(What.TASK_STARTED, root.name))
        started = time.monotonic()
        walk = Walk(root, self._system, self.journal, self._holdings.known, self._emit, lambda: self._stop.aborted)
        errors = self._walk(walk, root)
        self.changed += walk.updated
        for error in errors:
            facts = facts_of_failure(error, self._system.redact)
            self._emit(Event(What.TASK_FAILED, root.name, error.component, facts))
        note_failure(self.journal, self._head.rollout, root.name, errors, self._system.redact)
        if not errors:
            self.done += [root] if root not in self.done else []
            self._holdings.watched(root)
            what = What.TASK_DONE if walk.updated else What.TASK_UNCHANGED
            seconds = round(time.monotonic() - started, 3)
            self._emit(Event(what, root.name, data={"changed": walk.updated, "seconds": seconds}))
        return walk.updated, errors

    def _walk(self, walk: Walk, root: RootComponent) -> list[DeplError]:
        try:
            changed = walk.deploy()
            if changed or self._went_on:
                root.system = walk.system
                return checks.check(root, lambda: self._stop.aborted)
        except DeplError as error:
            return [error]
        return []

    def check(self, root: RootComponent) -> list[DeplError]:
        """Whether a root component that went through is still well; what is not."""
        root.system = root.system or self._system
        try:
            return checks.check(root, lambda: self._stop.aborted)
        except Interrupted as interrupted:
            return [interrupted]

    def skip(self, root: RootComponent) -> None:
        """Leave out a root component that the environment ignores."""
        self._emit(Event(What.TASK_SKIPPED, root.name, data={"reason": "ignored in the environment"}))

    def finish(self, environment: Environment) -> list[DeplError]:
        """Write down what lies on the host now that all went through; what is wrong with that fails the run."""
        self._environment = environment
        try:
            if self.journal.exists:
                self._system.mark()
            self.journal.begin = None
            self._holdings.settle(environment.name, self.done)
        except DeplError as error:
            return [error]
        return []

    def judge(self, environment: Environment, roots: Iterable[RootComponent], elsewhere: Iterable[str] = ()) -> None:
        """Let it be found out what the model declares no longer; before the first deploy(). roots: all of the host.

        Without that, as where some were selected, nothing is. elsewhere: as of Judgement.
        """
        self._holdings.judge(environment.name, roots, elsewhere)

    def undeclared(self) -> list[Row]:
        """What is no longer declared, once finish() was called; see What.UNDECLARED."""
        return self._holdings.rows()

    def collect(self, order: int = 0) -> Result:
        """Remove that, and deploy once more what lost something; after finish(), before anything settles."""
        assert self._environment is not None
        self.journal.will_begin(of_task(self._head, COLLECTED, order or self._order + 1))
        changed, errors = collect(self._system, self._holdings, self._environment.name, self._attempt, self._emit)
        self.changed += changed
        result = Result(changed, errors, self._has_begun(COLLECTED))
        self.journal.begin = None
        return result
