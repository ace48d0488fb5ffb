"""What the three kinds of agents (act, plan, undo) share: the target directory, the lock, the first answer."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable, Dict, Mapping, Optional, Type, Union

from depl.agent.line import Line, kept
from depl.change.journal import read, read_last
from depl.change.records import Begin, Settled
from depl.deploy.lock import Lock
from depl.deploy.stop import Stop
from depl.deploy.takeover import announce, lost, taken_over
from depl.deploy.target import Target
from depl.errors import ChangeFailed, Interrupted, Locked, Lost
from depl.events import Event, Output, What
from depl.protocol import requests
from depl.protocol.replies import LockTaken, Ready, Said, Told
from depl.protocol.requests import Hello

Handler = Callable[[Any], None]


class Side:
    """One agent's work. component: the one that is at work. handlers: by kind of request, what is done about it.

    redact: hides the secrets that it was told, in all that it says and writes down.
    """

    mode = ""
    locks = True

    def __init__(self, hello: Hello, line: Line) -> None:
        self.hello, self.line = hello, line
        self.redact = line.redact
        self.component: Optional[str] = None
        self.target = Target(os.path.expanduser(hello.target_directory))
        self.stop = Stop()
        self._held_since = 0.0
        self.lock: Optional[Lock] = None
        self.handlers: Dict[Type[Any], Handler] = {requests.Lock: self._lock_later}

    # -- the beginning ---------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take the lock if that is possible, and say how things are."""
        owner = ""
        if self.locks:
            # An agent of the same rollout that lost its line is still ending its task.
            owner = self._take_lock(None if self.hello.resume or self.hello.take_over else self.hello.patience)
        if self.hello.resume:
            if self.lock is None and self.locks:
                raise Lost(f"the agent before did not leave: {owner}")
            self._come_after(self.hello)
        self.line.send(self._ready(owner))
        if self.lock is not None or not self.locks:
            self.locked()

    def locked(self) -> None:
        """The lock is held (or none is needed): what comes next."""

    def task(self, task: Mapping[str, Any], last: bool) -> bool:
        """Carry out one task; whether those after it may begin."""
        raise NotImplementedError

    def at_work(self) -> Optional[str]:
        """Whose doing it is if something is printed now."""
        return self.component

    def stop_by(self, how: str) -> None:
        """Somebody wants it to end."""
        if how == "terminate":
            self.stop.terminate()
        elif how == "abort":
            self.stop.abort()

    def close(self) -> None:
        """Release the lock."""
        if self.lock is not None:
            self.lock.close()
            self.lock = None

    def forget_kept(self) -> None:
        """Everything was heard: nobody needs what was kept."""
        self.line.keeps_at(None)
        try:
            os.unlink(self._kept_path)
        except OSError:
            pass

    def forget_others(self) -> None:
        """What agents of earlier rollouts kept is for coordinators who may not go on here any more."""
        directory = os.path.dirname(self._kept_path)
        for name in os.listdir(directory) if os.path.isdir(directory) else ():
            if name.endswith(".kept"):
                os.unlink(os.path.join(directory, name))

    # -- saying ------------------------------------------------------------------------------------------------

    def emit(self, event: Union[Event, Output]) -> None:
        """Tell the coordinator what happens."""
        if isinstance(event, Output):
            self.line.send(Said(0, event.component, event.stream, event.text))
            return
        self.component = event.component or event.task
        self.line.send(Told(0, event.what.value, event.task, event.component, event.data))

    # -- the lock ------------------------------------------------------------------------------------------------

    def _take_lock(self, patience: Optional[float]) -> str:
        """Take the lock; who has it instead, or nothing."""
        directory = self.target.directory
        if not os.path.isdir(directory):
            try:
                os.makedirs(directory)
            except OSError as error:
                raise ChangeFailed(
                    directory,
                    f"the target directory {directory} cannot be made: {error.strerror}",
                    hint="Deploy as a user who may make it, or correct target_directory.",
                ) from error
        hello = self.hello
        if hello.take_over and not hello.resume:
            announce(self.target.records, hello.who, hello.rollout)
        try:
            self.lock = Lock(
                os.path.join(self.target.records, "lock"),
                patience=patience,
                take_over=hello.take_over,
                on_wait=self._tell_wait,
                aborted=lambda: self._is_unwanted() or self.line.cut or self.line.interrupted or self.line.goodbye,
            )
        except Locked as locked:
            return locked.message
        except Interrupted as interrupted:
            return interrupted.message
        self._held_since = time.time()
        self.line.keeps_at(self._kept_path)
        return ""

    def _is_unwanted(self) -> bool:
        """Whether to wait no longer; an agent of our own rollout that ends its task is waited for all the same."""
        return self.stop.terminated if self.hello.resume else self.stop.aborted

    def _tell_wait(self, sentence: str) -> None:
        if self.hello.take_over:  # others' coordinators know it already
            self.emit(Event(What.WARNING, data={"text": sentence}))

    def _lock_later(self, request: requests.Lock) -> None:
        owner = self._take_lock(request.patience)
        self.line.send(LockTaken(self.lock is not None, owner))
        if self.lock is not None:
            self.locked()

    # -- after a cut ---------------------------------------------------------------------------------------------

    @property
    def _kept_path(self) -> str:
        return os.path.join(self.target.records, "journal", f"{self.hello.rollout}.kept")

    def _come_after(self, hello: Hello) -> None:
        """Go on where another agent of this rollout ended. Errors: Lost, if somebody else was here meanwhile."""
        over = self.taken_over()
        if over is not None:
            raise over
        for path in self.target.journals.paths():
            end = read_last(path)
            if end is None or end.n < hello.known:
                continue
            for record in read(path):
                if record.n < hello.known or getattr(record, "rollout", hello.rollout) == hello.rollout:
                    continue
                if isinstance(record, (Begin, Settled)):
                    raise lost({"who": getattr(record, "who", "somebody"), "rollout": record.rollout})
        self.line.tell_again(kept(self._kept_path, hello.seen), hello.seen)

    def taken_over(self) -> Optional[Lost]:
        """Why this rollout may not go on here, if somebody took over."""
        since = self.hello.since if self.hello.resume else self._held_since
        return taken_over(self.target.records, since, self.hello.rollout)

    def _begun(self) -> list[str]:
        """The tasks of this rollout that are in the journal."""
        return [
            record.task
            for path in self.target.journals.paths()
            for record in read(path)
            if isinstance(record, Begin) and record.rollout == self.hello.rollout
        ]

    def _ready(self, owner: str) -> Ready:
        return Ready(
            python="{}.{}.{}".format(*sys.version_info[:3]),
            machine=os.uname().machine,
            user=_user(),
            home=os.path.expanduser("~"),
            target_directory=self.target.directory,
            lock=self.lock is not None,
            owner=owner,
            known=self._reached(),
            time=time.time(),
            facts={"executable": sys.executable, "begun": self._begun() if self.hello.resume else []},
        )

    def _reached(self) -> int:
        ends = [read_last(path) for path in self.target.journals.paths()]  # an undo writes on in an old one
        return max((end.n + 1 for end in ends if end is not None), default=0)


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
