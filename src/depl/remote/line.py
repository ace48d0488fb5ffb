"""The coordinator's end of one host's line: a thread that connects, listens, answers, and comes back after a cut."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from depl.errors import DeplError, Lost, Unreachable
from depl.host import Host
from depl.protocol import replies, requests
from depl.protocol.framing import encode
from depl.protocol.requests import Hello
from depl.remote.asking import Asking
from depl.remote.connection import Connection
from depl.remote.giving import give
from depl.remote.listening import Cut, hang_up, messages, unexpected
from depl.remote.renaming import called_as_here, refusal
from depl.remote.surroundings import Surroundings
from depl.remote.voice import Voice

CLOSING = 2.0  # seconds for closing a connection, before it is left to itself
LAST_PATIENCE = 30.0  # seconds for an agent to end by force
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
        self._seen = 0
        self._voice = Voice()
        self._asking = Asking(self.name, self._voice)
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
        self._asking.ask(request)

    def stop(self, how: str) -> None:
        """Let it end early; an agent that does not even end by force is given up."""
        self._asking.stop(how)
        if how == "terminate":
            giving_up = threading.Timer(LAST_PATIENCE, self._give_up, [self._asking.pending()])
            giving_up.daemon = True
            giving_up.start()

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
        self._voice.say_goodbye()

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
            if not self._leaving:
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

    def _give_up(self, asked: Sequence[Any]) -> None:
        if any(one is other for one in asked for other in self._asking.pending()) and not self.over:
            self._fail(Lost(f"{self.name} does not end what it is doing", hint="Look there for what hangs."))
            self._leaving = True
            self._drop()

    def _drop(self) -> None:
        process, self._voice.process = self._voice.process, None
        connection, self._connection = self._connection, None
        # In a thread of its own, and the connection first: whoever is stuck in writing holds what a channel waits for.
        closing = threading.Thread(target=hang_up, args=(connection, process), name=f"end of {self.name}", daemon=True)
        closing.start()
        closing.join(CLOSING)
        self._asking.end()

    def _connect(self, hello: Hello) -> None:
        first = encode(hello)
        if self.slice is not None:
            first += encode(requests.Slice(self.slice))
        had_slice = self.slice is not None
        connection, process = self._around.open_agent(self.host, first)
        if self._leaving:
            hang_up(connection, process)
            raise Unreachable(f"{self.name} is not needed any more")
        self._connection, self._voice.process = connection, process
        if self.slice is not None and not had_slice:
            self.send(requests.Slice(self.slice))

    def _listen(self) -> None:
        """Take what comes until the agent says Bye. Errors: Cut; what the agent refused with."""
        process = self._voice.process
        assert process is not None
        said = time.monotonic()
        for reply in messages(process, self.hello.beat, self.name):
            if isinstance(reply, replies.Bye):
                if not self._leaving:
                    raise Unreachable(f"the agent on {self.name} left without being asked to")
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
            self._take_numbered(reply)
        elif isinstance(reply, replies.Wants):
            give(reply, self.name, self._voice, self._around, self._withhold)
        elif isinstance(reply, replies.Ready):
            self._is_ready(reply)
        elif isinstance(reply, replies.Configured):
            self._is_configured(reply)
        elif isinstance(reply, replies.LockTaken):
            self.lock = reply
            self._around.noted()
        elif isinstance(reply, replies.Refused):
            raise refusal(reply, self.name, self._target, self._around.base_dir)
        elif isinstance(reply, (replies.Found, replies.Logged, replies.Undoing)):
            self._asking.answered(reply)
            self._around.inbox.put((self.name, reply))
        elif not isinstance(reply, requests.Alive):  # whoever waits for an answer must not wait for ever
            raise unexpected(self.name, reply)

    def _take_numbered(self, reply: Any) -> None:
        if reply.n <= self._seen:
            return
        self._seen = reply.n
        if self.ready is None and isinstance(reply, replies.Told):
            self._around.warn(self.name, str(reply.data.get("text", "")))  # what it waits for
            return
        if not isinstance(reply, (replies.Told, replies.Said)):
            self._deaths = 0
        self._asking.answered(reply)
        self._around.inbox.put((self.name, called_as_here(reply, self._target, self._around.base_dir)))

    def _is_ready(self, ready: replies.Ready) -> None:
        since = ready.time if self.ready is None else self.hello.since  # by the clock there
        self.ready, self.hello = ready, self.hello._replace(since=since, known=ready.known)
        if self.hello.mode in ("undo", "look") and not self.hello.project:
            self._ask_pending(ready)
        self._around.noted()

    def _is_configured(self, configured: replies.Configured) -> None:
        self.configured = configured
        if self.ready is not None:
            self._ask_pending(self.ready)
        self._around.noted()

    def _withhold(self, error: DeplError) -> None:
        """What the agent wants cannot be given: it will leave."""
        self._leaving = True
        self._fail(error)
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
        while True:
            hello = self.hello._replace(resume=True, seen=self._seen, done=self._asking.done, take_over=False)
            try:
                self._connect(hello)
                self._around.warn(self.name, f"the line was cut ({cut.why}); connected again")
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
        for reply in self._asking.lost({str(one) for one in ready.facts.get("begun") or ()}):
            self._around.inbox.put((self.name, reply))
        self._asking.begin()
