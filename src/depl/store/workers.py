"""Who is there to carry out what is queued, as they say again and again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from depl.deploy.begin import utc
from depl.store.database import Database
from depl.store.schema_web import workers

PRESENT = 20.0  # seconds after its last word for which a worker counts as there
FORGOTTEN = 86400.0  # and after which nothing is known of it any more


@dataclass(frozen=True)
class Worker:
    """One of them. since: UTC; queues: None for all; jobs: how many rollouts it drives at the same time."""

    name: str
    since: str
    queues: Sequence[str] | None
    jobs: int


class Workers:
    """Those that share the store. Errors: LogFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, name: str, queues: Collection[str] | None, jobs: int) -> None:
        """Say that one is there."""
        with self._database.writing() as connection:
            now = self._database.now(connection)
            connection.execute(workers.delete().where(workers.c.heartbeat < now - FORGOTTEN))
            told = {"heartbeat": now, "queues": None if queues is None else sorted(queues), "jobs": jobs}
            row = self._database.insert(workers).values(name=name, since=utc(), **told)
            connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=told))

    def gone(self, name: str) -> None:
        """Say that one ends."""
        with self._database.writing() as connection:
            connection.execute(workers.delete().where(workers.c.name == name))

    def present(self) -> list[Worker]:
        """Those that are there, by name."""
        query = select(workers).where(workers.c.heartbeat > self._database.clock() - PRESENT)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(workers.c.name)).all()
        return [Worker(row.name, row.since, row.queues, row.jobs) for row in rows]

    def serves(self, queue: str) -> bool:
        """Whether one of them looks into a queue."""
        return any(worker.queues is None or queue in worker.queues for worker in self.present())
