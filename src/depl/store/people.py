"""The people of the web interface and of a shared store: users with their roles, sessions and tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from depl.access.roles import Person, Role, roles_from
from depl.deploy.begin import utc
from depl.errors import ConfigurationError, NothingRecorded
from depl.store.database import Database
from depl.store.schema_web import grants, sessions, tokens, users
from depl.store.sessions import Session, Sessions
from depl.store.tokens import Token, Tokens

__all__ = ["People", "Session", "Token", "User"]


@dataclass(frozen=True)
class User:
    """Somebody who can sign in. password: as it is kept; disabled: since when, empty if they are not."""

    name: str
    password: str
    made: str
    disabled: str
    roles: Mapping[str, frozenset[Role]]


class People(Sessions, Tokens):
    """Errors: LogFailed; of what changes a user, NothingRecorded where there is none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- who there is ----------------------------------------------------------------------------------------

    def any(self) -> bool:
        """Whether there are users at all."""
        with self._database.reading() as connection:
            return connection.execute(select(users.c.name).limit(1)).first() is not None

    def users(self) -> Sequence[User]:
        """All of them, by name."""
        with self._database.reading() as connection:
            roles: dict[str, list[tuple[str, str]]] = {}
            for row in connection.execute(select(grants)):
                roles.setdefault(row.user, []).append((row.environment, row.role))
            rows = connection.execute(select(users).order_by(users.c.name)).all()
        return [_user(row, roles.get(row.name, ())) for row in rows]

    def user(self, name: str) -> User | None:
        """One of them."""
        with self._database.reading() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
            held = connection.execute(select(grants).where(grants.c.user == name)).all()
        return None if row is None else _user(row, [(one.environment, one.role) for one in held])

    def person(self, name: str) -> Person | None:
        """Who asks by that name; nothing for those who are unknown or disabled."""
        user = self.user(name)
        return None if user is None or user.disabled else Person(user.name, user.roles)

    def by_token(self, text: str) -> Person | None:
        """Who a program says to be."""
        token = self.token(text)
        person = None if token is None else self.person(token.user)
        return None if person is None or token is None else Person(person.name, person.roles, token.scope)

    # -- users -----------------------------------------------------------------------------------------------

    def add(self, name: str, password: str, roles: Iterable[tuple[str, Role]] = ()) -> None:
        """Somebody new. password: as it is kept; roles: by environment.

        Errors: ConfigurationError where there is one of that name.
        """
        with self._database.writing() as connection:
            row = self._database.insert(users).values(name=name, password=password, made=utc(), disabled="")
            if connection.execute(row.on_conflict_do_nothing().returning(users.c.name)).first() is None:
                raise ConfigurationError(f"There is a user {name} already", hint="Look with `depl user list`.")
            for environment, role in roles:
                self._grant(connection, name, environment, role)

    def set_password(self, name: str, password: str) -> None:
        """Another one, as it is kept."""
        self._change(name, password=password)

    def disable(self, name: str) -> None:
        """They cannot come until they are enabled, and whoever came as them is signed out."""
        with self._database.writing() as connection:
            _change(connection, name, disabled=utc())
            connection.execute(delete(sessions).where(sessions.c.user == name))

    def enable(self, name: str) -> None:
        """They can come again."""
        self._change(name, disabled="")

    def remove(self, name: str) -> None:
        """With their roles, sessions and tokens."""
        with self._database.writing() as connection:
            _assert_there(connection, name)
            for column in (grants.c.user, sessions.c.user, tokens.c.user, users.c.name):
                connection.execute(delete(column.table).where(column == name))

    def grant(self, name: str, environment: str, role: Role) -> None:
        """Give a role in an environment, `*` for all."""
        with self._database.writing() as connection:
            _assert_there(connection, name)
            self._grant(connection, name, environment, role)

    def revoke(self, name: str, environment: str, role: Role) -> None:
        """Take a role away."""
        with self._database.writing() as connection:
            _assert_there(connection, name)
            its = (grants.c.user == name, grants.c.environment == environment, grants.c.role == role.value)
            connection.execute(delete(grants).where(*its))

    def _change(self, name: str, **values: Any) -> None:
        with self._database.writing() as connection:
            _change(connection, name, **values)

    def _grant(self, connection: Connection, name: str, environment: str, role: Role) -> None:
        row = self._database.insert(grants).values(user=name, environment=environment, role=role.value)
        connection.execute(row.on_conflict_do_nothing())


def _user(row: Row[Any], held: Iterable[tuple[str, str]]) -> User:
    return User(row.name, row.password, row.made, row.disabled, roles_from(held))


def _change(connection: Connection, name: str, **values: Any) -> None:
    _assert_there(connection, name)
    connection.execute(users.update().where(users.c.name == name).values(values))


def _assert_there(connection: Connection, name: str) -> None:
    """For us alone, until the transaction ends."""
    if connection.execute(select(users.c.name).where(users.c.name == name).with_for_update()).first() is None:
        raise NothingRecorded(f"There is no user {name}", hint="Look with `depl user list`.")
