from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from depl.errors import Locked
from depl.events import Event, What
from depl.rollout.holds import Freeze
from depl.rollout.plan import RolloutPlan
from depl.rollout.signals import Signal
from depl.rollout.states import RolloutState
from depl.store.store import Claim, Store, open_store

Queued = Callable[..., None]
STARTED, OVER = Event(What.STARTED), Event(What.OVER, data={"outcome": "succeeded"})
PAUSED = Event(What.HELD, data={"hold": "paused"})
BEGUN, DONE = (Event(what, "1") for what in (What.TASK_STARTED, What.TASK_DONE))

WORKER = """
store = open_store(*sys.argv[1:3])
sys.stdin.readline()
while (claim := store.claim(str(os.getpid()))) is not None:
    log = store.log(claim.rollout, claim.epoch)
    log.append([Event(What.STARTED)])
    log.append([Event(What.OVER, data={"outcome": "succeeded"})])
    print(claim.rollout, flush=True)
"""


def test_two_processes_share_a_queue_and_no_rollout_of_it(store: Store, queued: Queued, python) -> None:
    ids = {f"r{number:02}" for number in range(20)}
    for id in sorted(ids):
        queued(id, f"environment-{id}")
    workers = [python(WORKER), python(WORKER)]
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    done = [worker.communicate(timeout=120)[0].split() for worker in workers]
    assert sorted(done[0] + done[1]) == sorted(ids)
    assert {header.epoch for header in store.rollouts()} == {1}
    assert store.locks.taken() == []


def test_the_oldest_one_of_a_queue_comes_first(store: Store, queued: Queued) -> None:
    for id, queue in (("r1", "east"), ("r2", "west"), ("r3", "west")):
        queued(id, id, queue=queue)
    assert store.claim("one", queues=["south"]) is None
    assert store.claim("one", queues=["west", "south"]) == Claim("r2", 1, "one")
    assert store.claim("one") == Claim("r1", 1, "one")


def test_only_what_is_queued_is_for_workers(store: Store, plan: Callable[..., RolloutPlan]) -> None:
    store.create(plan("r", "live"))
    assert store.claim("one") is None
    store.start("r", "ann")
    assert store.header("r").state is RolloutState.QUEUED
    assert store.claim("one") == Claim("r", 1, "one")


def test_environments_are_locked_from_the_claim_until_the_rollout_is_over(store: Store, queued: Queued) -> None:
    queued("r1", "live", "test")
    queued("r2", "live")
    queued("r3", "other")
    first = store.claim("one")
    assert first
    assert [(lock.environment, lock.rollout, lock.who) for lock in store.locks.taken()] == [
        ("live", "r1", "ann@here"),
        ("test", "r1", "ann@here"),
    ]
    assert store.claim("two") == Claim("r3", 1, "two")
    assert store.claim("two") is None
    log = store.log("r1", first.epoch)
    log.append([STARTED, Event(What.BLOCKED, data={"block": "conflict"})])
    store.let_go(first)
    assert store.claim("two") is None  # also while it is blocked
    again = store.claim_this("r1", "one")
    store.log("r1", again.epoch).append([Event(What.OVER, data={"outcome": "kept"})])
    assert store.claim("two") == Claim("r2", 1, "two")


def test_a_held_environment_lets_nothing_begin(store: Store, queued: Queued) -> None:
    queued("r", "live")
    store.holds.set(Freeze("live", "bob", "2026-01-01T00:00:00Z", "audit"))
    assert store.claim("one") is None
    store.holds.clear("live")
    assert store.claim("one") == Claim("r", 1, "one")


