"""Two runs on one target: the second is refused, naming the first, and the dead hold no lock."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from depl.component import Component
from depl.deploy.holder import ask_to_leave
from depl.deploy.holder import holder as holder_of
from depl.deploy.lock import Lock
from depl.deploy.stop import Stop
from depl.errors import Interrupted, Locked, UpdateNeeded
from depl.lib.file import File


class Waiting(Component):
    """Says that it is at work, and stays there until it is let go."""

    def verify(self):
        raise UpdateNeeded

    def update(self):
        base = self.root.environment.base_dir
        with open(f"{base}/at-work", "w"):
            pass
        while not os.path.exists(f"{base}/go"):
            time.sleep(0.01)


class Slow(Component):
    def configure(self):
        self += File("x", content="x")
        self += Waiting()


class Quick(Component):
    def configure(self):
        self += File("y", content="y")


@pytest.fixture
def holder(world):
    """A process that is at work on the target."""
    child = os.fork()
    if not child:
        try:
            world.run(Slow)
        finally:
            os._exit(0)
    while not (world.base / "at-work").exists():
        time.sleep(0.01)
    yield child
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


@pytest.mark.parametrize("act", ["run", "undo"])
def test_the_second_is_refused_and_told_by_whom(world, holder, act):
    with pytest.raises(Locked) as caught:
        world.run(Quick) if act == "run" else world.undo()
    message = str(caught.value)
    assert message.startswith("tester is at work on ")
    assert str(world.base) in message and "of test" in message and f"process {holder}" in message
    assert "--wait" in caught.value.hint


def test_the_second_waits_if_wanted(world, holder):
    threading.Timer(0.3, (world.base / "go").touch).start()
    assert world.run(Quick, wait=True).status == "succeeded"
    assert (world.base / "work/slow/x").exists()


def test_a_plan_is_not_held_up(world, holder):
    assert world.plan(Quick).changes == 1


def test_after_the_holder_was_killed_the_next_one_goes_on(world, holder):
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    assert world.run(Quick).status == "succeeded"
    assert world.undo().status == "reversed"
    assert not (world.base / "work").exists()


def test_a_lock_whose_owner_is_not_known_is_told_without_a_name(world):
    path = str(world.base / ".depl/lock")
    lock = Lock(path)
    with pytest.raises(Locked, match="somebody else is at work on"):
        Lock(path)
    lock.close()
    Lock(path).close()


@pytest.mark.parametrize("wish", ["abort", "terminate"])
def test_who_waits_can_be_interrupted_and_has_done_nothing(world, holder, wish):
    stop = Stop()
    threading.Timer(0.2, getattr(stop, wish)).start()
    with pytest.raises(Interrupted, match="interrupted while waiting: tester is at work on"):
        world.run(Quick, wait=True, stop=stop)
    assert not (world.base / "work/quick").exists()


def test_a_process_that_was_forked_meanwhile_does_not_keep_it(tmp_path):
    lock = Lock(str(tmp_path / ".depl/lock"))
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    lock.close()
    Lock(str(tmp_path / ".depl/lock")).close()
    os.close(writing)
    os.close(reading)
    os.waitpid(child, 0)


def test_of_many_who_are_the_first_on_a_target_each_gets_its_turn(tmp_path):
    for number in range(5):
        path = str(tmp_path / f"{number}/target/.depl/lock")
        reading, writing = os.pipe()  # its end is what all wait for
        children = []
        for _ in range(4):
            child = os.fork()
            if not child:
                status = 1
                try:
                    os.close(writing)
                    os.read(reading, 1)
                    Lock(path, patience=None).close()
                    status = 0
                finally:
                    os._exit(status)
            children.append(child)
        os.close(writing)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
        os.close(reading)


# -- taking over ------------------------------------------------------------------------------------


@pytest.fixture
def agent(tmp_path):
    """A process that holds the lock and leaves when it is asked to, after what it is at."""
    path = str(tmp_path / "target/.depl/lock")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            asked = []
            signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
            lock = Lock(path)
            os.write(writing, b"x")
            while not asked:
                time.sleep(0.01)
            (tmp_path / "ended").touch()
            lock.close()
        finally:
            os._exit(0)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    yield path, child
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def test_the_kernel_says_who_holds_it(agent):
    path, child = agent
    assert holder_of(path) == child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert holder_of(path) is None
    assert holder_of(path + ".other") is None
    lock = Lock(path)
    assert holder_of(path) == os.getpid()
    lock.close()


def test_who_takes_over_asks_the_holder_to_leave_and_waits_until_it_has(agent, tmp_path):
    path, _ = agent
    said = []
    lock = Lock(path, on_wait=said.append, take_over=True)
    assert (tmp_path / "ended").exists()
    assert [sentence.partition(":")[0] for sentence in said] == ["waiting until it has left"]
    lock.close()


def test_a_holder_that_is_stopped_leaves_once_it_wakes_up(agent, tmp_path):
    path, child = agent
    os.kill(child, signal.SIGSTOP)
    os.waitpid(child, os.WUNTRACED)
    said = []
    taken = []
    taker = threading.Thread(target=lambda: taken.append(Lock(path, on_wait=said.append, take_over=True)))
    taker.start()
    while not said:
        time.sleep(0.01)
    assert not taken and holder_of(path) == child
    os.kill(child, signal.SIGCONT)
    taker.join()
    assert (tmp_path / "ended").exists()
    taken[0].close()


def test_who_takes_over_can_be_interrupted(agent):
    path, child = agent
    os.kill(child, signal.SIGSTOP)
    stop = Stop()
    with pytest.raises(Interrupted):
        Lock(path, aborted=lambda: stop.aborted, on_wait=lambda sentence: stop.abort(), take_over=True)
    os.kill(child, signal.SIGCONT)


def test_who_is_free_to_be_taken_is_asked_nothing(tmp_path):
    said = []
    Lock(str(tmp_path / ".depl/lock"), on_wait=said.append, take_over=True).close()
    assert said == []


def test_a_holder_who_cannot_be_asked_is_named(tmp_path):
    path = str(tmp_path / ".depl/lock")
    lock = Lock(path)
    with pytest.raises(Locked, match="cannot be asked to leave"):  # it is this process itself
        Lock(path, take_over=True)
    lock.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_process_of_another_user_cannot_be_asked():
    parent = os.getpid()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setuid(65534)
            status = 1 if ask_to_leave(parent) else 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_patience_has_an_end(tmp_path):
    path = str(tmp_path / ".depl/lock")
    lock = Lock(path)
    said = []
    with pytest.raises(Locked):
        Lock(path, patience=0.3, on_wait=said.append)
    assert len(said) == 1
    threading.Timer(0.2, lock.close).start()
    Lock(path, patience=600).close()
