"""The record of a rollout as a port: a file of JSON lines beside the project, or the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from depl.errors import DeplError
from depl.events import Event, Output


class LogFailed(DeplError):
    """The record cannot be written now (a full disk, a server that is gone); it may be possible again."""


class Fenced(DeplError):
    """Somebody else has taken the rollout over: nothing more is written by us, and nothing more is done."""


@dataclass(frozen=True)
class Recorded:
    """An event with its number in the rollout, from 1 without gaps, and its time (UTC, as in records)."""

    number: int
    at: str
    event: Event


class Log(Protocol):
    """Where the events of one rollout are written and read again."""

    def append(self, events: Sequence[Event], *, durable: bool = False) -> Sequence[Recorded]:
        """Write some, all or none; durable: they are on the disk afterwards. Errors: LogFailed, Fenced."""

    def output(self, outputs: Sequence[Output]) -> None:
        """Write what tasks printed. component: the task's id. Errors: LogFailed, Fenced."""

    def read(self, after: int = 0) -> Iterator[Recorded]:
        """Those with a higher number than that. Errors: LogFailed."""

    def close(self) -> None:
        """Let go of it."""
