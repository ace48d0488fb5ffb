"""Commands that outlived whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.change.leftover import end_leftover, noted
from depl.change.process import execute
from depl.deploy.lock import Lock


@pytest.fixture
def command(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs, and that was written down by whoever is gone."""
    with noted(str(tmp_path / "here")) as note:
        process = subprocess.Popen(["sleep", "600"], start_new_session=True, preexec_fn=note)  # noqa: PLW1509
        os.rename(tmp_path / "here", tmp_path / "records")
    yield process
    process.kill()
    process.wait()


def test_a_command_that_was_left_running_is_ended(tmp_path, command):
    assert (tmp_path / "records/running").stat().st_mode & 0o777 == 0o600
    end_leftover(str(tmp_path / "records"))
    assert command.wait(10) == -15
    assert list((tmp_path / "records").iterdir()) == []


def test_a_command_that_ended_is_not_looked_for(tmp_path):
    with noted(str(tmp_path)) as note:
        assert execute("cat running", cwd=str(tmp_path), in_child=note).stdout != ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mark", ["{pid} 1 another-boot\n", "{pid}\n", "", "nonsense"])
def test_another_process_of_the_same_number_is_left_alone(tmp_path, command, mark):
    (tmp_path / "running").write_text(mark.format(pid=command.pid))
    end_leftover(str(tmp_path))
    assert command.poll() is None
    assert not (tmp_path / "running").exists()


def test_where_nothing_can_be_written_the_command_runs_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    with noted(str(tmp_path / "file")) as note:
        assert execute(["echo", "well"], in_child=note).stdout == "well\n"
    end_leftover(str(tmp_path / "file"))


def test_a_command_sees_no_difference_for_being_noted(tmp_path):
    def seen(**options: Any) -> str:
        look = "cat /proc/$$/cmdline; env | sort; ls /proc/self/fd; grep Sig[BIC] /proc/self/status; ulimit -a; exit 3"
        result = execute(look, cwd=str(tmp_path), env={"a.b": "c"}, **options)
        assert result.status == 3
        return result.stdout

    with noted(str(tmp_path)) as note:
        assert seen(in_child=note) == seen()
        with pytest.raises(FileNotFoundError):
            execute(["there-is-no-such-program"], in_child=note)


# -- killed while a command is started -----------------------------------------------------------------


def in_child(act: Callable[[], Any]) -> int:
    """Do something in a child process; how that ended."""
    child = os.fork()
    if not child:
        try:
            act()
        except BaseException:  # noqa: BLE001  pytest must not go on in the child
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(wanted: int) -> None:
    """Kill this process when Python tells of something for this many times, whatever it is."""
    count, process = 0, os.getpid()

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        count += 1
        if count == wanted and os.getpid() == process:
            os.kill(process, signal.SIGKILL)

    sys.addaudithook(hear)


def running(directory: Path) -> list[int]:
    """The processes whose working directory this is."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(one / "cwd") == str(directory) and (one / "cmdline").read_bytes():
                found.append(int(one.name))
        except OSError:
            continue
    return found


def run_to_its_end(room: Path, records: Path, at: int) -> None:
    lock = Lock(str(records / "lock"))
    die_at(at)
    with noted(str(records)) as note:
        execute("echo begun; sleep 600", cwd=str(room), in_child=note, on_output=lambda stream, text: os._exit(0))
    lock.close()


def test_whoever_is_killed_at_any_moment_leaves_no_command_that_nobody_knows_of(tmp_path):
    room, records = tmp_path / "room", tmp_path / "records"
    room.mkdir()
    for at in range(1, 200):
        ended = in_child(lambda at=at: run_to_its_end(room, records, at))
        lock = Lock(str(records / "lock"), patience=20)
        end_leftover(str(records))
        lock.close()
        assert running(room) == [], f"killed at moment {at}"
        if ended == 0:
            break
    assert ended == 0
    assert at > 4


def test_a_command_whose_start_outlives_the_one_who_starts_it_is_known_when_the_lock_is_free(tmp_path):
    room, records = tmp_path / "room", tmp_path / "records"
    room.mkdir()

    def start() -> None:
        Lock(str(records / "lock"))
        with noted(str(records)) as note:

            def killed_meanwhile() -> None:
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(0.3)
                note()

            execute(["sleep", "600"], cwd=str(room), in_child=killed_meanwhile)

    assert in_child(start) == -signal.SIGKILL
    lock = Lock(str(records / "lock"), patience=20)
    assert len(running(room)) == 1
    end_leftover(str(records))
    lock.close()
    assert running(room) == []
