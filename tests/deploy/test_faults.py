"""Full, read-only and forbidden places: told in a sentence, and everything else is put back."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest

from depl.component import Component
from depl.errors import ChangeFailed
from depl.lib.file import File

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
        status = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            act()
            status = 0
        except BaseException:  # noqa: BLE001  pytest must not go on in the child
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


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
