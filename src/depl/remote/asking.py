"""Asking one agent, and asking the next one again when the line was cut before it answered."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from depl.protocol import requests
from depl.protocol.requests import Stop
from depl.remote.pending import Pending, lost_tasks
from depl.remote.voice import Voice


class Asking:
    """What one host is asked during a run, each question until it is answered."""

    def __init__(self, host: str, voice: Voice) -> None:
        self._host, self._voice = host, voice
        self._pending = Pending()
        self._lock = threading.Lock()
        self._heard = False  # whether the agent takes questions already
        self._stop = ""  # the last word to stop, which a new agent must hear too

    @property
    def done(self) -> list[str]:
        """The root components that went through."""
        return self._pending.done

    def ask(self, request: Any) -> None:
        """Send a request now, or as soon as somebody hears it."""
        with self._lock:
            if isinstance(request, requests.Reverse):
                self._stop = ""  # that was for the way forward
            self._pending.add(request)
            if self._heard:
                self._voice.say(request)

    def stop(self, how: str) -> None:
        """Let the agent end early."""
        with self._lock:
            self._stop = how
            self._voice.say(Stop(how))

    def answered(self, reply: Any) -> None:
        """Something was answered."""
        self._pending.answered(reply)

    def pending(self) -> Sequence[Any]:
        """What is without an answer."""
        return self._pending.all()

    def lost(self, begun: Collection[str]) -> Iterator[Any]:
        """The answers that an agent owes which ended in the middle. begun: the tasks that the host's journal knows."""
        died_in = self._pending.died_in(begun)
        for reply in (*lost_tasks(self._host, died_in), *self._pending.lost_collecting(self._host, begun)):
            self._pending.answered(reply)
            yield reply

    def begin(self) -> None:
        """Somebody hears: ask what is without an answer."""
        with self._lock:
            self._heard = True
            pending = list(self._pending.all())
            if self._stop:  # what waits must not begin; what goes back must have begun to hear it
                pending.insert(0 if any(isinstance(one, requests.Start) for one in pending) else 1, Stop(self._stop))
            for request in pending:
                self._voice.say(request)

    def end(self) -> None:
        """Nobody hears any more."""
        with self._lock:
            self._heard = False
