"""Locks of environments: one at a time, all or none, kept while a rollout waits, taken over from the dead."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from depl.errors import ChangeFailed, Interrupted, Locked
from depl.rollout.locks import EnvironmentLocks
from depl.rollout.named import file_name

TAKER = """
import sys
from depl.errors import Locked
from depl.rollout.locks import EnvironmentLocks
directory, rollout, names = sys.argv[1], sys.argv[2], sys.argv[3:]
sys.stdin.readline()
try:
    held = EnvironmentLocks(directory).take(names, rollout, "alice@here", command="depl local x")
    print("taken", flush=True)
except Locked as error:
    print(error.message, flush=True)
sys.stdin.readline()
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def locks(tmp_path: Path) -> EnvironmentLocks:
    return EnvironmentLocks(str(tmp_path / ".depl"))


@pytest.fixture
def start(tmp_path: Path, project: Path) -> Iterator[Start]:
    """Another process that takes locks when it is told to: start("20260101-...", "production")."""
    started = []

    def process(rollout: str, *names: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", TAKER, str(tmp_path / ".depl"), rollout, *names],
                env={**os.environ, "PYTHONPATH": str(project / "src")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield process
    for one in started:
        one.kill()
        one.communicate()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_twenty_that_start_at_once_one_gets_the_environment(start, locks):
    processes = [start(f"r{number}", "production") for number in range(20)]
    for one in processes:
        go(one)
    answers = [said(one) for one in processes]
    assert answers.count("taken") == 1
    winner = processes[answers.index("taken")]
    owner = locks.owner("production")
    assert (owner.rollout, owner.pid) == (f"r{answers.index('taken')}", winner.pid)
    assert all("is at work on production" in answer for answer in answers if answer != "taken")


def test_a_process_that_was_killed_leaves_a_lock_that_the_next_one_takes_over(start, locks):
    process = start("r1", "production")
    go(process)
    assert said(process) == "taken"
    with pytest.raises(Locked) as caught:
        locks.take(["production"], "r2", "bob@here")
    since = locks.owner("production").since
    assert caught.value.message == (
        f"alice@here is at work on production since {since}: rollout r1, process {process.pid}"
    )
    assert "--wait" in caught.value.hint
    assert locks.is_at_work("production")
    process.kill()
    process.wait()
    assert not locks.is_at_work("production")
    held = locks.take(["production"], "r2", "bob@here")
    assert (held.taken_over["production"].rollout, locks.owner("production").rollout) == ("r1", "r2")


def test_several_environments_are_taken_all_or_none(start, locks):
    process = start("r1", "b")
    go(process)
    assert said(process) == "taken"
    with pytest.raises(Locked):
        locks.take(["c", "a", "b"], "r2", "bob@here")
    assert locks.take(["a", "c"], "r3", "bob@here").names == ["a", "c"]
    assert locks.owner("a").rollout == "r3"


def test_a_rollout_that_waits_keeps_its_environment_although_no_process_is_there(locks):
    locks.take(["production"], "r1", "alice@here").leave("blocked")
    with pytest.raises(Locked) as caught:
        locks.take(["production"], "r2", "bob@here")
    assert "rollout r1 of alice@here has production since" in caught.value.message
    assert caught.value.message.endswith("and is blocked")
    assert "`depl rollout resume r1`" in caught.value.hint
    assert "`depl rollout undo r1`" in caught.value.hint
    with pytest.raises(Locked):
        locks.take(["production"], "", "bob@here", take_over=True)


def test_a_rollout_that_waits_gets_its_environment_back_and_so_does_anybody_once_it_is_over(locks):
    locks.take(["production"], "r1", "alice@here").leave("gate")
    locks.take(["production"], "r1", "bob@here").leave("blocked")
    held = locks.take(["production"], "r2", "bob@here", over=lambda rollout: rollout == "r1")
    assert held.taken_over == {}
    held.release()
    assert locks.owner("production").state == "over"
    locks.take(["production"], "r3", "bob@here").release()


def test_who_changes_nothing_writes_nothing_and_leaves_what_an_interrupted_one_wrote(locks, tmp_path):
    interrupted = locks.take(["production"], "r1", "alice@here")
    interrupted.give_back()  # as the kernel does for the dead
    path = tmp_path / ".depl/locks/production"
    before = (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns, path.parent.stat().st_mtime_ns)
    with locks.take(["production"], "", "bob@here") as held:
        assert held.taken_over["production"].rollout == "r1"
        with pytest.raises(Locked, match=f"somebody else is at work on production: process {os.getpid()}|alice@here"):
            locks.take(["production"], "r3", "carol@here")
    assert (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns, path.parent.stat().st_mtime_ns) == before
    with locks.take(["production"], "", "bob@here") as held:
        held.own("r2")
        assert locks.owner("production").rollout == "r2"
    assert locks.owner("production").state == "over"


def test_who_waits_is_told_of_whom_and_gets_it_then(locks):
    held, told = locks.take(["production"], "r1", "alice@here"), []

    def tell(sentence: str) -> None:
        told.append(sentence)
        threading.Thread(target=held.release).start()

    locks.take(["production"], "r2", "bob@here", None, tell=tell).release()
    assert told[0].startswith("waiting: alice@here is at work on production since ")


def test_waiting_ends_when_somebody_wants_it_to(locks):
    locks.take(["production"], "r1", "alice@here").leave("blocked")
    told = []
    with pytest.raises(Interrupted, match="interrupted while waiting: rollout r1"):
        locks.take(["production"], "r2", "bob@here", None, lambda: bool(told), tell=told.append)


def test_a_lock_is_private_and_readers_find_it_whole(locks, tmp_path):
    done = threading.Event()
    broken = []

    def read() -> None:
        while not done.is_set():
            owner = locks.owner("production")
            if owner is not None and (owner.rollout == "") != (owner.who == ""):
                broken.append(owner)

    locks.take(["production"], "r0", "alice@here").release()
    reader = threading.Thread(target=read)
    reader.start()
    for number in range(50):
        locks.take(["production"], f"r{number}" * 20, "alice@here").release()
    done.set()
    reader.join()
    assert broken == []
    path = tmp_path / ".depl/locks/production"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(json.loads(path.read_text())) == {"rollout", "who", "since", "pid", "command", "state"}
    assert os.listdir(path.parent) == ["production"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 60_000, b'"x"', b"\xff", b'{"state": 5, "pid": "x"}'])
def test_a_lock_that_says_nothing_sensible_is_free_unless_its_file_is_locked(content, locks, tmp_path):
    (tmp_path / ".depl/locks").mkdir(parents=True)
    (tmp_path / ".depl/locks/production").write_bytes(content)
    if b"state" in content:
        with pytest.raises(Locked):
            locks.take(["production"], "r1", "alice@here")
    else:
        locks.take(["production"], "r1", "alice@here").release()


def test_a_link_in_the_place_of_a_lock_is_not_followed(locks, tmp_path):
    (tmp_path / ".depl/locks").mkdir(parents=True)
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".depl/locks/production").symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / ".depl/locks/pipe")
    (tmp_path / ".depl/locks/directory").mkdir()
    for name in ("production", "pipe", "directory"):
        with pytest.raises(ChangeFailed, match="is no file"):
            locks.take([name], "r1", "alice@here")
    assert (tmp_path / "precious").read_text() == "mine"


