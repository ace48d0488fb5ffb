"""The store: what commands, workers and the web read and write of rollouts. Opened once in a process."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from depl.deploy.begin import utc
from depl.errors import ConfigurationError
from depl.events import Event, What
from depl.redact import Redactor
from depl.rollout.log import Recorded
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.store import forgetting, headers, schema, starting
from depl.store.audit import Audit
from depl.store.database import Database, open_database
from depl.store.direct import Direct
from depl.store.headers import Header
from depl.store.hearing import StoreSignals
from depl.store.holding import StoreHolds
from depl.store.inquiries import Inquiries
from depl.store.leases import LEASE, Claim, Leases
from depl.store.locks import StoreLocks
from depl.store.logs import StoreLog
from depl.store.looking import Looking
from depl.store.people import People
from depl.store.published import Publications
from depl.store.taking import Taking
from depl.store.workers import Workers
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


class Store(Looking):
    """Rollouts with all that belongs to them. Errors, of everything: LogFailed.

    Any thread may use it. lease: seconds after which a coordinator that does not answer counts as gone.
    """

    def __init__(self, database: Database, base: str, lease: float = LEASE) -> None:
        super().__init__(database, lease)
        self.base = os.path.abspath(base)
        self.locks, self.holds, self.leases = StoreLocks(database), StoreHolds(database), Leases(database, lease)
        self.direct = Direct(database, lease)
        self.people, self.audit = People(database), Audit(database)
        self.inquiries = Inquiries(database, lease)
        self.published, self.workers = Publications(database), Workers(database)
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
            new.append(Event(What.QUEUED, data={"who": plan.who}))
        with self.database.writing() as connection:
            headers.admit(connection, plan.rollout)
            self._add(connection, plan.rollout, new, Redactor() if redact is None else redact)
            if state is RolloutState.QUEUED:
                self._queue(connection, plan.rollout, queue)
            if also:
                also(connection)
        return self.header(plan.rollout)

    def start(
        self, rollout: str, who: str, approved_by: str = "", queue: str = "", number: int | None = None
    ) -> Header:
        """Let workers find a rollout that is planned, for somebody. See depl.store.starting.

        approved_by: who agreed, where somebody has to. number: of the last event that they saw of it: what was planned
        anew since is not what they meant. Errors: NothingRecorded, IllegalSignal.
        """
        with self.database.writing() as connection:
            self._add(
                connection, rollout, [starting.started(connection, rollout, who, approved_by, number)], Redactor()
            )
            self._queue(connection, rollout, queue)
        return self.header(rollout)

    def want_start(self, rollout: str, who: str) -> Header:
        """Have it wait for somebody who agrees to its start. Errors: NothingRecorded, IllegalSignal."""
        with self.database.writing() as connection:
            self._add(connection, rollout, [starting.wanted(connection, rollout, who)], Redactor())
        return self.header(rollout)

    def refuse_start(self, rollout: str, who: str, reason: str) -> Header:
        """It waits no more: somebody did not agree. Errors: NothingRecorded, IllegalSignal."""
        with self.database.writing() as connection:
            self._add(connection, rollout, [starting.refused(connection, rollout, who, reason)], Redactor())
        return self.header(rollout)

    def admit(self, rollout: str) -> None:
        """Make room for a rollout whose first event is still to come: one of `depl local` or `depl remote`."""
        with self.database.writing() as connection:
            headers.admit(connection, rollout)

    def log(self, rollout: str, epoch: int | None = None, redact: Redactor | None = None) -> StoreLog:
        """The events and output of a rollout. epoch: of the claim under which it is written to."""
        redact = Redactor() if redact is None else redact  # one that knows nothing yet may learn
        return StoreLog(self.database, rollout, epoch, redact, self.jobs.cancel if self.jobs else None)

    def signals(self, rollout: str, redact: Redactor | None = None) -> StoreSignals:
        """The signals of a rollout."""
        redact = Redactor() if redact is None else redact
        return StoreSignals(self.database, rollout, redact, self.jobs.wake if self.jobs else None)

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
