"""The tables of procrastinate in the store's database: made on first use, and brought along with its versions."""

from __future__ import annotations

from importlib import resources
from typing import Any

from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, text

from depl.errors import ConfigurationError
from depl.store.schema import MAKING

NOTE = "made by depl: "  # and the newest of procrastinate's migrations that is in it; a comment on its first table


def are_ready(connection: Connection) -> bool:
    """Whether there is nothing to be made: they are as we know them, or somebody else looks after them."""
    is_there, note = _found(connection)
    return is_there and (note is None or note == _migrations()[-1])


def prepare(connection: Connection, shown: str) -> None:
    """Make them if there are none; bring those that we made up to what we know. Errors: ConfigurationError."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MAKING})
    if are_ready(connection):
        return
    is_there, note = _found(connection)
    known = _migrations()
    if is_there and (note is None or note > known[-1]):
        raise ConfigurationError(
            f"The store {shown} was used by a newer procrastinate, with {note}",
            hint="Install the procrastinate of those that use it.",
        )
    scripts = [SchemaManager.get_schema()]
    if is_there:
        folder = resources.files("procrastinate.sql") / "migrations"
        scripts = [(folder / name).read_text(encoding="utf-8") for name in known if note is not None and name > note]
    for script in scripts:
        raw(connection).execute(script)
    raw(connection).execute(f"COMMENT ON TABLE procrastinate_jobs IS '{NOTE}{known[-1]}'")


def raw(connection: Connection) -> Any:
    """The connection of psycopg under one of SQLAlchemy, in the same transaction."""
    return connection.connection.driver_connection


def _found(connection: Connection) -> tuple[bool, str | None]:
    """Whether there are any; the newest migration of those that we made."""
    jobs = "to_regclass('procrastinate_jobs')"
    is_there, note = connection.execute(text(f"SELECT {jobs} IS NOT NULL, obj_description({jobs}, 'pg_class')")).one()
    return bool(is_there), note.removeprefix(NOTE) if note and note.startswith(NOTE) else None


def _migrations() -> list[str]:
    """Their names, in their order."""
    folder = resources.files("procrastinate.sql") / "migrations"
    return sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
