"""The directory for readable secrets is gone whatever happens to depl."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from depl.secrets.scratch import Scratch

HOLDER = """
import sys, time
from depl.secrets.scratch import Scratch
with Scratch() as scratch:
    scratch.write("secrets.cfg", b"plaintext")
    print(scratch.directory, scratch._watchdog.pid, flush=True)
    time.sleep(60)
"""


class Holder:
    """A process that holds a Scratch with a file in it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        directory, watchdog = self.process.stdout.readline().split()
        self.directory, self.watchdog = Path(directory), int(watchdog)

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def becomes_true(question: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not question() and time.monotonic() < deadline:
        time.sleep(0.02)
    return question()


def test_the_directory_and_its_files_are_for_the_user_alone() -> None:
    with Scratch() as scratch:
        path = scratch.write("secrets.cfg", b"plaintext")
        assert stat.S_IMODE(os.stat(scratch.directory).st_mode) == 0o700
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_file_is_for_the_user_alone_even_if_everything_else_is_open() -> None:
    before = os.umask(0)
    try:
        with Scratch() as scratch:
            path = scratch.write("secrets.cfg", b"plaintext")
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="there is no shared memory here")
def test_it_is_in_memory_where_there_is_such_a_place() -> None:
    with Scratch({}) as scratch:
        assert os.path.dirname(scratch.directory) == "/dev/shm"


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="there is no shared memory here")
def test_the_users_own_place_in_memory_comes_first() -> None:
    with Scratch() as place, Scratch({"XDG_RUNTIME_DIR": place.directory}) as scratch:
        assert os.path.dirname(scratch.directory) == place.directory


def test_a_place_that_is_not_in_memory_is_not_taken_for_one(tmp_path: Path) -> None:
    disk = Path.cwd()
    with Scratch({"XDG_RUNTIME_DIR": str(disk)}) as scratch:
        assert os.path.dirname(scratch.directory) != str(disk)


def test_nothing_is_left_after_it() -> None:
    with Scratch() as scratch:
        scratch.write("secrets.cfg", b"plaintext")
        os.mkdir(os.path.join(scratch.directory, "of-the-editor"))
    assert not os.path.exists(scratch.directory)


def test_nothing_is_left_after_an_error() -> None:
    scratch = Scratch()

    def fails() -> None:
        with scratch:
            scratch.write("secrets.cfg", b"plaintext")
            scratch.write("no/such/directory", b"plaintext")

    with pytest.raises(FileNotFoundError):
        fails()
    assert not os.path.exists(scratch.directory)


def test_a_file_can_be_written_again() -> None:
    with Scratch() as scratch:
        scratch.write("secrets.cfg", b"one")
        path = scratch.write("secrets.cfg", b"two")
        assert Path(path).read_bytes() == b"two"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_nothing_is_left_if_depl_is_ended_by(name: str) -> None:
    holder = Holder()
    holder.end(getattr(signal, name))
    assert becomes_true(lambda: not holder.directory.exists())


def test_the_watchdog_ends_with_its_task() -> None:
    holder = Holder()
    holder.end(signal.SIGKILL)
    assert becomes_true(lambda: not _lives(holder.watchdog))


def test_the_watchdog_minds_no_signal_but_the_one_that_nobody_can() -> None:
    holder = Holder()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(holder.watchdog, number)
    holder.end(signal.SIGKILL)
    assert becomes_true(lambda: not holder.directory.exists())


def test_an_editor_that_goes_on_writing_leaves_nothing() -> None:
    holder = Holder()
    script = "i=0; while [ $i -lt 300 ]; do echo plaintext > $0/late$i 2>/dev/null; i=$((i+1)); done"
    writer = subprocess.Popen(["/bin/sh", "-c", script, str(holder.directory)], stderr=subprocess.DEVNULL)
    holder.end(signal.SIGKILL)
    writer.wait()
    assert becomes_true(lambda: not holder.directory.exists())


def test_what_both_killed_processes_left_is_swept_by_the_next() -> None:
    holder = Holder()
    os.kill(holder.watchdog, signal.SIGKILL)
    holder.end(signal.SIGKILL)
    assert (holder.directory / "secrets.cfg").exists()
    with Scratch():
        assert not holder.directory.exists()


def test_what_is_in_use_is_not_swept() -> None:
    holder = Holder()
    with Scratch():
        assert (holder.directory / "secrets.cfg").exists()
    holder.end(signal.SIGTERM)


def test_the_watchdog_keeps_nothing_of_depl_open() -> None:
    with Scratch() as scratch:
        assert scratch._watchdog is not None
        open_there = f"/proc/{scratch._watchdog.pid}/fd"
        if os.path.isdir(open_there):
            found = [os.readlink(f"{open_there}/{name}") for name in sorted(os.listdir(open_there))]
            assert found[0].startswith("pipe:")
            assert found[1:] == ["/dev/null", "/dev/null"]


def test_the_environment_of_the_watchdog_holds_nothing_of_depl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPL_AGE_IDENTITY", "AGE-SECRET-KEY-1EXAMPLE")
    with Scratch() as scratch:
        assert scratch._watchdog is not None
        listing = Path(f"/proc/{scratch._watchdog.pid}/environ")
        assert not listing.exists() or b"AGE-SECRET" not in listing.read_bytes()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
