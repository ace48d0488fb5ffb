"""What a record needs beside what hosts tell: a word on each task for all that becomes of it, in legal moves only."""

from __future__ import annotations

from typing import Optional, Union

from depl.deploy.books import COLLECTED
from depl.events import Emit, Event, Output, What

ENDS = frozenset({What.TASK_DONE, What.TASK_UNCHANGED, What.TASK_FAILED, What.TASK_SKIPPED, What.TASK_UNKNOWN})
TOUCHED = (What.TASK_DONE, What.TASK_FAILED, What.TASK_UNKNOWN)
ENDS_BACK = (What.TASK_REVERSED, What.TASK_NOT_REVERSED, What.TASK_KEPT)
NOTED = ENDS.union((What.TASK_STARTED, What.TASK_REVERSING, *ENDS_BACK))


class Telling:
    """Passes events on, and knows the last word on each task. undoing: all were done, by another rollout."""

    def __init__(self, emit: Emit, *, undoing: bool = False) -> None:
        self._emit, self.undoing = emit, undoing
        self._last: dict[str, What] = {}
        self._touched: set[str] = set()

    def __call__(self, event: Union[Event, Output]) -> None:
        """Take an event."""
        if isinstance(event, Event) and event.what in NOTED and event.task:
            self._last[_id(event.task, event.host)] = event.what
            if event.what in TOUCHED:  # also where it is looked at once more later, and nothing is to be done then
                self._touched.add(_id(event.task, event.host))
        self._emit(event)

    @property
    def roots(self) -> list[str]:
        """What was told of, last one first, where just one host is at work."""
        return [id.partition("@")[0] for id in reversed(self._last)]

    # -- forth -----------------------------------------------------------------------------------------------------

    def ended(self, root: str, host: Optional[str], changed: int, reason: str = "") -> None:
        """A task came to its end; that is told, if it was not. reason: why nobody knows how, where that is so."""
        if self._word(root, host) in ENDS or root == COLLECTED:
            return
        if reason:
            self(Event(What.TASK_UNKNOWN, root, data={"reason": reason}, host=host))
        elif changed:
            self(Event(What.TASK_DONE, root, data={"changed": changed}, host=host))
        else:
            self(Event(What.TASK_UNCHANGED, root, host=host))

    # -- back ------------------------------------------------------------------------------------------------------

    def goes_back(self, root: str, host: Optional[str] = None) -> None:
        """A task is taken back now."""
        if self._may_go_back(root, host) and self._word(root, host) is not What.TASK_REVERSING:
            self(Event(What.TASK_REVERSING, root, data={"attempt": 1}, host=host))

    def put_back(self, root: str, host: Optional[str] = None) -> None:
        """Nothing of a task is left."""
        if self._may_go_back(root, host):
            self.goes_back(root, host)
            self(Event(What.TASK_REVERSED, root, host=host))

    def left(self, root: str, host: Optional[str] = None, reason: str = "", *, clash: bool = False) -> None:
        """Something of a task is left. clash: as others wrote."""
        if self._may_go_back(root, host):
            self.goes_back(root, host)
            data = {"kind": "conflict" if clash else "failed", "reason": reason}
            self(Event(What.TASK_NOT_REVERSED, root, data=data, host=host))

    def kept(self, root: str, host: Optional[str], reason: str) -> None:
        """A task cannot be taken back, or what came after it cannot."""
        if self._word(root, host) is What.TASK_REVERSING:
            self.left(root, host, reason)
        elif self._may_go_back(root, host):
            self(Event(What.TASK_KEPT, root, data={"reason": reason}, host=host))

    def _may_go_back(self, root: str, host: Optional[str] = None) -> bool:
        word = self._word(root, host)
        if root == COLLECTED or word in ENDS_BACK:
            return False
        return self.undoing or word is What.TASK_STARTED or _id(root, host) in self._touched

    def _word(self, root: str, host: Optional[str] = None) -> Optional[What]:
        return self._last.get(_id(root, host))


def _id(root: str, host: Optional[str] = None) -> str:
    return f"{root}@{host or ''}"
