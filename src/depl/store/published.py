"""What workers found in the project, for those who have no copy of it: forms of rollouts, pictures of environments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from depl.deploy.begin import utc
from depl.store.database import Database
from depl.store.schema_web import published


@dataclass(frozen=True)
class Published:
    """One of them. at: UTC."""

    data: Any
    at: str


class Publications:
    """By kind and name. Errors: LogFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, kind: str, name: str, data: Any) -> None:
        """Put one there, instead of what was there."""
        with self._database.writing() as connection:
            told = {"data": data, "at": utc(), "when": self._database.now(connection)}
            row = self._database.insert(published).values(kind=kind, name=name, **told)
            connection.execute(row.on_conflict_do_update(index_elements=["kind", "name"], set_=told))

    def get(self, kind: str, name: str) -> Published | None:
        """One of them."""
        with self._database.reading() as connection:
            query = select(published).where(published.c.kind == kind, published.c.name == name)
            row = connection.execute(query).one_or_none()
        return None if row is None else Published(row.data, row.at)

    def all(self, kind: str) -> dict[str, Published]:
        """Those of a kind, by name."""
        with self._database.reading() as connection:
            query = select(published).where(published.c.kind == kind).order_by(published.c.name)
            return {row.name: Published(row.data, row.at) for row in connection.execute(query)}

    def keep(self, kind: str, names: Collection[str]) -> None:
        """Remove the others of that kind."""
        with self._database.writing() as connection:
            others = published.c.kind == kind, published.c.name.not_in(list(names))
            connection.execute(published.delete().where(*others))
