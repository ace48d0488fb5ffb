"""Taking in what commands wrote down by themselves: their records, also while they grow, with output and signals."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from depl.redact import Redactor
from depl.rollout.log import Recorded
from depl.rollout.records import EVENTS, OUTPUT, SIGNALS, LaterVersion, from_line
from depl.rollout.signals import Signal
from depl.rollout.states import IllegalTransition
from depl.store.database import Database
from depl.store.headers import admit
from depl.store.hearing import NO_SIGNAL, last_signal, write_signal
from depl.store.outputs import Printed, write_output
from depl.store.schema import events, rollouts
from depl.store.writing import Writer, lock_line

AT_ONCE = 1_000_000  # bytes of each file that are taken in by one transaction
KINDS = {EVENTS: "taken", OUTPUT: "taken_output", SIGNALS: "taken_signals"}  # and up to which byte they were taken in
NOTHING = dict.fromkeys(KINDS, 0)
NOT_OURS = (ValueError, LookupError, TypeError, AttributeError, IllegalTransition)

Far = Mapping[str, int]


class _Broken(ValueError):
    """A record that cannot be read on; why."""


@dataclass(frozen=True)
class _Lines:
    """Whole lines of a file. end: how many bytes it has up to their end. goes_on: there were more of them."""

    lines: Sequence[bytes]
    end: int
    goes_on: bool = False


class Taking:
    """Takes records in, and keeps in mind how those stand that still grow."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writers: dict[str, Writer] = {}
        self._alone = threading.Lock()

    def take_in(self, directory: str, tell: Callable[[str], None], only: str | None = None) -> int:
        """See Store.take_in."""
        try:
            names = sorted(name for name in os.listdir(directory) if name.endswith(EVENTS))
        except FileNotFoundError:
            return 0
        if only is not None:
            names = [name for name in names if name == only + EVENTS]
        with self._alone:
            known, taken = self._known(only), 0
            for name in names:
                id, path = name.removesuffix(EVENTS), os.path.join(os.path.abspath(directory), name)
                row = known.get(id)
                if row is None or (row.taken_from and _has_grown(path, _far(row))):
                    taken += self._take(id, path, _far(row), tell)
            return taken

    def _known(self, only: str | None) -> dict[str, Row[Any]]:
        query = select(*(rollouts.c[name] for name in ("id", "taken_from", *KINDS.values())))
        if only is not None:
            query = query.where(rollouts.c.id == only)
        with self._database.reading() as connection:
            return {row.id: row for row in connection.execute(query)}

    def _take(self, id: str, path: str, far: Far, tell: Callable[[str], None]) -> int:
        """What was added to one record; how many events that were."""
        taken = 0
        try:
            while True:
                found = {kind: _read(path.removesuffix(EVENTS) + kind, far[kind]) for kind in KINDS}
                if not found[EVENTS].lines and (far == NOTHING or not any(one.lines for one in found.values())):
                    return taken
                added, far = self._take_some(id, path, far, found)
                taken += added
                if not any(one.goes_on for one in found.values()):
                    return taken  # what was added meanwhile is for the next time, or this one might never end
        except (_Broken, OSError) as error:
            tell(f"The record {path} is passed over: {error}")
            return taken

    def _take_some(self, id: str, path: str, far: Far, found: dict[str, _Lines]) -> tuple[int, Far]:
        writer = self._writers.pop(id, None) or Writer(id, Redactor())
        with self._database.writing() as connection:
            admit(connection, id, taken_from=path)
            row = lock_line(connection, id)
            if _far(row) != far or not row.taken_from:  # somebody else was quicker
                return 0, _far(row)
            added = _take_events(connection, row, found[EVENTS].lines, writer)
            write_output(connection, id, list(_printed(found[OUTPUT].lines)))
            found[SIGNALS] = _take_signals(connection, id, found[SIGNALS], far[SIGNALS], writer)
            columns = {column: found[kind].end for kind, column in KINDS.items()}
            connection.execute(rollouts.update().where(rollouts.c.id == id).values(taken_from=path, **columns))
        if not writer.is_over:
            self._writers[id] = writer
        return added, {kind: found[kind].end for kind in KINDS}


def _far(row: Row[Any] | None) -> Far:
    return NOTHING if row is None else {kind: row._mapping[column] for kind, column in KINDS.items()}


def _has_grown(path: str, far: Far) -> bool:
    return any(_size(path.removesuffix(EVENTS) + kind) != size for kind, size in far.items())


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _read(path: str, begin: int) -> _Lines:
    """Whole lines from a byte on, at least one and not many more than AT_ONCE; half a line is left for later."""
    lines: list[bytes] = []
    end = begin
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < begin:
                raise _Broken(f"{os.path.basename(path)} is shorter than it was")
            file.seek(begin)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                if end - begin > AT_ONCE:
                    return _Lines(lines, end, goes_on=True)
                lines.append(line)
                end += len(line)
    except FileNotFoundError:
        if begin and path.endswith(EVENTS):
            raise
    return _Lines(lines, end)


def _take_events(connection: Connection, row: Row[Any], lines: Sequence[bytes], writer: Writer) -> int:
    new: list[Recorded] = []
    number = before = int(row.number)
    for line in lines:
        try:
            told = json.loads(line)
            recorded = from_line(told)
        except LaterVersion as error:
            raise _Broken(error.message) from error
        except ValueError as error:
            raise _Broken(f"after event {number} comes what is no event") from error
        if told["n"] <= before:
            continue
        number += 1
        if told["n"] != number:
            raise _Broken(f"event {number} is missing")
        if recorded is not None:
            new.append(recorded)
        else:
            connection.execute(events.insert().values(_columns(row.id, told)))
    try:
        writer.write(connection, before, new, last=number)
    except NOT_OURS as error:
        raise _Broken(f"its events do not make sense: {error}") from error
    return number - before


def _columns(id: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Of an event that only a later version understands."""
    names = {name: told.get(name) for name in ("task", "component", "host")}
    data = {"number": told["n"], "at": told["at"], "what": str(told["what"]), "data": told["data"]}
    return {"rollout": id, **data, **names}


def _printed(lines: Sequence[bytes]) -> Iterator[Printed]:
    for line in lines:
        try:
            told = json.loads(line)
            stream, host = str(told["stream"]), str(told.get("host") or "")
            yield Printed(str(told["task"] or ""), stream, host, str(told["text"]), str(told["at"]))
        except (ValueError, LookupError, TypeError, AttributeError):
            continue


def _take_signals(connection: Connection, id: str, found: _Lines, begin: int, writer: Writer) -> _Lines:
    """What was heard by whoever drives the rollout, who takes secrets out that nobody knew who posted it.

    Their numbers are those of their lines, as that one counts them. What nobody can hear any more is passed over.
    """
    if not found.lines:
        return found
    first = last_signal(connection, id) + 1
    heard = found.lines[: max(0, writer.last_signal + 1 - first)]
    for number, line in enumerate(heard, first):
        try:
            told = json.loads(line)
            known = {name: told[name] for name in Signal.__dataclass_fields__ if name in told}
            signal = Signal(**{**known, "number": number})
        except (ValueError, TypeError, LookupError):
            signal = Signal(NO_SIGNAL, "", number=number)
        write_signal(connection, id, signal, Redactor())
    if writer.is_over or len(heard) == len(found.lines):
        return found
    return _Lines(heard, begin + sum(map(len, heard)))
