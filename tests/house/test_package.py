"""What a wheel of depl holds."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import depl


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, project: Path) -> zipfile.ZipFile:
    room = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(room)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = room.iterdir()
    assert path.name == f"depl-{depl.__version__}-py3-none-any.whl"
    return zipfile.ZipFile(path)


def test_a_wheel_holds_all_modules_and_says_that_they_are_typed(wheel: zipfile.ZipFile, project: Path) -> None:
    source = project / "src"
    expected = {str(path.relative_to(source)) for path in (source / "depl").rglob("*.py")} | {"depl/py.typed"}
    assert expected <= set(wheel.namelist())


def test_a_wheel_holds_the_launcher_and_the_lock_that_a_new_project_gets(wheel: zipfile.ZipFile, project: Path) -> None:
    assert wheel.read("depl/cli/launcher") == (project / "depl").read_bytes()
    assert wheel.read("depl/cli/requirements.lock") == (project / "requirements.lock").read_bytes()


def test_a_wheel_has_the_command_and_the_plugin_for_pytest(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "depl = depl.cli.main:main" in wheel.read(entry_points).decode()
    assert "depl = depl.testing" in wheel.read(entry_points).decode()
