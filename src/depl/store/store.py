"""The store: what commands, workers and the web read and write of rollouts. Opened once in a process."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from depl.deploy.begin import utc
from depl.errors import ConfigurationError, NothingRecorded
from depl.events import Event, What
from depl.redact import Redactor
from depl.rollout.log import Recorded
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.store import forgetting, headers, outputs, schema
from depl.store.database import Database, open_database
from depl.store.direct import Direct
from depl.store.headers import Header
from depl.store.hearing import StoreSignals
from depl.store.holding import StoreHolds
from depl.store.leases import LEASE, Claim, Leases
from depl.store.locks import StoreLocks
from depl.store.logs import StoreLog
from depl.store.outputs import Window
from depl.store.taking import Taking
from depl.store.writing import Writer, lock_line

if TYPE_CHECKING:
    from depl.store.cluster import Jobs

Also = Callable[[Connection], None]  # what is done in the same transaction, such as putting a job into a queue


def open_store(url: str, base: str, *, lease: float = LEASE, cluster: bool = False) -> Store:
    """The store at an address, made on its first use. base: the project. Errors: ConfigurationError, LogFailed.

    cluster: rollouts are queued for several workers, see depl.store.cluster.
    """
    database = open_database(url, base)
    try:
        with database.reading() as connection:
            is_ready = schema.number_of(connection) == schema.SCHEMA
        if not is_ready:
            with database.writing() as connection:
                schema.prepare(connection, database.shown)
        store = Store(database, base, lease)
        store.jobs = _jobs(store) if cluster else None
    except BaseException:
        database.close()
        raise
    return store


class Store:
    """Rollouts with all that belongs to them. Errors, of everything: LogFailed.

    Any thread may use it. lease: seconds after which a coordinator that does not answer counts as gone.
    """

    def __init__(self, database: Database, base: str, lease: float = LEASE) -> None:
        self.database, self.base = database, os.path.abspath(base)
        self.locks, self.holds, self.leases = StoreLocks(database), StoreHolds(database), Leases(database, lease)
        self.direct = Direct(database, lease)
        self.jobs: Jobs | None = None
        self._taking = Taking(database)

    # -- rollouts --------------------------------------------------------------------------------------------

    def create(
        self,
        plan: RolloutPlan,
        state: RolloutState = RolloutState.PLANNED,
        *,
        queue: str = "",
        redact: Redactor | None = None,
        also: Also | None = None,
    ) -> Header:
        """Put in a rollout with its plan, planned or queued, and the events that say so.

        One that is there already and was not started gets the new plan. queue: where workers look for it. also: is
        called in the same transaction.
        """
        new = [Event(What.PLANNED, data=plan.as_json())]
        if state is RolloutState.QUEUED:
            new.append(Event(What.QUEUED))
        with self.database.writing() as connection:
            headers.admit(connection, plan.rollout)
            self._add(connection, plan.rollout, new, Redactor() if redact is None else redact)
            if state is RolloutState.QUEUED:
                self._queue(connection, plan.rollout, queue)
            if also:
                also(connection)
        return self.header(plan.rollout)

    def enqueue(self, rollout: str, *, queue: str = "", also: Also | None = None) -> None:
        """Let workers find a rollout that is planned. Errors: NothingRecorded, IllegalTransition."""
        with self.database.writing() as connection:
            self._add(connection, rollout, [Event(What.QUEUED)], Redactor())
            self._queue(connection, rollout, queue)
            if also:
                also(connection)

    def admit(self, rollout: str) -> None:
        """Make room for a rollout whose first event is still to come: one of `depl local` or `depl remote`."""
        with self.database.writing() as connection:
            headers.admit(connection, rollout)

    def rollouts(
        self,
        environment: str | None = None,
        state: RolloutState | Collection[RolloutState] | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Header]:
        """The newest first. state: one or several; before: the id of the last one on the page before."""
        states = [state] if isinstance(state, RolloutState) else state
        with self.database.reading() as connection:
            how: Mapping[str, Any] = {"environment": environment, "states": states, "before": before, "limit": limit}
            return headers.headers(connection, self._expired(connection), **how)

    def header(self, rollout: str) -> Header:
        """That of one rollout. Errors: NothingRecorded."""
        with self.database.reading() as connection:
            found = headers.header(connection, self._expired(connection), rollout)
        if found is None:
            raise NothingRecorded(f"The store knows no rollout {rollout}", hint="Look with `depl rollouts`.")
        return found

    def plan(self, rollout: str) -> RolloutPlan | None:
        """The plan of a rollout; nothing where it is one of a model, or unknown."""
        with self.database.reading() as connection:
            planned = schema.events.c.what == What.PLANNED.value
            query = select(schema.events.c.data).where(schema.events.c.rollout == rollout, planned)
            found = connection.execute(query.order_by(schema.events.c.number.desc()).limit(1)).scalar()
        return None if found is None else RolloutPlan.from_json(found)

    def log(self, rollout: str, epoch: int | None = None, redact: Redactor | None = None) -> StoreLog:
        """The events and output of a rollout. epoch: of the claim under which it is written to."""
        redact = Redactor() if redact is None else redact  # one that knows nothing yet may learn
        return StoreLog(self.database, rollout, epoch, redact, self.jobs.cancel if self.jobs else None)

    def signals(self, rollout: str, redact: Redactor | None = None) -> StoreSignals:
        """The signals of a rollout."""
        redact = Redactor() if redact is None else redact
        return StoreSignals(self.database, rollout, redact, self.jobs.wake if self.jobs else None)

    def output(self, rollout: str, task: str, offset: int = 0, limit: int = 65536) -> Window:
        """Characters of what a task printed; from the end where the offset is negative."""
        with self.database.reading() as connection:
            return outputs.window(connection, rollout, task, offset, limit)

    # -- who drives it ---------------------------------------------------------------------------------------

    def claim(self, worker: str, *, queues: Collection[str] | None = None, only: str | None = None) -> Claim | None:
        """See Leases.claim."""
        return self.leases.claim(worker, queues=queues, only=only)

    def claim_this(self, rollout: str, worker: str) -> Claim:
        """See Leases.claim_this."""
        return self.leases.claim_this(rollout, worker)

    def beat(self, claim: Claim) -> bool:
        """See Leases.beat."""
        return self.leases.beat(claim)

    def let_go(self, claim: Claim, wake: float | None = None) -> bool:
        """See Leases.let_go."""
        return self.leases.let_go(claim, wake)

    # -- keeping ---------------------------------------------------------------------------------------------

    def take_in(
        self,
        directory: str | None = None,
        tell: Callable[[str], None] = lambda sentence: None,
        only: str | None = None,
    ) -> int:
        """Read the records of a directory that are new or have grown, `.depl/rollouts` unless told otherwise.

        How many events that were. tell: hears of records that cannot be read. only: of that rollout.
        """
        return self._taking.take_in(directory or os.path.join(self.base, ".depl", "rollouts"), tell, only)

    def forget(self, environment: str, keep_rollouts: int, keep_days: int) -> Sequence[str]:
        """Remove what an environment's settings keep no longer, with the records that it was read from."""
        return forgetting.forget(self.database, environment, keep_rollouts, keep_days)

    def close(self) -> None:
        """Let go of it."""
        self.database.close()

    def _expired(self, connection: Connection) -> float:
        return self.database.now(connection) - self.leases.lease

    def _add(self, connection: Connection, rollout: str, new: Sequence[Event], redact: Redactor) -> None:
        number, at = lock_line(connection, rollout).number, utc()
        recorded = [Recorded(number + place, at, event) for place, event in enumerate(new, 1)]
        Writer(rollout, redact).write(connection, number, recorded)

    def _queue(self, connection: Connection, rollout: str, queue: str) -> None:
        values = {"queue": queue, "taken_from": ""}  # no command drives it
        connection.execute(schema.rollouts.update().where(schema.rollouts.c.id == rollout).values(values))
        if self.jobs:
            self.jobs.submit(connection, rollout, queue)


def _jobs(store: Store) -> Jobs:
    hint = "Correct [depl] of depl.cfg: `cluster` goes with a `store` at postgresql://..."
    if not store.database.is_server:
        raise ConfigurationError("Rollouts are queued for several workers only in PostgreSQL", hint=hint)
    try:
        from depl.store.cluster import Jobs
    except ImportError as error:
        message = "Rollouts are to be queued for several workers, but what does that is not installed"
        hint = "Name psycopg[binary] and procrastinate in worker.txt, then run: depl requirements install worker.txt"
        raise ConfigurationError(message, hint=hint) from error
    return Jobs(store.database, store.leases)
