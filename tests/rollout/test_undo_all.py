"""Undo on request on many hosts, from their journals alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depl.deploy.stop import Stop
from depl.errors import Locked, NothingToUndo, Unreachable
from depl.events import Event, What
from depl.rollout.fake import FakeRunner, Machine, Script
from depl.rollout.graph import Plan
from depl.rollout.options import Outcome
from depl.rollout.remote import undo_all, undo_plan_all

Planner = Callable[..., Plan]
Run = Callable[..., Outcome]
Runners = Callable[..., FakeRunner]
Undo = Callable[..., tuple[Outcome, FakeRunner]]

FIRST, SECOND = "20260101-000000-aaaa", "20260102-000000-bbbb"
CHAIN = {"db@one": [], "app@two": ["db@one"], "web@three": ["app@two"]}


def happened(runner: FakeRunner, what: str) -> list[str]:
    return [id for word, id in runner.log if word == what]


@pytest.fixture
def deployed(plan: Planner, runner: Runners, realise: Run) -> Callable[..., Outcome]:
    """A rollout that took place: deployed(FIRST, CHAIN, Script(...))."""

    def done(rollout: str, tasks: Any = None, script: Script | None = None, **how: Any) -> Outcome:
        return realise(plan(CHAIN if tasks is None else tasks), runner(script, rollout=rollout), **how)

    return done


def test_a_rollout_is_taken_back_last_ones_first(
    deployed: Callable[..., Outcome], undo: Undo, machines: dict[str, Machine]
) -> None:
    deployed(FIRST)
    outcome, here = undo()
    assert (outcome.status, outcome.changed) == ("reversed", 3)
    assert happened(here, "reverse") == ["web@three", "app@two", "db@one"]
    assert [machine.journals[0]["outcome"] for machine in machines.values() if machine.journals] == ["reversed"] * 3


def test_the_order_holds_through_hosts_on_which_nothing_changed(deployed: Callable[..., Outcome], undo: Undo) -> None:
    for seed in range(10):
        deployed(f"2026010{seed}-000000-aaaa", script=Script(unchanged=["app@two"]))
        _, here = undo(script=Script(seed=seed, slow=["three"]))
        assert happened(here, "reverse") == ["web@three", "db@one"]


def test_the_newest_one_is_taken_back_then_the_one_before(deployed: Callable[..., Outcome], undo: Undo) -> None:
    deployed(FIRST)
    deployed(SECOND, {"db@one": []})
    _, here = undo()
    assert [words for words in here.asked if words[0] == "undo"] == [("undo", "one", SECOND, False)]
    _, here = undo()
    assert {words[2] for words in here.asked if words[0] == "undo"} == {FIRST}
    with pytest.raises(NothingToUndo, match="there is no rollout of production"):
        undo()


def test_one_that_was_cut_off_comes_first(
    deployed: Callable[..., Outcome], plan: Planner, realise: Run, undo: Undo, machines: dict[str, Machine]
) -> None:
    deployed(FIRST, {"a@one": [], "b@two": ["a@one"]}, Script(fails=["b@two"]), on_failure="stop")
    realise(plan({"c@three": []}), FakeRunner({"three": machines["three"]}, rollout=SECOND))
    outcome, here = undo()
    assert outcome.status == "reversed"
    assert happened(here, "reverse") == ["b@two", "a@one"]
    assert machines["three"].journals[0]["outcome"] == "succeeded"


def test_a_named_one_is_taken_back(deployed: Callable[..., Outcome], undo: Undo) -> None:
    deployed(FIRST, {"a@one": []})
    deployed(SECOND, {"b@two": []})
    _, here = undo(FIRST)
    assert happened(here, "reverse") == ["a@one"]


def test_what_cannot_be_undone_is_refused_with_the_reason(deployed: Callable[..., Outcome], undo: Undo) -> None:
    deployed(FIRST)
    undo(FIRST, id="20260301-000000-cccc")
    for rollout, reason in (
        (FIRST, "is taken back already"),
        ("nonsense", "no rollout nonsense of production"),
        (None, "there is no rollout of production"),
    ):
        with pytest.raises(NothingToUndo, match=reason):
            undo(rollout)


def test_an_undo_that_is_named_is_taken_back_first_ones_first(
    deployed: Callable[..., Outcome], undo: Undo, machines: dict[str, Machine]
) -> None:
    deployed(FIRST)
    undone, redone = "20260301-000000-cccc", "20260302-000000-dddd"
    undo(id=undone)
    outcome, here = undo(undone, id=redone)
    assert (outcome.status, outcome.changed) == ("redone", 3)
    assert happened(here, "reverse") == ["db@one", "app@two", "web@three"]
    assert [machine.journals[0]["outcome"] for machine in machines.values() if machine.journals] == ["succeeded"] * 3
    with pytest.raises(NothingToUndo, match="cannot be taken back: it was already"):
        undo(undone)
    outcome, here = undo()
    assert (outcome.status, happened(here, "reverse")) == ("reversed", ["web@three", "app@two", "db@one"])


def test_what_needs_something_that_cannot_be_redone_waits_for_it(deployed: Callable[..., Outcome], undo: Undo) -> None:
    deployed(FIRST)
    undo(id="20260301-000000-cccc")
    outcome, here = undo("20260301-000000-cccc", script=Script(stuck=["app@two"]))
    assert (outcome.status, happened(here, "reverse")) == ("blocked", ["db@one"])
    assert "web@three: left as it is, because it needs app@two, which is not as it was" in outcome.conflicts


def test_a_rollout_of_another_environment_is_left_alone(
    plan: Planner, runner: Runners, realise: Run, undo: Undo
) -> None:
    realise(plan(CHAIN), runner(rollout=FIRST, environment="staging"))
    with pytest.raises(NothingToUndo):
        undo()


def test_hosts_that_have_nothing_of_it_are_let_go(deployed: Callable[..., Outcome], undo: Undo) -> None:
    deployed(FIRST)
    _, here = undo()
    assert ("close", ("four",)) in here.asked
    assert not [words for words in here.asked if words[1:2] == ("four",) and words[0] != "chains"]


def test_a_conflict_leaves_it_blocked_and_force_ends_it(
    deployed: Callable[..., Outcome], undo: Undo, machines: dict[str, Machine]
) -> None:
    deployed(FIRST)
    outcome, _ = undo(script=Script(conflicts=["app@two"]))
    assert (outcome.status, outcome.conflicts) == ("blocked", ["two: app: something else is there now"])
    assert machines["two"].journals[0]["unsettled"]
    outcome, here = undo(script=Script(conflicts=["app@two"]), on_conflict="force")
    assert outcome.status == "reversed"
    assert happened(here, "reverse") == ["app@two"]


def test_reactions_are_repeated_when_all_is_put_back(deployed: Callable[..., Outcome], undo: Undo) -> None:
    deployed(FIRST)
    _, here = undo(script=Script(owed=["db@one", "web@three"]))
    assert here.log[3:5] == [("repeat", "db@one"), ("repeat", "web@three")]


def test_an_abort_leaves_the_rest_for_the_next_undo(deployed: Callable[..., Outcome], undo: Undo) -> None:
    deployed(FIRST)
    stop = Stop()

    def at_once(event: Any) -> None:
        if isinstance(event, Event) and event.what is What.STARTED:
            stop.abort()

    outcome, here = undo(stop=stop, emit=at_once)
    assert (outcome.status, outcome.interrupted, happened(here, "reverse")) == ("blocked", True, [])
    outcome, here = undo()
    assert (outcome.status, len(happened(here, "reverse"))) == ("reversed", 3)


@pytest.mark.parametrize("error", [Unreachable("two does not answer"), Locked("somebody is at work on two")])
def test_what_is_in_the_way_is_raised_before_anything_is_touched(
    error: Any, deployed: Callable[..., Outcome], runner: Runners, tmp_path: Path
) -> None:
    deployed(FIRST)
    here = runner(Script(refuses={"two": error}))
    with pytest.raises(type(error)):
        undo_all("production", here, record_directory=str(tmp_path), id="20260909-000000-0000")
    assert [words[0] for words in here.asked] == ["open", "close"]


class Refusing(FakeRunner):
    """One host has a newer rollout that changed the same."""

    def reply(self, timeout: float | None) -> Any:
        host, reply = super().reply(timeout) or ("", None)
        if host == "two" and type(reply).__name__ == "Undoing":
            return host, NothingToUndo("cannot be taken back before another one")
        return host, reply


def test_if_one_host_refuses_nothing_is_taken_back_anywhere(
    deployed: Callable[..., Outcome], machines: dict[str, Machine], tmp_path: Path
) -> None:
    deployed(FIRST)
    here = Refusing(machines)
    with pytest.raises(NothingToUndo, match="before another one"):
        undo_all("production", here, record_directory=str(tmp_path), id="20260909-000000-0000")
    assert not [words for words in here.asked if words[0] == "reverse"]


def test_a_plan_shows_the_steps_of_each_host_and_touches_nothing(
    deployed: Callable[..., Outcome], runner: Runners
) -> None:
    deployed(FIRST)
    here = runner()
    chosen, journals = undo_plan_all("production", here)
    assert chosen.rollout == FIRST
    assert {host: [step["component"] for step in opened.steps] for host, opened in journals.items()} == {
        "one": ["db"],
        "two": ["app"],
        "three": ["web"],
    }
    assert {words[0] for words in here.asked} == {"open", "chains", "close", "undo"}


@given(tasks=st.data())
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_journals_of_any_order_are_taken_back_whole(tasks: st.DataObject, tmp_path: Path) -> None:
    ids = [f"r{number}@h{tasks.draw(st.integers(0, 4))}" for number in range(10)]
    machines: dict[str, Machine] = {f"h{number}": Machine() for number in range(5)}
    head = {
        "rollouts": [FIRST],
        "undos": [],
        "environments": ["production"],
        "unsettled": False,
        "outcome": "succeeded",
    }
    for id in ids:
        root, _, host = id.partition("@")
        after = tasks.draw(st.lists(st.sampled_from(ids), max_size=3))
        facts = {"root": root, "order": tasks.draw(st.integers(0, 5)), "after": after}
        if not machines[host].journals:
            machines[host].journals.append({**head, "tasks": []})
        machines[host].journals[0]["tasks"].append(facts)
    here = FakeRunner(machines, Script(seed=tasks.draw(st.integers(0, 99))), rollout=SECOND)
    outcome = undo_all("production", here, record_directory=str(tmp_path), id=SECOND, jobs=2)
    assert (outcome.status, sorted(happened(here, "reverse"))) == ("reversed", sorted(ids))
