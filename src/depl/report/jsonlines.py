"""Events as JSON lines for programs. The schema's number grows when a reader would have to change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from depl.errors import CmdExecutionError, DeplError, Mistakes
from depl.events import Event, Output
from depl.report.lines import Printer
from depl.rollout.masking import masked

SCHEMA = 1


class JsonReport:
    """Takes events and prints one line of JSON for each."""

    def __init__(self, printer: Printer, **about: str) -> None:
        self._printer, self._about = printer, about

    def __call__(self, event: Event | Output) -> None:
        """Print an event."""
        where = {"host": event.host} if event.host else {}
        if isinstance(event, Output):
            self.print("output", **where, component=event.component, stream=event.stream, text=event.text)
        else:
            name = event.what.name.lower()
            self.print(name, **where, task=event.task, component=event.component, data=dict(event.data))

    def print(self, event: str, **facts: Any) -> None:
        """Print a line of its own."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        values = {"schema": SCHEMA, "at": at, "event": event, **self._about, **facts}
        self._printer.raw(json.dumps(masked(plain(values), self._printer.redact), ensure_ascii=False))

    def end(self) -> None:
        """Nothing is kept back, so there is nothing left to print."""


def plain(value: Any) -> Any:
    """A value as JSON types."""
    if isinstance(value, DeplError):
        return plain(error_facts(value))
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return str(value)


def error_facts(error: DeplError) -> dict[str, Any]:
    """An error as facts."""
    facts = error.facts
    if isinstance(error, CmdExecutionError):
        facts |= {"command": error.cmd, "status": error.returncode, "stdout": error.stdout, "stderr": error.stderr}
    if isinstance(error, Mistakes):
        facts["mistakes"] = [error_facts(mistake) for mistake in error.mistakes]
    return facts
