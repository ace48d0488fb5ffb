"""Processes that drive rollouts or answer for a worker, forked from one that has imported what they need."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from depl.store.leases import Claim

WISHES = {signal.SIGINT, signal.SIGTERM}


class Coordinators:
    """The coordinators of this process, or this process as one of them: whoever makes this goes on in each of them.

    They come from a process with a single thread that knows nothing of any project: so each sees the project's code as
    it is when it begins, whatever other rollouts did, and is forked in no time. It ends with the worker.

    claim: what this process is to drive, question: what it is to answer; both None in the worker. parent: whose child
    such a process is as long as its worker lives. gone: nobody can begin any more.
    """

    def __init__(self, base: str, prepare: Callable[[], None]) -> None:
        self.claim: Claim | None = None
        self.question: Question | None = None
        self.gone = False
        self._ended: dict[str, int] = {}
        self._line, its = Pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.parent = os.fork()
        if self.parent:
            its.close()
            return
        self._line.close()
        self.parent = os.getpid()
        begun = _Nursery(its, prepare).begun()
        if isinstance(begun, Question):
            self.question = begun
        else:
            self.claim = begun
        os.chdir(base)

    def begin(self, claim: Claim) -> None:
        """Have a coordinator begin. It hears of nobody's end before it heeds that (see depl.cli.worker_loop.heeded)."""
        self._ask(key=claim.rollout, begin=asdict(claim))

    def answer(self, question: Question) -> None:
        """Have a process answer."""
        self._ask(key=question.key, answer=asdict(question))

    def end(self, rollout: str) -> None:
        """Tell a coordinator that it is to end."""
        self._ask(end=rollout, how=signal.SIGTERM)

    def end_answering(self, key: str, how: signal.Signals) -> None:
        """End a process that answers, with what it began."""
        self._ask(end=key, how=how, whole=True)

    def ended(self) -> dict[str, int]:
        """The rollouts and questions whose processes have ended since the last call, with their status as of Popen."""
        try:
            while self._line.poll():
                self._ended |= json.loads(self._line.recv_bytes())
        except (EOFError, OSError):
            self.gone = True
        ended, self._ended = self._ended, {}
        return ended

    def wait(self, seconds: float) -> bool:
        """Until one has ended, at most so long; whether one has."""
        return self._line.poll(seconds)

    def close(self) -> None:
        """In the worker: who has not ended leaves what it drives to others."""
        self._line.close()
        if self.claim is None and self.question is None:
            os.waitpid(self.parent, 0)

    def _ask(self, **what: Any) -> None:
        try:
            self._line.send_bytes(json.dumps(what).encode())
        except OSError:
            self.gone = True


@dataclass(frozen=True)
class Question:
    """What a process is to answer: an inquiry, or nothing that anybody asked, which is what the worker publishes.

    owner: the worker, as the inquiry has it.
    """

    inquiry: str
    owner: str

    @property
    def key(self) -> str:
        """It among all that is at work; no rollout is called so."""
        return f"inquiry {self.inquiry}"


class _Nursery:
    """Where coordinators are forked."""

    def __init__(self, line: Connection, prepare: Callable[[], None]) -> None:
        self._line, self._prepare, self._is_prepared = line, prepare, False
        self._begun: dict[int, str] = {}  # keys by process

    def begun(self) -> Claim | Question:
        """What is to be done, in a new process."""
        os.setsid()  # Ctrl-C is for the worker
        signal.pthread_sigmask(signal.SIG_BLOCK, WISHES)
        woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        before = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        try:
            begun = self._until_begun(woken)
        except (EOFError, OSError):  # the worker is gone
            os._exit(0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, before)
        for end in (woken, wakes):
            os.close(end)
        self._line.close()
        return begun

    def _until_begun(self, woken: int) -> Claim | Question:
        while True:
            for ready in wait([self._line, woken]):
                if ready == woken:
                    os.read(woken, 1000)
                    self._reap()
                elif begun := self._heed(json.loads(self._line.recv_bytes())):
                    return begun

    def _heed(self, asked: dict[str, Any]) -> Claim | Question | None:
        """Do what the worker wants; in a process that begins, what it is to do."""
        if "end" in asked:
            for pid in (pid for pid, key in self._begun.items() if key == asked["end"]):
                _end(pid, asked["how"], whole=asked.get("whole", False))
            return None
        if not self._is_prepared:
            self._prepare()
            gc.collect()
            gc.freeze()  # so that pages stay shared
            self._is_prepared = True
        if pid := os.fork():
            self._begun[pid] = asked["key"]
            return None
        os.setsid()  # the whole group can be ended
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        if "answer" in asked:
            return Question(**asked["answer"])
        from depl.store.leases import Claim

        return Claim(**asked["begin"])

    def _reap(self) -> None:
        while self._begun:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._line.send_bytes(json.dumps({self._begun.pop(pid): os.waitstatus_to_exitcode(status)}).encode())


def _end(pid: int, how: int, *, whole: bool) -> None:
    """Send a signal to a process that is not reaped yet, or to all of its group."""
    try:
        (os.killpg if whole else os.kill)(pid, how)
    except ProcessLookupError:  # its group is not there yet
        os.kill(pid, how)
