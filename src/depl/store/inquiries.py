"""What people want to know that only a worker can find out: plans, ways back, drift; asked, and answered later."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select

from depl.deploy.begin import utc
from depl.errors import DeplError, NothingRecorded
from depl.store.database import Database
from depl.store.schema_web import inquiries

ASKED, AT_WORK, ANSWERED, FAILED = "asked", "at work", "answered", "failed"
OPEN = (ASKED, AT_WORK)
MOST = 8_000_000  # characters of an answer
ATTEMPTS = 3  # workers that may get lost over one
DAY = 86400.0


@dataclass(frozen=True)
class Inquiry:
    """One of them. made, ended: UTC; state: asked, at work, answered or failed; owner: the worker that is at it.

    rollout: the one that it is about, or that came of it.
    """

    id: str
    kind: str
    asked: Mapping[str, Any]
    environments: Sequence[str]
    queue: str
    who: str
    made: str
    state: str
    owner: str
    ended: str
    rollout: str
    answer: Mapping[str, Any] | None
    error: Mapping[str, Any] | None

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after it."""
        return self.state not in OPEN


class Inquiries:
    """Those of all who share the store. lease: seconds after which a silent worker is gone. Errors: LogFailed."""

    def __init__(self, database: Database, lease: float) -> None:
        self._database, self._lease = database, lease

    # -- for those who ask -----------------------------------------------------------------------------------

    def ask(
        self,
        kind: str,
        asked: Mapping[str, Any],
        *,
        who: str,
        environments: Collection[str] = (),
        queue: str = "",
        rollout: str = "",
    ) -> Inquiry:
        """Ask. queue: where workers look for it; rollout: what it is about."""
        id = secrets.token_hex(8)
        told = {"kind": kind, "asked": dict(asked), "environments": list(environments), "queue": queue}
        with self._database.writing() as connection:
            about = {"who": who, "made": utc(), "when": self._database.now(connection), "rollout": rollout}
            connection.execute(inquiries.insert().values(id=id, state=ASKED, **told, **about))
        return self.get(id)

    def get(self, id: str) -> Inquiry:
        """One of them. Errors: NothingRecorded."""
        with self._database.reading() as connection:
            row = connection.execute(select(inquiries).where(inquiries.c.id == id)).one_or_none()
        if row is None:
            raise NothingRecorded(f"The store knows no inquiry {id}", hint="They are kept for two days: ask again.")
        return _inquiry(row)

    def of_rollout(self, rollout: str) -> Inquiry | None:
        """The newest about a rollout, or of which it came."""
        query = select(inquiries).where(inquiries.c.rollout == rollout)
        with self._database.reading() as connection:
            row = connection.execute(query.order_by(inquiries.c.when.desc()).limit(1)).one_or_none()
        return None if row is None else _inquiry(row)

    def open(self) -> list[Inquiry]:
        """Those that are not over, the oldest first."""
        query = select(inquiries).where(inquiries.c.state.in_(OPEN)).order_by(inquiries.c.when, inquiries.c.id)
        with self._database.reading() as connection:
            return [_inquiry(row) for row in connection.execute(query)]

    # -- for workers -----------------------------------------------------------------------------------------

    def claim(self, worker: str, queues: Collection[str] | None) -> Inquiry | None:
        """The oldest one that nobody is at, or whose worker is silent; nobody else gets it then. queues: None for all.

        One over which several workers were lost has failed.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            while (row := self._next(connection, queues, now - self._lease)) is not None:
                if row.attempts < ATTEMPTS:
                    told = {"state": AT_WORK, "owner": worker, "heartbeat": now, "attempts": row.attempts + 1}
                    its = inquiries.update().where(inquiries.c.id == row.id).values(told)
                    return _inquiry(connection.execute(its.returning(*inquiries.c)).one())
                _end(connection, inquiries.c.id == row.id, state=FAILED, error=_lost(row))
        return None

    def beat(self, id: str, worker: str) -> bool:
        """Say that its worker lives; whether it is still theirs."""
        with self._database.writing() as connection:
            values = {"heartbeat": self._database.now(connection)}
            return connection.execute(inquiries.update().where(_of(id, worker)).values(values)).rowcount > 0

    def answer(
        self,
        id: str,
        worker: str,
        answer: Mapping[str, Any],
        rollout: str = "",
        asked: Mapping[str, Any] | None = None,
    ) -> bool:
        """Answer it; whether it was still theirs. rollout: what came of it. asked: see fail().

        Errors: DeplError where it is too long.
        """
        length = len(json.dumps(answer))
        if length > MOST:
            message = f"The answer to inquiry {id} is too long: {length:,} characters; the store takes {MOST:,}"
            raise DeplError(message, hint="Ask about fewer components or hosts.")
        came: dict[str, Any] = {"rollout": rollout} if rollout else {}
        came |= {} if asked is None else {"asked": dict(asked)}
        with self._database.writing() as connection:
            return _end(connection, _of(id, worker), state=ANSWERED, answer=dict(answer), **came)

    def fail(self, id: str, worker: str, error: Mapping[str, Any], asked: Mapping[str, Any] | None = None) -> bool:
        """Say why there is no answer; whether it was still theirs. error: as errors are recorded.

        asked: what is kept of the question, where that must not be kept as it is.
        """
        told = {} if asked is None else {"asked": dict(asked)}
        with self._database.writing() as connection:
            return _end(connection, _of(id, worker), state=FAILED, error=dict(error), **told)

    def let_go(self, id: str, worker: str) -> bool:
        """Leave it to others; whether it was still theirs."""
        with self._database.writing() as connection:
            told = {"state": ASKED, "owner": "", "attempts": inquiries.c.attempts - 1}
            return connection.execute(inquiries.update().where(_of(id, worker)).values(told)).rowcount > 0

    def forget(self, days: float = 2) -> None:
        """Remove those that were asked longer ago."""
        with self._database.writing() as connection:
            old = inquiries.c.when < self._database.now(connection) - days * DAY
            connection.execute(inquiries.delete().where(old))

    def _next(self, connection: Connection, queues: Collection[str] | None, expired: float) -> Row[Any] | None:
        silent = and_(inquiries.c.state == AT_WORK, inquiries.c.heartbeat < expired)
        query = select(inquiries).where(inquiries.c.state.in_(OPEN), or_(inquiries.c.state == ASKED, silent))
        if queues is not None:
            query = query.where(inquiries.c.queue.in_(list(queues)))
        query = query.order_by(inquiries.c.when, inquiries.c.id).limit(1)
        return connection.execute(query.with_for_update(skip_locked=True)).one_or_none()


def _inquiry(row: Row[Any]) -> Inquiry:
    return Inquiry(**{name: row._mapping[name] for name in Inquiry.__dataclass_fields__})


def _of(id: str, worker: str) -> ColumnElement[bool]:
    return and_(inquiries.c.id == id, inquiries.c.owner == worker, inquiries.c.state == AT_WORK)


def _end(connection: Connection, which: ColumnElement[bool], **told: Any) -> bool:
    return connection.execute(inquiries.update().where(which).values(ended=utc(), **told)).rowcount > 0


def _lost(row: Row[Any]) -> Mapping[str, Any]:
    message = f"Nobody answered: {row.attempts} workers were lost over it, the last was {row.owner}"
    return {"class": "DeplError", "message": message, "hint": "Look into the log of that worker."}
