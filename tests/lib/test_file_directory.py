"""Directories, their sources, links to them, and what is purged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depl.lib.file import Directory, File, Mode, Purge, Symlink, SyncDirectory, ensure_path_nonexistent

Made = Callable[..., Any]


def deployed(made: Any) -> None:
    assert made.deploy().error == ""


def names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_extras_stay_unless_they_are_to_be_purged(project: Made) -> None:
    made = project(lambda self: Directory("x", source="s"))
    made.file("s/a", "a")
    made.before("x/extra/b", "b")
    deployed(made)
    assert names(made.work / "x") == ["a", "extra", "extra/b"]
    made.configure = lambda self: Directory("x", source="s", purge=True)
    deployed(made)
    assert names(made.work / "x") == ["a"]
    made.undo()
    assert names(made.work / "x") == ["a", "extra", "extra/b"]


def test_rsync_options_of_batou_are_understood(project: Made) -> None:
    made = project(
        lambda self: SyncDirectory("x", source="s", sync_opts="--inplace -lr --delete", verify_opts="-rclnv")
    )
    made.file("s/a", "a")
    made.before("x/extra", "b")
    deployed(made)
    assert names(made.work / "x") == ["a"]


def test_what_is_excluded_is_left_alone_on_both_sides(project: Made) -> None:
    exclude = ("*.pyc", "cache/", "docs/draft*")
    made = project(lambda self: Directory("x", source="s", exclude=exclude, purge=True))
    for name in ("a", "b.pyc", "sub/c.pyc", "cache/d", "docs/draft1", "docs/final", "sub/cache"):
        made.file(f"s/{name}", "new")
    made.before("x/mine.pyc", "kept")
    made.before("x/old/deep/kept.pyc", "kept")
    made.before("x/old/gone", "gone")
    deployed(made)
    assert names(made.work / "x") == [
        "a", "docs", "docs/final", "mine.pyc", "old", "old/deep", "old/deep/kept.pyc", "sub", "sub/cache",
    ]  # fmt: skip
    assert made.deploy().changed == []


def test_modes_are_repaired(project: Made) -> None:
    made = project(lambda self: Directory("x", source="s"))
    made.file("s/sub/run", "a", 0o750)
    (made.defdir / "s" / "sub").chmod(0o711)
    deployed(made)
    run = made.work / "x" / "sub" / "run"
    run.chmod(0o644)
    run.parent.chmod(0o755)
    result = made.deploy()
    assert result.changed == ["Directory(x)"]
    assert oct(run.stat().st_mode) == "0o100750"
    assert oct(run.parent.stat().st_mode) == "0o40711"


def test_the_mode_of_the_directory_itself_is_left_to_others(project: Made) -> None:
    made = project(lambda self: [Directory("x", source="s"), Mode("x", mode=0o700)])
    made.file("s/a", "a")
    deployed(made)
    assert made.deploy().changed == []


def test_a_changed_file_in_a_source_is_one_change_with_its_diff(project: Made) -> None:
    made = project(lambda self: Directory("x", source="s"))
    for number in range(5):
        made.file(f"s/{number}", "old\n")
    deployed(made)
    made.file("s/3", "new\n")
    planned, result = made.plan(), made.deploy()
    assert planned.diff == result.diff
    assert [change["path"] for change in result.changes] == [f"{made.work}/x/3"]
    assert "-old" in result.diff and "+new" in result.diff


def test_kinds_may_change_in_a_source(project: Made, tree: Made) -> None:
    made = project(lambda self: Directory("x", source="s", replace=True))
    made.file("s/a", "a")
    made.file("s/b/c", "c")
    (made.defdir / "s" / "l").symlink_to("a")
    deployed(made)
    one = tree(made.work)
    (made.defdir / "s" / "a").unlink()
    made.file("s/a/now", "directory")
    (made.defdir / "s" / "b" / "c").unlink()
    (made.defdir / "s" / "b").rmdir()
    made.file("s/b", "file")
    (made.defdir / "s" / "l").unlink()
    (made.defdir / "s" / "l").mkdir()
    deployed(made)
    assert names(made.work / "x") == ["a", "a/now", "b", "l"]
    assert made.deploy().changed == []
    made.undo()
    assert tree(made.work) == one


def test_an_absolute_source_is_looked_at_on_the_host(project: Made, tmp_path: Path, tree: Made) -> None:
    made = project(
        lambda self: [Directory("s"), File("s/a", content="{{host.name}}"), Directory("x", source=self.map("s"))]
    )
    before = tree(made.base)
    assert made.plan().error == ""
    deployed(made)
    assert (made.work / "x" / "a").read_text() == "localhost"
    made.undo()
    assert tree(made.base) == before
    made.configure = lambda self: Directory("x", source=str(tmp_path / "missing"))
    result = made.deploy()
    assert (result.status, "missing of" in result.error) == (3, True)


def test_a_link_to_a_directory_is_taken_for_it(project: Made, tree: Made) -> None:
    made = project(
        lambda self: [
            Directory("x"),
            File("y", ensure="directory", mode=0o711),
            Directory("z", source="s"),
            File("x/f", content="a"),
        ]
    )
    made.file("s/a", "a")
    for name in "xyz":
        (made.work / f"real-{name}").mkdir(parents=True)
        (made.work / name).symlink_to(f"real-{name}")
    before = tree(made.base)
    deployed(made)
    assert all((made.work / name).is_symlink() for name in "xyz")
    assert oct((made.work / "real-y").stat().st_mode) == "0o40711"
    assert (made.work / "real-z" / "a").read_text() == "a"
    assert made.deploy().changed == []
    made.undo()
    assert tree(made.base) == before


def test_a_link_inside_a_target_is_not_written_through(project: Made) -> None:
    made = project(lambda self: Directory("x", source="s"))
    made.file("s/sub/a", "new")
    made.before("precious/a", "mine")
    (made.work / "x").mkdir()
    (made.work / "x" / "sub").symlink_to("../precious")
    deployed(made)
    assert (made.work / "precious" / "a").read_text() == "mine"
    assert (made.work / "x" / "sub" / "a").read_text() == "new"


def test_a_directory_from_a_file_with_source(project: Made) -> None:
    made = project(lambda self: File("x", ensure="directory", source="s", mode=0o700))
    made.file("s/a", "a")
    deployed(made)
    assert names(made.work / "x") == ["a"]
    assert made.deploy().changed == []


def test_large_files_in_a_source_are_brought(project: Made) -> None:
    made = project(lambda self: Directory("x", source="s"))
    made.file("s/large", b"0123456789abcdef" * (3 << 16), 0o600)
    deployed(made)
    assert (made.work / "x" / "large").stat().st_size == 3 << 20
    assert made.deploy().changed == []


def test_last_updated_is_the_time_of_the_youngest_file(project: Made) -> None:
    made = project(lambda self: [Directory("x"), File("f", content="a")])
    for name, time in (("x/a", 1_000_000), ("x/sub/b", 2_000_000), ("f", 3_000_000)):
        os.utime(made.before(name, "a"), (time, time))
    made.root()
    directory, file = made.component.sub_components
    assert (directory.last_updated(), file.last_updated()) == (2_000_000, 3_000_000)
    (made.work / "f").unlink()
    assert file.last_updated() is None


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.old", [".hidden.old", "a", "d", "d/.e.old", "d/c.old"]),
        ("d/*", [".hidden.old", "a", "b.old", "d", "d/.e.old"]),
        ("*/c.old", [".hidden.old", "a", "b.old", "d", "d/.e.old"]),
        (".*", ["a", "b.old", "d", "d/.e.old", "d/c.old"]),
        ("[ab]*", [".hidden.old", "d", "d/.e.old", "d/c.old"]),
        ("d", [".hidden.old", "a", "b.old"]),
        ("nothing*", [".hidden.old", "a", "b.old", "d", "d/.e.old", "d/c.old"]),
    ],
)
def test_purge_removes_what_matches_and_nothing_else(pattern: str, left: list[str], project: Made, tree: Made) -> None:
    made = project(lambda self: Purge(pattern))
    for name in ("a", "b.old", ".hidden.old", "d/c.old", "d/.e.old"):
        made.before(name, name)
    before = tree(made.base)
    deployed(made)
    assert names(made.work) == left
    assert made.deploy().changed == []
    made.undo()
    assert tree(made.base) == before


def test_purge_sees_what_was_declared_before(project: Made) -> None:
    made = project(lambda self: [Symlink("a.old", source="nowhere"), Purge("*.old"), File("b", content="b")])
    deployed(made)
    assert names(made.work) == ["b"]


def test_ensure_path_nonexistent_removes_anything(tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "file").write_text("a")
    (tmp_path / "link").symlink_to("tree")
    for name in ("link", "tree", "file", "nothing"):
        ensure_path_nonexistent(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []
