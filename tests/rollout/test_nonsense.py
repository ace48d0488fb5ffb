"""Hosts that answer what cannot be: none of them ends the run on the others, and nobody waits for them for ever."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depl.errors import DeplError, Lost, Mistakes
from depl.events import Event, What
from depl.protocol.failures import error_from_json
from depl.protocol.replies import Found, Repeated, TaskOver, TasksReversed, Told, Undoing
from depl.report.errors import error_lines
from depl.report.fleet import FleetReport, fleet_end_lines
from depl.report.jsonlines import plain
from depl.report.lines import Printer
from depl.report.tally import Tally
from depl.rollout.fake import FakeRunner, Machine, Script
from depl.rollout.graph import NONE, Plan, Task
from depl.rollout.options import Options, Outcome
from depl.rollout.remote import realise_all, undo_all, undo_plan_all

Planner = Callable[..., Plan]
Run = Callable[..., Outcome]
Mangle = Callable[[Any], Any]
UNDO = "20260909-090909-9999"


class Mangled(FakeRunner):
    """The first answer of some kind that a host gives is another one than it should be."""

    def garble(self, host: str, kind: type[Any], mangle: Mangle) -> Mangled:
        self._garbled, self._kind, self._mangle, self._done = host, kind, mangle, False
        return self

    def reply(self, timeout: float | None) -> Any:
        host, reply = super().reply(timeout) or ("", None)
        if host == self._garbled and isinstance(reply, self._kind) and not self._done:
            self._done = True
            reply = self._mangle(reply)
        return host, reply


class Shown:
    """Takes events as `depl remote` does."""

    def __init__(self) -> None:
        self.tally, self.out = Tally(), io.StringIO()
        self.report = FleetReport(Printer(self.out, self.out), tasks=2, verbose=True)

    def __call__(self, event: Any) -> None:
        self.tally(event)
        self.report(event)

    def end(self, outcome: Outcome) -> None:
        lines = fleet_end_lines(outcome, "production", self.tally, hosts=2, components=2, took=1.0)
        self.report.printer.show(lines)


def happened(runner: FakeRunner, what: str) -> list[str]:
    return [id for word, id in runner.log if word == what]


def telling(what: What, **facts: Any) -> Mangle:
    return lambda told: told._replace(what=what.value, data=facts)


CHAIN = {"a@one": [], "b@two": ["a@one"]}


# -- forward ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mangle",
    [
        telling(What.CHANGED, changes=5),
        telling(What.CHANGED, changes=[5]),
        telling(What.CHANGED, changes=[{"diff": 5}]),
        telling(What.CHANGED, changes=[{"path": ["a"]}]),
        telling(What.CHANGED, changes=[{"size": "x"}]),
        telling(What.CHANGED, seconds=[1]),
        telling(What.TASK_DONE, seconds="x"),
        telling(What.TASK_DONE, seconds=float("nan")),
        telling(What.TASK_DONE, seconds=float("inf")),
        telling(What.TASK_FAILED, output=[["x"]]),
        telling(What.TASK_FAILED, error={"x": 1}),
        telling(What.REVERSED, change=5),
    ],
)
def test_a_host_that_tells_nonsense_is_let_go_and_the_others_are_put_back(
    mangle: Mangle, plan: Planner, machines: dict[str, Machine], realise: Run
) -> None:
    here, shown = Mangled(machines).garble("two", Told, mangle), Shown()
    outcome = realise(plan(CHAIN), here, emit=shown)
    shown.end(outcome)
    assert outcome.status == "blocked"
    assert isinstance(outcome.errors[0], Lost)
    assert outcome.errors[0].message.startswith("two is not understood: it told of ")
    assert ("close", ("two",)) in here.asked
    assert happened(here, "reverse") == ["a@one"]


def test_a_host_that_cannot_count_is_let_go(plan: Planner, machines: dict[str, Machine], realise: Run) -> None:
    here = Mangled(machines).garble("two", TaskOver, lambda over: over._replace(changed=-1))
    outcome = realise(plan(CHAIN), here)
    assert [error.message for error in outcome.errors] == [
        "two is not understood: it told of a component with a wrong 'changed'"
    ]
    assert (outcome.changed, happened(here, "reverse")) == (1, ["a@one"])


def test_what_cannot_be_passed_on_lets_go_of_the_host_that_told_it(
    plan: Planner, machines: dict[str, Machine], realise: Run
) -> None:
    def emit(event: Any) -> None:
        if isinstance(event, Event) and event.what is What.TASK_STARTED and event.host == "two":
            raise TypeError("nobody thought of this")

    here = FakeRunner(machines)
    outcome = realise(plan(CHAIN), here, emit=emit)
    assert outcome.errors[0].message.endswith("cannot be passed on (TypeError: nobody thought of this)")
    assert (outcome.status, happened(here, "reverse")) == ("blocked", ["a@one"])


def test_a_failure_in_words_that_nobody_understands_is_a_failure(
    plan: Planner, machines: dict[str, Machine], realise: Run
) -> None:
    errors = [{"class": "Mistakes", "mistakes": 5}]
    here = Mangled(machines).garble("two", TaskOver, lambda over: over._replace(errors=errors))
    outcome = realise(plan(CHAIN), here)
    assert (outcome.status, happened(here, "reverse")) == ("reversed", ["b@two", "a@one"])


SHOWN = ("verb", "path", "before", "after", "way_back", "reason", "size", "diff", "command", "text")
FAILED = ("error", "place", "hint", "output", "seconds", "changes", "change")
WRONG = ("message", "component", "file", "line", "cmd", "returncode", "stdout", "stderr", "mistakes", "who", "class")
NAMES = st.sampled_from(SHOWN + FAILED + WRONG)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=10,
)
anything = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(what=st.sampled_from(What), facts=st.dictionaries(NAMES, values, max_size=6))
@anything
def test_whatever_a_host_tells_the_run_and_its_report_come_to_their_end(
    what: What, facts: dict[str, Any], tmp_path: Path
) -> None:
    tasks = {"a@one": Task("a@one", "one", "a", 1), "b@two": Task("b@two", "two", "b", 2)}
    here = Mangled({"one": Machine(), "two": Machine()}).garble("two", Told, telling(what, **facts))
    shown = Shown()
    outcome = realise_all(
        Plan(tasks, {"a@one": NONE, "b@two": frozenset(["a@one"])}),
        here,
        Options(str(tmp_path)),
        shown,
        record_directory=str(tmp_path),
        rollout=here.rollout,
        environment="production",
    )
    shown.end(outcome)
    assert outcome.status in ("succeeded", "blocked")
    assert (outcome.status == "blocked") == (happened(here, "reverse") == ["a@one"])


# -- errors ----------------------------------------------------------------------------------------------------


@given(kind=values | st.sampled_from(["Mistakes", "CmdExecutionError", "TakenOver", "Lost", "Any"]), facts=values)
@anything
def test_whatever_a_host_calls_an_error_is_one(kind: Any, facts: Any) -> None:
    facts = facts if isinstance(facts, dict) else {"mistakes": [facts]}
    error = error_from_json({**facts, "class": kind})
    assert error.message and error.sort_key
    assert error_lines(error) and json.dumps(plain(error))


def test_mistakes_within_mistakes_without_end_are_cut_short() -> None:
    facts: dict[str, Any] = {"class": "Mistakes", "message": "the innermost"}
    for _ in range(5000):
        facts = {"class": "Mistakes", "message": "one of them", "mistakes": [facts]}
    error = error_from_json(facts)
    assert isinstance(error, Mistakes)
    assert [one.message for one in error.mistakes] == ["one of them"]


# -- back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", [[], ["b"], ["b", "c", "c"], ["b", "d"]], ids=str)
def test_a_way_back_that_is_not_about_what_was_asked_lets_go_of_the_host(
    tasks: list[str], plan: Planner, machines: dict[str, Machine], realise: Run
) -> None:
    here = Mangled(machines, Script(fails=["e@three"]))
    here.garble("two", TasksReversed, lambda reply: reply._replace(tasks=tasks))
    outcome = realise(plan({"a@one": [], "b@two": ["a@one"], "c@two": [], "e@three": ["c@two"]}), here)
    assert outcome.status == "blocked"
    assert outcome.conflicts == ["two: lost, and what was changed there is not put back"]
    assert happened(here, "reverse")[-1] == "a@one"


def test_a_way_back_is_about_what_was_asked_first(plan: Planner, machines: dict[str, Machine], realise: Run) -> None:
    here = Mangled(machines, Script(fails=["d@three"], slow=["two"]))
    here.garble("two", TasksReversed, lambda reply: reply._replace(tasks=["a"]))
    tasks = {"a@two": [], "b@one": ["a@two"], "c@two": [], "d@three": ["b@one", "c@two"]}
    outcome = realise(plan(tasks), here)
    assert [words[2] for words in here.asked if words[:2] == ("reverse", "two")] == [("c",), ("a",)]
    assert outcome.conflicts == ["two: lost, and what was changed there is not put back"]


def test_repeated_reactions_that_are_not_those_asked_for_let_go_of_the_host(
    plan: Planner, machines: dict[str, Machine], realise: Run
) -> None:
    here = Mangled(machines, Script(fails=["b@two"], owed=["a@one", "b@two"]))
    here.garble("one", Repeated, lambda reply: reply._replace(tasks=[]))
    outcome = realise(plan(CHAIN), here)
    assert outcome.conflicts == ["one: lost, and what was changed there is not put back"]
    assert machines["two"].journals[0]["outcome"] == "reversed"


# -- undo ------------------------------------------------------------------------------------------------------


def journals(*chains: dict[str, Any]) -> Mangle:
    return lambda _: Found(list(chains))


def opened(*tasks: dict[str, Any]) -> Mangle:
    return lambda _: Undoing(list(tasks))


@pytest.mark.parametrize(
    ("kind", "mangle"),
    [
        (Found, journals({"rollouts": 5, "environments": ["production"], "unsettled": True})),
        (Found, journals({"rollouts": [5], "environments": ["production"], "unsettled": True})),
        (Found, journals({"rollouts": [UNDO], "environments": 5, "unsettled": True})),
        (Found, journals({"rollouts": [UNDO], "environments": ["production"], "undos": 5})),
        (Undoing, opened({"order": 1})),
        (Undoing, opened({"root": 5})),
        (Undoing, opened({"root": "b", "order": "first"})),
        (Undoing, opened({"root": "b", "order": 1, "after": 5})),
        (Undoing, opened({"root": "b", "order": 1, "after": [["a@one"]]})),
    ],
)
def test_a_journal_that_makes_no_sense_ends_an_undo_before_anything_is_touched(
    kind: type[Any], mangle: Mangle, plan: Planner, machines: dict[str, Machine], realise: Run, tmp_path: Path
) -> None:
    realise(plan(CHAIN), FakeRunner(machines))
    here = Mangled(machines, rollout=UNDO).garble("two", kind, mangle)
    with pytest.raises(Lost, match="two is not understood: it told of a journal with"):
        undo_all("production", here, record_directory=str(tmp_path), id=UNDO)
    assert not happened(here, "reverse")
    assert here.asked[-1] == ("close", None)


def test_journals_without_a_rollout_are_passed_over(
    plan: Planner, machines: dict[str, Machine], realise: Run, tmp_path: Path
) -> None:
    realise(plan(CHAIN), FakeRunner(machines))
    nothing = {"rollouts": [], "environments": ["production"], "unsettled": True}
    here = Mangled(machines, rollout=UNDO).garble("three", Found, journals(nothing))
    assert undo_all("production", here, record_directory=str(tmp_path), id=UNDO).status == "reversed"


@pytest.mark.parametrize("step", [{}, {"component": "b", "shown": 5, "conflict": ""}, {"component": 5}])
def test_steps_that_make_no_sense_end_the_plan_of_an_undo(
    step: dict[str, Any], plan: Planner, machines: dict[str, Machine], realise: Run
) -> None:
    realise(plan(CHAIN), FakeRunner(machines))
    here = Mangled(machines, rollout=UNDO).garble("two", Undoing, lambda reply: reply._replace(steps=[step]))
    with pytest.raises(DeplError, match="two is not understood: it told of a way back with"):
        undo_plan_all("production", here)
