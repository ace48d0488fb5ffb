"""Waiting."""

from __future__ import annotations

import time
from math import isfinite
from typing import Any

from depl.tasks.arguments import mistaken
from depl.tasks.task import Task

STEPS = 100  # how often at most it says how far it is


class Delay(Task):
    """Wait for some time; it ends at once where the rollout stops. reversible: on the way back, too, and as long.

    After a crash it goes on with the rest.
    """

    changes_nothing = True
    repeatable = True

    def __init__(self, seconds: float = 0, minutes: float = 0, reversible: bool = False) -> None:
        if not is_number(seconds, minutes):
            raise mistaken("Delay takes numbers of seconds and minutes that are not below zero")
        self.seconds = seconds + 60 * minutes
        self.reversible = reversible
        self.title = f"Delay for {duration(self.seconds)}"

    @property
    def can_reverse(self) -> bool:
        return self.reversible

    def run(self) -> None:
        self._wait("until")
        self.assert_going_on()

    def reverse(self) -> None:
        self._wait("until on the way back")

    def _wait(self, key: str) -> None:
        """Until the time that is kept under a key; a clock that was set back does not make it longer."""
        end = self.state.setdefault(key, time.time() + self.seconds)
        self.save()
        left = min(end - time.time(), self.seconds)
        until = time.monotonic() + left
        while left > 0 and not self.wait(min(left, max(1.0, self.seconds / STEPS))):
            left = until - time.monotonic()
            self.progress(min(self.seconds - left, self.seconds), self.seconds)


def is_number(*values: Any) -> bool:
    """Whether they are numbers that are not below zero."""
    return all(isinstance(one, (int, float)) and isfinite(one) and one >= 0 for one in values)


def duration(seconds: float) -> str:
    """As people say it: `15 seconds`, `1 minute 30 seconds`, `2 hours`."""
    parts = []
    for unit, size in (("hour", 3600), ("minute", 60)):
        count, seconds = divmod(seconds, size)
        parts += [_counted(int(count), unit)] if count else []
    if seconds or not parts:
        parts.append(_counted(round(seconds, 3), "second"))
    return " ".join(parts)


def _counted(count: float, unit: str) -> str:
    return f"{count:g} {unit}{'' if count == 1 else 's'}"
