"""Wheels on a host: unpacked once, as they were sent."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from depl.agent.wheels import make_available, this_platform, unpack
from depl.errors import DeploymentError, ProtocolError
from depl.protocol.replies import Wants
from depl.protocol.requests import Given

KEY = "0123456789abcdef"
PIECE = 100


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[..., Path]:
    """Makes a wheel."""

    def make(name: str = "nuts", **files: str) -> Path:
        path = tmp_path / f"{name}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in (files or {f"{name}/__init__.py": f"NAME = {name!r}\n"}).items():
                archive.writestr(member, content)
        return path

    return make


class Coordinator:
    """Gives wheels to whoever asks."""

    def __init__(self, *wheels: Path) -> None:
        self.wheels, self.asked = wheels, []

    def __call__(self, wants: Wants) -> Iterator[Given]:
        self.asked.append(wants)
        for wheel in self.wheels:
            yield from pieces(wheel)
        if not self.wheels:
            yield Given("wheels")


def pieces(wheel: Path, **wrong: object) -> Iterator[Given]:
    data = wheel.read_bytes()
    for start in range(0, len(data), PIECE):
        head = {"name": wheel.name, "digest": hashlib.sha256(data).hexdigest(), "size": len(data)}
        end = start + PIECE >= len(data)
        yield Given("wheels", {**head, "end": end, **wrong}, last=False, data=data[start : start + PIECE])


def imported(directory: str, name: str) -> str:
    script = f"import sys; sys.path.append({directory!r}); import {name}; print({name}.NAME, {name}.__cached__)"
    return subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True).stdout


def test_what_wheels_hold_can_be_imported_from_the_directory(tmp_path: Path, wheel) -> None:
    coordinator = Coordinator(wheel("nuts"), wheel("bolts"))
    directory = make_available(KEY, str(tmp_path / "cache"), coordinator)
    assert imported(directory, "nuts").split()[0] == "nuts"
    assert imported(directory, "bolts").split()[0] == "bolts"


def test_the_coordinator_is_told_which_wheels_fit(tmp_path: Path, wheel) -> None:
    coordinator = Coordinator(wheel())
    make_available(KEY, str(tmp_path / "cache"), coordinator)
    ((kind, items),) = [(wants.kind, list(wants.items)) for wants in coordinator.asked]
    assert kind == "wheels"
    assert items == this_platform()
    assert items[:2] == [".".join(map(str, sys.version_info[:3])), os.uname().machine]


def test_what_is_there_is_not_asked_for_again(tmp_path: Path, wheel) -> None:
    coordinator = Coordinator(wheel())
    first = make_available(KEY, str(tmp_path / "cache"), coordinator)
    assert make_available(KEY, str(tmp_path / "cache"), coordinator) == first
    assert len(coordinator.asked) == 1
    assert make_available(KEY.upper(), str(tmp_path / "cache"), coordinator) != first


def test_it_is_compiled_once_and_the_compiled_files_know_where_they_lie(tmp_path: Path, wheel) -> None:
    directory = make_available(KEY, str(tmp_path / "cache"), Coordinator(wheel()))
    (compiled,) = Path(directory).rglob("*.pyc")
    before = compiled.stat()
    assert imported(directory, "nuts").split()[1] == str(compiled)
    assert compiled.stat().st_mtime_ns == before.st_mtime_ns
    assert f"{directory}/nuts/__init__.py".encode() in compiled.read_bytes()


def test_nothing_to_import_is_an_empty_directory(tmp_path: Path) -> None:
    assert os.listdir(make_available(KEY, str(tmp_path / "cache"), Coordinator())) == []


def test_modules_among_the_data_of_a_wheel_are_found_and_scripts_left_out(tmp_path: Path, wheel) -> None:
    files = {
        "nuts-1.0.data/purelib/nuts.py": "NAME = 'nuts'\n",
        "nuts-1.0.data/platlib/inner/deep.py": "",
        "nuts-1.0.data/scripts/nuts": "#!python\n",
        "nuts-1.0.data/data/etc/nuts.cfg": "",
        "nuts-1.0.dist-info/METADATA": "Name: nuts\nVersion: 1.0\n",
    }
    directory = tmp_path / "packages"
    unpack(str(wheel(**files)), str(directory))
    found = sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())
    assert found == ["inner/deep.py", "nuts-1.0.dist-info/METADATA", "nuts.py"]


@pytest.mark.parametrize("name", ["../outside.py", "/outside.py", "nuts/../../outside.py", "..\\outside.py"])
def test_a_wheel_that_would_write_elsewhere_is_refused(tmp_path: Path, wheel, name: str) -> None:
    with pytest.raises(ProtocolError, match="somewhere else"):
        make_available(KEY, str(tmp_path / "cache"), Coordinator(wheel("nuts", **{"nuts.py": "", name: ""})))
    assert not list(tmp_path.rglob("outside.py"))
    assert os.listdir(tmp_path / "cache" / "wheels") == []


@pytest.mark.parametrize("wrong", [{"digest": "0" * 64}, {"size": 1}, {"end": False}])
def test_what_is_not_as_announced_is_refused_and_leaves_nothing(tmp_path: Path, wheel, wrong) -> None:
    with pytest.raises(ProtocolError):
        make_available(KEY, str(tmp_path / "cache"), lambda wants: pieces(wheel(), **wrong))
    assert os.listdir(tmp_path / "cache" / "wheels") == []


@pytest.mark.parametrize("name", ["../nuts.whl", "/nuts.whl", "nuts.txt", "", None])
def test_a_name_that_is_none_of_a_wheel_is_refused(tmp_path: Path, wheel, name) -> None:
    with pytest.raises(ProtocolError, match="not the name of a wheel"):
        make_available(KEY, str(tmp_path / "cache"), lambda wants: pieces(wheel(), name=name))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nuts-1.0-py3-none-any.whl"
    path.write_text("nothing")
    with pytest.raises(ProtocolError, match="is not a wheel"):
        make_available(KEY, str(tmp_path / "cache"), Coordinator(path))


@pytest.mark.parametrize("key", ["../up", "", "a/b", "a b"])
def test_a_key_that_would_lie_elsewhere_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ProtocolError, match="not the key"):
        make_available(key, str(tmp_path), Coordinator())


def test_a_cache_that_cannot_be_written_is_a_sentence_with_the_path(tmp_path: Path, wheel) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DeploymentError, match=r"cannot be laid into .*/cache/wheels/"):
        make_available(KEY, str(tmp_path / "cache"), Coordinator(wheel()))
