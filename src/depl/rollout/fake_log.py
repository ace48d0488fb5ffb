"""A log and signals that only remember. For tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from depl.events import Event, Output
from depl.rollout.log import LogFailed, Recorded
from depl.rollout.signals import Signal


class FakeLog:
    """Remembers events as a file would: it outlives who wrote them. refuses: whether the next write fails."""

    def __init__(self, refuses: Callable[[], bool] = lambda: False) -> None:
        self.events: list[Recorded] = []
        self.outputs: list[Output] = []
        self.appends = 0
        self._refuses = refuses

    def append(self, events: Sequence[Event], *, durable: bool = False) -> Sequence[Recorded]:
        """Remember some."""
        if self._refuses():
            raise LogFailed("the record cannot be written: no space is left")
        self.appends += 1
        added = [
            Recorded(number, "2026-01-01T00:00:00Z", event) for number, event in enumerate(events, len(self.events) + 1)
        ]
        self.events += added
        return added

    def output(self, outputs: Sequence[Output]) -> None:
        """Remember what was printed."""
        self.outputs += outputs

    def read(self, after: int = 0) -> Iterator[Recorded]:
        """Those that came later."""
        yield from self.events[after:]

    def close(self) -> None:
        """Nothing to let go of."""


class FakeSignals:
    """Those that were posted."""

    def __init__(self, *signals: Signal) -> None:
        self.posted: list[Signal] = []
        for signal in signals:
            self.post(signal)

    def new(self, after: int) -> Sequence[Signal]:
        """Those that came later."""
        return self.posted[after:]

    def post(self, signal: Signal) -> Signal:
        """Add one."""
        self.posted.append(replace(signal, number=len(self.posted) + 1))
        return self.posted[-1]
