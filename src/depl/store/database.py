"""The database under the store: found by its address, opened with care; its errors become ours."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Float,
    Table,
    cast,
    create_engine,
    event,
    extract,
    func,
    literal,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError, ProgrammingError, SQLAlchemyError

from depl.change.private import make_private
from depl.errors import ConfigurationError
from depl.rollout.log import LogFailed
from depl.setting_types import without_password

PATIENCE = 30  # seconds for which a transaction waits for another one
LOCAL, SERVER = "sqlite:///", ("postgresql://", "postgresql+psycopg://")
SERVER_GONE = {  # seconds after which a server that does not answer counts as gone
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
SESSION = (
    f"SET lock_timeout = '{PATIENCE}s'",
    "SET idle_in_transaction_session_timeout = '15s'",  # who was stopped in one keeps nobody from taking over
)


class Database:
    """Transactions on the store's database. shown: its address as people may see it."""

    def __init__(self, engine: Engine, shown: str) -> None:
        self.engine, self.shown = engine, shown
        self._hidden = [str(part) for part in (engine.url.password, engine.url.query.get("password")) if part]

    @property
    def is_server(self) -> bool:
        """Whether it is PostgreSQL: several machines, and rows that are locked one by one."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, all or nothing. Errors: LogFailed, ConfigurationError."""
        with self._translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One that only looks, and keeps nobody from writing. Errors: LogFailed, ConfigurationError."""
        with self._translated(), self.engine.connect().execution_options(only_reads=True) as connection:
            yield connection

    def now(self, connection: Connection) -> float:
        """Seconds by the one clock that all who use the database share."""
        return float(connection.execute(select(self.clock())).scalar_one()) if self.is_server else time.time()

    def clock(self) -> ColumnElement[float]:
        """The same, within a query."""
        if self.is_server:
            return cast(extract("epoch", func.clock_timestamp()), Float)
        return literal(time.time(), Float)

    def insert(self, table: Table) -> Any:
        """An INSERT that can leave alone what is there already."""
        return postgresql.insert(table) if self.is_server else sqlite.insert(table)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._failed(error) from None  # it would tell the statement with its values
        except SQLAlchemyError as error:
            raise LogFailed(f"The store {self.shown} cannot be used: {self._clean(error)}") from None

    def _failed(self, error: DBAPIError) -> Exception:
        said = self._clean(error.orig or error)
        if "not a database" in said or "malformed" in said:
            hint = "Move the file away, or name another store in [depl] of depl.cfg."
            return ConfigurationError(f"The store {self.shown} is no database: {said}", hint=hint)
        if isinstance(error, (ProgrammingError, DataError)) or "no such" in said:  # trying again would not help
            hint = (
                "Its tables are depl's own; its user needs all rights on them, and where there are none, to make them."
            )
            return ConfigurationError(f"The store {self.shown} cannot be used as it is: {said}", hint=hint)
        hint = "Is the server running, and is the store in [depl] of depl.cfg the right one?"
        if not self.is_server:
            hint = "Is there room on the disk, and may the file and its directory be written?"
        return LogFailed(f"The store {self.shown} cannot be used: {said}", hint=hint)

    def _clean(self, error: BaseException) -> str:
        said = " ".join(str(error).strip().split("\n")[0].split())
        for secret in self._hidden:
            said = said.replace(secret, "***")
        return said.rstrip(".") or type(error).__name__


def open_database(url: str, base: str) -> Database:
    """The database at an address. base: what a file's path is relative to. Errors: ConfigurationError, LogFailed."""
    if url.startswith(LOCAL):
        return _open_file(url.removeprefix(LOCAL), base)
    if url.startswith(SERVER):
        return _open_server(url)
    raise ConfigurationError(
        f"The store {without_password(url)!r} is not sqlite:///PATH or postgresql://...",
        hint="Correct `store` in [depl] of depl.cfg.",
    )


def _open_file(path: str, base: str) -> Database:
    if path in ("", ":memory:") or "?" in path:
        raise ConfigurationError(f"The store {LOCAL}{path} names no file", hint=f"Such as {LOCAL}.depl/depl.sqlite.")
    path = os.path.join(base, path)
    try:
        _make_file(path)
    except OSError as error:
        message = f"The store {path} cannot be made: {error.strerror}"
        raise LogFailed(message, hint="Make room, or mend the rights of its directory.") from error
    how = {"isolation_level": None, "timeout": PATIENCE, "check_same_thread": False}
    engine = create_engine(URL.create("sqlite", database=path), connect_args=how, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        only_reads = connection.get_execution_options().get("only_reads")
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return Database(engine, path)


_making = threading.Lock()


def _make_file(path: str) -> None:
    """For its owner only from its first moment, and with it what SQLite lays beside it.

    Whoever closes a file loses the locks that SQLite has on it in the same process: so it is made and closed before
    any thread opens it.
    """
    with _making:
        if not os.path.exists(path):
            make_private(os.path.dirname(path))
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _open_server(url: str) -> Database:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        message = "The store is in PostgreSQL, but what speaks to it is not installed"
        hint = "Name psycopg[binary] in worker.txt, then run: depl requirements install worker.txt"
        raise ConfigurationError(message, hint=hint) from error
    shown = without_password(url)
    try:
        address = make_url(re.sub(r"^postgresql://", "postgresql+psycopg://", url))
        given = {key: value for key, value in SERVER_GONE.items() if key not in address.query}
        engine = create_engine(address, connect_args=given, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, ValueError):
        message = f"The store {shown} is not postgresql://USER@HOST:PORT/DATABASE"
        raise ConfigurationError(message, hint="Correct `store` in [depl] of depl.cfg.") from None

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.autocommit = True
        for setting in SESSION:
            connection.execute(setting)
        connection.autocommit = False

    return Database(engine, shown)
