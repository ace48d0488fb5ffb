"""Rollouts by hand whose runner was killed: settled first, then gone on with; and random ones, killed anywhere."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rollouts_by_hand import Rehearsal, one, rehearsal, side

from depl.rollout.fake_hands import HandsScript
from depl.rollout.recovery import DONE, NOT_STARTED, take_up
from depl.rollout.states import ACTIVE, Block, RolloutState


class Killed(BaseException):
    """The runner is gone."""


def kill_after(run: Rehearsal, writes: int) -> bool:
    """Go on until so many writes were made, then be gone; whether it came to that."""
    left = [writes]

    def refuses() -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return False

    run.log._refuses = refuses
    try:
        go_on(run)
    except Killed:
        return True
    finally:
        run.log._refuses = lambda: False
    return False


def go_on(run: Rehearsal, policy: str = "", look=lambda leaf, saved: "", **how):
    state = run.state
    if state.state in ACTIVE:
        take_up(run.plan, state, run.log, look, who="kim", policy=policy)
    return run.drive(**how)


def test_it_is_put_back_unless_somebody_wants_otherwise():
    run = rehearsal(one("a", "b", "c"))
    assert kill_after(run, 4)  # b was begun
    assert go_on(run).state is RolloutState.REVERSED
    assert run.did("reverse") == ["b", "a"]
    assert not run.world


def test_what_has_a_way_back_may_run_again_on_resume():
    run = rehearsal(one("a", "b", "c"))
    assert kill_after(run, 4)
    assert go_on(run, "resume").state is RolloutState.SUCCEEDED
    assert run.did() == ["b", "c"]


def test_what_nobody_can_put_back_never_runs_twice_by_itself():
    run = rehearsal(one("a", "raw", "c"), raw={"way_back": "unknown", "reverses": False})
    assert kill_after(run, 4)
    state = go_on(run, "resume")
    assert state.state is RolloutState.PARTLY_REVERSED
    assert "nobody knows what raw has done" in state.reason
    assert run.did() == []


def test_somebody_may_be_asked():
    run = rehearsal(one("a", "b", "c"))
    assert kill_after(run, 4)
    assert go_on(run, "ask").block is Block.INTERRUPTED
    run.signal("retry")
    assert run.drive().state is RolloutState.SUCCEEDED


@pytest.mark.parametrize(("verdict", "again"), [(NOT_STARTED, ["b", "c"]), (DONE, ["c"])])
def test_hosts_know_what_became_of_a_task(verdict, again):
    run = rehearsal(one("a", "b", "c"))
    assert kill_after(run, 4)
    assert go_on(run, "resume", lambda leaf, saved: verdict).state is RolloutState.SUCCEEDED
    assert run.did() == again


@pytest.mark.parametrize("writes", range(1, 14))
def test_killed_on_the_way_back_it_goes_on_back(writes):
    run = rehearsal(one("a", side("b", "c"), "d"), HandsScript(fails={"d": 9}))
    kill_after(run, writes)
    assert go_on(run, "resume").state is RolloutState.REVERSED
    assert not run.world


def shapes(depth: int = 3):
    """Trees of up to a dozen tasks; names are given later."""
    leaf = st.just("leaf")
    return st.recursive(
        leaf, lambda inner: st.tuples(st.booleans(), st.lists(inner, min_size=1, max_size=4)), max_leaves=12
    )


def named(shape, names: list[str]):
    if shape == "leaf":
        names.append(f"t{len(names)}")
        return names[-1]
    parallel, members = shape
    made = [named(member, names) for member in members]
    return side(*made) if parallel else one(*made)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(shape=shapes(), seed=st.integers(0, 10_000))
def test_random_trees_with_failures_and_crashes_end_as_before_or_at_the_target(shape, seed):
    names: list[str] = []
    shape, chance = named(shape, names), random.Random(seed)
    failing = {name: chance.choice([0, 1, 9]) for name in names if chance.random() < 0.25}
    stuck = {name: 1 for name in names if chance.random() < 0.15}
    unchanged = frozenset(name for name in names if chance.random() < 0.15)
    script = HandsScript(fails=failing, stuck=stuck, unchanged=unchanged, seed=seed)
    run = rehearsal(shape, script, how={"on_interrupt": chance.choice(["reverse", "resume"]), "jobs": 3})
    for _ in range(chance.randrange(5)):
        kill_after(run, chance.randrange(1, 8))
    state = go_on(run)
    for _ in range(50):
        if state.state is not RolloutState.BLOCKED:
            break
        run.signal("retry")
        state = run.drive()
    states = run.states()
    if state.state is RolloutState.SUCCEEDED:
        assert set(states.values()) <= {"done", "unchanged"}
        assert set(run.world) == {name for name in names if states[name] == "done"}
    else:
        assert state.state is RolloutState.REVERSED
        assert not {"done", "failed", "unknown", "dispatched", "reversing"} & set(states.values())
        assert not run.world
