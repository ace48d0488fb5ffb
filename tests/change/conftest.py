"""What the tests of changes share: a system that acts in a directory of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.change.acting import ActingSystem
from depl.change.folds import left_to_undo
from depl.change.journal import Journal
from depl.change.journals import Journals
from depl.change.records import Begin
from depl.change.recovery import tail
from depl.deploy.undo import Undo
from depl.deploy.undone import Undone

BEGIN = Begin(0, "r1", "test", "localhost", "app", 1, "tester", "", "boot", "now")


class Machine:
    """A directory, `at`, that a system acts on; its records lie in `records`, which may be on another file system."""

    def __init__(self, at: Path, records: Path | None = None) -> None:
        self.at = at
        self.records = records or at / ".depl"
        self.output: list[tuple[str, str, str]] = []
        self.journal: Journal
        self.open()

    def open(self) -> ActingSystem:
        """As a new process would find it."""
        self.journal = Journals(str(self.records / "journal")).open("r1")
        if not self.journal.exists:
            self.journal.will_begin(BEGIN)
        self.system = ActingSystem(
            str(self.records), self.journal, durability="journal", on_output=lambda *what: self.output.append(what)
        )
        self.system.component = "app/One(x)"
        unsure = tail(self.journal.records)
        if unsure:
            self.system.settle_tail(unsure)
        return self.system

    def path(self, name: str) -> str:
        return str(self.at / name)

    def file(self, name: str, content: str | bytes = "", mode: int = 0o644) -> str:
        path = self.at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return str(path)

    def undo(self, on_conflict: str = "stop", reverse: Any = None) -> Undone:
        """Take back everything that stands."""
        system = self.open()
        by = None if reverse is None else lambda system, call: reverse(call)
        undo = Undo(system, lambda event: None, on_conflict, by)
        undone = undo.restore()
        undone.failed += undo.repeat()
        self.journal.close()
        return undone

    def standing(self) -> list[Any]:
        return left_to_undo(self.journal.records)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    (tmp_path / "host").mkdir()
    machine = Machine(tmp_path / "host")
    yield machine
    machine.journal.close()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A small file system of its own: `mounted("size=64k")`. Skipped where we may not mount."""
    mounts: list[Path] = []

    def mount(options: str = "size=4m") -> Path:
        at = tmp_path / f"mount{len(mounts)}"
        at.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
        mounts.append(at)
        return at

    yield mount
    for at in reversed(mounts):
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.fixture
def tree() -> Callable[[Path], dict[str, Any]]:
    """Everything below a path but `.depl`."""
    return look_at_tree


def look_at_tree(top: Path) -> dict[str, Any]:
    found = {}
    for directory, names, files in os.walk(top):
        if ".depl" in names:
            names.remove(".depl")
        for name in [*names, *files]:
            path = Path(directory, name)
            status = path.lstat()
            content: Any = None
            if path.is_symlink():
                content = os.readlink(path)
            elif path.is_file():
                content = path.read_bytes()
            found[str(path.relative_to(top))] = (status.st_mode, status.st_uid, status.st_gid, content)
    return found


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
