"""What several pages are told at the same time: found out once for all of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool

Found = TypeVar("Found")
MOST = 64  # answers that are kept


class Shared:
    """Answers by what was asked; the oldest are forgotten. For one event loop. made: how many were found out so far."""

    def __init__(self) -> None:
        self._found: OrderedDict[Hashable, asyncio.Future[Any]] = OrderedDict()
        self.made = 0

    async def get(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """An answer. find: is called in a thread, if nobody has asked before. Errors: those of `find`."""
        known = self._found.get(key)
        if known is None:
            self.made += 1
            known = self._found[key] = asyncio.ensure_future(run_in_threadpool(find))
            known.add_done_callback(lambda future: self._keep(key, future))
        found: Found = await asyncio.shield(known)  # others wait for it too when one of them goes
        return found

    def _keep(self, key: Hashable, future: asyncio.Future[Any]) -> None:
        """A failure is for those who wait for it, not for those who come later."""
        if future.cancelled() or future.exception() is not None:
            self._found.pop(key, None)
        while len(self._found) > MOST:
            self._found.popitem(last=False)
