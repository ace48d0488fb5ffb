"""Virtual environments, with real interpreters and a wheel that is made here."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depl.lib.python import Package, Requirements, VirtualEnv

Made = Callable[..., Any]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two versions of a package `tiny`, which says its version."""
    directory = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        info = f"tiny-{version}.dist-info"
        with zipfile.ZipFile(directory / f"tiny-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr("tiny.py", f"def main():\n    print({version!r})\n")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\ntiny = tiny:main\n")
            wheel.writestr(f"{info}/RECORD", "")
    return directory


def tiny(wheels: Path, version: str = "1.0", path: str = ".") -> Callable[[Any], None]:
    def configure(self: Any) -> None:
        self.venv = VirtualEnv("3", path=path)
        self += self.venv
        self.venv += Package("tiny", version=version, install_options=("--no-index", "--find-links", str(wheels)))

    return configure


def locked(wheels: Path, version: str = "1.0") -> str:
    digest = hashlib.sha256((wheels / f"tiny-{version}-py3-none-any.whl").read_bytes()).hexdigest()
    return f"--no-index\n--find-links {wheels}\ntiny=={version} --hash=sha256:{digest}\n"


def said(made: Any, command: str = "bin/tiny") -> str:
    return subprocess.run([made.work / command], capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_is_planned_built_left_alone_and_taken_back(project: Made, tree: Made, wheels: Path) -> None:
    made = project(tiny(wheels))
    before = tree(made.base)
    planned = made.plan()
    assert (planned.error, tree(made.base)) == ("", before)
    deployed = made.deploy()
    assert (deployed.error, deployed.changed) == ("", planned.changed)
    assert said(made) == "1.0"
    assert made.deploy().changed == []
    assert made.undo().status == 0
    assert tree(made.base) == before


def test_the_python_of_the_working_directory_finds_the_packages(project: Made, wheels: Path) -> None:
    made = project(tiny(wheels))
    made.deploy()
    where = subprocess.run(
        [made.component.venv.python, "-c", "import sys, tiny; print(sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.strip() == str(made.work)


def test_another_version_is_built_beside_and_undone_by_a_link(project: Made, wheels: Path) -> None:
    made = project(tiny(wheels, path="venv"))
    made.deploy()
    first = os.readlink(made.work / "venv")
    made.configure = tiny(wheels, "2.0", path="venv")
    assert made.deploy().error == ""
    assert said(made, "venv/bin/tiny") == "2.0"
    assert (made.work / first).is_dir()
    assert made.undo().status == 0
    assert os.readlink(made.work / "venv") == first
    assert said(made, "venv/bin/tiny") == "1.0"
    assert made.deploy().error == ""
    assert said(made, "venv/bin/tiny") == "2.0"


def test_what_was_taken_out_of_an_environment_is_noticed(project: Made, wheels: Path) -> None:
    made = project(tiny(wheels))
    made.deploy()
    subprocess.run([made.work / "bin/python", "-c", "import tiny, os; os.remove(tiny.__file__)"], check=True)
    (info,) = made.work.glob("lib/python*/site-packages/tiny-1.0.dist-info")
    info.rename(info.with_suffix(".gone"))
    result = made.deploy()
    assert any("tiny-1.0.dist-info went missing" in reason for reason in result.reasons)
    assert said(made) == "1.0"


def test_an_environment_that_was_not_finished_is_built_again(project: Made, wheels: Path) -> None:
    made = project(tiny(wheels))
    made.deploy()
    os.remove(Path(made.component.venv.base.directory) / "depl-venv.json")
    assert made.deploy().error == ""
    assert said(made) == "1.0"
    assert made.deploy().changed == []


def test_a_requirements_file_is_installed_as_it_is_locked(project: Made, wheels: Path) -> None:
    def configure(self: Any) -> None:
        self.venv = VirtualEnv("3")
        self += self.venv
        self.venv += Requirements("requirements.lock")

    made = project(configure)
    made.file("requirements.lock", locked(wheels))
    assert made.deploy().error == ""
    assert said(made) == "1.0"
    made.file("requirements.lock", locked(wheels, "2.0"))
    assert made.deploy().error == ""
    assert said(made) == "2.0"
    made.file("requirements.lock", locked(wheels, "2.0").replace("sha256:", "sha256:0000")[:-5] + "\n")
    result = made.deploy()
    assert result.status == 3
    assert said(made) == "2.0"


def test_a_missing_requirements_file_is_a_mistake_of_the_model(project: Made) -> None:
    def configure(self: Any) -> None:
        self.venv = VirtualEnv("3")
        self += self.venv
        self.venv += Requirements("requirements.lock")

    result = project(configure).deploy()
    assert result.status == 1
    assert "requirements.lock cannot be read" in result.error


def test_a_package_belongs_into_an_environment(project: Made) -> None:
    result = project(lambda self: Package("tiny")).deploy()
    assert result.status == 1
    assert "a Package is added to a VirtualEnv, not to a App" in result.error


def test_an_interpreter_that_is_not_there_is_named(project: Made) -> None:
    result = project(lambda self: VirtualEnv("2.3")).deploy()
    assert result.status == 3
    assert "there is no python2.3 on this host" in result.error
    assert "executable=" in result.error


def test_former_environments_do_not_pile_up(project: Made, wheels: Path) -> None:
    made = project(tiny(wheels))
    for version in ("1.0", "2.0"):
        made.configure = tiny(wheels, version)
        assert made.deploy().error == ""

    def configure(self: Any) -> None:
        self.venv = VirtualEnv("3")
        self += self.venv

    made.configure = configure
    assert made.deploy().error == ""
    assert len(list(made.work.glob("venv-*"))) == 2
    assert made.undo().status == 0
    assert said(made) == "2.0"
