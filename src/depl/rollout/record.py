"""The coordinator's record of a rollout: its events, a line each, in the project's `.depl/rollouts/`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Callable, Optional, Union

from depl.change.journal import write_all
from depl.change.private import make_private
from depl.deploy.begin import utc, who
from depl.events import Event, Output, What
from depl.redact import Redactor
from depl.rollout.log import Recorded
from depl.rollout.records import as_line, hold, path_of

KEPT_BACK = (
    What.STARTED,
    What.TASK_STARTED,
    What.TASK_UNCHANGED,
    What.TASK_SKIPPED,
    What.WARNING,
    What.LOG,
    What.KEPT,
    What.UNDECLARED,
)
GOOD_ENDS = ("succeeded", "reversed", "redone", "nothing")


class Recorder:
    """Passes events on and writes them down, from the first one that tells of a change or a failure.

    A run that changed nothing and did not fail leaves no record if it was local, and one line if it was remote. Output
    is passed on, not recorded. keep: how many rollouts and days records are kept; older ones go once a run that is
    recorded came to a good end. directory: None where somebody else keeps the record.
    """

    def __init__(
        self,
        directory: Optional[str],
        rollout: str,
        emit: Callable[[Union[Event, Output]], None],
        redact: Redactor,
        keep: Optional[tuple[int, int]] = None,
    ) -> None:
        self.path = "" if directory is None else path_of(directory, rollout)
        self._emit = emit
        self._redact = redact
        self._keep = keep
        self._ended_well = False
        self._remote: Optional[Event] = None  # the first event of one with many hosts
        self._waiting: list[str] = []
        self._number = 0
        self._descriptor: Optional[int] = None

    def __call__(self, event: Union[Event, Output]) -> None:
        """Take an event."""
        self._emit(event)
        if isinstance(event, Output) or not self.path:
            return
        if event.what is What.STARTED:
            event = replace(event, data={"who": who(), **event.data})
            self._remote = event if event.data.get("hosts") else None
        if ends_in_nothing(event) and self._remote is not None and self._descriptor is None:
            self._waiting, self._number = [], 0
            event = replace(event, data={**self._remote.data, **event.data})
        self._number += 1
        self._ended_well = event.what is What.OVER and event.data.get("outcome") in GOOD_ENDS
        self._waiting.append(as_line(Recorded(self._number, utc(), event), self._redact))
        if self._descriptor is not None or is_recorded(event) or (self._remote is not None and ends_in_nothing(event)):
            self._write()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            if self._keep is not None and self._ended_well:
                from depl.rollout.keeping import forget_old_records

                forget_old_records(self.path, *self._keep)

    def _write(self) -> None:
        try:
            if self._descriptor is None:
                make_private(os.path.dirname(self.path))
                self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                hold(self._descriptor)
            write_all(self._descriptor, "".join(line + "\n" for line in self._waiting).encode(), durable=False)
            self._waiting.clear()
        except OSError:
            pass  # the host's journal is the record; this copy can wait until there is room again


def is_recorded(event: Event) -> bool:
    """Whether an event tells of a change or a failure, so that it is written down with all that came before it."""
    return not (ends_in_nothing(event) or event.what in KEPT_BACK)


def ends_in_nothing(event: Event) -> bool:
    """Whether it is the end of a run that changed nothing and did not fail."""
    return event.what is What.OVER and event.data.get("outcome") == "nothing"
