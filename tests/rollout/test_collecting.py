"""What is no longer declared, on many hosts: removed after all else went through, and taken back before all else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from depl.deploy.stop import Stop
from depl.errors import Interrupted
from depl.events import Event, What
from depl.protocol.replies import Collected
from depl.redact import Redactor
from depl.rollout.fake import FakeRunner, Machine, Script
from depl.rollout.graph import Plan
from depl.rollout.masking import masked
from depl.rollout.options import Outcome
from depl.rollout.remote import plan_all

Planner = Callable[..., Plan]
Run = Callable[..., Outcome]
Runners = Callable[..., FakeRunner]
Undo = Callable[..., tuple[Outcome, FakeRunner]]

CHAIN = {"db@one": [], "app@two": ["db@one"], "web@three": ["app@two"]}
FIRST, UNDO = "20260101-000000-aaaa", "20260102-000000-bbbb"


def happened(runner: FakeRunner, *words: str) -> list[str]:
    return [id for word, id in runner.log if word in words]


def asked(runner: FakeRunner, what: str) -> list[tuple[Any, ...]]:
    return [words[1:] for words in runner.asked if words[0] == what]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_removed_before_all_went_through_everywhere(
    seed: int, plan: Planner, runner: Runners, realise: Run
) -> None:
    here = runner(Script(undeclared=["one", "four"], seed=seed, slow=["one"]))
    outcome = realise(plan(CHAIN), here, gc=True)
    assert (outcome.status, outcome.changed) == ("succeeded", 5)
    assert happened(here, "end", "collect")[:3] == list(CHAIN)
    assert sorted(happened(here, "collect")) == [".gc@four", ".gc@one", ".gc@three", ".gc@two"]


def test_nobody_is_asked_to_remove_anything_where_it_is_not_wanted(
    plan: Planner, runner: Runners, realise: Run
) -> None:
    here = runner(Script(undeclared=["one"]))
    realise(plan(CHAIN), here)
    assert not asked(here, "collect")


def test_after_a_failure_nothing_is_removed(plan: Planner, runner: Runners, realise: Run) -> None:
    here = runner(Script(undeclared=["one"], fails=["web@three"]))
    outcome = realise(plan(CHAIN), here, gc=True)
    assert outcome.status == "reversed"
    assert not asked(here, "collect")


def test_a_run_that_only_removes_something_has_changed_something(
    plan: Planner, runner: Runners, realise: Run, machines: dict[str, Machine]
) -> None:
    here = runner(Script(undeclared=["two"], unchanged=list(CHAIN)))
    outcome = realise(plan(CHAIN), here, gc=True)
    assert (outcome.status, outcome.changed, outcome.rollout) == ("succeeded", 1, here.rollout)
    assert [name for name, machine in machines.items() if machine.journals] == ["two"]


def test_a_run_that_finds_nothing_to_remove_either_leaves_no_record(
    plan: Planner, runner: Runners, realise: Run
) -> None:
    outcome = realise(plan(CHAIN), runner(Script(unchanged=list(CHAIN))), gc=True)
    assert (outcome.status, outcome.rollout) == ("nothing", None)


@pytest.mark.parametrize("seed", range(3))
def test_where_one_host_cannot_remove_it_everything_is_taken_back_everywhere_and_what_was_removed_first(
    seed: int, plan: Planner, runner: Runners, realise: Run, machines: dict[str, Machine]
) -> None:
    here = runner(Script(undeclared=["one", "two", "four"], fails=[".gc@two"], seed=seed))
    outcome = realise(plan(CHAIN), here, gc=True, jobs=1 + seed)
    assert outcome.status == "reversed"
    assert "does not work" in outcome.errors[0].message
    back = happened(here, "reverse")
    removed = [id for id in back if id.startswith(".gc@")]
    assert back == [*removed, "web@three", "app@two", "db@one"]
    assert ".gc@two" in removed
    assert not any(machine.journals and machine.journals[0]["tasks"] for machine in machines.values())


def test_a_host_that_is_lost_while_it_removes_something_is_named_and_the_others_are_put_back(
    plan: Planner, runner: Runners, realise: Run
) -> None:
    events: list[Any] = []
    here = runner(Script(undeclared=["one", "two"], lost=[".gc@one"]))
    outcome = realise(plan(CHAIN), here, gc=True, emit=events.append)
    assert outcome.status == "blocked"
    assert "one: lost, and what was changed there is not put back" in outcome.conflicts
    assert [id for id in happened(here, "reverse") if not id.startswith(".gc@")] == ["web@three", "app@two"]
    assert not [event for event in events if isinstance(event, Event) and event.what is What.TASK_FAILED]


def test_whoever_wants_to_stop_does_so_before_anything_is_removed(plan: Planner, runner: Runners, realise: Run) -> None:
    stop, here = Stop(), runner(Script(undeclared=["one"]))

    def watch(event: Any) -> None:
        if isinstance(event, Event) and (event.what, event.host) == (What.TASK_STARTED, "three"):
            stop.abort()

    outcome = realise(plan(CHAIN), here, gc=True, stop=stop, emit=watch)
    assert (outcome.status, outcome.interrupted) == ("reversed", True)
    assert isinstance(outcome.errors[0], Interrupted)
    assert not happened(here, "collect")


def test_an_undo_puts_back_on_all_hosts_what_was_removed_before_it_takes_back_anything_else(
    plan: Planner, runner: Runners, realise: Run, undo: Undo, machines: dict[str, Machine]
) -> None:
    realise(plan(CHAIN), runner(Script(undeclared=["one", "four"]), rollout=FIRST), gc=True)
    outcome, here = undo(id=UNDO)
    assert outcome.status == "reversed"
    back = happened(here, "reverse")
    assert sorted(back[:2]) == [".gc@four", ".gc@one"]
    assert back[2:] == ["web@three", "app@two", "db@one"]
    again, here = undo(UNDO)
    assert again.status == "redone"
    assert happened(here, "reverse")[:3] == list(CHAIN)
    assert sorted(happened(here, "reverse")[3:]) == [".gc@four", ".gc@one"]


def test_a_plan_asks_hosts_without_tasks_too(plan: Planner, runner: Runners) -> None:
    here = runner(Script(undeclared=["four"]))
    planned = plan_all(plan(CHAIN), here, lambda event: None)
    assert [host for (host,) in asked(here, "collect")] == ["four"]
    assert planned.changes == len(CHAIN) + 1


def test_an_answer_that_cannot_be_ends_that_host(plan: Planner, runner: Runners, realise: Run) -> None:
    class Liar(FakeRunner):
        def _collect(self, host: str) -> Any:
            return Collected(0, -1)

    here = Liar({"one": Machine()})
    outcome = realise(plan({"db@one": []}), here, gc=True)
    assert outcome.status == "blocked"
    assert "one is not understood: it told of a component with a wrong 'changed'" in outcome.errors[0].message


def test_a_secret_in_a_path_that_is_no_longer_declared_is_not_shown() -> None:
    redact = Redactor()
    redact.learn([("‹secret a›", "hunter2hunter2")])
    shown = masked({"things": [{"what": "/srv/hunter2hunter2/a", "component": "a"}], "removing": False}, redact)
    assert "hunter2" not in str(shown)
    assert shown["things"][0]["component"] == "a"
