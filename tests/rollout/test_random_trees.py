"""Random rollouts by hand, with failures, crashes and people who say all sorts of things: they end, and as they say."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rollouts_by_hand import Rehearsal, one, rehearsal, side

from depl.events import What
from depl.rollout.asking import refusal, shown
from depl.rollout.backward import needs_reversal
from depl.rollout.fake_hands import HandsScript
from depl.rollout.folding import State
from depl.rollout.recovery import DONE, NOT_STARTED, take_up
from depl.rollout.states import ACTIVE, GOOD, NOT_PUT_BACK, SIGNALS, Hold, RolloutState, TaskState, signals_in
from depl.rollout.tree import Tree

KINDS = {
    "plain": {},
    "raw": {"way_back": "unknown", "reverses": False},
    "mail": {"way_back": "irreversible", "reason": "mail is sent", "reverses": False},
    "probe": {"way_back": "none", "reverses": False, "repeatable": True},
    "gate": {"way_back": "none", "reverses": False, "repeatable": True, "gate": "approval"},
    "slow": {"timeout": 10},
    "again": {"retries": 1},
}
WEIGHTS = [10, 1, 1, 1, 2, 1, 1]


class Killed(BaseException):
    """The runner is gone."""


class People:
    """They say what is legal, at random, and in the end what makes it go on."""

    def __init__(self, run: Rehearsal, chance: random.Random) -> None:
        self.run, self.chance = run, chance

    def chatter(self) -> None:
        """Now and then something while it runs."""
        now: list[State] = []

        def met(state: State) -> bool:
            now[:] = [state]
            return self.chance.random() < 0.1

        for _ in range(self.chance.randrange(4)):
            self.run.at(met, lambda: self.say(now[0], [*SIGNALS]))

    def say(self, state: State, names: list[str]) -> bool:
        """One of these, if it is legal; whether there was anything to say."""
        legal = [
            (name, task)
            for name in names
            for task in ("", *state.plan.tree.leaves)
            if not refusal(state, name, task, "so")
        ]
        if legal:
            name, task = self.chance.choice(legal)
            self.run.signal(name, task, "so")
        return bool(legal)

    def decide(self, state: State, patience: int) -> None:
        """What it waits for. Once they are tired, only what brings it to its end."""
        if patience > 0 and self.chance.random() < 0.5:
            self.say(state, signals_in(state.state, state.holds, state.block))
            return
        for names in (["resume"], ["approve"], ["retry"] if patience > -20 else [], ["skip", "abort"]):
            if self.say(state, names):
                return
        raise AssertionError(f"nobody can do anything about it: {shown(state)}")


def go_on(run: Rehearsal, chance: random.Random) -> State:
    state = run.state
    if state.state in ACTIVE:

        def look(leaf, saved) -> str:
            stands = leaf.id in run.world
            truth = DONE if stands and not run.script.fails.get(leaf.id) else "" if stands else NOT_STARTED
            return chance.choice(["", truth])

        take_up(run.plan, state, run.log, look, who="kim", policy=chance.choice(["", "resume", "reverse", "ask"]))
    return run.drive(stay_blocked=False, may_put_aside=True)


def with_crashes(run: Rehearsal, chance: random.Random, crashes: int) -> None:
    """Drive it, and be gone after some writes, so many times."""
    for _ in range(crashes):
        left = iter(range(chance.randrange(1, 12)))

        def refuses(left: Iterator[int] = left) -> bool:
            if next(left, None) is None:
                raise Killed
            return False

        run.log._refuses = refuses
        try:
            go_on(run, chance)
        except Killed:
            pass
        finally:
            run.log._refuses = lambda: False


def before(tree: Tree, id: str) -> Iterator[str]:
    """The tasks that come before one."""
    for group in tree.ways_up(id):
        if not group.parallel:
            for member in group.members[: group.members.index(id)]:
                yield from tree.leaves_in(member)
        id = group.id


def assert_in_order(run: Rehearsal) -> None:
    """Each event again, with how everything stood before it."""
    state, tree = State(), run.plan.tree
    after: dict[str, list[str]] = {}
    for id in tree.leaves:
        for earlier in before(tree, id):
            after.setdefault(earlier, []).append(id)
    for recorded in run.log.read():
        what, id = recorded.event.what, recorded.event.task or ""
        if what is What.TASK_STARTED:
            assert state.state is RolloutState.RUNNING and Hold.PAUSED not in state.held
            assert {state.tasks[one].state for one in before(tree, id)} <= GOOD, f"{id} runs too early"
        elif what is What.TASK_REVERSING:
            assert state.state is RolloutState.REVERSING and Hold.PAUSED_REVERSAL not in state.held
            for one in after.get(id, ()):
                assert not needs_reversal(tree.leaves[one], state.tasks[one]), f"{id} is put back before {one}"
        state.add(recorded)
        for group in tree.groups.values():
            at_work = {TaskState.DISPATCHED}
            busy = [m for m in group.members if any(state.tasks[one].state in at_work for one in tree.leaves_in(m))]
            assert not group.parallel or not group.limit or len(busy) <= group.limit


def assert_true(run: Rehearsal, state: State) -> None:
    """What is shown is what is so."""
    leaves, states = run.plan.tree.leaves, {id: status.state for id, status in state.tasks.items()}
    stands = {id for id in run.world if leaves[id].way_back != "none"}
    assert not {TaskState.PENDING, TaskState.DISPATCHED, TaskState.REVERSING} & set(states.values())
    for id in leaves:
        if states[id] in (TaskState.REVERSED, TaskState.UNCHANGED, TaskState.CANCELLED):
            assert id not in stands, f"{id} is {states[id]}, and stands"
        elif states[id] is TaskState.DONE and leaves[id].way_back != "none":
            assert id in stands, f"{id} is done, and does not stand"
    if state.state is RolloutState.SUCCEEDED:
        assert set(states.values()) <= GOOD
    elif state.state is RolloutState.REVERSED:
        assert not stands
    elif state.state is RolloutState.PARTLY_REVERSED:
        assert {TaskState.KEPT, TaskState.REVERSE_SKIPPED} & set(states.values())
        assert not set(NOT_PUT_BACK) & set(states.values())
    else:
        assert state.state is RolloutState.KEPT


def shapes():
    """Trees of up to a dozen tasks, as kinds of tasks and what is around them."""
    members = st.booleans(), st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 2])
    leaf = st.sampled_from([kind for kind, weight in zip(KINDS, WEIGHTS, strict=True) for _ in range(weight)])
    return st.recursive(leaf, lambda inner: st.tuples(*members, st.lists(inner, min_size=1, max_size=4)), max_leaves=12)


def named(shape, kinds: dict[str, str]):
    if isinstance(shape, str):
        name = f"{shape}{len(kinds)}"
        kinds[name] = shape
        return name
    parallel, limit, max_failures, members = shape
    made = [named(member, kinds) for member in members]
    return side(*made, limit=limit, max_failures=max_failures) if parallel else one(*made)


def rehearse(shape, seed: int) -> None:
    kinds: dict[str, str] = {}
    shape, chance = named(shape, kinds), random.Random(seed)
    works = [name for name, kind in kinds.items() if kind != "gate"]
    script = HandsScript(
        fails={name: chance.choice([1, 2, 9]) for name in works if chance.random() < 0.25},
        stuck={name: chance.choice([1, 2]) for name in works if chance.random() < 0.2},
        conflicts=frozenset(name for name in works if chance.random() < 0.05),
        unchanged=frozenset(name for name in works if chance.random() < 0.15),
        endless=frozenset(name for name, kind in kinds.items() if kind == "slow"),
        seed=seed,
    )
    how = {
        "jobs": chance.choice([1, 3, 50]),
        "on_failure": chance.choice(["rollback", "rollback", "stop", "ask"]),
        "on_interrupt": chance.choice(["reverse", "ask", "resume"]),
    }
    run = rehearsal(shape, script, how=how, **{name: KINDS[kind] for name, kind in kinds.items()})
    people = People(run, chance)
    people.chatter()
    with_crashes(run, chance, chance.randrange(3))
    state = go_on(run, chance)
    for patience in range(10, -60, -1):
        if state.state.is_over:
            break
        people.decide(state, patience)
        state = run.drive(stay_blocked=False, may_put_aside=True)
    assert state.state.is_over, f"it never ends: {shown(state)}"
    assert_in_order(run)
    assert_true(run, state)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(shape=shapes(), seed=st.integers(0, 10_000))
def test_random_trees_end_as_they_say_whatever_people_wish(shape, seed):
    rehearse(shape, seed)


@pytest.mark.long
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(shape=shapes(), seed=st.integers(0, 10_000))
def test_a_great_many_random_trees_do_as_well(shape, seed):
    rehearse(shape, seed)