def test_a_rollout_whose_coordinator_is_silent_is_interrupted_and_goes_to_the_next_one(
    store_url: str, tmp_path, plan: Callable[..., RolloutPlan]
) -> None:
    store = open_store(store_url, str(tmp_path), lease=0.2)
    patient = open_store(store_url, str(tmp_path))
    store.create(plan("r", "live"), RolloutState.QUEUED)
    first = patient.claim("one")
    assert first
    patient.log("r", first.epoch).append([STARTED])
    assert patient.claim("two") is None
    assert (patient.header("r").is_driven, patient.header("r").is_interrupted) == (True, False)
    deadline = time.monotonic() + 60
    while (second := store.claim("two")) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert second == Claim("r", 2, "two", lost="one")
    assert not patient.beat(first)
    while not store.header("r").is_interrupted:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert store.beat(second)
    assert patient.header("r").owner == "two"
    store.close()
    patient.close()


def test_what_was_put_aside_waits_for_a_signal_or_its_time(store: Store, queued: Queued) -> None:
    queued("r", "live")
    first = store.claim("one")
    assert first
    store.log("r", first.epoch).append([STARTED, PAUSED])
    assert store.let_go(first)
    assert not store.header("r").is_interrupted
    assert store.claim("two") is None
    store.signals("r").post(Signal("resume", "bob"))
    second = store.claim("two")
    assert second == Claim("r", 2, "two")
    heard = Event(What.SIGNALLED, data={"number": 1, "name": "resume", "who": "bob"})
    store.log("r", 2).append([heard])
    store.let_go(second, wake=3600)
    assert store.claim("two") is None
    store.let_go(store.claim_this("r", "two"), wake=0)
    assert store.claim("two") == Claim("r", 4, "two")


def test_a_queued_one_that_was_put_aside_waits_for_its_time(store: Store, queued: Queued) -> None:
    queued("r", "live")
    for wake, found in ((3600, False), (0, True)):
        store.let_go(store.claim_this("r", "one"), wake=wake)
        store.locks.give_back("r")
        assert (store.claim("two") is not None) is found


def test_a_command_takes_a_rollout_that_nobody_drives(store: Store, plan: Callable[..., RolloutPlan]) -> None:
    for id in ("r1", "r2"):
        store.create(plan(id, "live"))
    claim = store.claim_this("r1", "ann@here:7")
    with pytest.raises(Locked, match="ann@here:7 is at work on rollout r1"):
        store.claim_this("r1", "bob@here:8")
    with pytest.raises(Locked, match="Rollout r1 by ann@here is at work on live"):
        store.claim_this("r2", "bob@here:8")
    store.log("r1", claim.epoch).append([STARTED, *[Event(what, one) for one in "12" for what in _GOOD], OVER])
    with pytest.raises(Locked, match="Rollout r1 is over: succeeded"):
        store.claim_this("r1", "bob@here:8")
    store.claim_this("r2", "bob@here:8")


def test_locks_are_taken_all_or_none(store: Store) -> None:
    store.locks.take(["b"], "r1", "ann")
    with pytest.raises(Locked, match="Rollout r1 by ann is at work on b since"):
        store.locks.take(["c", "b", "a"], "r2", "bob")
    assert [lock.environment for lock in store.locks.taken()] == ["b"]
    store.locks.take(["b", "a"], "r1", "ann")
    store.locks.give_back("r1")
    store.locks.take(["b", "a"], "r2", "bob")


def test_holds_are_the_port_of_depl_hold(store: Store) -> None:
    freeze = Freeze("live", "bob", "2026-01-01T00:00:00Z", "audit", "2999-01-01T00:00:00Z")
    store.holds.set(freeze)
    with pytest.raises(Locked, match="live is held by bob since"):
        store.holds.set(Freeze("live", "ann", "2026-01-02T00:00:00Z", "no"))
    store.holds.set(Freeze("test", "bob", "2026-01-01T00:00:00Z", "over", "2026-01-02T00:00:00Z"))
    assert store.holds.of("live") == freeze
    assert store.holds.all() == [freeze]
    assert (store.holds.clear("live"), store.holds.clear("live"), store.holds.clear("test")) == (freeze, None, None)


_GOOD = (What.TASK_STARTED, What.TASK_DONE)
