"""Which task is sent when: the order of the graph and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random
from types import FrameType
from typing import Any

import pytest

from depl.component import Component, ComponentDefinition, RootComponent
from depl.configure import configure
from depl.environment import Environment
from depl.errors import ConfigurationError
from depl.host import Host
from depl.rollout.dispatch import Dispatch
from depl.rollout.graph import Plan, Task, plan_from_chains, plan_of

Planner = Callable[..., Plan]


def send(dispatch: Dispatch) -> dict[str, list[str]]:
    """Send what may be sent now; the ids by host."""
    batches = dispatch.batches()
    for host, tasks in batches.items():
        dispatch.sent(host, tasks)
    return {host: [task.id for task in tasks] for host, tasks in batches.items()}


# -- what is sent ----------------------------------------------------------------------------------------------


def test_a_host_that_waits_for_nobody_gets_all_at_once(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@one": ["a@one"], "c@one": []}), jobs=5)
    assert send(dispatch) == {"one": ["a@one", "b@one", "c@one"]}
    assert send(dispatch) == {}


def test_what_waits_for_another_host_is_sent_when_that_one_is_through(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@two": [], "c@two": ["a@one"]}), jobs=5)
    assert send(dispatch) == {"one": ["a@one"], "two": ["b@two"]}
    dispatch.ended("b@two", "two")
    assert send(dispatch) == {}
    dispatch.ended("a@one", "one")
    assert send(dispatch) == {"two": ["c@two"]}


def test_a_host_at_work_gets_more_as_soon_as_it_is_free(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@two": [], "c@two": ["a@one"]}), jobs=5)
    send(dispatch)
    dispatch.ended("a@one", "one")
    assert send(dispatch) == {"two": ["c@two"]}


def test_a_host_keeps_its_order_even_where_a_later_task_need_not_wait(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@two": ["a@one"], "c@two": []}), jobs=5)
    assert send(dispatch) == {"one": ["a@one"]}
    dispatch.ended("a@one", "one")
    assert send(dispatch) == {"two": ["b@two", "c@two"]}


def test_no_more_hosts_are_at_work_than_there_are_jobs(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@two": [], "c@three": []}), jobs=2)
    assert send(dispatch) == {"one": ["a@one"], "two": ["b@two"]}
    dispatch.ended("b@two", "two")
    assert send(dispatch) == {"three": ["c@three"]}


def test_a_host_that_waits_for_another_one_takes_no_place(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@one": ["z@three"], "x@two": [], "z@three": []}), jobs=1)
    assert send(dispatch) == {"one": ["a@one"]}
    dispatch.ended("a@one", "one")
    assert send(dispatch) == {"two": ["x@two"]}


def test_after_a_stop_nothing_is_sent(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@two": ["a@one"]}), jobs=5)
    send(dispatch)
    dispatch.stop()
    dispatch.ended("a@one", "one")
    assert send(dispatch) == {}


def test_backwards_everything_comes_in_the_other_order(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@one": [], "c@two": ["a@one"]}), jobs=5, backwards=True)
    assert send(dispatch) == {"one": ["b@one"], "two": ["c@two"]}
    dispatch.ended("b@one", "one")
    assert send(dispatch) == {}
    dispatch.ended("c@two", "two")
    assert send(dispatch) == {"one": ["a@one"]}


def test_nobody_waits_for_a_host_that_is_gone(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@two": ["a@one"], "c@three": ["b@two"]}), jobs=5)
    send(dispatch)
    assert [task.id for task in dispatch.drop("one")] == ["a@one"]
    assert dispatch.drop("two") == []
    assert send(dispatch) == {"three": ["c@three"]}


def test_what_waits_through_a_host_that_is_gone_still_waits(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@two": ["a@one"], "c@two": [], "d@three": ["c@two"]}), jobs=5)
    assert send(dispatch) == {"one": ["a@one"]}
    dispatch.drop("two")
    assert send(dispatch) == {}
    dispatch.ended("a@one", "one")
    assert send(dispatch) == {"three": ["d@three"]}


def test_what_waits_for_something_that_is_left_out_is_left_out_too(plan: Planner) -> None:
    dispatch = Dispatch(plan({"a@one": [], "b@two": ["a@one"], "c@two": [], "d@three": ["b@two"]}), jobs=5)
    assert [task.id for task in dispatch.leave_out("a@one")] == ["b@two", "d@three"]
    assert send(dispatch) == {"one": ["a@one"], "two": ["c@two"]}


# -- how long it takes -----------------------------------------------------------------------------------------


def lines_run(hosts: int) -> int:
    """How many lines of the dispatch run for ten tasks on each of some hosts, with a wait between neighbours."""
    tasks, after = {}, {}
    for number in range(10):
        for host in range(hosts):
            task = Task(f"r{number}@h{host}", f"h{host}", f"r{number}", len(tasks))
            tasks[task.id] = task
            after[task.id] = frozenset([f"r{number - 1}@h{(host + 1) % hosts}"] if number % 3 == 1 else [])
    plan, random, count = Plan(tasks, after), Random(1), 0

    def counting(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith("dispatch.py") or frame.f_code.co_filename == __file__:
            return None
        count += event == "line"
        return counting

    before = sys.gettrace()
    sys.settrace(counting)
    try:
        dispatch, ended = Dispatch(plan, jobs=20), 0
        waiting: list[Task] = []
        while True:
            for host, batch in dispatch.batches().items():
                dispatch.sent(host, batch)
                waiting.extend(batch)
            if not waiting:
                break
            place = random.randrange(len(waiting))
            waiting[place], waiting[-1] = waiting[-1], waiting[place]
            task = waiting.pop()
            dispatch.ended(task.id, task.host)
            ended += 1
    finally:
        sys.settrace(before)
    assert ended == len(plan)
    return count


def test_a_thousand_hosts_cost_ten_times_as_much_as_a_hundred() -> None:
    assert lines_run(1000) < 11 * lines_run(100)


# -- the plan --------------------------------------------------------------------------------------------------


class Base(Component):
    def configure(self) -> None:
        self.provide("base", self.host.name)


class Middle(Component):
    def configure(self) -> None:
        self.require("base")
        self.provide("middle", self.host.name)


class Top(Component):
    def configure(self) -> None:
        self.require("middle")


@pytest.fixture
def environment(tmp_path: Any) -> Environment:
    environment = Environment("test", str(tmp_path))
    for name, cls in (("one", Base), ("two", Middle), ("three", Top), ("four", Base)):
        host = environment.add_host(Host(name))
        definition = ComponentDefinition(cls, str(tmp_path / "component.py"), str(tmp_path))
        environment.add_root(RootComponent(definition.name, environment, host, definition=definition))
    return environment


def test_a_plan_says_who_waits_for_whom(environment: Environment) -> None:
    plan = plan_of(configure(environment), ["one", "two", "three", "four"])
    assert plan.after["middle@two"] == {"base@one", "base@four"}
    assert plan.after["top@three"] == {"middle@two"}
    assert [task.order for task in plan.tasks.values()] == [1, 2, 3, 4]


def test_what_waits_through_something_that_is_not_meant_still_waits(environment: Environment) -> None:
    plan = plan_of(configure(environment), ["one", "two", "three"], ["base", "top"])
    assert plan.after == {"base@one": set(), "top@three": {"base@one"}}


def test_what_waits_through_something_that_is_ignored_still_waits(environment: Environment) -> None:
    next(root for root in environment.roots if root.name == "middle").ignore = True
    plan = plan_of(configure(environment), ["one", "two", "three"])
    assert plan.after == {"base@one": set(), "top@three": {"base@one"}}
    assert [task.id for task in plan.ignored] == ["middle@two"]


def test_the_numbers_are_those_of_the_whole_environment(environment: Environment) -> None:
    plan = plan_of(configure(environment), ["three"])
    assert [task.order for task in plan.tasks.values()] == [4]


def test_tasks_that_wait_for_each_other_are_refused(environment: Environment) -> None:
    model = configure(environment)
    model.providers["base@one"]["top@three"] = ["oops"]  # type: ignore[index]
    with pytest.raises(ConfigurationError, match="wait for each other"):
        plan_of(model, ["one", "two", "three"])


def test_journals_that_contradict_each_other_still_give_a_plan() -> None:
    found = {
        "one": [{"root": "a", "order": 1, "after": ["b@two"]}],
        "two": [{"root": "b", "order": 2, "after": ["a@one", "gone@nowhere"]}],
    }
    assert plan_from_chains(found).after == {"a@one": set(), "b@two": {"a@one"}}