def test_where_nothing_can_be_written_one_goes_on_without_a_lock(tmp_path):
    (tmp_path / ".depl").write_text("in the way")  # as root may write everywhere
    held = EnvironmentLocks(str(tmp_path / ".depl")).take(["production"], "r1", "alice@here")
    assert held.names == []
    held.own("r1")
    held.release()


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "..", ".", "", ".hidden", "ü" * 90, "x" * 300, "a\nb", "%2E", "\udcff"]
)
def test_odd_names_are_plain_files_of_their_own(name, locks, tmp_path):
    locks.take([name, "plain-1.x"], "r1", "alice@here").release()
    found = sorted(os.listdir(tmp_path / ".depl/locks"))
    assert sorted([file_name(name), "plain-1.x"]) == found
    assert file_name(name) not in {name, "plain-1.x"}
    assert os.listdir(tmp_path) == [".depl"]


def test_where_nothing_was_begun_the_lock_tells_what_it_told_before(locks):
    interrupted = locks.take(["a"], "r1", "alice@here")
    interrupted.give_back()  # as the kernel does for the dead
    locks.take(["b"], "r2", "alice@here").leave("blocked")
    before = [locks.owner(name) for name in "ab"]
    refused = locks.take(["a", "b"], "r2", "bob@here")
    assert [locks.owner(name).who for name in "ab"] == ["bob@here", "bob@here"]
    refused.put_back()
    assert [locks.owner(name) for name in "ab"] == before
    begun = locks.take(["a"], "r3", "bob@here")
    begun.begin()
    begun.put_back()
    assert locks.owner("a").rollout == "r3"
    assert not locks.is_at_work("a")
