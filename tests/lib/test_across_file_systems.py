"""Trees that go from one file system to another: forward, back, and after somebody was killed in the copy."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.change import finishing, trees
from depl.change.changes import Move
from depl.lib.archive import Untar

Made = Callable[..., Any]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """A directory on another file system."""
    top = tmp_path / "other"
    top.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(top)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    yield top
    subprocess.run(["umount", "-l", str(top)], check=True)


def seen(top: Path) -> dict[str, tuple[Any, ...]]:
    """All that is below a directory: mode, owner, time (of files and links) and content."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in top.rglob("*"):
        status = path.lstat()
        link, file = path.is_symlink(), path.is_file() and not path.is_symlink()
        content = os.readlink(path) if link else path.read_bytes() if file else None
        time = status.st_mtime_ns if file else None
        found[str(path.relative_to(top))] = (status.st_mode, status.st_uid, status.st_gid, time, content)
    return found


def tree_at(top: Path) -> Path:
    """A tree with modes, times, links and an owner."""
    (top / "a/b").mkdir(parents=True)
    (top / "a/b/x").write_text("x")
    os.utime(top / "a/b/x", (1_600_000_000, 1_600_000_000))
    (top / "a/l").symlink_to("b/x")
    (top / "a/b").chmod(0o700)
    (top / "y").write_text("y")
    os.chown(top / "y", 1234, 1234)
    (top / "y").chmod(0o4750)
    return top


def archive_of(path: Path, version: str) -> Path:
    source = path.parent / f"app-{version}"
    (source / "bin").mkdir(parents=True)
    for name in ("run", f"only-{version}"):
        (source / "bin" / name).write_text(version)
    (source / "current").symlink_to("bin/run")
    with tarfile.open(path, "w") as archive:
        archive.add(source, "app")
    return path


def test_an_extraction_goes_aside_and_comes_back(project: Made, other: Path, tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "app.tar", "1")
    made = project(lambda self: Untar(str(archive), target=str(other / "app"), strip=1))
    assert made.deploy().error == ""
    (other / "app/mine").write_text("mine")
    before = seen(other)
    archive_of(tmp_path / "app.tar", "two")
    assert made.deploy().error == ""
    assert (other / "app/bin/run").read_text() == "two" and (other / "app/mine").read_text() == "mine"
    assert made.deploy().changed == []
    assert made.undo().status == 0
    assert seen(other) == before
    assert made.undo().status == 0
    assert [path.name for path in other.iterdir() if path.name != "app"] == []


@pytest.mark.parametrize("killed", ["in the copy", "before the original went", "while the original went"])
def test_a_move_that_was_cut_off_is_finished_or_has_not_begun(killed: str, other: Path, tmp_path: Path) -> None:
    source, target = tree_at(tmp_path / "tree"), other / "tree"
    whole, move = seen(source), Move(str(tmp_path / "tree"), str(target))
    beside = Path(finishing.moving_name(str(target)))
    beside.mkdir()
    if killed == "in the copy":
        (beside / "tree").mkdir()
        (beside / "tree/y").write_text("half")
    else:
        trees.copy_tree(str(source), str(beside / "tree"))
        (beside / "tree").rename(target)
        if killed == "while the original went":
            trees.clear(str(source / "a"))
    finishing.finish(move, 1)
    assert not beside.exists()
    assert [place for place in (source, target) if place.exists()] == [source if killed == "in the copy" else target]
    finishing.move(str(target), str(source)) if target.exists() else finishing.move(str(source), str(target))
    assert seen(source if source.exists() else target) == whole
