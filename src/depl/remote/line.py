"""The coordinator's end of one host's line: a thread that connects, listens, answers, and comes back after a cut."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from typing import Any, Optional

from depl.errors import ConfigurationError, DeplError, Lost, Unreachable
from depl.host import Host
from depl.protocol import replies, requests
from depl.protocol.framing import encode
from depl.protocol.requests import Given, Hello, Stop
from depl.remote.connection import Connection
from depl.remote.listening import Cut, messages
from depl.remote.pending import Pending, lost_tasks
from depl.remote.renaming import called_as_here, refusal
from depl.remote.surroundings import Surroundings
from depl.remote.voice import Voice

DEATHS = 3  # agents in a row that end without an answer, after which nobody starts another one
LONGEST_PAUSE = 5.0  # seconds between two attempts to reconnect


class HostLine:
    """One host during a run. ready, configured: what its agent said; failure: why it cannot take part.

    over: the line is closed, for good. lock: what came of asking for it.
    """

    def __init__(self, host: Host, hello: Hello, surroundings: Surroundings) -> None:
        self.host, self.hello = host, hello
        self.name = host.name
        self.ready: Optional[replies.Ready] = None
        self.configured: Optional[replies.Configured] = None
        self.failure: Optional[DeplError] = None
        self.lock: Optional[replies.LockTaken] = None
        self.over = False
        self.slice: Optional[Mapping[str, Any]] = None  # sent as soon as it is known
        self._around = surroundings
        self._pending = Pending()
        self._seen = 0
        self._voice = Voice()
        self._asking = threading.Lock()
        self._listening = False  # whether the agent takes questions already
        self._stop = ""  # the last word to stop, which a new agent must hear too
        self._deaths = 0  # agents that ended since the last answer
        self._connection: Optional[Connection] = None
        self._leaving = False
        self._thread = threading.Thread(target=self._run, name=f"host {self.name}", daemon=True)

    # -- for the fleet -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, in a thread of its own."""
        self._thread.start()

    def ask(self, request: Any) -> None:
        """Send a request that will be answered, also after the line was cut in between."""
        with self._asking:
            if isinstance(request, requests.Reverse):
                self._stop = ""  # that was for the way forward
            self._pending.add(request)
            if self._listening:
                self.send(request)

    def stop(self, how: str) -> None:
        """Let it end early."""
        with self._asking:
            self._stop = how
            self.send(Stop(how))

    def send(self, request: Any) -> None:
        """Send something if somebody listens."""
        self._voice.say(request)

    def give_slice(self, slice: Mapping[str, Any]) -> None:
        """Send the slice, which had to wait for what other hosts said."""
        self.slice = slice
        self.send(requests.Slice(slice))

    def leave(self) -> None:
        """Say goodbye."""
        self._leaving = True
        self.send(requests.Goodbye())

    def join(self, timeout: float) -> None:
        """Wait until the line is closed; where that takes too long, drop it."""
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._drop()

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._connect(self.hello)
            while True:
                try:
                    self._listen()
                    return
                except Cut as cut:
                    self._drop()
                    if self._leaving:
                        return
                    self._deaths += cut.ended
                    if not self._around.reconnects or (self.configured is None and self.hello.mode == "act"):
                        raise Unreachable(f"the line to {self.name} was cut: {cut.why}") from cut
                    self._come_back(cut)
        except DeplError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 whatever happens here must reach those who wait for this host
            self._fail(Unreachable(f"the connection to {self.name} failed: {type(error).__name__}: {error}"))
        finally:
            self._drop()
            self.over = True
            self._around.noted()

    def _fail(self, error: DeplError) -> None:
        if self.failure is not None:
            return  # what comes now only follows from it
        self.failure = error
        self._around.inbox.put((self.name, error))

    def _drop(self) -> None:
        process, self._voice.process = self._voice.process, None
        connection, self._connection = self._connection, None
        for one in (process, connection):  # first: it frees whoever is about to write
            if one is not None:
                one.close()
        with self._asking:
            self._listening = False

    def _connect(self, hello: Hello) -> None:
        first = encode(hello)
        if self.slice is not None:
            first += encode(requests.Slice(self.slice))
        had_slice = self.slice is not None
        self._connection, self._voice.process = self._around.open_agent(self.host, first)
        if self.slice is not None and not had_slice:
            self.send(requests.Slice(self.slice))

    def _listen(self) -> None:
        """Take what comes until the agent says Bye. Errors: Cut; what the agent refused with."""
        process = self._voice.process
        assert process is not None
        said = time.monotonic()
        for reply in messages(process, self.hello.beat, self.name):
            if isinstance(reply, replies.Bye):
                return
            if reply is not None:
                self._take(reply)
            if time.monotonic() - said >= self.hello.beat:
                said = time.monotonic()
                self._voice.say_alive(self._seen)

    @property
    def _target(self) -> str:
        return self.ready.target_directory if self.ready is not None else ""

    def _take(self, reply: Any) -> None:
        if isinstance(reply, replies.NUMBERED):
            if reply.n <= self._seen:
                return
            self._seen = reply.n
            if not isinstance(reply, (replies.Told, replies.Said)):
                self._deaths = 0
            self._pending.answered(reply)
            self._around.inbox.put((self.name, called_as_here(reply, self._target, self._around.base_dir)))
        elif isinstance(reply, replies.Wants):
            threading.Thread(target=self._answer, args=(reply,), name=f"for {self.name}", daemon=True).start()
        elif isinstance(reply, replies.Ready):
            self._is_ready(reply)
        elif isinstance(reply, replies.Configured):
            self._is_configured(reply)
        elif isinstance(reply, replies.LockTaken):
            self.lock = reply
            self._around.noted()
        elif isinstance(reply, replies.Refused):
            raise refusal(reply, self.name, self._target, self._around.base_dir)
        elif isinstance(reply, (replies.Found, replies.Undoing)):
            self._pending.answered(reply)
            self._around.inbox.put((self.name, reply))

    def _is_ready(self, ready: replies.Ready) -> None:
        self.ready = ready
        if self.hello.mode in ("undo", "look"):
            self._ask_pending(ready)
        self._around.noted()

    def _is_configured(self, configured: replies.Configured) -> None:
        self.configured = configured
        if self.ready is not None:
            self._ask_pending(self.ready)
        self._around.noted()

    # -- what is missing there ---------------------------------------------------------------------------------------

    def _answer(self, wants: replies.Wants) -> None:
        """Give what the agent wants; in a thread of its own, as it may take long."""
        try:
            if wants.kind == "go":
                self.send(Given("go") if self._around.wait_for_go() else requests.Withheld("go"))
                return
            for given in self._around.answer(wants):
                self.send(given)
        except DeplError as error:
            self._withhold(wants, error)
        except Exception as error:  # noqa: BLE001 the agent must not wait for ever
            self._withhold(wants, ConfigurationError(f"{wants.kind} cannot be sent: {type(error).__name__}: {error}"))

    def _withhold(self, wants: replies.Wants, error: DeplError) -> None:
        self._leaving = True
        self._fail(error)
        self.send(requests.Withheld(wants.kind))
        self._around.noted()

    # -- after a cut -------------------------------------------------------------------------------------------------

    def _come_back(self, cut: Cut) -> None:
        """Connect again, for as long as there is patience. Errors: Lost."""
        if self._deaths >= DEATHS:
            raise Lost(
                f"the agent on {self.name} ended {self._deaths} times without an answer: {cut.why}",
                hint="Look there for what ends it; then the next run or `depl undo` settles it first.",
            )
        until = time.monotonic() + self._around.patience
        pause = 0.25
        known = self.ready.known if self.ready is not None else 0
        while True:
            hello = self.hello._replace(
                resume=True, seen=self._seen, known=known, done=self._pending.done, take_over=False
            )
            try:
                self._connect(hello)
                return
            except Unreachable as error:
                self._drop()
                if time.monotonic() + pause > until or self._leaving:
                    raise Lost(
                        f"{self.name} was lost in the middle of the run ({cut.why}), and cannot be reached again: "
                        f"{error.message}",
                        hint="When it is back, the next run or `depl undo` settles it first.",
                    ) from error
            time.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 so that not all come at once
            pause = min(pause * 2, LONGEST_PAUSE)

    def _ask_pending(self, ready: replies.Ready) -> None:
        """The agent takes questions now. One that comes after another has told what that one kept; ask the rest."""
        begun = {str(one) for one in ready.facts.get("begun") or ()}
        for reply in lost_tasks(self.name, self._pending.died_in(begun)):
            self._pending.answered(reply)
            self._around.inbox.put((self.name, reply))
        with self._asking:
            self._listening = True
            pending = list(self._pending.all())
            if self._stop:  # what waits must not begin; what goes back must have begun to hear it
                pending.insert(0 if any(isinstance(one, requests.Start) for one in pending) else 1, Stop(self._stop))
            for request in pending:
                self.send(request)
