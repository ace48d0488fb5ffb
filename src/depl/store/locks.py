"""Who works on which environment: a row per lock, which belongs to a rollout until that is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from depl.deploy.begin import utc
from depl.errors import Locked
from depl.store.database import Database
from depl.store.schema import locks


@dataclass(frozen=True)
class Lock:
    """Of an environment. rollout: whose it is; since: UTC."""

    environment: str
    rollout: str
    who: str
    since: str


class StoreLocks:
    """The locks of all environments whose rollouts are in this store. Errors: LogFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, environments: Iterable[str], rollout: str, who: str) -> None:
        """Take the locks of some, all or none; what the rollout has already, it keeps. Errors: Locked."""
        with self._database.writing() as connection:
            other = try_locks(connection, self._database, environments, rollout, who)
            if other is not None:
                raise Locked(
                    f"Rollout {other.rollout} by {other.who} is at work on {other.environment} since {other.since}",
                    hint=f"Look with `depl rollout follow {other.rollout}`, or wait until it is over.",
                )

    def give_back(self, rollout: str) -> None:
        """Let go of all that a rollout has."""
        with self._database.writing() as connection:
            give_back(connection, rollout)

    def of(self, environment: str) -> Lock | None:
        """That of an environment."""
        with self._database.reading() as connection:
            row = connection.execute(select(locks).where(locks.c.environment == environment)).one_or_none()
        return None if row is None else Lock(*row)

    def taken(self) -> Sequence[Lock]:
        """All of them, by environment."""
        with self._database.reading() as connection:
            return [Lock(*row) for row in connection.execute(select(locks).order_by(locks.c.environment))]


def try_locks(
    connection: Connection,
    database: Database,
    environments: Iterable[str],
    rollout: str,
    who: str,
    is_left: Callable[[Lock], bool] = lambda lock: False,
    left: list[Lock] | None = None,
) -> Lock | None:
    """Take locks in the order of their names; the first that somebody else has, and then all is to be taken back.

    is_left: whether nobody is at work any more for whom one was taken; those that were taken over are added to `left`.
    """
    for environment in sorted(set(environments)):
        told = {"environment": environment, "rollout": rollout, "who": who, "since": utc()}
        mine = False
        while not mine:
            connection.execute(database.insert(locks).values(told).on_conflict_do_nothing())
            row = connection.execute(select(locks).where(locks.c.environment == environment)).one_or_none()
            if row is None:
                continue  # somebody gave it back between the two
            mine = row.rollout == rollout
            if not mine and not is_left(Lock(*row)):
                return Lock(*row)
            if not mine and _removed(connection, environment, row.rollout) and left is not None:
                left.append(Lock(*row))
    return None


def _removed(connection: Connection, environment: str, rollout: str) -> bool:
    """Whether it was still theirs: somebody may have been quicker."""
    its = (locks.c.environment == environment, locks.c.rollout == rollout)
    return connection.execute(locks.delete().where(*its)).rowcount > 0


def give_back(connection: Connection, rollout: str) -> None:
    """Let go of all locks that a rollout has."""
    connection.execute(locks.delete().where(locks.c.rollout == rollout))
