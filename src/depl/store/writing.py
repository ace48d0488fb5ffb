"""Writing the events of one rollout: its line is locked, numbers follow on, and the line says what comes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from depl.errors import NothingRecorded
from depl.events import Event, What
from depl.redact import Redactor
from depl.rollout.folding import State
from depl.rollout.log import Fenced, Recorded
from depl.rollout.masking import masked
from depl.store.headers import project
from depl.store.locks import give_back
from depl.store.schema import events, rollouts

PAGE = 1000  # events that are read at once
KNOWN = frozenset(what.value for what in What)


def lock_line(connection: Connection, rollout: str) -> Row[Any]:
    """The line of a rollout, which nobody else can write to until the transaction ends. Errors: NothingRecorded."""
    row = connection.execute(select(rollouts).where(rollouts.c.id == rollout).with_for_update()).one_or_none()
    if row is None:
        raise NothingRecorded(f"The store knows no rollout {rollout}", hint="Look with `depl rollouts`.")
    return row


def own_line(connection: Connection, rollout: str, epoch: int | None) -> Row[Any]:
    """Likewise, for who drives it under an epoch; None: for one who drives nothing, if nobody does. Errors: Fenced."""
    row = lock_line(connection, rollout)
    if (epoch is None and row.owner) or (epoch is not None and row.epoch != epoch):
        raise Fenced(f"Rollout {rollout} was taken over by {row.owner or 'somebody else'}")
    return row


class Writer:
    """Adds events to one rollout, and keeps in mind how it stands."""

    def __init__(self, rollout: str, redact: Redactor) -> None:
        self.rollout = rollout
        self._redact = redact
        self._state = State()

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after it."""
        return self._state.state.is_over

    @property
    def last_signal(self) -> int:
        """The number of the last one that was heard."""
        return self._state.last_signal

    def forget(self) -> None:
        """What was added was taken back."""
        self._state = State()

    def write(self, connection: Connection, number: int, new: Sequence[Recorded], last: int = 0) -> None:
        """Add events to those up to `number`. Errors: IllegalTransition.

        last: the number of the last one, if that is one of a later version, which is passed over.
        """
        hidden = [self._hidden(recorded) for recorded in new]
        for recorded in read_page(connection, self.rollout, self._state.number, number):
            self._state.add(recorded)
        for recorded in hidden:
            self._state.add(recorded)
        if hidden:
            connection.execute(events.insert(), [_columns(self.rollout, recorded) for recorded in hidden])
            project(connection, self.rollout, self._state, hidden)
        last = max(number, last, *(recorded.number for recorded in hidden))
        connection.execute(rollouts.update().where(rollouts.c.id == self.rollout).values(number=last))
        if self.is_over:
            give_back(connection, self.rollout)

    def _hidden(self, recorded: Recorded) -> Recorded:
        """As it may be read by anyone."""
        if not self._redact:
            return recorded
        event = recorded.event
        facts = {"task": event.task, "component": event.component, "data": event.data}
        shown = Event(event.what, **masked(facts, self._redact), host=event.host)
        return Recorded(recorded.number, recorded.at, shown)


def read_page(connection: Connection, rollout: str, after: int, until: int | None = None) -> Iterator[Recorded]:
    """Events after a number, up to another one or a page of them; what a later version told of is passed over."""
    query = select(events).where(events.c.rollout == rollout, events.c.number > after).order_by(events.c.number)
    query = query.limit(PAGE) if until is None else query.where(events.c.number <= until)
    for row in connection.execute(query):
        if row.what in KNOWN:
            yield _recorded(row)


def read_task(connection: Connection, rollout: str, task: str, limit: int) -> list[Recorded]:
    """The last events of one task, such as `web@host1`."""
    name, at, host = task.rpartition("@")
    here = and_(events.c.task == task, events.c.host.is_(None))
    its = or_(here, and_(events.c.task == name, events.c.host == host)) if at else here
    query = select(events).where(events.c.rollout == rollout, its).order_by(events.c.number.desc()).limit(limit)
    return [_recorded(row) for row in reversed(connection.execute(query).all()) if row.what in KNOWN]


def _recorded(row: Any) -> Recorded:
    return Recorded(row.number, row.at, Event(What(row.what), row.task, row.component, row.data, row.host))


def _columns(rollout: str, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    told = {"task": event.task, "component": event.component, "host": event.host, "data": event.data}
    return {"rollout": rollout, "number": recorded.number, "at": recorded.at, "what": event.what.value, **told}
