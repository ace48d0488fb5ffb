"""Commands that drive a rollout by themselves, for all who share the store: their locks, their lease, their signals.

Before a command changes anything it has a line with a heartbeat, and the locks of its environments. What it does is
written to its own record, which is taken in as it grows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from depl.errors import ConfigurationError, Locked
from depl.rollout.log import Fenced
from depl.rollout.signals import Signal
from depl.rollout.states import RolloutState
from depl.store.database import Database
from depl.store.headers import admit
from depl.store.hearing import signal_of
from depl.store.leases import Claim
from depl.store.left import fence, is_silent, line_of, write_last_words
from depl.store.locks import Lock, give_back, try_locks
from depl.store.schema import locks, rollouts, signals
from depl.store.writing import lock_line


@dataclass(frozen=True)
class Place:
    """Where a command works: who is told to those who wait; owner: the checkout, with the machine; pid: its process."""

    who: str
    checkout: str
    pid: int

    @property
    def owner(self) -> str:
        """Who has the lease."""
        return f"{self.checkout}:{self.pid}"

    def has(self, row: Row[tuple[object, ...]]) -> bool:
        """Whether a rollout was driven by a command in the same checkout."""
        return str(row.owner).rpartition(":")[0] == self.checkout


class Direct:
    """Their lines. lease: seconds without a heartbeat after which a command counts as gone. Errors: LogFailed."""

    def __init__(self, database: Database, lease: float) -> None:
        self._database, self._lease = database, lease

    def begin(
        self,
        rollout: str,
        environments: Collection[str],
        place: Place,
        record: str,
        *,
        alone: Collection[str] = (),
        take_over: bool = False,
    ) -> tuple[Claim, Sequence[Lock]]:
        """Take the locks of environments, all or none, under a lease; with those that were taken over.

        alone: environments at which nobody else of this checkout is at work. take_over: go on without the locks that
        somebody else has. Errors: Locked, ConfigurationError for a rollout that was begun elsewhere.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            admit(connection, rollout, taken_from=record, who=place.who, environments=sorted(environments))
            row = lock_line(connection, rollout)
            self._assert_free(row, place, record, now)
            left: list[Lock] = []

            def is_left(lock: Lock) -> bool:
                its = line_of(connection, lock.rollout)
                if its is None:
                    return False
                is_over = RolloutState(its.state).is_over
                is_gone = its.queue is None and place.has(its) and lock.environment in alone
                return is_over or is_silent(its, now - self._lease) or is_gone

            other = try_locks(connection, self._database, environments, rollout, place.who, is_left, left)
            if other is not None and not take_over:
                raise _refusal(connection, other)
            fence(connection, [lock.rollout for lock in left])
            claim = Claim(rollout, row.epoch + 1, place.owner)
            values = {"owner": claim.owner, "epoch": claim.epoch, "heartbeat": now}
            connection.execute(rollouts.update().where(rollouts.c.id == rollout).values(values))
            return claim, left

    def beat(self, claim: Claim, lay: Callable[[Signal], object]) -> bool:
        """Say that we live, and hand out the signals that others posted; whether the rollout is still ours."""
        with self._database.writing() as connection:
            row = connection.execute(select(rollouts).where(rollouts.c.id == claim.rollout).with_for_update()).first()
            if row is None or row.epoch != claim.epoch:
                return False
            values = {"heartbeat": self._database.now(connection)}
            connection.execute(rollouts.update().where(rollouts.c.id == claim.rollout).values(values))
            theirs = signals.c.rollout == claim.rollout, signals.c.number < 0
            posted = connection.execute(select(signals).where(*theirs).order_by(signals.c.number.desc())).all()
            for one in posted:
                lay(signal_of(one))
            if posted:
                connection.execute(signals.delete().where(*theirs))
            return True

    def own(self, claim: Claim, rollout: str, record: str) -> Claim:
        """From now on it is about that rollout, which has changed something. Errors: Fenced."""
        with self._database.writing() as connection:
            before = _own_line(connection, claim)
            about = {"who": before.who, "environments": before.environments, "taken_from": record}
            admit(connection, rollout, **about)
            row = lock_line(connection, rollout)
            mine = Claim(rollout, row.epoch + 1, claim.owner)
            values = {"taken_from": record, "epoch": mine.epoch, "heartbeat": before.heartbeat}
            if not RolloutState(row.state).is_over:
                values["owner"] = claim.owner
            connection.execute(rollouts.update().where(rollouts.c.id == rollout).values(values))
            connection.execute(locks.update().where(locks.c.rollout == claim.rollout).values(rollout=rollout))
            connection.execute(rollouts.delete().where(rollouts.c.id == claim.rollout))
            return mine

    def write_last_words(self, left: Sequence[Lock], by: str, place: Place) -> None:
        """What was taken over by a rollout is over; the records of this checkout tell that by themselves."""
        with self._database.writing() as connection:
            for id in sorted({lock.rollout for lock in left}):
                row = connection.execute(select(rollouts).where(rollouts.c.id == id)).one_or_none()
                if row is not None and not (row.number and place.has(row)):
                    write_last_words(connection, id, by)

    def end(self, claim: Claim, left: Sequence[Lock], state: str) -> None:
        """Nobody is at work on it any more. left: what was taken over, theirs again where nothing came of it.

        state: over; waits, and keeps its environments; or interrupted.
        """
        with self._database.writing() as connection:
            try:
                row = _own_line(connection, claim)
            except Fenced:
                return
            its = rollouts.c.id == claim.rollout
            if not row.number:
                give_back(connection, claim.rollout)
                for lock in left:
                    connection.execute(self._database.insert(locks).values(vars(lock)).on_conflict_do_nothing())
                connection.execute(rollouts.delete().where(its))
                return
            if state == "interrupted":
                connection.execute(rollouts.update().where(its).values(heartbeat=0.0))
                return
            if state == "over":
                give_back(connection, claim.rollout)
            connection.execute(rollouts.update().where(its).values(owner=""))

    def _assert_free(self, row: Row[tuple[object, ...]], place: Place, record: str, now: float) -> None:
        """A rollout that is known already can be gone on with here and now."""
        if RolloutState(row.state).is_over:
            raise Locked(f"Rollout {row.id} is over: {row.state}", hint="Start a new one.")
        if row.taken_from != record:
            where = f": its record is {row.taken_from}" if row.taken_from else ""
            message = f"Rollout {row.id} was begun in another directory or on another machine{where}"
            raise ConfigurationError(message, hint="Go on with it there.")
        if row.owner and not place.has(row) and not is_silent(row, now - self._lease):
            raise Locked(f"{row.who} is at work on rollout {row.id}", hint="Wait, or end that first.")


def _own_line(connection: Connection, claim: Claim) -> Row[tuple[object, ...]]:
    query = select(rollouts).where(rollouts.c.id == claim.rollout, rollouts.c.epoch == claim.epoch)
    row = connection.execute(query.with_for_update()).one_or_none()
    if row is None:
        raise Fenced(f"Rollout {claim.rollout} was taken over by somebody else")
    return row


def _refusal(connection: Connection, lock: Lock) -> Locked:
    """The error for those who find an environment taken."""
    row = connection.execute(select(rollouts).where(rollouts.c.id == lock.rollout)).one_or_none()
    of = f": rollout {lock.rollout}" if row is not None and row.number else ""
    if row is None or row.owner:
        message = f"{lock.who} is at work on {lock.environment} since {lock.since}, by what the store says{of}"
        return Locked(message, hint="Wait until it is done, or say --wait.")
    message = f"rollout {lock.rollout} of {lock.who} has {lock.environment} since {lock.since} and is {row.state}"
    hint = f"Where it was begun, go on with it by `depl rollout resume {lock.rollout}`, or take it back."
    return Locked(message, hint=hint)


def checkout_of(base: str) -> str:
    """The name of a project's directory among all machines."""
    import socket

    return f"{socket.gethostname()}:{base}"
