from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import forked
import pytest
from sqlalchemy import text

from depl.errors import ConfigurationError
from depl.project import ProjectSettings
from depl.rollout.log import LogFailed
from depl.rollout.plan import RolloutPlan
from depl.store.store import Store, open_store


def test_a_store_is_made_on_first_use_for_its_owner_only(tmp_path: Path, plan: Callable[..., RolloutPlan]) -> None:
    before = os.umask(0)
    try:
        store = open_store("sqlite:///.depl/depl.sqlite", str(tmp_path))
        store.create(plan("r"))
        names = ("depl.sqlite", "depl.sqlite-wal", "depl.sqlite-shm")
        modes = {stat.S_IMODE((tmp_path / ".depl" / name).stat().st_mode) for name in names}
        assert modes == {0o600}
        assert stat.S_IMODE((tmp_path / ".depl").stat().st_mode) == 0o700
        store.close()
    finally:
        os.umask(before)


def test_many_make_the_store_at_the_same_time(store_url: str, tmp_path: Path) -> None:
    opened: list[Store] = []
    threads = [
        threading.Thread(target=lambda: opened.append(open_store(store_url, str(tmp_path)))) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.rollouts() for store in opened] == [[]] * 8
    for store in opened:
        store.close()


def test_a_store_without_its_tables_is_an_error_that_does_not_pass(store: Store) -> None:
    with store.database.writing() as connection:
        connection.execute(text("DROP TABLE events"))
    with pytest.raises(ConfigurationError, match=r"cannot be used as it is: .*events"):
        list(store.log("r").read())


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello " * 1000)
    with pytest.raises(ConfigurationError, match="is no database"):
        open_store("sqlite:///text", str(tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:sesame@host/x",
        "postgresql://ann:sesame@host:many/x",
        "sqlite://ann:sesame@host",
        "sqlite:///:memory:",
        "sqlite:///",
    ],
)
def test_an_address_that_cannot_be_is_an_error_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url, str(tmp_path))
    assert "sesame" not in str(caught.value)


def test_a_server_that_is_not_there_is_an_error_without_a_password(tmp_path: Path) -> None:
    with pytest.raises(LogFailed, match=r"The store postgresql://ann:\*\*\*@127.0.0.1:1/x cannot be used: ") as caught:
        open_store("postgresql://ann:sesame@127.0.0.1:1/x", str(tmp_path))
    assert "sesame" not in f"{caught.value.facts}{caught.value.__cause__}"
    with pytest.raises(LogFailed) as caught:
        open_store("postgresql://ann@127.0.0.1:1/x?password=sesame", str(tmp_path))
    assert "sesame" not in f"{caught.value.facts}"


def test_a_server_without_that_database_or_for_others_is_an_error(postgresql, tmp_path: Path) -> None:
    with pytest.raises(LogFailed, match='database "nowhere" does not exist') as caught:
        open_store(postgresql.url("nowhere"), str(tmp_path))
    assert "is the store in [depl] of depl.cfg the right one?" in caught.value.hint
    url = postgresql.new_database()
    postgresql.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(ConfigurationError, match="cannot be used as it is: permission denied"):
        open_store(url.replace("//depl@", "//guest:sesame@"), str(tmp_path))


def test_a_setting_that_is_no_address_hides_its_password(tmp_path: Path) -> None:
    (tmp_path / "depl.cfg").write_text("[depl]\nstore = postgres://ann:sesame@host/x\n")
    environ = {"DEPL_DEPL_STORE": "mysql://ann:sesame@host/x"}
    mistakes = ProjectSettings.load(str(tmp_path), environ).mistakes
    assert [(mistake.file, mistake.line) for mistake in mistakes] == [(str(tmp_path / "depl.cfg"), 2), (None, None)]
    assert [str(mistake) for mistake in mistakes] == [
        "store = 'postgres://ann:***@host/x' in [depl] is not sqlite:///PATH or postgresql://...",
        "The environment variable DEPL_DEPL_STORE='mysql://ann:***@host/x' is not sqlite:///PATH or postgresql://...",
    ]


def test_what_speaks_to_a_server_is_named_where_it_is_not_installed(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["psycopg"] = None
from depl.errors import ConfigurationError
from depl.store.store import open_store
open_store("sqlite:///depl.sqlite", sys.argv[1]).close()
try:
    open_store("postgresql://ann:sesame@host/x", sys.argv[1])
except ConfigurationError as error:
    print(error, error.hint)
"""
    env = {**os.environ, "PYTHONPATH": str(forked.SOURCE)}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, capture_output=True, text=True)
    assert done.stdout == (
        "The store is in PostgreSQL, but what speaks to it is not installed "
        "Name psycopg[binary] in worker.txt, then run: depl requirements install worker.txt\n"
    )
