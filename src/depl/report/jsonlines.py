"""Events as JSON lines for programs. The schema's number grows when a reader would have to change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from depl.errors import CmdExecutionError, DeplError, Mistakes
from depl.events import Event, Output
from depl.report.lines import Printer

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
        self._printer.raw(json.dumps(plain(values, self._printer.redact), ensure_ascii=False))

    def end(self) -> None:
        """Nothing is kept back, so there is nothing left to print."""


def plain(value: Any, redact: Callable[[str], str] = str) -> Any:
    """A value as JSON types, with what must not be shown replaced."""
    if isinstance(value, DeplError):
        return plain(error_facts(value), redact)
    if isinstance(value, Enum):
        return plain(value.value, redact)
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value), redact)
    if isinstance(value, Mapping):
        return {redact(str(key)): plain(one, redact) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one, redact) for one in value]
    return redact(str(value))


def error_facts(error: DeplError) -> dict[str, Any]:
    """An error as facts."""
    facts = error.facts
    if isinstance(error, CmdExecutionError):
        facts |= {"command": error.cmd, "status": error.returncode, "stdout": error.stdout, "stderr": error.stderr}
    if isinstance(error, Mistakes):
        facts["mistakes"] = [error_facts(mistake) for mistake in error.mistakes]
    return facts
