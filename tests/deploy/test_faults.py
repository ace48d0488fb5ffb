"""Full, read-only and forbidden places: told in a sentence, and everything else is put back."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import traceback

import pytest

from depl.change.stage import Stage
from depl.component import Component
from depl.errors import ChangeFailed, DeplError, UpdateNeeded
from depl.events import What
from depl.lib.file import File, Symlink
from depl.report.undo import undo_lines

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount, and become somebody else")


@pytest.fixture
def mount():
    """Mount a small file system at a path: `mount(path, "size=64k")`; `mount(path, "remount,ro")`."""
    mounted: list[str] = []

    def at(path, options):
        path.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
        if "remount" not in options:
            mounted.append(str(path))

    yield at
    for path in reversed(mounted):
        subprocess.run(["umount", "-l", path], check=True)


def writes(*names: str, size: int = 1) -> type[Component]:
    class App(Component):
        def configure(self):
            for name in names:
                self += File(name, content="x" * size, is_template=False)

    return App


def fill(path) -> None:
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@as_root
def test_a_full_file_system_is_told_and_what_was_made_before_is_put_back(world, mount):
    mount(world.base / "full", "size=64k")
    before = world.tree()
    outcome = world.run(writes("first", f"{world.base}/full/x", "never", size=100_000))
    assert (outcome.status, outcome.error.component) == ("reversed", f"app/File({world.base}/full/x)")
    assert "No space left" in outcome.error.message and "Make room" in outcome.error.hint
    assert world.tree() == before


@as_root
def test_where_the_target_itself_is_full_all_is_put_back_or_the_next_run_goes_on(world, mount):
    mount(world.base / "small", "size=512k")
    target = type(world)(world.base / "small" / "target")
    before = target.tree()
    outcome = target.run(writes("first", "second", "third", size=200_000))
    assert "No space left" in outcome.error.message
    assert outcome.status == "reversed", outcome.conflicts
    assert target.tree() == before
    assert target.run(writes("first")).status == "succeeded"


@as_root
def test_a_journal_that_cannot_be_written_means_that_nothing_is_changed(world, mount):
    mount(world.base / ".depl", "size=64k")
    assert world.run(writes("a")).status == "succeeded"
    before = world.tree()
    fill(world.base / ".depl" / "filler")
    outcome = world.run(writes("a", "b"))
    assert outcome.status == "reversed" and "No space left" in str(outcome.error)
    assert world.tree() == before
    os.remove(world.base / ".depl" / "filler")
    assert world.run(writes("a", "b")).status == "succeeded"
    world.undo()
    assert world.tree() == before


@as_root
def test_a_read_only_file_system_is_told(world, mount):
    mount(world.base / "fixed", "size=64k")
    mount(world.base / "fixed", "remount,ro,size=64k")
    before = world.tree()
    outcome = world.run(writes("first", f"{world.base}/fixed/x"))
    assert outcome.status == "reversed"
    assert "Read-only file system" in outcome.error.message and "read-only" in outcome.error.hint
    assert world.tree() == before


@as_root
def test_a_file_system_that_became_read_only_blocks_its_own_part_of_an_undo_alone(world, mount):
    mount(world.base / "fixed", "size=64k")
    before = world.tree()
    world.run(writes("first", f"{world.base}/fixed/x", "last"))
    mount(world.base / "fixed", "remount,ro,size=64k")
    outcome = world.undo()
    assert outcome.status == "blocked"
    assert len(outcome.conflicts) == 1 and "Read-only file system" in outcome.conflicts[0]
    assert not (world.base / "work").exists()
    mount(world.base / "fixed", "remount,rw,size=64k")
    assert world.undo().status == "reversed"
    assert world.tree() == before


def as_nobody(act) -> None:
    """Do something in a child that is nobody, where the rights of directories count."""
    child = os.fork()
    if not child:
        as_nobody_here(act)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def as_nobody_here(act) -> None:
    status = 1
    try:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        act()
        status = 0
    except BaseException:  # noqa: BLE001  pytest must not go on in the child
        traceback.print_exc()
    finally:
        os._exit(status)


@pytest.fixture
def nobodys(fast_world):
    """A target that belongs to nobody, and in it a directory that nobody may not even look into."""
    fast_world.base.parent.chmod(0o755)
    (fast_world.base / "closed").mkdir()
    for directory, _, _ in os.walk(fast_world.base):
        os.chown(directory, 65534, 65534)
    (fast_world.base / "closed").chmod(0)
    os.chown(fast_world.base / "closed", 0, 0)
    return fast_world


@as_root
def test_a_directory_that_must_not_be_read_is_told_and_all_is_put_back(nobodys):
    def act():
        before = nobodys.tree()
        outcome = nobodys.run(writes("first", f"{nobodys.base}/closed/x"))
        assert (outcome.status, outcome.error.component) == ("reversed", f"app/File({nobodys.base}/closed/x)")
        assert "Permission denied" in outcome.error.message
        assert outcome.error.hint
        assert nobodys.tree() == before

    as_nobody(act)


@as_root
def test_a_directory_that_was_closed_since_blocks_its_own_part_of_an_undo_alone(nobodys):
    (nobodys.base / "closed").chmod(0o777)
    as_nobody(lambda: nobodys.run(writes("first", f"{nobodys.base}/closed/x", "last")))
    (nobodys.base / "closed").chmod(0)

    def act():
        outcome = nobodys.undo()
        assert outcome.status == "blocked", outcome
        assert len(outcome.conflicts) == 1 and "Permission denied" in outcome.conflicts[0]
        assert not (nobodys.base / "work").exists()

    as_nobody(act)
    (nobodys.base / "closed").chmod(0o777)
    as_nobody(nobodys.undo)
    assert os.listdir(nobodys.base / "closed") == []


@as_root
def test_a_target_that_must_not_be_written_is_told(nobodys):
    os.chown(nobodys.base, 0, 0)

    def act():
        with pytest.raises(ChangeFailed, match="cannot be made: Permission denied") as caught:
            nobodys.run(writes("first"))
        assert caught.value.hint

    as_nobody(act)


@as_root
def test_where_there_is_no_room_for_the_books_of_a_run_that_changed_nothing_it_is_told(world, mount):
    world.file("work/app/a", "x")
    mount(world.base / ".depl", "size=64k")
    fill(world.base / ".depl" / "filler")
    outcome = world.run(writes("a"))
    assert "receipts.json cannot be changed: No space left" in outcome.error.message
    os.remove(world.base / ".depl" / "filler")
    assert world.run(writes("a")).status == "nothing"


# -- not root ---------------------------------------------------------------------------------------


def theirs(world, name: str, content: str = "", mode: int = 0o644):
    """A file of root in a directory of nobody."""
    path = world.file(name, content, mode)
    for directory in path.relative_to(world.base).parents:
        os.chown(world.base / directory, 65534, 65534)
    return path


@as_root
@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_belongs_to_others_is_replaced_and_comes_back_with_its_content(nobodys, kind):
    class App(Component):
        def configure(self):
            self += File("x", content="new") if kind == "file" else Symlink("x", source="two")

    path = theirs(nobodys, "work/app/x", "old", 0o4754)
    if kind == "link":
        os.remove(path)
        os.symlink("one", path)

    def act():
        assert nobodys.run(App).status == "succeeded"
        assert nobodys.run(App).status == "nothing"
        outcome = nobodys.undo()
        assert (outcome.status, outcome.conflicts) == ("reversed", [])
        if kind == "link":
            assert os.readlink(path) == "one"
        else:  # as ours, so that it must not let others act as us
            assert (path.read_text(), path.stat().st_mode & 0o7777) == ("old", 0o754)

    as_nobody(act)


@as_root
def test_what_belongs_to_others_comes_back_where_the_records_lie_on_another_file_system(nobodys, mount):
    path = theirs(nobodys, "work/app/x", "old", 0o644)
    mount(nobodys.base / ".depl", "size=1m")
    os.chown(nobodys.base / ".depl", 65534, 65534)

    def act():
        assert nobodys.run(writes("x")).status == "succeeded"
        outcome = nobodys.undo()
        assert (outcome.status, outcome.conflicts) == ("reversed", [])
        assert (path.read_text(), path.stat().st_mode & 0o7777) == ("old", 0o644)

    as_nobody(act)


@as_root
def test_a_directory_that_may_be_written_but_not_read_is_written_and_put_back(nobodys):
    drop = theirs(nobodys, "work/app/drop/x").parent
    drop.chmod(0o300)

    def act():
        for durability in ("journal", "full"):
            assert nobodys.run(writes("drop/f"), durability=durability).status == "succeeded"
            assert (drop / "f").exists()
            assert nobodys.undo().status == "reversed"
            assert not (drop / "f").exists()

    as_nobody(act)


def killed_by_itself(name: str) -> type[Component]:
    class Dies(Component):
        def verify(self):
            raise UpdateNeeded

        def update(self):
            os.kill(os.getpid(), signal.SIGKILL)

    class App(Component):
        def configure(self):
            self += File(name, content="new")
            self += Dies()

    return App


@as_root
def test_a_directory_that_was_closed_after_a_crash_keeps_nobody_from_going_on(nobodys):
    path = theirs(nobodys, "work/app/d/f", "old", 0o666)
    child = os.fork()
    if not child:
        as_nobody_here(lambda: nobodys.run(killed_by_itself("d/f")))
    os.waitpid(child, 0)
    os.chown(path.parent, 0, 0)
    path.parent.chmod(0o700)

    def act():
        assert nobodys.run(writes("g")).status == "succeeded"
        outcome = nobodys.undo()
        assert outcome.status == "blocked"
        assert len(outcome.conflicts) == 1 and "Permission denied" in outcome.conflicts[0]
        assert not (nobodys.base / "work/app/g").exists()

    as_nobody(act)
    path.parent.chmod(0o777)
    as_nobody(nobodys.undo)
    assert path.read_text() == "old"


@as_root
def test_what_lies_beside_a_path_after_a_crash_is_removed_once_its_directory_is_open_again(nobodys):
    directory = theirs(nobodys, "work/app/d/x").parent
    beside = directory / ".depl-7"

    def stage():
        beside.write_text("new content")
        area = Stage(str(nobodys.base / ".depl"))
        assert area.places([str(directory / "f")], 7) == [str(beside)]

    as_nobody(stage)
    os.chown(directory, 0, 0)
    directory.chmod(0o755)
    as_nobody(lambda: nobodys.run(writes("g", "h")).status == "succeeded" or os._exit(2))
    assert beside.exists()
    directory.chmod(0o777)
    as_nobody(lambda: nobodys.run(writes("g", "h")))
    assert sorted(os.listdir(directory)) == ["x"]


@as_root
def test_an_undo_on_a_full_file_system_says_so_and_is_gone_on_with_later(world, mount):
    mount(world.base / ".depl", "size=96k")
    before = world.tree()
    assert world.run(writes("a", "b")).status == "succeeded"
    fill(world.base / ".depl" / "filler")
    outcome = world.undo()
    assert outcome.status == "blocked" and "No space left" in outcome.conflicts[0]
    os.remove(world.base / ".depl" / "filler")
    assert world.undo().status == "reversed"
    assert world.tree() == before


@as_root
@pytest.mark.parametrize("act", ["run", "undo"])
def test_books_on_a_read_only_file_system_mean_that_nothing_is_changed(world, mount, act):
    mount(world.base / ".depl", "size=96k")
    assert world.run(writes("a")).status == "succeeded"
    mount(world.base / ".depl", "remount,ro,size=96k")
    before = world.tree()
    with pytest.raises(ChangeFailed, match="Read-only file system") as caught:
        world.run(writes("b")) if act == "run" else world.undo()
    assert str(world.base / ".depl") in caught.value.message and caught.value.hint
    assert world.tree() == before


@as_root
@pytest.mark.parametrize("closed", ["journal", ".depl/journal", ".depl"])
@pytest.mark.parametrize("act", ["run", "undo", "plan"])
def test_books_that_belong_to_somebody_else_are_told_and_nothing_is_changed(nobodys, act, closed):
    as_nobody(lambda: nobodys.run(writes("a")))
    journal = next((nobodys.base / ".depl/journal").glob("*.jsonl"))
    path = journal if closed == "journal" else nobodys.base / closed
    os.chown(path, 0, 0)
    path.chmod(0o600 if closed == "journal" else 0o700)

    def act_as_nobody():
        before = nobodys.tree()
        with pytest.raises(DeplError, match="Permission denied") as caught:
            {"run": lambda: nobodys.run(writes("b")), "plan": lambda: nobodys.plan(writes("b"))}.get(
                act, nobodys.undo
            )()
        assert str(path) in caught.value.message and caught.value.hint
        assert nobodys.tree() == before

    as_nobody(act_as_nobody)


class TwoFiles(Component):
    def configure(self):
        self += File("one", content="1")
        self += File("two", content="2")


def test_an_undo_that_cannot_write_its_journal_says_that_nothing_was_put_back(world, monkeypatch):
    world.run(TwoFiles)
    before = world.tree()

    def refuse(*arguments):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr("depl.change.journal.write_all", refuse)
        outcome = world.undo()
    assert (outcome.status, outcome.changed, world.said(What.REVERSED)) == ("blocked", 0, [])
    assert world.tree() == before
    text = "\n".join(line.text for line in undo_lines(outcome, "test", 0.1, "depl undo test"))
    assert "go on with: depl undo test" in text and "--force" not in text
    assert world.undo().changed == len(world.said(What.REVERSED)) == 4
