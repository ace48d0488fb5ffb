"""Books of a host that are damaged, of the future, or huge: told with place and next step, and nothing is changed."""

from __future__ import annotations

import json
import os
import stat
import sys
import zlib
from pathlib import Path

import pytest

from depl.component import Component
from depl.errors import JournalError, UpdateNeeded
from depl.lib.command import Command
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


def beam(path: Path) -> None:
    """With a record that only a depl of the future understands."""
    text = b'{"is":"beamed","n":99}'
    path.write_bytes(path.read_bytes() + b"%08x %s\n" % (zlib.crc32(text), text))


ACTS = {
    "a run": lambda world: world.run(writes("two")),
    "a plan": lambda world: world.plan(writes("two")),
    "an undo": lambda world: world.undo(),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("damage", "says"), [(flip, "is damaged"), (age, "newer depl"), (beam, "cannot be understood")]
)
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


def test_a_journal_of_another_boot_is_gone_on_with_and_taken_back(world):
    before = world.tree()
    world.run(writes("one"), on_failure="stop")
    path = journal_of(world)
    records = [json.loads(line[9:]) for line in path.read_bytes().splitlines()[:-1]]
    lines = [json.dumps({**one, "boot": "another"} if one["is"] == "begin" else one).encode() for one in records]
    path.write_bytes(b"".join(b"%08x %s\n" % (zlib.crc32(line), line) for line in lines))
    assert world.run(writes("two")).status == "succeeded"
    assert world.undo().status == "reversed"
    assert world.tree() == before


def gone(path: Path) -> None:
    path.unlink()


def tampered(path: Path) -> None:
    path.write_bytes(b"something else")


def closed_in(path: Path) -> None:
    path.unlink()
    path.mkdir()


class First(Component):
    def configure(self):
        self += File("file", content="new")


class Second(Component):
    def configure(self):
        self += File("file", content="new")
        self += Command("touch made", creates="made", undo="rm made")


KEPT = {"an image": b"second, before", "a command": b'"rm made"'}


@pytest.mark.parametrize("damage", [gone, tampered, closed_in])
@pytest.mark.parametrize("what", KEPT)
def test_what_is_missing_of_the_way_back_is_named_and_all_else_is_put_back(world, what, damage):
    for name in ("first", "second"):
        world.file(f"work/{name}/file", f"{name}, before")
    before = world.tree()
    world.run(First, Second)
    (blob,) = [path for path in (world.base / ".depl/blobs").iterdir() if KEPT[what] in path.read_bytes()]
    content = blob.read_bytes()
    damage(blob)
    outcome = world.undo()
    assert outcome.status == "blocked"
    assert str(blob) in outcome.conflicts[0] and "gone or damaged" in outcome.conflicts[0]
    assert (world.base / "work/first/file").read_text() == "first, before"
    assert (world.base / "work/second/file").read_text() == "new"
    assert (world.base / "work/second/made").exists() is (what == "a command")
    if blob.is_dir():
        blob.rmdir()
    blob.write_bytes(content)
    assert world.undo().status == "reversed"
    assert {path: seen[4] for path, seen in world.tree().items()} == {path: seen[4] for path, seen in before.items()}


def test_what_depl_keeps_is_for_nobody_else_at_any_moment(world):
    """Looked at before each step by which a run touches the machine, where the rights are as wide as can be."""

    class App(Component):
        def configure(self):
            self += File("linked", content="new")
            self += File("copied", content="new")
            self += Purge("tree")
            self += Command("touch made", creates="made", undo="rm made")

    for name in ("linked", "copied", "tree/leaf"):
        world.file(f"work/app/{name}", f"a secret in {name}", 0o666)
    os.link(world.base / "work/app/copied", world.base / "another name")  # so that its image is a copy
    before = world.tree()
    seen: set[str] = set()
    looking = [False]
    records = world.base / ".depl"

    def look(event: str, arguments: tuple[object, ...]) -> None:
        if looking[0] and (event in ("open", "depl.journal") or event.startswith("os.")):
            looking[0] = False
            seen.update(open_to_others(records))
            looking[0] = True

    sys.addaudithook(look)
    umask = os.umask(0)
    try:
        looking[0] = True
        assert world.run(App).status == "succeeded"
        assert world.undo().status == "reversed"
    finally:
        looking[0] = False
        os.umask(umask)
    assert seen == set()
    assert world.tree() == before


def open_to_others(records: Path) -> list[str]:
    """Directories that others may enter, and what depl wrote for others to read; images have the rights of before."""
    found = [str(one) for one in (records, *records.glob("*/")) if one.is_dir() and one.stat().st_mode & 0o077]
    for path in (*records.glob("*"), *records.glob("*/*")):
        status = path.lstat()
        is_image = path.parent.name == "blobs" and path.suffix[1:].isdigit()
        if stat.S_ISREG(status.st_mode) and status.st_size and path.name != ".gitignore" and not is_image:
            found += [f"{path} {status.st_mode:o}"] if status.st_mode & 0o077 else []
    return found


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
