"""What programs say to be somebody, as rows: of each token a hash."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, or_, select

from depl.access.roles import Role, roles_from
from depl.deploy.begin import utc
from depl.store.database import Database
from depl.store.schema_web import tokens
from depl.store.sessions import hashed

TOKEN = "depl_"  # noqa: S105 what tokens begin with, so that scanners know them


@dataclass(frozen=True)
class Token:
    """One of them. scope: see Person. expires: seconds by the clock of the database, None for never. used: UTC."""

    id: str
    user: str
    label: str
    scope: Mapping[str, frozenset[Role]] | None
    made: str
    expires: float | None
    used: str


class Tokens:
    """Those of all who share the store. Errors: LogFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_token(
        self, user: str, label: str, scope: Mapping[str, frozenset[Role]] | None, seconds: float | None
    ) -> tuple[Token, str]:
        """Make one, and its text, which is kept nowhere. seconds: for how long; None: for ever."""
        text, id = TOKEN + secrets.token_urlsafe(32), secrets.token_hex(6)
        kept = None if scope is None else {place: sorted(roles) for place, roles in sorted(scope.items())}
        with self._database.writing() as connection:
            expires = None if seconds is None else self._database.now(connection) + seconds
            told = {"id": id, "user": user, "label": label, "scope": kept, "made": utc(), "expires": expires}
            row = connection.execute(tokens.insert().values(hash=hashed(text), **told).returning(*tokens.c)).one()
        return _token(row), text

    def tokens(self, user: str | None = None) -> Sequence[Token]:
        """Those of somebody, or all, also those that have expired; the oldest first."""
        query = select(tokens).order_by(tokens.c.user, tokens.c.made, tokens.c.id)
        query = query if user is None else query.where(tokens.c.user == user)
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(query)]

    def token(self, text: str) -> Token | None:
        """The one with a text, if it has not expired; it is noted, once an hour, that it is used."""
        with self._database.reading() as connection:
            lasts = or_(tokens.c.expires.is_(None), tokens.c.expires > self._database.now(connection))
            row = connection.execute(select(tokens).where(tokens.c.hash == hashed(text), lasts)).one_or_none()
        if row is not None and not row.used.startswith(utc()[:13]):
            with self._database.writing() as connection:
                connection.execute(tokens.update().where(tokens.c.id == row.id).values(used=utc()))
        return None if row is None else _token(row)

    def revoke_token(self, id: str) -> None:
        """Nobody comes by it any more."""
        with self._database.writing() as connection:
            connection.execute(delete(tokens).where(tokens.c.id == id))


def _token(row: Row[Any]) -> Token:
    plain = {name: row._mapping[name] for name in Token.__dataclass_fields__}
    return Token(**{**plain, "scope": _scope(row.scope)})


def _scope(found: Mapping[str, Sequence[str]] | None) -> Mapping[str, frozenset[Role]] | None:
    return None if found is None else roles_from((place, role) for place, roles in found.items() for role in roles)
