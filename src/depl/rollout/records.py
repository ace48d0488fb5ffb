"""The records of rollouts in a project's `.depl/rollouts`: where they lie, what a line is, who is at work on one.

`ID.jsonl` holds the events, a line each; beside it lie `ID.output`, what tasks printed, and `ID.signals`, what people
wish of it while it runs. Whoever drives a rollout holds a lock on its record.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Optional

from depl.errors import ConfigurationError
from depl.events import Event, What
from depl.redact import Redactor
from depl.rollout.log import Recorded
from depl.rollout.masking import masked

PATIENCE = 1.0  # seconds
SCHEMA = 1  # of the lines that we can read
EVENTS, OUTPUT, SIGNALS = ".jsonl", ".output", ".signals"


class LaterVersion(ConfigurationError):
    """A record was written by a later version of depl, whose words may mean something else."""

    hint = "Use that version for it."


def directory_of(records: str) -> str:
    """Where records lie. records: the project's `.depl`."""
    return os.path.join(records, "rollouts")


def recorded_rollouts(records: str) -> list[str]:
    """The ids of the rollouts that were written down, the newest first."""
    directory = directory_of(records)
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return sorted((name.removesuffix(EVENTS) for name in names if name.endswith(EVENTS)), reverse=True)


def path_of(records: str, rollout: str, kind: str = EVENTS) -> str:
    """Where a rollout's events, output or signals lie."""
    return os.path.join(directory_of(records), rollout + kind)


def as_line(recorded: Recorded, redact: Redactor) -> str:
    """A line of a record, fit to be read by anyone."""
    event = recorded.event
    line = {
        "schema": SCHEMA,
        "n": recorded.number,
        "at": recorded.at,
        "what": event.what.value,
        "task": event.task,
        "component": event.component,
        **({"host": event.host} if event.host else {}),
        "data": event.data,
    }
    return json.dumps(masked(line, redact))


def from_line(line: Any) -> Optional[Recorded]:
    """What a line, decoded, says; nothing where a later version tells of what is not known here.

    Errors: ValueError; LaterVersion where it means to be read by none before it.
    """
    try:
        schema = line.get("schema", SCHEMA)
        number, at, data = int(line["n"]), str(line["at"]), line["data"]
        told = {name: line.get(name) for name in ("task", "component", "host")}
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("this is no line of a record") from error
    if isinstance(schema, int) and schema > SCHEMA:
        raise LaterVersion("it was written by a later version of depl")
    if not isinstance(data, dict) or str(line.get("what")) not in _KNOWN:
        return None
    return Recorded(number, at, Event(What(line["what"]), told["task"], told["component"], data, told["host"]))


class Growing:
    """A file of lines that somebody else may be adding to: each is read once, half a line is left for the next time."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._read = 0  # bytes

    def new(self) -> Iterator[bytes]:
        """The lines that were added since; none where there is no such file."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    self._read += len(line)
                    yield line
        except FileNotFoundError:
            return


def read_record(path: str, after: int = 0) -> Iterator[Recorded]:
    """The events of a record with a higher number; what is not ours is passed over. Errors: OSError, LaterVersion."""
    yield from events_in(Growing(path).new(), after)


def events_in(lines: Iterator[bytes], after: int = 0) -> Iterator[Recorded]:
    """The events that lines tell of, with a higher number. Errors: LaterVersion."""
    for line in lines:
        with suppress(ValueError):
            recorded = from_line(json.loads(line))
            if recorded is not None and recorded.number > after:
                yield recorded


def first_and_last(path: str) -> Optional[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The first and the last line of a record; nothing where it is not ours, or was cut off."""
    try:
        with open(path, "rb") as file:
            first = last = json.loads(file.readline())
            end = file.seek(0, os.SEEK_END)
            for size in (4096, end):  # what ends a rollout is short
                file.seek(max(0, end - size))
                lines = file.read().splitlines()
                if len(lines) > 1:
                    last = json.loads(lines[-1])
                    break
        return (first, last) if all("data" in one and "what" in one for one in (first, last)) else None
    except (OSError, ValueError, TypeError):
        return None


def hold(descriptor: int) -> None:
    """Say that we are at work on the rollout of a record, where the file system can do that.

    Who has it now only looks; but who was stopped while looking must not hold up a deployment.
    """
    until = time.monotonic() + PATIENCE
    with suppress(OSError):
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    return
                time.sleep(PATIENCE / 50)


def is_driven(path: str) -> bool:
    """Whether somebody is at work on the rollout of a record."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def forget(path: str) -> None:
    """Remove a record with all that lies beside it. Errors: OSError."""
    for kind in (OUTPUT, SIGNALS):
        with suppress(FileNotFoundError):
            os.unlink(path.removesuffix(EVENTS) + kind)
    os.unlink(path)


_KNOWN = frozenset(what.value for what in What)
