"""Environments that somebody wants to be left as they are, as rows of the store: the port of depl.rollout.holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from depl.deploy.begin import utc
from depl.errors import Locked
from depl.rollout.holds import Freeze, Holds
from depl.store.database import Database
from depl.store.schema import holds


class StoreHolds:
    """Those of all projects that share the store. Errors: LogFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, environment: str) -> Freeze | None:
        """Whether an environment is held."""
        with self._database.reading() as connection:
            return _of(connection, environment)

    def all(self) -> Sequence[Freeze]:
        """Those that are held, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(holds).where(lasting()).order_by(holds.c.environment))
            return [Freeze(**row._mapping) for row in rows]

    def set(self, freeze: Freeze) -> None:
        """Hold an environment. Errors: Locked where it is held already."""
        with self._database.writing() as connection:
            connection.execute(holds.delete().where(holds.c.environment == freeze.environment, ~lasting()))
            row = self._database.insert(holds).values(asdict(freeze)).on_conflict_do_nothing()
            if connection.execute(row.returning(holds.c.environment)).first() is None:
                held = _of(connection, freeze.environment)
                sentence = held.sentence if held else f"{freeze.environment} is held"
                raise Locked(sentence, hint=f"`depl release {freeze.environment}` ends that.")

    def clear(self, environment: str) -> Freeze | None:
        """Release an environment; how it was held."""
        with self._database.writing() as connection:
            held = _of(connection, environment)
            connection.execute(holds.delete().where(holds.c.environment == environment))
            return held


class AllHolds:
    """Those of a shared store, and those that were noted here before there was one."""

    def __init__(self, shared: Holds, files: Holds) -> None:
        self._shared, self._files = shared, files

    def of(self, environment: str) -> Freeze | None:
        """Whether an environment is held."""
        return self._shared.of(environment) or self._files.of(environment)

    def all(self) -> Sequence[Freeze]:
        """Those that are held, by name."""
        found = {freeze.environment: freeze for freeze in (*self._files.all(), *self._shared.all())}
        return [found[name] for name in sorted(found)]

    def set(self, freeze: Freeze) -> None:
        """Hold an environment."""
        held = self._files.of(freeze.environment)
        if held is not None:
            raise Locked(held.sentence, hint=f"`depl release {freeze.environment}` ends that.")
        self._shared.set(freeze)

    def clear(self, environment: str) -> Freeze | None:
        """Release an environment."""
        shared, here = self._shared.clear(environment), self._files.clear(environment)
        return shared or here


def lasting() -> ColumnElement[bool]:
    """Of a hold: it has not come to its end."""
    return or_(holds.c.until == "", holds.c.until > utc())


def _of(connection: Connection, environment: str) -> Freeze | None:
    query = select(holds).where(and_(holds.c.environment == environment, lasting()))
    row = connection.execute(query).one_or_none()
    return None if row is None else Freeze(**row._mapping)
