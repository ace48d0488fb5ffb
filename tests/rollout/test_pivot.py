"""A failure after a step that cannot be undone: what that one needs stands, on all hosts; all else goes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from depl.events import Event
from depl.rollout.fake import FakeRunner, Machine, Script
from depl.rollout.graph import Plan
from depl.rollout.options import Outcome

Run = Callable[..., Outcome]
Undo = Callable[..., tuple[Outcome, FakeRunner]]

TASKS = {
    "cfg@two": [],
    "conf@one": [],
    "alone@three": [],
    "migrate@one": ["cfg@two"],  # the pivot
    "cache@four": [],
    "app@one": ["cache@four"],
    "web@three": ["app@one", "migrate@one"],
}
PIVOT = Script(fails=["web@three"], pivots=["migrate@one"])


def happened(runner: FakeRunner, what: str) -> set[str]:
    return {id for word, id in runner.log if word == what}


@pytest.fixture
def failed(plan: Callable[..., Plan], runner: Callable[..., FakeRunner], realise: Run) -> Callable[..., Any]:
    """What came of a run that failed after its pivot, and the runner."""

    def run(script: Script = PIVOT, **how: Any) -> tuple[Outcome, FakeRunner]:
        here = runner(script)
        return realise(plan(TASKS), here, **how), here

    return run


@pytest.mark.parametrize("seed", range(5))
def test_what_the_pivot_came_after_stands_and_the_rest_is_put_back(
    failed: Callable[..., Any], machines: dict[str, Machine], seed: int
) -> None:
    outcome, here = failed(Script(fails=["web@three"], pivots=["migrate@one"], seed=seed))
    assert happened(here, "reverse") == {"web@three", "app@one", "cache@four", "alone@three"}
    assert (outcome.status, outcome.pivots, outcome.conflicts) == ("blocked", ["one: it cannot be undone"], [])
    assert sorted(outcome.standing) == [
        "one: conf: 1 change",
        "one: migrate: 1 change",
        "two: cfg, because migrate@one needs it and is not put back",
    ]
    assert {host: machine.journals[0]["unsettled"] for host, machine in machines.items()} == {
        "one": True,
        "two": True,
        "three": False,
        "four": False,
    }


def test_the_last_event_says_what_stands(failed: Callable[..., Any]) -> None:
    events: list[Event] = []
    outcome, _ = failed(emit=events.append)
    assert events[-1].data["pivots"] == outcome.pivots
    assert events[-1].data["standing"] == outcome.standing


def test_deploying_again_goes_on_from_there(
    failed: Callable[..., Any], machines: dict[str, Machine], plan: Callable[..., Plan], realise: Run
) -> None:
    failed()
    again = FakeRunner(machines, Script(unchanged=["cfg@two", "conf@one", "migrate@one"]), rollout="20260102-000000-b")
    assert realise(plan(TASKS), again).status == "succeeded"
    assert not any(machine.journals[0]["unsettled"] for machine in machines.values())


def test_an_undo_stops_there_again_and_with_keep_goes_on(failed: Callable[..., Any], undo: Undo) -> None:
    failed()
    outcome, here = undo(script=PIVOT)
    assert (outcome.status, happened(here, "reverse")) == ("blocked", set())
    assert "two: cfg, because migrate@one needs it and is not put back" in outcome.standing
    outcome, here = undo(script=PIVOT, on_conflict="keep")
    assert (outcome.status, happened(here, "reverse")) == ("reversed", {"migrate@one", "conf@one", "cfg@two"})


def test_an_undo_leaves_what_a_pivot_needed_even_if_its_host_is_lost(
    plan: Callable[..., Plan], runner: Callable[..., FakeRunner], realise: Run, undo: Undo
) -> None:
    tasks = {"cfg@two": [], "final@one": ["cfg@two"], "cache@four": []}
    assert realise(plan(tasks), runner(Script(pivots=["final@one"]))).status == "succeeded"
    outcome, here = undo(script=Script(lost_back=["final@one"], pivots=["final@one"]))
    assert happened(here, "reverse") == {"cache@four"}
    assert (outcome.status, outcome.standing) == (
        "blocked",
        ["two: cfg, because final@one needs it and is not put back"],
    )


def test_what_a_step_needed_that_comes_after_the_pivot_of_its_host_is_put_back(
    plan: Callable[..., Plan], runner: Callable[..., FakeRunner], realise: Run
) -> None:
    tasks = {"db@two": [], "final@one": [], "app@one": ["db@two"]}
    here = runner(Script(fails=["app@one"], pivots=["final@one"]))
    outcome = realise(plan(tasks), here)
    assert happened(here, "reverse") == {"app@one", "db@two"}
    assert outcome.standing == ["one: final: 1 change"]


def test_what_a_lost_host_could_not_undo_holds_what_it_needed(
    plan: Callable[..., Plan], runner: Callable[..., FakeRunner], realise: Run
) -> None:
    tasks = {"cfg@two": [], "final@one": ["cfg@two"], "cache@four": [], "app@one": ["cache@four"]}
    here = runner(Script(lost=["app@one"], pivots=["final@one"]))
    outcome = realise(plan(tasks), here)
    assert happened(here, "reverse") == {"cache@four"}
    assert outcome.standing == ["two: cfg, because final@one needs it and is not put back"]
    assert outcome.status == "blocked"
