"""The tables of the store, and the number of their schema: what the database was made as, and what this depl knows."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, Column, Connection, Float, Index, Integer, Table, inspect, select, text

from depl.errors import ConfigurationError
from depl.store import schema_web  # noqa: F401 so that its tables are made, too
from depl.store.columns import Facts, Words, metadata, number, words

SCHEMA = 2
MAKING = 0x6465706C  # of the lock in PostgreSQL under which the tables are made

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
    words("name"),
    words("title"),
    words("environment"),
    Column("environments", Facts, nullable=False, default=list),
    words("who"),
    words("made"),
    words("started"),
    words("ended"),
    words("state"),
    Column("holds", Facts, nullable=False, default=list),
    words("block"),
    words("reason"),
    words("outcome"),
    words("undoes"),
    Column("data", Facts, nullable=False, default=dict),
    number("number"),
    number("last_signal"),
    Column("queue", Words),
    words("owner"),
    number("epoch"),
    Column("heartbeat", Float, nullable=False, default=0.0),
    Column("wake", Float),
    words("taken_from"),
    number("taken"),
    number("taken_output"),
    number("taken_signals"),
    Index("rollouts_made", "made", "id"),
    Index("rollouts_state", "state"),
    Index("rollouts_environment", "environment"),
    Index("rollouts_name", "name", "made"),
    Index("rollouts_undoes", "undoes"),
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
    words("at"),
    words("what"),
    Column("task", Words),
    Column("component", Words),
    Column("host", Words),
    Column("data", Facts, nullable=False, default=dict),
    Index("events_task", "rollout", "task"),
)

# offset: how many characters of a task's output come before the piece.
output = Table(
    "output",
    metadata,
    Column("rollout", Words, primary_key=True),
    Column("task", Words, primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    words("stream"),
    words("text"),
    words("at"),
    words("host"),
)

signals = Table(
    "signals",
    metadata,
    Column("rollout", Words, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    words("name"),
    words("who"),
    words("at"),
    words("reason"),
    words("task"),
    Column("data", Facts, nullable=False, default=dict),
)

locks = Table(
    "locks",
    metadata,
    Column("environment", Words, primary_key=True),
    words("rollout"),
    words("who"),
    words("since"),
)

holds = Table(
    "holds",
    metadata,
    Column("environment", Words, primary_key=True),
    words("who"),
    words("since"),
    words("reason"),
    words("until"),
)


def prepare(connection: Connection, shown: str) -> None:
    """Make the tables if there are none, or bring them to what we know. Errors: ConfigurationError."""
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
        _upgrade(connection, shown, found)


def number_of(connection: Connection) -> int | None:
    """The schema that a database has; nothing if there is none yet."""
    if not inspect(connection).has_table(schema.name):
        return None
    return connection.execute(select(schema.c.number)).scalar_one_or_none()


def _make(connection: Connection, shown: str) -> None:
    taken = _taken(connection, metadata.tables)
    if taken:
        raise ConfigurationError(
            f"The database {shown} has tables of something else: {taken}",
            hint="Name a database (or, in PostgreSQL, a schema of one) for depl alone in [depl] of depl.cfg.",
        )
    metadata.create_all(connection, checkfirst=False)
    connection.execute(schema.insert().values(number=SCHEMA))


def _upgrade(connection: Connection, shown: str, found: int) -> None:
    """Take the tables from `found` to SCHEMA, all or nothing: in the caller's transaction."""
    from depl.store import versions  # with Alembic, which nobody else needs

    for next_one in range(found + 1, SCHEMA + 1):
        taken = _taken(connection, versions.NEW[next_one])
        if taken:
            raise ConfigurationError(
                f"The store {shown} has schema {found} and cannot get schema {next_one}: the database has tables of "
                f"something else: {taken}",
                hint="Nothing was changed. Move those into another database (or, in PostgreSQL, another schema).",
            )
        versions.TO[next_one](connection)
    connection.execute(schema.update().values(number=SCHEMA))


def _taken(connection: Connection, names: Collection[str]) -> str:
    """The names among some that tables have already."""
    return ", ".join(sorted(set(inspect(connection).get_table_names()) & set(names)))
