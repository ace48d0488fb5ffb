"""Who wants a rollout to start, who agreed, and what it waits for: as its events tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from depl.events import Event, What
from depl.rollout.folding import State, fold
from depl.rollout.log import Recorded
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import Hold, RolloutState
from depl.rollout.tree import Group, Leaf, Tree

PLAN = RolloutPlan("r", "release", Tree({"1": Leaf("1", "depl.tasks:Delay")}, {"0": Group("0", ("1",))}, "0"))
PLANNED = Event(What.PLANNED, data=PLAN.as_json())
OTHER = Event(What.PLANNED, data=replace(PLAN, title="another").as_json())
WANTED = Event(What.HELD, data={"hold": "waiting for approval", "who": "ann"})
REFUSED = Event(What.RELEASED, data={"hold": "waiting for approval", "who": "bob", "reason": "not today"})
AGREED = Event(What.QUEUED, data={"who": "ann", "approved_by": "bob"})
STARTED = Event(What.STARTED, data={"who": "ann"})


def folded(*events: Event) -> State:
    return fold(Recorded(number, "2026-01-01T00:00:00Z", event) for number, event in enumerate(events, 1))


def about(state: State) -> tuple[Any, ...]:
    return state.state, state.holds, state.wanted_by, state.queued_by, state.approved_by


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([PLANNED, WANTED], (RolloutState.PLANNED, {Hold.APPROVAL}, "ann", "", "")),
        ([PLANNED, WANTED, REFUSED], (RolloutState.PLANNED, set(), "", "", "")),
        ([PLANNED, WANTED, AGREED], (RolloutState.QUEUED, set(), "ann", "ann", "bob")),
        ([PLANNED, Event(What.QUEUED)], (RolloutState.QUEUED, set(), "", "", "")),
    ],
    ids=["wanted", "refused", "agreed", "by a command"],
)
def test_a_start_is_wanted_refused_or_agreed_to(events: list[Event], expected: tuple[Any, ...]) -> None:
    assert about(folded(*events)) == expected


def test_a_wish_holds_for_the_same_plan_only() -> None:
    assert about(folded(PLANNED, WANTED, PLANNED)) == (RolloutState.PLANNED, {Hold.APPROVAL}, "ann", "", "")
    assert about(folded(PLANNED, WANTED, OTHER)) == (RolloutState.PLANNED, set(), "", "", "")
    assert about(folded(PLANNED, WANTED, AGREED, OTHER)) == (RolloutState.PLANNED, set(), "", "", "")


def test_what_a_command_begins_waits_for_nobody() -> None:
    assert about(folded(PLANNED, WANTED, STARTED)) == (RolloutState.RUNNING, set(), "ann", "", "")


def test_who_wanted_and_agreed_is_known_to_the_end() -> None:
    pause = Event(What.HELD, data={"hold": "paused", "reason": "lunch"})
    on = Event(What.RELEASED, data={"hold": "paused"})
    running = folded(PLANNED, WANTED, AGREED, STARTED, pause)
    assert about(running) == (RolloutState.RUNNING, {Hold.PAUSED}, "ann", "ann", "bob")
    assert about(folded(PLANNED, WANTED, AGREED, STARTED, pause, on))[1:] == (set(), "ann", "ann", "bob")
