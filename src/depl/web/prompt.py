"""Connections of those who say soon what they want: the others would keep a place from everybody else."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADING = 30.0  # seconds in which a request has to come up to its body


class Prompt(H11Protocol):
    """Ends connections on which no request comes, or only a part of one. heading: seconds."""

    heading = HEADING

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there."""
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        """They may want something else."""
        super().on_response_complete()
        self._wait()

    def _wait(self) -> None:
        self.loop.call_later(self.heading, self._end_silent, self.cycle)

    def _end_silent(self, before: Any) -> None:
        now: Any = self.cycle  # of the last request, if there was one
        is_waiting = now is None or (now is before and now.response_complete)
        if is_waiting and not self.transport.is_closing():
            self.transport.close()


def prompt(heading: float) -> type[Prompt]:
    """One that waits so many seconds."""
    return type("Prompt", (Prompt,), {"heading": heading})
