"""The coordinator's record of a rollout: its events, a line each, in the project's `.depl/rollouts/`."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Optional, Union

from depl.change.journal import write_all
from depl.change.private import make_private
from depl.deploy.begin import utc
from depl.events import Event, Output, What
from depl.redact import Redactor
from depl.rollout.masking import masked

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


class Recorder:
    """Passes events on and writes them down, from the first one that tells of a change or a failure.

    A run that changed nothing and did not fail leaves no record. Output is passed on, not recorded. keep: how many
    rollouts and days records are kept; older ones go once a run that is recorded came to a good end.
    """

    def __init__(
        self,
        directory: str,
        rollout: str,
        emit: Callable[[Union[Event, Output]], None],
        redact: Redactor,
        keep: Optional[tuple[int, int]] = None,
    ) -> None:
        self.path = os.path.join(directory, "rollouts", f"{rollout}.jsonl")
        self._emit = emit
        self._redact = redact
        self._keep = keep
        self._ended_well = False
        self._waiting: list[str] = []
        self._number = 0
        self._descriptor: Optional[int] = None

    def __call__(self, event: Union[Event, Output]) -> None:
        """Take an event."""
        self._emit(event)
        if isinstance(event, Output):
            return
        self._number += 1
        self._ended_well = event.what is What.OVER and event.data.get("outcome") in ("succeeded", "reversed", "redone")
        self._waiting.append(json.dumps(masked(self._line(event), self._redact)))
        ends_in_nothing = event.what is What.OVER and event.data.get("outcome") == "nothing"
        if self._descriptor is not None or not (ends_in_nothing or event.what in KEPT_BACK):
            self._write()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            if self._keep is not None and self._ended_well:
                from depl.rollout.keeping import forget_old_records

                forget_old_records(self.path, *self._keep)

    def _line(self, event: Event) -> dict[str, Any]:
        return {
            "schema": 1,
            "n": self._number,
            "at": utc(),
            "what": event.what.value,
            "task": event.task,
            "component": event.component,
            **({"host": event.host} if event.host else {}),
            "data": event.data,
        }

    def _write(self) -> None:
        try:
            if self._descriptor is None:
                make_private(os.path.dirname(self.path))
                self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            write_all(self._descriptor, "".join(line + "\n" for line in self._waiting).encode(), durable=False)
            self._waiting.clear()
        except OSError:
            pass  # the host's journal is the record; this copy can wait until there is room again
