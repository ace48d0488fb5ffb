"""The tables of the store, and the number of their schema: what the database was made as, and what this depl knows."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    inspect,
    select,
    text,
)
from sqlalchemy.types import TypeDecorator

from depl.errors import ConfigurationError

SCHEMA = 1
MAKING = 0x6465706C  # of the lock in PostgreSQL under which the tables are made


class Words(TypeDecorator[str]):
    """Text that any database takes: without the character 0, and without halves of characters."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """On its way in."""
        return value and value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


class Facts(TypeDecorator[Any]):
    """Data as JSON in ASCII, as the records have it, which any database takes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """On its way in."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """On its way out."""
        return None if value is None else json.loads(value)


def _words(name: str, **how: Any) -> Column[str]:
    return Column(name, Words, nullable=False, default="", **how)


def _number(name: str, **how: Any) -> Column[int]:
    return Column(name, BigInteger, nullable=False, default=0, **how)


metadata = MetaData()

schema = Table("schema", metadata, Column("number", Integer, nullable=False))

# A line for each rollout, short, as it is written anew with every event; the plan is the data of the event `planned`.
# What is between name and last_signal follows from the events. data: what else lists show of it. queue: where workers
# find it, NULL for those of commands. owner, epoch, heartbeat: the lease of who drives it; wake: when one that was put
# aside is to be looked at again; both are seconds by the clock of the database. taken_from: the record that it was read
# from; taken, taken_output, taken_signals: up to which byte of it, and of what lies beside it.
rollouts = Table(
    "rollouts",
    metadata,
    Column("id", Words, primary_key=True),
    _words("name"),
    _words("title"),
    _words("environment"),
    Column("environments", Facts, nullable=False, default=list),
    _words("who"),
    _words("made"),
    _words("started"),
    _words("ended"),
    _words("state"),
    Column("holds", Facts, nullable=False, default=list),
    _words("block"),
    _words("reason"),
    _words("outcome"),
    _words("undoes"),
    Column("data", Facts, nullable=False, default=dict),
    _number("number"),
    _number("last_signal"),
    Column("queue", Words),
    _words("owner"),
    _number("epoch"),
    Column("heartbeat", Float, nullable=False, default=0.0),
    Column("wake", Float),
    _words("taken_from"),
    _number("taken"),
    _number("taken_output"),
    _number("taken_signals"),
    Index("rollouts_made", "made", "id"),
    Index("rollouts_state", "state"),
    Index("rollouts_environment", "environment"),
)

# Which rollouts an environment was part of; those without any have none.
parts = Table(
    "parts",
    metadata,
    Column("environment", Words, primary_key=True),
    Column("rollout", Words, primary_key=True),
    Index("parts_rollout", "rollout"),
)

# Numbers are per rollout, from 1 without gaps; nothing counts over all of them, as such numbers overtake one another.
events = Table(
    "events",
    metadata,
    Column("rollout", Words, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _words("at"),
    _words("what"),
    Column("task", Words),
    Column("component", Words),
    Column("host", Words),
    Column("data", Facts, nullable=False, default=dict),
)

# offset: how many characters of a task's output come before the piece.
output = Table(
    "output",
    metadata,
    Column("rollout", Words, primary_key=True),
    Column("task", Words, primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    _words("stream"),
    _words("text"),
    _words("at"),
    _words("host"),
)

signals = Table(
    "signals",
    metadata,
    Column("rollout", Words, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _words("name"),
    _words("who"),
    _words("at"),
    _words("reason"),
    _words("task"),
    Column("data", Facts, nullable=False, default=dict),
)

locks = Table(
    "locks",
    metadata,
    Column("environment", Words, primary_key=True),
    _words("rollout"),
    _words("who"),
    _words("since"),
)

holds = Table(
    "holds",
    metadata,
    Column("environment", Words, primary_key=True),
    _words("who"),
    _words("since"),
    _words("reason"),
    _words("until"),
)


def prepare(connection: Connection, shown: str) -> None:
    """Make the tables if there are none; else see to it that we know them. Errors: ConfigurationError."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MAKING})
    found = number_of(connection)
    if found is None:
        _make(connection, shown)
    elif found > SCHEMA:
        raise ConfigurationError(
            f"The store {shown} has schema {found}; this depl knows schemas up to {SCHEMA}",
            hint="Use the newer depl that made it, or name another store in [depl] of depl.cfg.",
        )
    elif found < SCHEMA:
        _upgrade(connection, found)


def number_of(connection: Connection) -> int | None:
    """The schema that a database has; nothing if there is none yet."""
    if not inspect(connection).has_table(schema.name):
        return None
    return connection.execute(select(schema.c.number)).scalar_one_or_none()


def _make(connection: Connection, shown: str) -> None:
    present = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if present:
        raise ConfigurationError(
            f"The database {shown} has tables of something else: {', '.join(present)}",
            hint="Name a database (or, in PostgreSQL, a schema of one) for depl alone in [depl] of depl.cfg.",
        )
    metadata.create_all(connection, checkfirst=False)
    connection.execute(schema.insert().values(number=SCHEMA))


def _upgrade(connection: Connection, found: int) -> None:
    """From the second schema on: Alembic, imported here, takes the tables from `found` to SCHEMA."""
    raise ConfigurationError(f"The {connection.dialect.name} store has schema {found}, which never was")
