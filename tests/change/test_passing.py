"""Contents that a program is to look at for a moment are gone afterwards, even if depl is killed meanwhile."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from depl.change.passing import MEMORY, passing, sweep

HOLD = """
import sys, time
from depl.change.passing import passing
with passing(secret=True) as directory:
    print(directory, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def memory():
    if not os.access(MEMORY, os.W_OK):
        pytest.skip(f"there is no {MEMORY}")


@pytest.fixture
def holder():
    """A process that has such a directory."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("secret", [True, False])
def test_the_directory_is_for_its_owner_and_for_a_moment(secret):
    with passing(secret) as directory:
        assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
        assert directory.startswith(MEMORY) == secret
    assert not os.path.exists(directory)


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_stays(holder):
    directory = holder.stdout.readline().strip()
    sweep()
    assert os.path.isdir(directory)
    holder.kill()
    holder.wait()
    sweep()
    assert not os.path.exists(directory)


def test_a_link_is_not_followed(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    link = f"{MEMORY}/.depl-passing-t-{os.getpid()}"
    os.symlink(kept, link)
    try:
        sweep()
        assert kept.is_dir()
    finally:
        os.unlink(link)
