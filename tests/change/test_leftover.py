"""Commands that outlived whoever started them."""

from __future__ import annotations

import subprocess

import pytest

from depl.change.leftover import end_leftover, note_over, note_running


@pytest.fixture
def command():
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_command_that_was_left_running_is_ended(tmp_path, command):
    note_running(str(tmp_path), command.pid)
    assert (tmp_path / "running").stat().st_mode & 0o777 == 0o600
    end_leftover(str(tmp_path))
    assert command.wait(10) == -15
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_ended_is_not_looked_for(tmp_path, command):
    note_running(str(tmp_path), command.pid)
    note_over(str(tmp_path))
    end_leftover(str(tmp_path))
    assert command.poll() is None


@pytest.mark.parametrize("mark", ["{pid} 1 another-boot\n", "{pid}\n", "", "nonsense"])
def test_another_process_of_the_same_number_is_left_alone(tmp_path, command, mark):
    (tmp_path / "running").write_text(mark.format(pid=command.pid))
    end_leftover(str(tmp_path))
    assert command.poll() is None


def test_where_nothing_can_be_written_the_command_runs_all_the_same(tmp_path, command):
    (tmp_path / "file").touch()
    note_running(str(tmp_path / "file"), command.pid)
    end_leftover(str(tmp_path / "file"))
    assert command.poll() is None
