"""Rollouts as jobs of procrastinate, for several workers over one PostgreSQL: a job for each that is to be driven.

A job only says that somebody is to look at a rollout. How that stands and who drives it, the store's own tables know:
so a job too many does nothing, and one that was lost is put in again by the next look (see Jobs.look).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from sqlalchemy import Connection, Text, cast, column, exists, select, table
from sqlalchemy.exc import DBAPIError

from depl.rollout.log import LogFailed
from depl.store import cluster_tables
from depl.store.database import SERVER_GONE, Database
from depl.store.leases import Leases
from depl.store.patience import Patient
from depl.store.schema import rollouts

TASK, QUEUE = "depl.rollout", "depl"  # and before the name of a queue, as procrastinate knows it
POLL = 0.2  # seconds after which it is seen that a worker has to go

Run = Callable[[str], object]

jobs = table("procrastinate_jobs", column("queueing_lock"), column("status"))


class Jobs:
    """The queues. Errors: LogFailed; where it is made: ConfigurationError, too."""

    def __init__(self, database: Database, leases: Leases) -> None:
        self.database, self.leases = database, leases
        self._app = App(connector=SyncPsycopgConnector())  # connects to nothing: jobs go in by our own connections
        with database.reading() as connection:
            is_ready = cluster_tables.are_ready(connection)
        if not is_ready:
            with database.writing() as connection, _as_ours():
                cluster_tables.prepare(connection, database.shown)

    # -- for those who write of rollouts, in their transactions ------------------------------------------------

    def submit(self, connection: Connection, rollout: str, queue: str) -> None:
        """Have a worker look at a rollout, if none is about to."""
        how = {"queue": named(queue), "queueing_lock": rollout, "connection": cluster_tables.raw(connection)}
        with suppress(AlreadyEnqueued), connection.begin_nested(), _as_ours():
            self._app.configure_task(TASK, **how).defer(rollout=rollout)

    def wake(self, connection: Connection, rollout: str) -> None:
        """Likewise, when there is something new for one that may have been put aside."""
        queue = connection.execute(select(rollouts.c.queue).where(rollouts.c.id == rollout)).scalar_one_or_none()
        if queue is not None:
            self.submit(connection, rollout, queue)

    def cancel(self, connection: Connection, rollout: str) -> None:
        """Nobody needs to look at a rollout any more."""
        connection.execute(jobs.delete().where(jobs.c.queueing_lock == rollout, _waits()))

    # -- for workers -------------------------------------------------------------------------------------------

    def look(self) -> int:
        """Put in jobs for all that could be driven and have none; how many.

        That is what a worker left that is gone, what waited for its environment or for its time, and what was queued
        or signalled by somebody who knew nothing of jobs.
        """
        with self.database.writing() as connection:
            known = exists().where(jobs.c.queueing_lock == rollouts.c.id, _waits()).correlate(rollouts)
            ready = self.leases.ready(self.database.now(connection)).where(~known)
            found = connection.execute(ready).all()
            for row in found:
                self.submit(connection, row.id, row.queue)
        return len(found)

    def work(
        self,
        run: Run,
        queues: Collection[str] | None,
        name: str,
        count: int,
        stop: Callable[[], bool],
        tell: Callable[[str], None],
        *,
        once: bool = False,
    ) -> None:
        """Run rollouts as they come, so many at once, until it is to stop and they have ended. Errors: LogFailed.

        run: is called in threads of its own. queues: all unless given. stop: asked several times a second. tell: hears,
        among others, that the server is away, which is waited for. once: until there is nothing to do.
        """
        for logger in ("procrastinate", "psycopg.pool", "asyncio"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)  # what matters is told
        worker = _Worker(self, run, count, stop, tell)
        try:
            with self.database._translated(), _as_ours(), worker.threads:
                while True:
                    asyncio.run(worker.work(queues, name, once=once))
                    if stop() or (once and not self.look()):
                        return
                    if not once:
                        raise LogFailed(f"The queues of the store {self.database.shown} do not work any more")
        except LogFailed:
            if not stop():  # who ends needs no server for it
                raise


class _Worker:
    def __init__(self, of: Jobs, run: Run, count: int, stop: Callable[[], bool], tell: Callable[[str], None]) -> None:
        self.jobs, self.run, self.count, self.stop, self.tell = of, run, count, stop, tell
        self.lease = of.leases.lease
        self.threads = ThreadPoolExecutor(count + 1, "rollout")

    async def work(self, queues: Collection[str] | None, name: str, *, once: bool) -> None:
        """Until it is to stop; procrastinate ends in good order where its worker is cancelled."""
        await self._in_thread(self._look)
        app = self._app()
        async with app.open_async():
            worker = asyncio.create_task(
                app.run_worker_async(
                    queues=None if queues is None else [named(queue) for queue in queues],  # type: ignore[arg-type]
                    name=name,
                    concurrency=self.count,
                    wait=not once,
                    fetch_job_polling_interval=self.lease / 6,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    update_heartbeat_interval=self.lease / 3,
                    stalled_worker_timeout=self.lease,
                )
            )
            looking = asyncio.create_task(self._look_after(app))
            while not (worker.done() or looking.done() or self.stop()):
                await asyncio.wait([worker, looking], timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
            for one in (looking, worker):
                one.cancel()
                with suppress(asyncio.CancelledError):
                    await one

    def _app(self) -> App:
        engine = self.jobs.database.engine
        how = {**SERVER_GONE, **engine.dialect.create_connect_args(engine.url)[1]}
        app = App(connector=Patient(self.stop, self.tell, kwargs=how, min_size=1, max_size=4))

        @app.task(name=TASK)
        async def job(rollout: str) -> None:
            await self._in_thread(self._run, rollout)

        return app

    def _run(self, rollout: str) -> None:
        """Drive one; when it has ended or was put aside, another one may be able to begin."""
        try:
            self.run(rollout)
        except LogFailed as error:
            self.tell(error.message)
        self._look()

    async def _look_after(self, app: App) -> None:
        """Now and then: what is left by workers that are gone.

        Their jobs are not tried again but removed: such a worker may be alive after all, and its job is then no other
        one's. The look puts in new ones, as soon as their rollouts can be driven by others.
        """
        while True:
            await asyncio.sleep(self.lease / 6)
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self.lease):
                with suppress(ConnectorException):  # somebody else has removed it
                    await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
            await self._in_thread(self._look)

    def _look(self) -> None:
        with suppress(LogFailed):  # the next one will do
            self.jobs.look()

    async def _in_thread(self, function: Callable[..., object], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self.threads, function, *arguments)


def named(queue: str) -> str:
    """A queue of the store, as procrastinate knows it."""
    return f"{QUEUE}:{queue}" if queue else QUEUE


def _waits() -> Any:
    return cast(jobs.c.status, Text) == "todo"


@contextmanager
def _as_ours() -> Iterator[None]:
    """Errors below SQLAlchemy become those of SQLAlchemy, which the database tells in our words."""
    try:
        yield
    except AlreadyEnqueued:
        raise
    except (ConnectorException, psycopg.Error) as error:
        raise DBAPIError("", None, error.__cause__ or error, hide_parameters=True) from None
