"""One task at work, forward or backward, in a thread of its own."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from depl.change.leftover import end_leftover
from depl.deploy.failure import alone
from depl.errors import DeplError, DeploymentError, Interrupted
from depl.events import Event, What
from depl.rollout.hands import Happened, Happening
from depl.rollout.signals import Signal
from depl.rollout.tree import Leaf
from depl.tasks.building import task_of
from depl.tasks.failing import as_error, facts_of
from depl.tasks.task import PATIENCE, Conflict, Ending, Task
from depl.tasks.working import Working

LOOK = "Code that takes long should look at self.stopping; commands run by self.subprocess are ended for it."
POLL = 0.2  # seconds between looks whether anybody still hears what is to be written down


class AtWork:
    """Tells of its end exactly once, and of nothing afterwards.

    put: takes what happened. saved: what the task saved before. back: it is taken back. after: its last try, if
    that was given up.
    """

    def __init__(
        self,
        leaf: Leaf,
        working: Working,
        put: Callable[[Happened], None],
        saved: Mapping[str, Any],
        *,
        back: bool,
        after: threading.Thread | None = None,
    ) -> None:
        self._leaf, self._working, self._put, self._saved, self._back = leaf, working, put, saved, back
        self._after = after
        self._patience: float | None = PATIENCE
        self._begun = time.monotonic()
        self._turn = threading.Lock()
        self._timer: threading.Timer | None = None
        self.over = self.given_up = False
        working.tell = self._tell
        self.thread = threading.Thread(target=self._work, name=f"task {leaf.id}", daemon=True)

    def stop(self, how: str) -> None:
        """Let it end early; where it was told to end now, it counts as failed if it does not."""
        if how != "terminate":
            self._working.stop.abort()
            return
        self._working.stop.terminate()
        if self._patience is not None and self._timer is None:
            self._timer = threading.Timer(self._patience, self._give_up)
            self._timer.daemon = True
            self._timer.start()

    def answer(self, signal: Signal) -> None:
        """What somebody answered to it, approve or reject."""
        self._working.answers.post(signal)

    def leave(self) -> None:
        """Nobody hears of it any more."""
        with self._turn:
            self.over = True

    def _work(self) -> None:
        output = self._working.tail
        try:
            with alone():
                event = self._well(self._carried_out())
        except BaseException as error:  # noqa: BLE001 (it is the project's code, and says how it ended)
            event = self._badly_or_briefly(error, output)
        if self._working.notes:
            with suppress(OSError):
                os.rmdir(self._working.notes)
        self._end(event)

    def _carried_out(self) -> Ending | None:
        self._wait_for_last_try()
        task = task_of(self._leaf, self._working.base)
        task._take_up(self._saved)
        task.working, self._patience = self._working, task.patience
        failed = True
        try:
            ended = None if self._back else task.run()
            if self._back:
                task.reverse()
            failed = False
        finally:
            self._keep_state(task, failed)
        return ended

    def _wait_for_last_try(self) -> None:
        """Nothing goes on beside it. Errors: DeploymentError."""
        if self._after is not None:
            self._after.join(PATIENCE)
            if self._after.is_alive():
                raise DeploymentError("its last try was given up, and is still at work", hint=LOOK)
        if self._working.notes:
            end_leftover(self._working.notes)

    def _keep_state(self, task: Task, failed: bool) -> None:
        """Before its end is told; where it failed, that is what people should hear of."""
        try:
            task._save(wait=False)
        except DeplError as error:
            if not failed:
                raise
            task.warn(f"its state is not kept: {error.message}")

    def _well(self, ended: Ending | None) -> Event:
        data = {"seconds": round(time.monotonic() - self._begun, 3)}
        if self._back:
            return Event(What.TASK_REVERSED, self._leaf.id, data=data)
        return Event(What.TASK_UNCHANGED if ended is Task.UNCHANGED else What.TASK_DONE, self._leaf.id, data=data)

    def _badly(self, error: DeplError, output: Any) -> Event:
        facts = facts_of(error, self._working, output)
        data = {"error": facts, "seconds": round(time.monotonic() - self._begun, 3)}
        if not self._back:
            return Event(What.TASK_FAILED, self._leaf.id, data=data)
        kind = "conflict" if isinstance(error, Conflict) else "failed"
        return Event(What.TASK_NOT_REVERSED, self._leaf.id, data={"kind": kind, "reason": facts["message"], **data})

    def _badly_or_briefly(self, error: BaseException, output: Any) -> Event:
        """Whatever its error is like, its end is told."""
        try:
            event = self._badly(as_error(error, self._working.base), output)
            json.dumps(event.data)
            return event
        except Exception as worse:  # noqa: BLE001 (likewise)
            name = f"{type(error).__name__}, of which {type(worse).__name__} hides what it says"
            return self._badly(DeploymentError(name), ())

    def _give_up(self) -> None:
        self.given_up = True
        message = f"it did not end within {self._patience:g} seconds after it was told to, and is still at work"
        self._end(self._badly(DeploymentError(message, hint=LOOK), list(self._working.tail)))

    def _end(self, event: Event) -> None:
        with self._turn:
            if self.over:
                return
            self.over = True
            self._put(Happened(self._leaf.id, event))
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self, what: Happening, wait: bool) -> None:
        written = threading.Event()
        with self._turn:
            if not self.over:
                self._put(Happened(self._leaf.id, what, written.set))
        while wait and not written.wait(POLL):
            if self.over:
                raise Interrupted("nobody waits for this task any more")
