"""What a wheel and a source distribution of depl hold."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import depl


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, project: Path) -> zipfile.ZipFile:
    path = _built("wheel", tmp_path_factory.mktemp("wheel"), project)
    assert path.name == f"depl-{depl.__version__}-py3-none-any.whl"
    return zipfile.ZipFile(path)


def _built(kind: str, room: Path, project: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(room)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = room.iterdir()
    return path


def _pages(project: Path) -> set[str]:
    """What pages are made of."""
    found = [path for part in ("templates", "static") for path in (project / "src/depl/web" / part).iterdir()]
    assert {"base.html", "depl.css", "htmx.min.js", "htmx.LICENSE.txt"} <= {path.name for path in found}
    return {str(path.relative_to(project)) for path in found}


def test_a_wheel_holds_all_modules_and_says_that_they_are_typed(wheel: zipfile.ZipFile, project: Path) -> None:
    source = project / "src"
    expected = {str(path.relative_to(source)) for path in (source / "depl").rglob("*.py")} | {"depl/py.typed"}
    assert expected <= set(wheel.namelist())


def test_a_wheel_holds_what_pages_are_made_of(wheel: zipfile.ZipFile, project: Path) -> None:
    assert {path.removeprefix("src/") for path in _pages(project)} <= set(wheel.namelist())


def test_a_source_distribution_holds_what_pages_are_made_of(tmp_path: Path, project: Path) -> None:
    with tarfile.open(_built("sdist", tmp_path, project)) as packed:
        found = {name.partition("/")[2] for name in packed.getnames()}
    assert _pages(project) <= found


def test_a_wheel_holds_the_launcher_and_the_lock_that_a_new_project_gets(wheel: zipfile.ZipFile, project: Path) -> None:
    assert wheel.read("depl/cli/launcher") == (project / "depl").read_bytes()
    assert wheel.read("depl/cli/requirements.lock") == (project / "requirements.lock").read_bytes()


def test_a_wheel_has_the_command_and_the_plugin_for_pytest(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "depl = depl.cli.main:main" in wheel.read(entry_points).decode()
    assert "depl = depl.testing" in wheel.read(entry_points).decode()
