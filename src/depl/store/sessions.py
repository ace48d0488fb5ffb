"""Who has signed in, as rows: of each session a hash of what its cookie holds."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, or_, select

from depl.deploy.begin import utc
from depl.store.database import Database
from depl.store.schema_web import sessions

SESSION_LASTS, SESSION_RESTS = 14 * 86400.0, 12 * 3600.0  # seconds at most; without being used


@dataclass(frozen=True)
class Session:
    """Somebody who has signed in. user: empty for whoever came by a link; who: their name then.

    seen: when it was used, in seconds by the clock of the database, within some minutes.
    """

    id: str
    user: str
    who: str
    made: str
    address: str
    agent: str
    seen: float


class Sessions:
    """Those of all who share the store. Errors: LogFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sign_in(self, user: str, *, who: str = "", address: str = "", agent: str = "") -> str:
        """Begin a session; what its cookie is to hold. user: empty for whoever came by a link, with who as name."""
        cookie = secrets.token_urlsafe(32)
        with self._database.writing() as connection:
            now = self._database.now(connection)
            connection.execute(delete(sessions).where(_over(now)))
            told = {"user": user, "who": who or user, "made": utc(), "address": address, "agent": agent[:200]}
            connection.execute(
                sessions.insert().values(id=hashed(cookie), seen=now, expires=now + SESSION_LASTS, **told)
            )
        return cookie

    def session(self, cookie: str) -> Session | None:
        """The session of a cookie, if it lasts."""
        with self._database.reading() as connection:
            now = self._database.now(connection)
            query = select(sessions).where(sessions.c.id == hashed(cookie), ~_over(now))
            row = connection.execute(query).one_or_none()
        if row is not None and now - row.seen > SESSION_RESTS / 60:  # not with every request
            with self._database.writing() as connection:
                connection.execute(sessions.update().where(sessions.c.id == row.id).values(seen=now))
        return None if row is None else _session(row)

    def sessions(self, user: str) -> Sequence[Session]:
        """Those of somebody that last, the newest first."""
        with self._database.reading() as connection:
            its = sessions.c.user == user, ~_over(self._database.now(connection))
            rows = connection.execute(select(sessions).where(*its).order_by(sessions.c.expires.desc())).all()
        return [_session(row) for row in rows]

    def sign_out(self, id: str) -> None:
        """End a session. id: see Session."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.id == id))

    def sign_out_all(self, user: str, but: str = "") -> None:
        """End those of somebody. but: not that one."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.user == user, sessions.c.id != but))

    def forget_sessions(self) -> None:
        """Remove those that are over."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(_over(self._database.now(connection))))


def hashed(secret: str) -> str:
    """What is kept of a cookie or a token: they are random, so that nobody finds them by trying."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _over(now: float) -> ColumnElement[bool]:
    return or_(sessions.c.expires < now, sessions.c.seen < now - SESSION_RESTS)


def _session(row: Row[Any]) -> Session:
    return Session(**{name: row._mapping[name] for name in Session.__dataclass_fields__})
