"""Stores that an earlier depl made: they are brought to our schema when they are opened, all or nothing."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import inspect, text

from depl.errors import ConfigurationError, DeplError
from depl.store.database import Database, open_database
from depl.store.schema import SCHEMA, number_of
from depl.store.store import Store, open_store

FIRST = Path(__file__).with_name("first") / "store.sql"
PLANNED = "20260103-120000-a1b2"
OPEN = """
store = open_store(*sys.argv[1:3])
print(len(store.rollouts()), store.stamp() != "")
"""
ANEW = """
open_store(*sys.argv[1:3]).close()
print("alembic" in sys.modules)
"""


@pytest.fixture
def old(store_url: str, tmp_path: Path) -> Database:
    """A store of the first schema."""
    if store_url.startswith("sqlite"):
        (tmp_path / "store").mkdir()
        connection = sqlite3.connect(store_url.removeprefix("sqlite:///"))
        connection.executescript(FIRST.read_text())
        connection.close()
    else:
        with psycopg.connect(store_url, autocommit=True) as server:
            server.execute(FIRST.read_text().encode())
    return open_database(store_url, str(tmp_path))


def tables(database: Database) -> Mapping[str, Any]:
    """What there is, in an order that does not matter."""
    found: dict[str, Any] = {}
    with database.reading() as connection:
        look = inspect(connection)
        for name in look.get_table_names():
            columns = [(one["name"], str(one["type"]), one["nullable"]) for one in look.get_columns(name)]
            indexes = [(one["name"], one["column_names"], bool(one["unique"])) for one in look.get_indexes(name)]
            key = look.get_pk_constraint(name)["constrained_columns"]
            found[name] = (columns, sorted(indexes, key=repr), key)
    return found


def number(database: Database) -> int | None:
    with database.reading() as connection:
        return number_of(connection)


def test_an_old_store_gets_the_tables_that_a_new_one_has(
    old: Database, store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    before = tables(old)
    store = open_store(store_url, str(tmp_path))
    assert number(old) == SCHEMA
    if store.database.is_server:
        server = request.getfixturevalue("postgresql")
        url = server.new_database()
    else:
        server, url = None, "sqlite:///anew.sqlite"
    anew = open_store(url, str(tmp_path))
    assert tables(old) == tables(anew.database)
    assert set(before) < set(tables(old))
    for one in (store, anew, old):
        one.close()
    if server is not None:
        server.drop(url)


def test_what_was_recorded_before_is_found_by_its_parameters(old: Database, store_url: str, tmp_path: Path) -> None:
    store = open_store(store_url, str(tmp_path))
    assert store.header(PLANNED).parameters == {"version": "1.2"}
    assert PLANNED in [one.id for one in store.rollouts(parameter=("version", "1.2"))]
    assert store.start(PLANNED, "ann").state == "queued"
    store.close()
    old.close()


def test_many_bring_a_store_to_our_schema_at_the_same_time(
    old: Database, python: Callable[..., subprocess.Popen[str]]
) -> None:
    said = [one.communicate(timeout=120)[0] for one in [python(OPEN) for _ in range(2)]]
    assert said == ["3 True\n"] * 2
    assert number(old) == SCHEMA
    old.close()


def test_tables_of_something_else_are_left_alone(old: Database, store_url: str, tmp_path: Path) -> None:
    with old.writing() as connection:
        connection.execute(text("CREATE TABLE users (login TEXT)"))
    before = tables(old)
    with pytest.raises(
        ConfigurationError, match=r"schema 1 and cannot get schema 2: .* something else: users"
    ) as caught:
        open_store(store_url, str(tmp_path))
    assert "Nothing was changed" in caught.value.hint
    assert (tables(old), number(old)) == (before, 1)
    with old.writing() as connection:
        connection.execute(text("DROP TABLE users"))
    open_store(store_url, str(tmp_path)).close()
    assert number(old) == SCHEMA
    old.close()


def test_what_fails_half_way_leaves_all_as_it_was(old: Database, store_url: str, tmp_path: Path) -> None:
    with old.writing() as connection:
        connection.execute(text("CREATE TABLE visits (login TEXT)"))
        connection.execute(text("CREATE INDEX audit_who ON visits (login)"))
    before = tables(old)
    with pytest.raises(DeplError, match="audit_who"):
        open_store(store_url, str(tmp_path))
    assert (tables(old), number(old)) == (before, 1)
    old.close()


def test_the_store_of_a_later_version_is_refused(store: Store, store_url: str, tmp_path: Path) -> None:
    with store.database.writing() as connection:
        connection.execute(text(f"UPDATE schema SET number = {SCHEMA + 1}"))
    with pytest.raises(ConfigurationError, match=f"has schema {SCHEMA + 1}; this depl knows schemas up to") as caught:
        open_store(store_url, str(tmp_path))
    assert caught.value.hint


def test_a_database_of_something_else_is_left_alone(store: Store, store_url: str, tmp_path: Path) -> None:
    with store.database.writing() as connection:
        connection.execute(text("DROP TABLE schema"))
    with pytest.raises(ConfigurationError, match="has tables of something else: audit, events, grants"):
        open_store(store_url, str(tmp_path))


def test_only_what_has_another_schema_needs_to_know_how_tables_are_changed(
    store: Store, python: Callable[..., subprocess.Popen[str]]
) -> None:
    assert python(ANEW).communicate(timeout=120)[0] == "False\n"
