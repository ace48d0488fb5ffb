"""Rows of tasks, and the looks of all states."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rollouts_by_hand import Rehearsal, Shape, one, rehearsal, side

import depl.web
from depl.events import Event, What
from depl.rollout.fake_hands import HandsScript
from depl.rollout.folding import State, fold
from depl.rollout.log import Recorded
from depl.rollout.states import Block, Hold, RolloutState, TaskState
from depl.web.views import states
from depl.web.views.states import look_of, look_of_rollout, look_of_task
from depl.web.views.tree import anchor, rows, touched_rows

BEGAN = "2026-01-01T00:00:00Z"
TONES = {"off", "busy", "good", "warn", "bad", "back"}


def test_every_state_has_a_word_and_a_shape_of_its_own() -> None:
    for looks in (states.TASKS, states.ROLLOUTS, states.BLOCKS, states.INQUIRIES):
        assert len({look.shape for look in looks.values()}) == len(looks)
        assert len({look.word for look in looks.values()}) == len(looks)
        assert {look.tone for look in looks.values()} <= TONES
    assert set(states.TASKS) == set(TaskState)
    assert set(states.ROLLOUTS) == set(RolloutState)
    others = states.ROLLOUTS.values()
    assert states.TAKEN_BACK.word not in {look.word for look in others}
    assert states.TAKEN_BACK.shape not in {look.shape for look in others}
    assert set(states.HOLDS) == set(Hold)
    assert set(states.BLOCKS) == set(Block)


def test_every_shape_is_drawn() -> None:
    icons = (Path(depl.web.__file__).parent / "static" / "icons.svg").read_text()
    assert set(re.findall(r'id="([a-z-]+)"', icons)) >= states.SHAPES


def test_a_task_at_work_is_said_to_be_at_work_and_one_that_waits_for_people_to_wait() -> None:
    assert look_of_task(TaskState.DISPATCHED).word == "at work"
    assert look_of_task(TaskState.DISPATCHED, waits=True).word == "waiting"


def test_what_a_rollout_waits_for_stands_on_top_of_its_state() -> None:
    assert look_of_rollout(RolloutState.RUNNING, ["paused", "gate"]).word == "waiting for its checklist"
    assert look_of_rollout(RolloutState.RUNNING, {Hold.PAUSED}).word == "paused"
    assert look_of_rollout(RolloutState.PLANNED, ["waiting for approval"]).word == "its start waits for approval"
    assert look_of_rollout(RolloutState.SUCCEEDED, ["paused"]).word == "succeeded"


def test_a_blocked_rollout_says_why_and_one_that_nobody_is_at_work_on_says_so() -> None:
    assert look_of_rollout(RolloutState.BLOCKED, block="conflict").word == "blocked: conflict"
    assert look_of_rollout(RolloutState.RUNNING, ["paused"], interrupted=True).word == "running, nobody is at work"
    assert look_of(rehearsal("a").state).word == "planned"


def test_an_undo_that_went_well_does_not_look_like_a_failure_that_was_put_back() -> None:
    undo = rehearsal("a", how={"undoes": "x", "carried": {"a": {"state": "done"}}})
    undo.drive()
    failed = rehearsal("a", HandsScript(fails={"a": 1}))
    failed.drive()
    assert undo.state.state is failed.state.state is RolloutState.REVERSED
    assert (look_of(undo.state), look_of(failed.state).word) == (states.TAKEN_BACK, "reversed")


def test_what_was_passed_over_says_by_whom_instead_of_what_was_wrong() -> None:
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 9}), how={"on_failure": "ask"})
    run.drive(stay_blocked=False)
    assert rows(run.state)[1].error == "b fails"
    run.signal("skip", "b", reason="not today")
    run.drive()
    row = rows(run.state)[1]
    assert (row.look.word, row.error) == ("skipped", "")
    assert row.reason.endswith(": not today")


def test_a_row_for_each_group_and_task_in_their_order() -> None:
    run = rehearsal(one("a", side("b", "c"), "d"))
    assert [(row.id, row.depth, row.kind) for row in rows(run.state)] == [
        ("a", 0, "task"),
        ("g1", 0, "group"),
        ("b", 1, "task"),
        ("c", 1, "task"),
        ("d", 0, "task"),
    ]
    assert rows(run.state)[2].above == anchor("g1")


def test_a_group_shows_what_people_should_see_first_of_what_is_in_it() -> None:
    run = rehearsal(one("a", side("b", "c")), HandsScript(fails={"b": 1}), how={"on_failure": "ask"})
    run.drive(stay_blocked=False)
    [group] = [row for row in rows(run.state) if row.kind == "group"]
    assert (group.look.word, group.counts) == ("failed", "1 of 2 done, 1 failed")


def test_a_task_that_waits_for_people_says_so() -> None:
    run = rehearsal(one("a", "b"), a={"gate": "approval"})
    seen: list[str] = []
    run.at(lambda state: bool(state.unanswered), lambda: seen.extend(row.look.word for row in rows(run.state)))
    run.at(lambda state: bool(state.unanswered), lambda: run.signal("approve", "a"))
    run.drive()
    assert seen == ["waiting", "pending"]
    assert [row.look.word for row in rows(run.state)] == ["done", "done"]


def started(state: State, id: str, at: str = BEGAN, host: str | None = None, what: What = What.TASK_STARTED) -> None:
    state.add(Recorded(state.number + 1, at, Event(what, id, host=host)))


def test_a_delay_says_when_it_ends() -> None:
    delay = {"task": "depl.tasks.delay:Delay", "arguments": {"seconds": 15}}
    state = of_leaf(delay)
    started(state, "a")
    assert rows(state)[0].until == "2026-01-01T00:00:15Z"
    state.add(Recorded(9, BEGAN, Event(What.TASK_SAVED, "a", data={"state": {"until": 1767225620.0}})))
    assert rows(state)[0].until == "2026-01-01T00:00:20Z"
    started(state, "a", what=What.TASK_DONE)
    assert rows(state)[0].until == ""


def of_leaf(facts: Mapping[str, Any]) -> State:
    from depl.rollout.plan import RolloutPlan
    from depl.rollout.tree import Leaf, Tree

    plan = RolloutPlan("20260101-000000-abcd", "test", Tree({"a": Leaf("a", **facts)}, {}, "a"))
    state = fold([Recorded(1, BEGAN, Event(What.PLANNED, data=plan.as_json()))])
    state.add(Recorded(2, BEGAN, Event(What.STARTED, data={})))
    return state


def test_what_a_deployment_does_inside_stands_below_it() -> None:
    state = of_leaf({"task": "depl.tasks.deploy:Deploy"})
    started(state, "a")
    started(state, "a/web", host="web1")
    [task, inside] = rows(state)
    assert (inside.id, inside.kind, inside.title, inside.host) == ("a/web@web1", "inside", "web", "web1")
    assert (inside.above, inside.depth) == (task.anchor, 1)
    assert [row.id for row in touched_rows(state, ["a/web@web1"])] == ["a", "a/web@web1"]


def test_a_deployment_by_command_is_grouped_by_host() -> None:
    started_as = {"rollout": "r", "environment": "dev", "hosts": ["h1", "h2"]}
    state = fold([Recorded(1, BEGAN, Event(What.STARTED, data=started_as))])
    for root, host in (("web", "h1"), ("db", "h2"), ("cache", "h1")):
        started(state, root, host=host)
    started(state, "web", host="h1", what=What.TASK_DONE)
    assert [(row.id, row.title) for row in rows(state)] == [
        ("@h1", "h1"),
        ("web@h1", "web"),
        ("cache@h1", "cache"),
        ("@h2", "h2"),
        ("db@h2", "db"),
    ]
    assert rows(state)[0].counts == "1 of 2 done, 1 at work"
    assert [row.id for row in touched_rows(state, ["db@h2"])] == ["@h2", "db@h2"]


@given(st.sets(st.text(st.sampled_from("aZ0/-_.@é<'\" "), max_size=6), max_size=20))
@settings(deadline=None, max_examples=30)
def test_anchors_are_safe_and_differ(ids: set[str]) -> None:
    found = {anchor(id) for id in ids}
    assert len(found) == len(ids)
    assert all(re.fullmatch(r"task-[A-Za-z0-9_-]*", one) for one in found)


names = iter(range(10**9))


def shapes() -> st.SearchStrategy[Shape]:
    leaf = st.builds(lambda: f"t{next(names)}")
    return st.recursive(
        leaf,
        lambda inner: st.builds(
            lambda parallel, members: (parallel, tuple(members), {}),
            st.booleans(),
            st.lists(inner, min_size=1, max_size=4),
        ),
        max_leaves=15,
    )


@given(shapes())
@settings(deadline=None, max_examples=15)
def test_every_id_has_one_row_and_a_touched_task_brings_what_it_lies_in(shape: Shape) -> None:
    run = rehearsal(shape)
    run.drive()
    all_of_them = {row.id: row for row in rows(run.state)}
    leaves = run.state.plan.tree.leaves  # type: ignore[union-attr]
    assert len(all_of_them) == len(rows(run.state))
    assert set(leaves) <= set(all_of_them)
    for id in leaves:
        found = touched_rows(run.state, [id])
        assert all(all_of_them[row.id] == row for row in found)
        above = {row.anchor for row in found} | {""}
        assert {row.above for row in found} <= above


def flat(count: int) -> Rehearsal:
    return rehearsal(side(*(one(*(f"t{batch}-{n}" for n in range(10))) for batch in range(count // 10))))


def test_rows_cost_as_much_as_there_are_tasks() -> None:
    few, many = flat(300).state, flat(900).state
    assert calls_of(lambda: rows(many)) < 4 * calls_of(lambda: rows(few))
    assert calls_of(lambda: touched_rows(many, ["t7-7"])) < 4 * calls_of(lambda: touched_rows(few, ["t7-7"]))


def calls_of(do: Callable[[], object]) -> int:
    count = 0

    def counting(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counting)
    try:
        do()
    finally:
        sys.setprofile(None)
    return count
