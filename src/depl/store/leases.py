"""Who drives a rollout: a lease with an owner, an epoch and a heartbeat, by the one clock of the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from depl.errors import Locked
from depl.rollout.states import ACTIVE, RolloutState
from depl.store.database import Database
from depl.store.holding import lasting
from depl.store.left import fence, is_silent, line_of, write_last_words
from depl.store.locks import Lock, try_locks
from depl.store.schema import holds, locks, parts, rollouts, signals
from depl.store.writing import lock_line

LEASE = 30.0  # seconds after the last heartbeat for which its owner is believed to live
LOOKED_AT = 50  # rollouts that a worker considers at once


@dataclass(frozen=True)
class Claim:
    """The right to drive a rollout. epoch: what is written under an older one is refused.

    lost: who drove it before and fell silent.
    """

    rollout: str
    epoch: int
    owner: str
    lost: str = ""


class Leases:
    """Gives rollouts to workers, one at a time. lease: seconds. Errors: LogFailed."""

    def __init__(self, database: Database, lease: float = LEASE) -> None:
        self.lease = lease
        self._database = database

    def claim(self, worker: str, *, queues: Collection[str] | None = None, only: str | None = None) -> Claim | None:
        """The next rollout to drive, if there is one, with the locks of its environments.

        That is one whose owner is silent; one that was put aside, when a signal came for it or its time has come; or
        one that is queued. Passed over are those whose environments are locked by others, or held. only: none but that.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            for row in self._candidates(connection, self.ready(now, queues, only)):
                claim = self._try(connection, row, worker, now)
                if claim is not None:
                    return claim
        return None

    def claim_this(self, rollout: str, worker: str) -> Claim:
        """That one, which is not over, for a command that goes on with it. Errors: Locked, NothingRecorded."""
        with self._database.writing() as connection:
            now = self._database.now(connection)
            row = lock_line(connection, rollout)
            if row.owner not in ("", worker) and row.heartbeat >= now - self.lease:
                raise Locked(f"{row.owner} is at work on rollout {rollout}", hint="Wait, or end that first.")
            if RolloutState(row.state).is_over:
                raise Locked(f"Rollout {rollout} is over: {row.state}", hint="Start a new one.")
            other = try_locks(connection, self._database, row.environments, rollout, row.who or worker)
            if other is not None:
                message = f"Rollout {other.rollout} by {other.who} is at work on {other.environment}"
                raise Locked(f"{message} since {other.since}", hint="Wait until it is over.")
            return self._take(connection, row, worker, now)

    def beat(self, claim: Claim) -> bool:
        """Say that its owner lives; whether it is still theirs."""
        with self._database.writing() as connection:
            values = {"heartbeat": self._database.now(connection)}
            return connection.execute(rollouts.update().where(_of(claim)).values(values)).rowcount > 0

    def let_go(self, claim: Claim, wake: float | None = None) -> bool:
        """Put a rollout aside until a signal comes for it, or for some seconds; whether it was still theirs."""
        with self._database.writing() as connection:
            at = None if wake is None else self._database.now(connection) + wake
            return connection.execute(rollouts.update().where(_of(claim)).values(owner="", wake=at)).rowcount > 0

    def ready(self, now: float, queues: Collection[str] | None = None, only: str | None = None) -> Select[Any]:
        """Those that claim() chooses from, the oldest first."""
        ready = or_(self._is_silent(now), _is_awaited(now), _is_free(now, now - self.lease))
        to_do = rollouts.c.state.in_([*_ACTIVE, RolloutState.QUEUED.value])  # a few of all that there ever were
        query = select(rollouts).where(to_do, rollouts.c.queue.is_not(None), ready)
        if queues is not None:
            query = query.where(rollouts.c.queue.in_(list(queues)))
        if only is not None:
            query = query.where(rollouts.c.id == only)
        return query.order_by(rollouts.c.made, rollouts.c.id)

    def _candidates(self, connection: Connection, ready: Select[Any]) -> Iterator[Row[Any]]:
        """One after the other; those that others look at just now are left to them."""
        passed: list[str] = []
        while len(passed) < LOOKED_AT:
            next_one = ready.where(rollouts.c.id.not_in(passed)).limit(1).with_for_update(skip_locked=True)
            row = connection.execute(next_one).one_or_none()
            if row is None:
                return
            passed.append(row.id)
            yield row

    def _is_silent(self, now: float) -> ColumnElement[bool]:
        """Somebody drove it and does not answer any more."""
        lost = and_(rollouts.c.owner != "", rollouts.c.heartbeat < now - self.lease)
        return and_(lost, rollouts.c.state.in_([*_ACTIVE, RolloutState.QUEUED.value]))

    def _try(self, connection: Connection, row: Row[Any], worker: str, now: float) -> Claim | None:
        """Take one with its locks, or leave all as it is. Commands that fell silent are in nobody's way."""
        attempt = connection.begin_nested()
        left: list[Lock] = []

        def is_left(lock: Lock) -> bool:
            its = line_of(connection, lock.rollout)
            return its is not None and its.queue is None and is_silent(its, now - self.lease)

        if try_locks(connection, self._database, row.environments, row.id, row.who or worker, is_left, left):
            attempt.rollback()
            return None
        attempt.commit()
        gone = sorted({lock.rollout for lock in left})
        fence(connection, gone)
        for id in gone:
            write_last_words(connection, id, row.id)
        return self._take(connection, row, worker, now)

    def _take(self, connection: Connection, row: Row[Any], worker: str, now: float) -> Claim:
        claim = Claim(row.id, row.epoch + 1, worker, row.owner)
        values = {"owner": worker, "epoch": claim.epoch, "heartbeat": now, "wake": None}
        connection.execute(rollouts.update().where(rollouts.c.id == row.id).values(values))
        return claim


def _is_awaited(now: float) -> ColumnElement[bool]:
    """It was put aside, and there is a signal that it has not heard, or its time has come."""
    query = select(func.max(signals.c.number)).where(signals.c.rollout == rollouts.c.id).correlate(rollouts)
    heard = rollouts.c.last_signal >= func.coalesce(query.scalar_subquery(), 0)
    return and_(rollouts.c.owner == "", rollouts.c.state.in_(_ACTIVE), or_(~heard, rollouts.c.wake <= now))


def _is_free(now: float, expired: float) -> ColumnElement[bool]:
    """It is queued and not put aside, and its environments are neither locked by another one nor held."""
    here = select(parts.c.environment).where(parts.c.rollout == rollouts.c.id).correlate(rollouts)
    locked = select(locks.c.environment).where(locks.c.rollout != rollouts.c.id, locks.c.environment.in_(here))
    its = rollouts.alias()
    command = and_(its.c.id == locks.c.rollout, its.c.queue.is_(None), its.c.owner != "", its.c.heartbeat < expired)
    locked = locked.where(~select(its.c.id).where(command).correlate(locks).exists())
    held = select(holds.c.environment).where(lasting(), holds.c.environment.in_(here))
    queued = and_(rollouts.c.owner == "", rollouts.c.state == RolloutState.QUEUED.value)
    queued = and_(queued, or_(rollouts.c.wake.is_(None), rollouts.c.wake <= now))
    return and_(queued, ~locked.correlate(rollouts).exists(), ~held.correlate(rollouts).exists())


def _of(claim: Claim) -> ColumnElement[bool]:
    of_owner = and_(rollouts.c.owner == claim.owner, rollouts.c.epoch == claim.epoch)
    return and_(rollouts.c.id == claim.rollout, of_owner)


_ACTIVE = [state.value for state in ACTIVE]
