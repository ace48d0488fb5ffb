"""A worker among several: it is told which rollout somebody is to look at."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from depl.cli.worker_loop import POLL, Worker, heeded
from depl.rollout.log import LogFailed

if TYPE_CHECKING:
    from depl.store.cluster import Jobs


class ClusterWorker(Worker):
    """A Worker that takes its rollouts from the queues of depl.store.cluster."""

    _alone = threading.Lock()  # one thread for each rollout, and what they share is for one of them at a time
    _ended = threading.Event()

    def run(self) -> None:
        """Until it is told to end, and nobody is at work any more."""
        jobs = self._store.jobs
        assert jobs is not None
        tending = threading.Thread(target=self._tend, name="records", daemon=True)
        answering = threading.Thread(target=self._answer, name="inquiries", daemon=True)
        with heeded(self._end):
            tending.start()
            answering.start()
            try:
                self._work(jobs)
            finally:
                self._ended.set()
                tending.join()
                answering.join()
                self._inquiries.close()

    def _work(self, jobs: Jobs) -> None:
        jobs.work(
            self._drive,
            self._queues,
            self._name,
            self._jobs,
            lambda: self._told_to_end > 0 or self._coordinators.gone,
            lambda sentence: self._session.complain_of_warnings([sentence]),
            once=self._once,
        )
        self._assert_able()

    def _drive(self, rollout: str) -> None:
        """Until the process that drives it has ended, if it can be driven now."""
        with self._alone:
            claim = None if self._told_to_end else self._claim(rollout)
            if claim is not None:
                self._begin(claim)
        while claim is not None and rollout in self._at_work and not self._coordinators.gone:
            with self._alone:
                self._look_after()
            time.sleep(POLL / 20)

    def _tend(self) -> None:
        """Take in what commands wrote down; where the store is away, later."""
        while not self._ended.wait(POLL):
            try:
                self._take_in()
            except LogFailed:
                continue

    def _answer(self) -> None:
        """Have answered what people ask; at the end, what is asked for by then where we are there for just once."""
        begun = True
        while (begun and self._once) or self._inquiries.is_busy or not self._ended.is_set():
            if self._coordinators.gone:
                return
            with self._alone:
                self._look_after()
                begun = self._ask()
            if not begun:
                time.sleep(POLL / 5)

    def _ask(self) -> bool:
        """Whether another answer was begun."""
        if self._told_to_end or (self._ended.is_set() and not self._once):
            self._inquiries.leave()
            return False
        try:
            return self._inquiries.look()
        except LogFailed:
            return False
