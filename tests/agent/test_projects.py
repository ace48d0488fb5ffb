"""Projects on a host: complete or not there, whatever comes over the line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.agent.manifests import Entry, Manifest
from depl.agent.projects import Projects
from depl.errors import ChangeFailed, DeplError, ProtocolError
from depl.protocol.framing import LARGEST_DATA
from depl.protocol.replies import Wants
from depl.protocol.requests import Given

DIGEST = hashlib.sha256(b"abc").hexdigest()


@pytest.fixture
def projects(tmp_path: Path) -> Projects:
    return Projects(str(tmp_path / "projects"))


def left_behind(projects: Projects) -> list[str]:
    return [name for name in os.listdir(projects.directory) if name != ".lock"]


def manifest(*lines: list[Any]) -> bytes:
    return "\n".join(["depl project 1", *(json.dumps(line, separators=(",", ":")) for line in lines)]).encode()


def file(path: str, content: bytes = b"abc", **said: Any) -> list[Any]:
    digest = hashlib.sha256(content).hexdigest()
    return [path, "f", said.get("mode", 0o644), said.get("size", len(content)), said.get("digest", digest)]


def offered(text: bytes, *parts: Given) -> Any:
    """Something to ask that has a manifest and, at once, some contents."""

    def ask(wants: Wants) -> Iterator[Given]:
        if wants.kind == "manifest":
            yield Given("manifest", {"base": ""}, last=not parts, data=text)
            for index, part in enumerate(parts):
                yield Given("manifest", part.head, index == len(parts) - 1, part.data)
        else:
            yield Given(wants.kind, {"parts": []})

    return ask


def contents(*parts: list[Any], data: bytes = b"") -> Given:
    return Given("manifest", {"parts": list(parts)}, data=data)


def fetch(projects: Projects, text: bytes, *parts: Given) -> Path:
    key = hashlib.sha256(text).hexdigest()
    return Path(projects.fetch(key, "snapshot", "", offered(text, *parts)))


def test_what_comes_is_laid_out_and_kept(projects: Projects) -> None:
    text = manifest(["d", "d", 0o755], file("d/x"), file("d/y"), ["l", "l", "d/x"])
    path = fetch(projects, text, contents([0, 2, False], data=b"ab"), contents([0, 1, True], data=b"c"))
    assert (path / "l").read_text() == (path / "d/y").read_text() == "abc"
    key = hashlib.sha256(text).hexdigest()
    assert projects.has(key) and projects.path(key) == str(path)
    assert (Path(projects.directory).stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o700)


def test_a_project_that_is_not_complete_is_not_there(projects: Projects) -> None:
    text = manifest(file("x"))
    path = fetch(projects, text, contents([0, 3, True], data=b"abc"))
    (path.parent / (path.name + ".complete")).unlink()
    (path / "x").write_text("half")
    assert not projects.has(path.name)
    fetch(projects, text, contents([0, 3, True], data=b"abc"))
    assert (path / "x").read_text() == "abc"


def test_after_a_new_start_of_the_machine_contents_are_verified_once(projects: Projects) -> None:
    path = fetch(projects, manifest(file("x")), contents([0, 3, True], data=b"abc"))
    mark = path.parent / (path.name + ".complete")
    before = mark.read_text()
    mark.write_text("another start")
    assert projects.has(path.name) and mark.read_text() == before
    mark.write_text("another start")
    (path / "x").write_text("")  # it was not on disk yet when the power failed
    assert not projects.has(path.name)


def test_several_places_are_looked_at_and_one_is_written(projects: Projects, tmp_path: Path) -> None:
    path = fetch(projects, manifest(file("x")), contents([0, 3, True], data=b"abc"))
    cache = Projects(str(tmp_path / "cache"), also=[projects.directory])
    assert cache.has(path.name) and cache.path(path.name) == str(path)
    other = fetch(cache, manifest(file("y")))  # the content is known from there
    assert (other / "y").read_text() == "abc" and other.parent == tmp_path / "cache"


def test_old_projects_are_removed_but_named_and_newest_ones(projects: Projects) -> None:
    keys = []
    for number in range(6):
        text = manifest(file(f"x{number}"))
        keys.append(fetch(projects, text, contents([0, 3, True], data=b"abc")).name)
        os.utime(Path(projects.directory) / (keys[-1] + ".complete"), (number, number))
    abandoned = Path(projects.directory) / ".new-x"
    abandoned.mkdir()
    os.utime(abandoned, (1, 1))
    projects.remove_old([keys[1]])
    assert [projects.has(key) for key in keys] == [False, True, False, True, True, True]
    assert not (Path(projects.directory) / keys[0]).exists() and not abandoned.exists()


def test_removing_where_nothing_is_does_nothing(tmp_path: Path) -> None:
    Projects(str(tmp_path / "nothing")).remove_old([])
    assert not (tmp_path / "nothing").exists()


EVIL = {
    "an absolute path": manifest(file("/tmp/x")),
    "a path upwards": manifest(file("../x")),
    "a path upwards inside": manifest(["a", "d", 0o755], file("a/../../x")),
    "an empty path": manifest(file("")),
    "a dot": manifest(file("./x")),
    "a NUL": manifest(file("a\0b")),
    "a name too long": manifest(file("x" * 300)),
    "a surrogate that is no byte": manifest(file("\ud800")),
    "a file through a link": manifest(["a", "l", "/tmp"], file("a/x")),
    "a file through a file": manifest(file("a"), file("a/x")),
    "a file in no directory": manifest(file("a/x")),
    "a path twice": manifest(file("x"), file("x", b"other")),
    "a link and a file": manifest(["x", "l", "/tmp/y"], file("x")),
    "wrong order": manifest(file("y"), file("x")),
    "a mode beyond permissions": manifest(file("x", mode=0o4755)),
    "a negative size": manifest(file("x", size=-1)),
    "a size that is no number": manifest(["x", "f", 420, "3", DIGEST]),
    "a mode that is a boolean": manifest(["x", "f", True, 3, DIGEST]),
    "a digest that is none": manifest(file("x", digest="../../etc")),
    "an unknown kind": manifest(["x", "c", 420]),
    "a link to nothing": manifest(["x", "l", ""]),
    "no list": manifest() + b"\n{}",
    "no JSON": manifest() + b"\n[",
    "deep JSON": manifest() + b"\n" + b"[" * 100_000,
    "another format": b"something",
    "nothing": b"",
    "other spelling": b'depl project 1\n["x", "l", "y"]',
}


@pytest.mark.parametrize("text", EVIL.values(), ids=EVIL.keys())
def test_a_list_of_files_that_must_not_be_laid_out_is_refused_with_nothing_left(
    projects: Projects, text: bytes
) -> None:
    with pytest.raises(ProtocolError):
        fetch(projects, text, contents([0, 3, True], data=b"abc"))
    assert left_behind(projects) == []


TWO = manifest(file("x"), file("y", b"def"))
WRONG = {
    "another content": [contents([0, 3, True], [1, 3, True], data=b"abXdef")],
    "too much": [contents([0, 4, True], data=b"abcd")],
    "too little": [contents([0, 2, True], data=b"ab")],
    "more than there are data": [contents([0, 3, True], data=b"ab")],
    "a content twice": [contents([0, 3, True], [0, 3, True], data=b"abcabc")],
    "no end": [contents([0, 3, True], [1, 2, False], data=b"abcde")],
    "one within another": [contents([0, 1, False], [1, 3, True], data=b"adef")],
    "none of them": [],
    "a number beyond": [contents([2, 3, True], data=b"abc")],
    "a negative number": [contents([-1, 3, True], data=b"abc")],
    "a negative size": [contents([0, -3, True], data=b"abc")],
    "no parts": [Given("manifest", {"parts": "x"}), Given("manifest", {"parts": [None]})],
    "data that cannot be unpacked": [Given("manifest", {"parts": [[0, 3, True]], "zlib": True}, data=b"abc")],
}


@pytest.mark.parametrize("parts", WRONG.values(), ids=WRONG.keys())
def test_contents_that_are_not_as_listed_are_refused_with_nothing_left(projects: Projects, parts: list[Given]) -> None:
    with pytest.raises(ProtocolError):
        fetch(projects, TWO, *parts)
    assert left_behind(projects) == []


def test_a_list_of_files_that_was_not_announced_is_refused(projects: Projects) -> None:
    with pytest.raises(ProtocolError, match="not the one that was announced"):
        projects.fetch("0" * 64, "snapshot", "", offered(TWO))
    assert left_behind(projects) == []


@pytest.mark.parametrize("key", ["", ".", "..", "../x", "x" * 64, "/etc", "0" * 64 + "/x", "0" * 39])
def test_a_key_that_is_none_is_refused(projects: Projects, key: str) -> None:
    assert not projects.has(key)
    with pytest.raises(ProtocolError):
        projects.fetch(key, "snapshot", "", offered(TWO))
    assert not os.path.exists(projects.directory)


def test_data_that_unpack_to_more_than_a_message_holds_are_refused(projects: Projects) -> None:
    import zlib

    bomb = zlib.compress(bytes(LARGEST_DATA + 1))
    with pytest.raises(ProtocolError):
        fetch(projects, TWO, Given("manifest", {"zlib": True}, data=bomb))
    assert left_behind(projects) == []


def test_what_does_not_fit_on_the_disk_is_not_begun(projects: Projects) -> None:
    with pytest.raises(ChangeFailed, match="too little space"):
        fetch(projects, manifest(file("x", size=10**18)))
    assert left_behind(projects) == []


@pytest.mark.parametrize("base", ["0" * 64, 7, ["x"]])
def test_changes_of_something_that_is_not_here_are_refused(projects: Projects, base: Any) -> None:
    def ask(wants: Wants) -> Iterator[Given]:
        yield Given("manifest", {"base": base}, data=TWO)

    with pytest.raises(ProtocolError):
        projects.fetch("0" * 64, "snapshot", "", ask)
    assert left_behind(projects) == []


def test_a_line_that_is_cut_leaves_nothing(projects: Projects) -> None:
    def ask(wants: Wants) -> Iterator[Given]:
        yield Given("manifest", {"base": ""}, last=False, data=TWO)
        yield Given("manifest", {"parts": [[0, 2, False]]}, last=False, data=b"ab")
        raise DeplError("cut")

    with pytest.raises(DeplError, match="cut"):
        projects.fetch(hashlib.sha256(TWO).hexdigest(), "snapshot", "", ask)
    assert left_behind(projects) == []


def test_a_directory_that_cannot_be_written_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    projects = Projects(str(tmp_path / "file" / "projects"))
    with pytest.raises(ChangeFailed, match="file/projects: Not a directory"):
        fetch(projects, TWO)


def test_changes_make_one_list_of_another() -> None:
    old = Manifest([Entry("a", "f", 0o644, 3, DIGEST), Entry("b", "l", target="a"), Entry("c", "d", 0o755)])
    new = Manifest([Entry("a", "f", 0o755, 3, DIGEST), Entry("c", "l", target="x"), Entry("d", "d", 0o755)])
    assert old.changed(new.changes_from(old)) == new.text
    assert old.changed(old.changes_from(old)) == old.text


def test_two_at_once_get_the_same(projects: Projects) -> None:
    text = manifest(file("x"))
    part = contents([0, 3, True], data=b"abc")
    other = Projects(projects.directory)

    def ask(wants: Wants) -> Iterator[Given]:
        fetch(other, text, part)  # is faster
        yield from offered(text, part)(wants)

    path = Path(projects.fetch(hashlib.sha256(text).hexdigest(), "snapshot", "", ask))
    assert (path / "x").read_text() == "abc"
    assert sorted(left_behind(projects)) == [path.name, path.name + ".complete", path.name + ".manifest"]
