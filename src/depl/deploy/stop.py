"""The wish that a run should end."""

from __future__ import annotations

from typing import Callable


class Stop:
    """Set by whoever hears the signals, looked at by whoever works. aborted: end after this step; terminated: now."""

    def __init__(self) -> None:
        self.aborted = False
        self.terminated = False
        self._wishes = self._terminations = 0

    def abort(self) -> None:
        """End at the next component, then go back."""
        self.aborted = True
        self._wishes += 1

    def terminate(self) -> None:
        """End running commands by force, then go back."""
        self.aborted = self.terminated = True
        self._wishes += 1
        self._terminations += 1

    def again(self) -> Callable[[], bool]:
        """Whether somebody has insisted twice from now on: the way back ends a command by force only then."""
        before = self._wishes
        return lambda: self._wishes >= before + 2

    def from_now_on(self) -> Callable[[], bool]:
        """Whether terminate() was called from now on: for an agent, whose coordinator has counted already."""
        before = self._terminations
        return lambda: self._terminations > before
