"""`depl requirements install`."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest


@pytest.fixture
def launched(service: Path, project: Path, tmp_path: Path):
    """Call `depl` as a launcher does: in an environment of its own, which borrows the packages of the tests."""
    environment = service / ".depl" / "python" / "requirements-000000000000"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)}))
    (packages / "borrowed.pth").write_text(f"{project / 'src'}\n{sysconfig.get_path('purelib')}\n")
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(index / "nuts-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("nuts.py", "")
        archive.writestr("nuts-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: nuts\nVersion: 1.0\n")
        archive.writestr("nuts-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("nuts-1.0.dist-info/RECORD", "")
    surroundings = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DEPL_PROJECT": str(service), "COLUMNS": "120"}
    surroundings |= {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [environment / "bin" / "python", "-P", "-m", "depl", *arguments]
        return subprocess.run(command, cwd=service, env=surroundings, capture_output=True, text=True)

    return call


def test_what_component_code_imports_is_installed_for_the_launcher(launched, service: Path) -> None:
    component = service / "components/hello/component.py"
    component.write_text(f"import nuts\n{component.read_text()}")
    (service / "requirements.txt").write_text("depl\nnuts\n")
    failed = launched("check", "dev")
    assert failed.returncode == 1
    assert "depl requirements install" in failed.stderr
    done = launched("requirements", "install")
    assert (done.returncode, done.stdout) == (0, "installed: 1 package of requirements.txt, with what they need\n")
    assert launched("check", "dev").returncode == 0


def test_packages_for_this_machine_alone_have_a_file_of_their_own(launched, service: Path) -> None:
    (service / "worker.txt").write_text("nuts\n")
    done = launched("requirements", "install", "worker.txt")
    assert (done.returncode, done.stdout) == (0, "installed: 1 package of worker.txt, with what they need\n")


def test_what_depl_itself_needs_stays_as_it_is(launched, service: Path) -> None:
    (service / "requirements.txt").write_text("nuts\n")
    (service / "requirements.lock").write_text("nuts==2.0 \\\n    --hash=sha256:00\n")
    done = launched("requirements", "install")
    assert done.returncode == 3
    assert "nuts==2.0" in done.stderr


def test_an_unknown_package_is_explained_by_pip(launched, service: Path) -> None:
    (service / "requirements.txt").write_text("bolts\n")
    done = launched("requirements", "install")
    assert done.returncode == 3
    assert "pip cannot install what requirements.txt names" in done.stderr
    assert "No matching distribution found for bolts" in done.stderr


def test_without_requirements_there_is_nothing_to_install(launched) -> None:
    done = launched("requirements", "install")
    assert (done.returncode, done.stdout[:18]) == (0, "nothing to install")


def test_a_python_that_is_not_the_launchers_is_left_alone(depl, service: Path) -> None:
    (service / "requirements.txt").write_text("nuts\n")
    done = depl("requirements", "install", cwd=service)
    assert done.returncode == 1
    assert f"{sys.executable} -m pip install -r requirements.txt" in done.stderr
