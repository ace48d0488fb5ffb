"""Ctrl-C and its relatives, turned into wishes that a run can grant at the next safe moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol


class Stop(Protocol):
    """What a run looks at between two steps; see depl.deploy.stop."""

    def abort(self) -> Any: ...

    def terminate(self) -> Any: ...


STOPPING = "stopping after what runs now (Ctrl-C again: at once)"


@contextmanager
def heeded(stop: Stop, says: Callable[[], str] = lambda: STOPPING) -> Iterator[None]:
    """While this lasts, the first Ctrl-C aborts gracefully; a second one, TERM and HUP terminate.

    says: what the first one does, where that is not always the same.
    A signal that is ignored (nohup, a shell's background job) stays so.
    """
    asked = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            stop.terminate()
            return
        asked = True
        _say(f"\n{says()}\n".encode())
        stop.abort()

    def terminate(number: int, frame: FrameType | None) -> None:
        stop.terminate()

    wanted = {signal.SIGINT: interrupt, signal.SIGTERM: terminate, signal.SIGHUP: terminate}
    before = {number: signal.getsignal(number) for number in wanted}
    taken = [number for number in wanted if before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, wanted[number])
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def _say(text: bytes) -> None:
    """Print from a signal handler: no lock, no buffer."""
    try:
        os.write(2, text)
    except OSError:
        pass
