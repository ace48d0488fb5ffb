"""How a worker of procrastinate reaches its server: one that is away is waited for, and ends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import psycopg
from procrastinate import PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException

Result = TypeVar("Result")

AGAIN = 1.0  # seconds until a server that was away is tried again


class Patient(PsycopgConnector):
    """Otherwise a worker would let what runs end, and begin nothing until then, whenever the server was away for once.

    stop: whether the worker is to end: then nothing is waited for. tell: hears that the server is away, once.
    """

    def __init__(self, stop: Callable[[], bool], tell: Callable[[str], None], **how: Any) -> None:
        super().__init__(**how)
        self._stop, self._tell = stop, tell
        self._is_away = False

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """As it says."""
        await self._insist(lambda: super(Patient, self).execute_query_async(query, **arguments))

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        """As it says."""
        return await self._insist(lambda: super(Patient, self).execute_query_one_async(query, **arguments))

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        """As it says."""
        return await self._insist(lambda: super(Patient, self).execute_query_all_async(query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """As it says."""
        await self._insist(lambda: super(Patient, self).listen_notify(on_notification, channels))

    async def _insist(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        while True:
            try:
                answer = await ask()
            except ConnectorException as error:
                if not isinstance(error.__cause__, psycopg.OperationalError) or self._stop():
                    raise
                if not self._is_away:
                    self._is_away = True
                    self._tell("the server of the store does not answer; going on as soon as it does")
                await asyncio.sleep(AGAIN)
            else:
                self._is_away = False
                return answer
