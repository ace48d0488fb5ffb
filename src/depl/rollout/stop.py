"""The wish that a run should end."""

from __future__ import annotations


class Stop:
    """Set by whoever hears the signals, looked at by whoever works. aborted: end after this step; terminated: now."""

    def __init__(self) -> None:
        self.aborted = False
        self.terminated = False

    def abort(self) -> None:
        """End at the next component, then go back."""
        self.aborted = True

    def terminate(self) -> None:
        """End running commands by force, then go back."""
        self.aborted = self.terminated = True
