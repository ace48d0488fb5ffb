"""Books of a host that are damaged, of the future, or huge: told with place and next step, and nothing is changed."""

from __future__ import annotations

import json
import os
import stat
import zlib
from pathlib import Path

import pytest

from depl.component import Component
from depl.errors import JournalError, UpdateNeeded
from depl.lib.file import File, Purge


def writes(content: str) -> type[Component]:
    class App(Component):
        def configure(self):
            self += File("a", content=content, is_template=False)

    return App


def journal_of(world) -> Path:
    return max(world.base.glob(".depl/journal/*.jsonl"))


def flip(path: Path) -> None:
    """One letter in the second line is another one."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1][:30] + bytes([lines[1][30] ^ 1]) + lines[1][31:]
    path.write_bytes(b"".join(lines))


def age(path: Path) -> None:
    """As a depl of the future writes it."""
    lines = []
    for line in path.read_bytes().splitlines():
        data = json.loads(line[9:])
        if data["is"] == "begin":
            data["schema"] = 99
        text = json.dumps(data).encode()
        lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
    path.write_bytes(b"".join(lines))


ACTS = {
    "a run": lambda world: world.run(writes("two")),
    "a plan": lambda world: world.plan(writes("two")),
    "an undo": lambda world: world.undo(),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("damage", "says"), [(flip, "is damaged"), (age, "newer depl")], ids=["flipped", "future"])
def test_nothing_is_changed_after_what_cannot_be_read(world, damage, says, act):
    world.run(writes("one"), on_failure="stop")
    path = journal_of(world)
    content = path.read_bytes()
    path.write_bytes(b"".join(content.splitlines(keepends=True)[:-1]))  # it did not come to its end
    damage(path)
    before, content = world.tree(), path.read_bytes()
    with pytest.raises(JournalError, match=says) as caught:
        ACTS[act](world)
    assert caught.value.hint
    assert world.tree() == before
    assert path.read_bytes() == content


def test_a_torn_last_record_keeps_nobody_from_going_on_or_back(world):
    before = world.tree()
    for act in (lambda: world.run(writes("two")), lambda: None):
        world.run(writes("one"))
        path = journal_of(world)
        path.write_bytes(path.read_bytes()[:-7])
        act()
        assert world.undo().status == "reversed"
        assert world.tree() == before


def test_what_depl_keeps_is_for_nobody_else(world):
    """Contents of files, commands with their arguments, whole trees: behind a directory that is for the owner only."""

    class Runs(Component):
        def verify(self):
            raise UpdateNeeded

        def update(self):
            self.cmd("true a-secret-argument")

    class App(Component):
        def configure(self):
            self += File("public", content="new")
            self += Purge("tree")
            self += File("link", content="no link any more")
            self += Runs()

    world.file("work/app/public", "old")
    world.file("work/app/tree/public")
    os.symlink("public", world.base / "work/app/link")
    assert world.run(App).error is None
    modes = {path.name: path.lstat().st_mode for path in (world.base / ".depl").iterdir()}
    assert stat.S_IMODE((world.base / ".depl").stat().st_mode) == 0o700
    directories = {name for name, mode in modes.items() if stat.S_ISDIR(mode)}
    assert {"blobs", "journal", "trash"} <= directories
    assert {name: oct(stat.S_IMODE(modes[name])) for name in directories} == dict.fromkeys(directories, "0o700")
    files = {name for name, mode in modes.items() if stat.S_ISREG(mode)} - {".gitignore"}
    assert {name: oct(stat.S_IMODE(modes[name])) for name in files} == dict.fromkeys(files, "0o600")
    journals = {oct(stat.S_IMODE(path.stat().st_mode)) for path in (world.base / ".depl/journal").iterdir()}
    assert journals == {"0o600"}
    blobs = [path for path in (world.base / ".depl/blobs").iterdir() if not path.is_symlink()]
    blobs = [path for path in blobs if b"a-secret" in path.read_bytes()]
    assert [oct(stat.S_IMODE(path.stat().st_mode)) for path in blobs] == ["0o600"]


def test_huge_records_are_written_read_and_taken_back(world):
    class Big(Component):
        def verify(self):
            raise UpdateNeeded

        def update(self):
            self.cmd("true")

        def capture(self):
            return {"much": "x" * (8 << 20)}

        def reverse(self, captured):
            (world.base / "seen").write_text(str(len(captured["much"])))

    class App(Component):
        def configure(self):
            self += Big()

    assert world.run(App, on_failure="stop").error is None
    assert world.undo(App, on_conflict="keep").status == "reversed"
    assert (world.base / "seen").read_text() == str(8 << 20)
