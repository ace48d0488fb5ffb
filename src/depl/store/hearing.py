"""Signals as rows of the store: posted by anyone, from any machine that reaches it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, func, select

from depl.deploy.begin import utc
from depl.errors import NothingRecorded
from depl.redact import Redactor
from depl.rollout.masking import masked
from depl.rollout.records import EVENTS, SIGNALS
from depl.rollout.signals import Signal, SignalFile
from depl.store.database import Database
from depl.store.schema import signals
from depl.store.writing import lock_line

Wake = Callable[[Connection, str], None]

NO_SIGNAL = "?"  # a line among the signals that is none, and keeps its number


class StoreSignals:
    """The signals of a rollout that is in the store. Errors: LogFailed, NothingRecorded.

    Those for one that a command drives by itself are laid beside its record, where that command looks for them, and
    come back from there: by that command (see depl.store.direct) where it has a lease, else by us. wake: is called in
    the transaction of a new one.
    """

    def __init__(self, database: Database, rollout: str, redact: Redactor, wake: Wake | None = None) -> None:
        self.rollout = rollout
        self._database, self._redact, self._wake = database, redact, wake

    def new(self, after: int) -> Sequence[Signal]:
        """Those with a higher number than that, in their order."""
        query = select(signals).where(signals.c.rollout == self.rollout, signals.c.number > after)
        query = query.where(signals.c.name != NO_SIGNAL)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(signals.c.number)).all()
        return [self._hidden(signal_of(row)) for row in rows]

    def post(self, signal: Signal) -> Signal:
        """Add one; with the number that it was given."""
        with self._database.writing() as connection:
            line = lock_line(connection, self.rollout)  # numbers follow on: one after the other
            if line.taken_from and not line.owner:
                return self._lay_beside(line.taken_from, signal)
            number = (
                _before_all(connection, self.rollout) if line.taken_from else last_signal(connection, self.rollout) + 1
            )
            posted = replace(signal, number=number, at=signal.at or utc())
            write_signal(connection, self.rollout, posted, self._redact)
            if self._wake:
                self._wake(connection, self.rollout)
        return posted

    def _hidden(self, signal: Signal) -> Signal:
        """Without secrets that nobody knew who posted it; nor does the store keep them."""
        told = masked({"reason": signal.reason, "data": dict(signal.data)}, self._redact)
        if told == {"reason": signal.reason, "data": dict(signal.data)}:
            return signal
        its = (signals.c.rollout == self.rollout, signals.c.number == signal.number)
        with self._database.writing() as connection:
            connection.execute(signals.update().where(*its).values(**told))
        return replace(signal, **told)

    def _lay_beside(self, record: str, signal: Signal) -> Signal:
        if not os.path.exists(record):
            message = f"Rollout {self.rollout} is driven by a command in another directory or on another machine"
            raise NothingRecorded(message, hint=f"Say it there: the record is {record}.")
        hidden = replace(signal, at=signal.at or utc(), **masked({"reason": signal.reason}, self._redact))
        return SignalFile(record.removesuffix(EVENTS) + SIGNALS).post(hidden)


def last_signal(connection: Connection, rollout: str) -> int:
    """The number of the last one."""
    query = select(func.max(signals.c.number)).where(signals.c.rollout == rollout)
    return max(connection.execute(query).scalar() or 0, 0)


def _before_all(connection: Connection, rollout: str) -> int:
    """The number of one that its command has still to fetch: below 0, as it gets its own from where it is laid."""
    query = select(func.min(signals.c.number)).where(signals.c.rollout == rollout)
    return min(connection.execute(query).scalar() or 0, 0) - 1


def signal_of(row: Row[Any]) -> Signal:
    """The signal that a row holds."""
    return Signal(**{name: row._mapping[name] for name in Signal.__dataclass_fields__})


def write_signal(connection: Connection, rollout: str, signal: Signal, redact: Redactor) -> None:
    """Add one with its number."""
    told = {"name": signal.name, "who": signal.who, "at": signal.at, "task": signal.task, "number": signal.number}
    told |= masked({"reason": signal.reason, "data": dict(signal.data)}, redact)
    connection.execute(signals.insert().values(rollout=rollout, **told))
