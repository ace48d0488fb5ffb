"""Answers that last for as long as somebody looks on: they end when the process does, without an error anywhere."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVENTS = b"text/event-stream"


class Lasting:
    """Stands before an application and knows which of its answers would never end by themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: set[asyncio.Task[object]] = set()
        self._is_ending = False

    def end(self) -> None:
        """End them, and those that begin from now on. Called by the thread of the event loop."""
        self._is_ending = True
        for task in list(self._open):
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        task = asyncio.current_task()
        assert task is not None

        async def sent(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start" and _lasts(message):
                self._open.add(task)
                if self._is_ending:
                    task.cancel()

        try:
            await self._app(scope, receive, sent)
        except asyncio.CancelledError:
            if task not in self._open or not self._is_ending:
                raise
            task.uncancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._open.discard(task)


def _lasts(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(EVENTS) for name, value in message["headers"])
