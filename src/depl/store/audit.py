"""Who did what through the web interface, or was refused it; only ever added to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from depl.deploy.begin import utc
from depl.store.database import Database
from depl.store.schema_web import audit


@dataclass(frozen=True)
class Entry:
    """One of them. outcome: done, denied or failed. at: UTC."""

    number: int
    at: str
    who: str
    address: str
    what: str
    subject: str
    environment: str
    outcome: str
    reason: str


class Audit:
    """Errors: LogFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        who: str,
        what: str,
        *,
        subject: str = "",
        environment: str = "",
        outcome: str = "done",
        reason: str = "",
        address: str = "",
    ) -> None:
        """Write one down."""
        told = {"who": who, "what": what, "subject": subject, "environment": environment, "outcome": outcome}
        with self._database.writing() as connection:
            now = self._database.now(connection)
            connection.execute(audit.insert().values(at=utc(), when=now, reason=reason, address=address, **told))

    def entries(
        self,
        *,
        who: str = "",
        what: str = "",
        subject: str = "",
        environment: str = "",
        outcome: str = "",
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Entry]:
        """The newest first. before: only those with a smaller number."""
        query = select(audit).order_by(audit.c.number.desc()).limit(limit)
        columns = {audit.c.who: who, audit.c.what: what, audit.c.subject: subject, audit.c.outcome: outcome}
        for column, wanted in columns.items():
            query = query.where(column == wanted) if wanted else query
        query = query.where(audit.c.environment.contains(environment, autoescape=True)) if environment else query
        query = query.where(audit.c.number < before) if before is not None else query
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Entry(**{name: row._mapping[name] for name in Entry.__dataclass_fields__}) for row in rows]

    def count(self, what: str, outcome: str, seconds: float, *, who: str = "", address: str = "") -> int:
        """How often something came to an end in the last so many seconds."""
        with self._database.reading() as connection:
            since = self._database.now(connection) - seconds
            query = select(func.count()).where(audit.c.what == what, audit.c.outcome == outcome, audit.c.when > since)
            query = query.where(audit.c.who == who) if who else query
            query = query.where(audit.c.address == address) if address else query
            return int(connection.execute(query).scalar_one())
