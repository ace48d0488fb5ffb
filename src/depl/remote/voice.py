"""Speaking to one agent, from several threads."""

from __future__ import annotations

import threading
from typing import Any, Optional

from depl.errors import Unreachable
from depl.protocol.framing import encode
from depl.protocol.requests import Alive, Goodbye
from depl.remote.connection import Process

PATIENCE = 2.0  # seconds


class Voice:
    """Says one message after the other. process: the agent; None: nobody listens.

    Whether anybody hears it is for those who listen to find out: they come back after a cut.
    """

    def __init__(self) -> None:
        self.process: Optional[Process] = None
        self._speaking = threading.Lock()

    def say(self, request: Any) -> None:
        """Send a message, once others are sent."""
        with self._speaking:
            self._write(request)

    def say_goodbye(self) -> None:
        """Say the last word, unless somebody is stuck in saying something."""
        if self._speaking.acquire(timeout=PATIENCE):
            try:
                self._write(Goodbye())
            finally:
                self._speaking.release()

    def say_alive(self, seen: int) -> None:
        """Give a sign of life; whoever is sending something now gives one too, and is not waited for."""
        if self._speaking.acquire(blocking=False):
            try:
                self._write(Alive(seen))
            finally:
                self._speaking.release()

    def _write(self, request: Any) -> None:
        process = self.process
        if process is not None:
            try:
                process.write(encode(request))
            except Unreachable:
                pass
