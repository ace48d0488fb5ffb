"""The wish that a run should end."""

from __future__ import annotations

from typing import Callable


class Stop:
    """Set by whoever hears the signals, looked at by whoever works. aborted: end after this step; terminated: now.

    look: called before it is said whether that is wished, so that it can be heard from elsewhere, too.
    """

    def __init__(self) -> None:
        self.look: Callable[[], None] = lambda: None
        self._aborted = self._terminated = False
        self._wishes = self._terminations = 0

    @property
    def aborted(self) -> bool:
        """Whether the run is to end after this step."""
        self.look()
        return self._aborted

    @property
    def terminated(self) -> bool:
        """Whether it is to end now."""
        self.look()
        return self._terminated

    def abort(self) -> None:
        """End at the next component, then go back."""
        self._aborted = True
        self._wishes += 1

    def terminate(self) -> None:
        """End running commands by force, then go back."""
        self._aborted = self._terminated = True
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
