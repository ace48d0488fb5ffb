"""Carries tasks of a rollout by hand out: each in a thread of this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any

from depl.events import Event
from depl.redact import Redactor
from depl.rollout.hands import ENDS, ENDS_BACK, Happened
from depl.rollout.signals import Signal
from depl.rollout.tree import Leaf
from depl.tasks.at_work import AtWork
from depl.tasks.deployer import Deployer, Notifier
from depl.tasks.working import Working

OVER = ENDS | ENDS_BACK
GRACE = 10.0  # seconds in which all that is at work has to end when we are closed


class TaskHands:
    """Implements depl.rollout.hands.Hands.

    base: the project's directory. rollout: its id, under which it is noted which commands run, so that none that
    outlived a crash goes on beside another try; without it they are not noted. on_failure: what a deployment inside
    does when it fails, rollback or stop. output_instead: see Working.
    """

    def __init__(
        self,
        deployer: Deployer | None,
        notifier: Notifier | None,
        redact: Redactor,
        base: str,
        *,
        rollout: str = "",
        on_failure: Callable[[], str] = lambda: "rollback",
        output_instead: str = "",
    ) -> None:
        self._deployer, self._notifier, self._redact, self._base = deployer, notifier, redact, os.path.abspath(base)
        self._rollout, self._on_failure, self._output_instead = rollout, on_failure, output_instead
        self._happened: SimpleQueue[Happened] = SimpleQueue()
        self._at_work: dict[str, AtWork] = {}

    def start(self, leaf: Leaf, attempt: int, saved: Mapping[str, Any]) -> None:
        """Run a task. saved: what it saved in an earlier attempt."""
        self._begin(leaf, attempt, saved, back=False)

    def reverse(self, leaf: Leaf, attempt: int, saved: Mapping[str, Any], *, force: bool = False) -> None:
        """Take a task back. force: also over what others did since."""
        self._begin(leaf, attempt, saved, back=True, force=force)

    def stop(self, id: str, how: str) -> None:
        """Let a task that is at work end early: abort or terminate."""
        if id in self._at_work:
            self._at_work[id].stop(how)

    def answer(self, id: str, signal: Signal) -> None:
        """Pass on what somebody answered to a task that waits for that."""
        if id in self._at_work:
            self._at_work[id].answer(signal)

    def next(self, timeout: float) -> Happened | None:
        """What happened next; None when nothing did in time (seconds)."""
        try:
            happened = self._happened.get(timeout=max(timeout, 0))
        except Empty:
            return None
        if isinstance(happened.what, Event) and happened.what.what in OVER and happened.what.task == happened.id:
            self._forget(happened.id)
        return happened

    def _forget(self, id: str) -> None:
        if not self._at_work[id].given_up:
            del self._at_work[id]

    def close(self) -> None:
        """End all that is at work; nobody hears of it any more."""
        for one in self._at_work.values():
            one.leave()
            one.stop("terminate")
        until = time.monotonic() + GRACE
        for one in self._at_work.values():
            one.thread.join(max(0.0, until - time.monotonic()))

    def _begin(self, leaf: Leaf, attempt: int, saved: Mapping[str, Any], *, back: bool, force: bool = False) -> None:
        before = self._at_work.get(leaf.id)  # that was given up
        working = Working(
            leaf.id,
            self._base,
            self._redact,
            rollout=self._rollout,
            attempt=attempt,
            forced=force,
            on_failure=self._on_failure,
            output_instead=self._output_instead,
            notes=self._notes(leaf.id),
            given_deployer=self._deployer,
            given_notifier=self._notifier,
        )
        at_work = AtWork(leaf, working, self._happened.put, saved, back=back, after=before.thread if before else None)
        self._at_work[leaf.id] = at_work
        at_work.thread.start()

    def _notes(self, id: str) -> str:
        if not self._rollout:
            return ""
        return os.path.join(self._base, ".depl", "tasks", f"{self._rollout}.{id.replace('/', '.')}")
