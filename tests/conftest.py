"""What all tests share."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[1]

SHARED = (
    "ready",
    "service",
    "wheel",
    "cluster",
    "ten",
    "pythons",
    "chromium",
)  # fixtures: a launcher's environment, the sample service, our own wheel, a browser

pytest_plugins = ["pytester"]


def offer(name: str) -> None:
    """A module beside this file, for conftests and tests to import: they are in no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


offer("forked")
offer("steps")
offer("undeclared")
offer("planted")
offer("postgresql")
offer("receivers")
offer("rollouts_by_hand")
offer("by_hand_project")
offer("serving")
offer("browsing")
offer("streams")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long versions of the tests too (also: DEPL_LONG=1)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:  # what takes long to set up is set up once, in one of the workers
        group = next((name for name in SHARED if name in getattr(item, "fixturenames", ())), None)
        if group == "service" and item.path.name != "test_sample.py":
            group = None
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
    if config.getoption("--long") or os.environ.get("DEPL_LONG"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes long; runs with --long"))


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout that the tests belong to."""
    return PROJECT


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Any]:
    """A running PostgreSQL, see tests/postgresql.py: `postgresql.new_database()` is the address of an empty store."""
    module = sys.modules["postgresql"]
    if module.programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    yield from module.served(tempfile.mkdtemp(prefix="depl-t-pg-"))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty store, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store/depl.sqlite"
        return
    server = request.getfixturevalue("postgresql")
    url = server.new_database()
    yield url
    server.drop(url)
