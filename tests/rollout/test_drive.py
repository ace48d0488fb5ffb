"""A rollout on many hosts, driven with hosts that are no machines: order, failure, the way back, lost hosts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depl.deploy.stop import Stop
from depl.errors import Interrupted, Locked, Unreachable
from depl.events import Event, What
from depl.protocol.replies import Bye, TaskOver, Told
from depl.rollout.fake import FakeRunner, Machine, Script
from depl.rollout.folding import fold
from depl.rollout.graph import Plan, Task
from depl.rollout.options import Options, Outcome
from depl.rollout.records import read_record
from depl.rollout.remote import plan_all, realise_all
from depl.rollout.states import RolloutState

Planner = Callable[..., Plan]
Run = Callable[..., Outcome]
Runners = Callable[..., FakeRunner]


def happened(runner: FakeRunner, what: str) -> list[str]:
    return [id for word, id in runner.log if word == what]


def asked(runner: FakeRunner, what: str) -> list[tuple[Any, ...]]:
    return [words[1:] for words in runner.asked if words[0] == what]


# -- forward ---------------------------------------------------------------------------------------------------


def test_a_run_goes_through_and_is_settled_everywhere(
    plan: Planner, runner: Runners, realise: Run, machines: dict[str, Machine]
) -> None:
    outcome = realise(plan({"db@one": [], "app@two": ["db@one"], "web@three": ["app@two"]}), runner())
    assert (outcome.status, outcome.changed, outcome.errors) == ("succeeded", 3, [])
    assert [machine.journals[0]["outcome"] for machine in machines.values() if machine.journals] == ["succeeded"] * 3


def test_a_run_that_finds_nothing_to_do_says_so_and_leaves_one_line(
    plan: Planner, runner: Runners, realise: Run, machines: dict[str, Machine], tmp_path: Path
) -> None:
    outcome = realise(plan({"a@one": [], "b@two": []}), runner(Script(unchanged=["a@one", "b@two"])))
    assert (outcome.status, outcome.rollout) == ("nothing", None)
    (record,) = (tmp_path / ".depl" / "rollouts").iterdir()
    (line,) = record.read_text().splitlines()
    state = fold(read_record(str(record)))
    assert (state.state, state.hosts, state.environments) == (RolloutState.SUCCEEDED, list(machines), ["production"])
    assert json.loads(line)["data"]["outcome"] == "nothing"


def test_a_host_without_waits_gets_one_message_however_much_it_has_to_do(
    plan: Planner, runner: Runners, realise: Run
) -> None:
    here = runner()
    realise(plan({f"r{number}@one": [] for number in range(50)}), here)
    assert len(asked(here, "start")) == 1


def test_the_message_with_the_last_of_a_host_says_so(plan: Planner, runner: Runners, realise: Run) -> None:
    here = runner()
    realise(plan({"a@one": [], "b@two": [], "c@one": ["b@two"]}), here)
    assert [last for host, _, last in asked(here, "start") if host == "one"] == [False, True]


def test_independent_hosts_are_at_work_at_the_same_time(plan: Planner, runner: Runners, realise: Run) -> None:
    here = runner()
    realise(plan({"a@one": [], "b@two": [], "c@three": []}), here)
    assert [what for what, _ in here.log[:6]].count("end") == 0


def test_a_slow_host_does_not_hold_the_others(plan: Planner, runner: Runners, realise: Run) -> None:
    here = runner(Script(slow=["one"]))
    realise(plan({"a@one": [], "b@two": [], "c@three": ["b@two"], "d@four": ["c@three"]}), here)
    assert happened(here, "end") == ["b@two", "c@three", "d@four", "a@one"]


def test_the_journals_learn_what_a_task_really_came_after(plan: Planner, runner: Runners, realise: Run) -> None:
    here = runner(Script(unchanged=["app@two"]))
    realise(plan({"db@one": [], "app@two": ["db@one"], "web@three": ["app@two"]}), here)
    (web,) = here.machines["three"].journals[0]["tasks"]
    assert web["after"] == ["db@one"]


def test_ignored_tasks_are_named_and_not_sent(plan: Planner, runner: Runners, realise: Run) -> None:
    told: list[Any] = []
    known = plan({"a@one": [], "b@one": []})
    tasks = {**known.tasks, "b@one": replace(known.tasks["b@one"], ignore=True)}
    here = runner()
    realise(Plan(tasks, {"a@one": frozenset()}), here, emit=told.append)
    assert happened(here, "begin") == ["a@one"]
    assert [(e.task, e.host) for e in told if isinstance(e, Event) and e.what is What.TASK_SKIPPED] == [("b", "one")]


def test_events_name_their_host(plan: Planner, runner: Runners, realise: Run) -> None:
    told: list[Any] = []
    realise(plan({"a@one": [], "b@two": []}), runner(), emit=told.append)
    assert {(e.task, e.host) for e in told if e.what is What.TASK_STARTED} == {("a", "one"), ("b", "two")}
    assert [told[0].what, told[-1].what] == [What.STARTED, What.OVER]


# -- failure ---------------------------------------------------------------------------------------------------


def test_after_a_failure_everything_is_put_back_everywhere(
    plan: Planner, runner: Runners, realise: Run, machines: dict[str, Machine]
) -> None:
    here = runner(Script(fails=["web@three"]))
    outcome = realise(plan({"db@one": [], "app@two": ["db@one"], "web@three": ["app@two"]}), here)
    assert outcome.status == "reversed"
    assert [error.message for error in outcome.errors] == ["web@three does not work"]
    assert happened(here, "reverse") == ["web@three", "app@two", "db@one"]
    assert {machine.journals[0]["outcome"] for machine in machines.values() if machine.journals} == {"reversed"}


def test_what_was_not_begun_is_not_touched(plan: Planner, runner: Runners, realise: Run) -> None:
    here = runner(Script(fails=["a@one"]))
    realise(plan({"a@one": [], "b@one": [], "c@two": ["a@one"]}), here)
    assert happened(here, "begin") == ["a@one"]
    assert happened(here, "reverse") == ["a@one"]


def test_hosts_at_work_end_what_they_are_at_and_begin_nothing_more(
    plan: Planner, runner: Runners, realise: Run
) -> None:
    here = runner(Script(fails=["a@one"], slow=["two"]))
    realise(plan({"a@one": [], "b@two": [], "c@two": []}), here)
    assert happened(here, "begin") == ["a@one", "b@two"]
    assert ("two", "hold") in asked(here, "stop")
    assert sorted(happened(here, "reverse")) == ["a@one", "b@two"]


def test_what_is_left_as_it_is_on_request_stays_unsettled(
    plan: Planner, runner: Runners, realise: Run, machines: dict[str, Machine]
) -> None:
    here = runner(Script(fails=["b@two"]))
    outcome = realise(plan({"a@one": [], "b@two": ["a@one"]}), here, on_failure="stop")
    assert outcome.status == "stopped"
    assert not asked(here, "reverse") and not asked(here, "settle")
    assert machines["one"].journals[0]["unsettled"]


def test_reactions_are_repeated_after_all_restores_first_ones_first(
    plan: Planner, runner: Runners, realise: Run
) -> None:
    here = runner(Script(fails=["web@three"], owed=["db@one", "app@two"]))
    realise(plan({"db@one": [], "app@two": ["db@one"], "web@three": ["app@two"]}), here)
    words = [(what, id) for what, id in here.log if what in ("reverse", "repeat")]
    assert words[-3:] == [("reverse", "db@one"), ("repeat", "db@one"), ("repeat", "app@two")]


def test_a_conflict_blocks_its_host_and_no_other(
    plan: Planner, runner: Runners, realise: Run, machines: dict[str, Machine]
) -> None:
    here = runner(Script(fails=["c@three"], conflicts=["b@two"]))
    outcome = realise(plan({"a@one": [], "b@two": [], "c@three": ["a@one", "b@two"]}), here)
    assert outcome.status == "blocked"
    assert outcome.conflicts == ["two: b: something else is there now"]
    assert machines["two"].journals[0]["unsettled"]
    assert machines["one"].journals[0]["outcome"] == "reversed"


def test_what_something_needs_that_cannot_be_taken_back_is_left(plan: Planner, runner: Runners, realise: Run) -> None:
    here = runner(Script(fails=["d@four"], stuck=["b@two"]))
    outcome = realise(plan({"a@one": [], "b@two": ["a@one"], "c@three": [], "d@four": ["b@two", "c@three"]}), here)
    assert outcome.status == "blocked"
    assert sorted(happened(here, "reverse")) == ["c@three", "d@four"]
    assert "a@one: left as it is, because b@two needs it and is not put back" in outcome.conflicts


def test_a_lost_host_is_named_and_the_others_are_put_back(plan: Planner, runner: Runners, realise: Run) -> None:
    here = runner(Script(lost=["b@two"]))
    outcome = realise(plan({"a@one": [], "b@two": ["a@one"]}), here)
    assert outcome.status == "blocked"
    assert outcome.conflicts == ["two: lost, and what was changed there is not put back"]
    assert happened(here, "reverse") == ["a@one"]


def test_a_host_that_is_lost_on_the_way_back_does_not_hold_the_others(
    plan: Planner, runner: Runners, realise: Run
) -> None:
    here = runner(Script(fails=["c@three"], lost_back=["b@two"]))
    outcome = realise(plan({"a@one": [], "b@two": ["a@one"], "c@three": ["b@two"]}), here)
    assert outcome.status == "blocked"
    assert happened(here, "reverse") == ["c@three", "a@one"]


# -- stopping --------------------------------------------------------------------------------------------------


def stopping(stop: Callable[[], None], task: str) -> Callable[[Any], None]:
    def emit(event: Any) -> None:
        if isinstance(event, Event) and event.what is What.TASK_STARTED and event.task == task:
            stop()

    return emit


def test_an_abort_lets_the_running_ones_end_and_goes_back(plan: Planner, runner: Runners, realise: Run) -> None:
    stop, here = Stop(), runner()
    outcome = realise(
        plan({"a@one": [], "b@one": [], "c@two": ["b@one"]}), here, stop=stop, emit=stopping(stop.abort, "a")
    )
    assert (outcome.status, outcome.interrupted) == ("reversed", True)
    assert isinstance(outcome.errors[0], Interrupted)
    assert asked(here, "stop") == [("one", "abort")]
    assert happened(here, "reverse") == ["a@one"]


def test_insisting_terminates(plan: Planner, runner: Runners, realise: Run) -> None:
    stop, here = Stop(), runner()
    outcome = realise(plan({"a@one": []}), here, stop=stop, emit=stopping(stop.terminate, "a"))
    assert (outcome.status, outcome.interrupted) == ("reversed", True)
    assert asked(here, "stop") == [("one", "terminate")]


def test_whatever_fails_first_after_an_abort_is_an_interruption(plan: Planner, runner: Runners, realise: Run) -> None:
    for script in (Script(fails=["a@one"]), Script(lost=["a@one"])):
        stop = Stop()
        outcome = realise(plan({"a@one": []}), runner(script), stop=stop, emit=stopping(stop.abort, "a"))
        assert outcome.interrupted and not isinstance(outcome.errors[0], Interrupted)


def test_what_failed_before_an_abort_is_a_failure(plan: Planner, runner: Runners, realise: Run) -> None:
    stop = Stop()

    def emit(event: Any) -> None:
        if isinstance(event, Event) and event.what is What.REVERSING:
            stop.abort()

    outcome = realise(plan({"a@one": []}), runner(Script(fails=["a@one"])), stop=stop, emit=emit)
    assert (outcome.status, outcome.interrupted) == ("reversed", False)


class Impatient(FakeRunner):
    """Answers only when asked twice, and somebody insists as soon as something is put back."""

    wish: Stop
    turn = False

    def reverse(self, host: str, roots: Any, on_conflict: str) -> None:
        super().reverse(host, roots, on_conflict)
        self.wish.abort()
        self.wish.abort()

    def reply(self, timeout: float | None) -> Any:
        self.turn = not self.turn
        return None if self.turn else super().reply(timeout)


def test_insisting_on_the_way_back_holds_for_all_that_is_sent_later(
    plan: Planner, machines: dict[str, Machine], realise: Run
) -> None:
    here = Impatient(machines, Script(fails=["d@two"]))
    here.wish = Stop()
    tasks = {"a@one": [], "b@two": ["a@one"], "c@one": ["b@two"], "d@two": ["c@one"]}
    assert realise(plan(tasks), here, stop=here.wish).status == "reversed"
    assert asked(here, "stop") == [(host, "terminate") for host in ("two", "one", "two", "one")]


def test_an_abort_after_the_last_one_changes_nothing(plan: Planner, runner: Runners, realise: Run) -> None:
    stop, here = Stop(), runner()
    assert realise(plan({"a@one": []}), here, stop=stop, emit=stopping(stop.abort, "a")).status == "succeeded"


# -- what is in the way ----------------------------------------------------------------------------------------


def test_a_host_that_cannot_be_reached_fails_the_run_before_anything_is_changed(
    plan: Planner, runner: Runners, realise: Run
) -> None:
    here = runner(Script(refuses={"two": Unreachable("two does not answer")}))
    outcome = realise(plan({"a@one": [], "b@two": []}), here)
    assert (outcome.status, [error.message for error in outcome.errors]) == ("reversed", ["two does not answer"])
    assert not asked(here, "start")
    assert asked(here, "close") == [(None,)]


def test_an_abort_while_hosts_are_opened_is_an_interruption(plan: Planner, runner: Runners, realise: Run) -> None:
    stop = Stop()
    stop.abort()
    outcome = realise(plan({"a@one": []}), runner(Script(refuses={"one": Interrupted("interrupted")})), stop=stop)
    assert (outcome.status, outcome.interrupted) == ("reversed", True)


def test_it_is_one_too_where_a_host_failed_otherwise(plan: Planner, runner: Runners, realise: Run) -> None:
    stop = Stop()
    stop.abort()
    outcome = realise(plan({"a@one": []}), runner(Script(refuses={"one": Unreachable("no answer")})), stop=stop)
    assert (outcome.status, outcome.interrupted) == ("reversed", True)


def test_a_lock_is_raised_and_the_rest_is_told(plan: Planner, runner: Runners, realise: Run) -> None:
    told: list[Any] = []
    refuses = {"one": Unreachable("one does not answer"), "two": Locked("somebody is at work on two")}
    here = runner(Script(refuses=refuses))
    with pytest.raises(Locked, match="somebody"):
        realise(plan({"a@one": [], "b@two": []}), here, emit=told.append)
    assert [event.data["text"] for event in told] == ["one does not answer"]
    assert asked(here, "close") == [(None,)]


class Garbled(FakeRunner):
    """One host answers nonsense."""

    nonsense: Any = None

    def reply(self, timeout: float | None) -> Any:
        host, reply = super().reply(timeout) or ("", None)
        if host == "two" and isinstance(reply, TaskOver):
            self._work["two"].clear()
            return host, self.nonsense
        return host, reply


@pytest.mark.parametrize(
    "nonsense", [TaskOver(0, "another"), Bye(), Told(0, "exploded"), 7], ids=["another task", "bye", "event", "number"]
)
def test_a_host_that_makes_no_sense_is_let_go_and_the_others_are_put_back(
    nonsense: Any, plan: Planner, machines: dict[str, Machine], realise: Run
) -> None:
    here = Garbled(machines)
    here.nonsense = nonsense
    outcome = realise(plan({"a@one": [], "b@two": ["a@one"]}), here)
    assert outcome.status == "blocked"
    assert "two is not understood" in outcome.errors[0].message
    assert (("two",),) in asked(here, "close")
    assert happened(here, "reverse") == ["a@one"]


# -- record and plan -------------------------------------------------------------------------------------------


def test_the_record_names_the_host_of_each_event(plan: Planner, runner: Runners, realise: Run, tmp_path: Path) -> None:
    here = runner(Script(lost=["b@two"]))
    realise(plan({"a@one": [], "b@two": ["a@one"]}), here)
    lines = (tmp_path / ".depl/rollouts" / f"{here.rollout}.jsonl").read_text().splitlines()
    facts = [json.loads(line) for line in lines]
    assert [fact["host"] for fact in facts if fact["what"] == "task failed"] == ["two"]
    assert facts[-1]["data"]["outcome"] == "blocked"


def test_a_plan_adds_up_what_the_hosts_would_do(plan: Planner, runner: Runners) -> None:
    script = Script(unchanged=["a@one"], fails=["c@two"])
    planned = plan_all(plan({"a@one": [], "b@one": [], "c@two": ["a@one"]}), runner(script), lambda event: None)
    assert planned.changes == 2
    assert [error.message for error in planned.errors] == ["c@two would not work"]
    assert sorted(planned.unknown) == ["one: a: a command", "one: b: a command", "two: c: a command"]


# -- whatever happens ------------------------------------------------------------------------------------------


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any tasks on any hosts, each waiting for any earlier ones."""
    hosts = draw(st.lists(st.integers(0, 6), min_size=1, max_size=24))
    ids = [f"r{number}@h{host}" for number, host in enumerate(hosts)]
    tasks = {id: Task(id, f"h{hosts[number]}", f"r{number}", number) for number, id in enumerate(ids)}
    after = {}
    for number, id in enumerate(ids):
        earlier = draw(st.lists(st.sampled_from(ids[:number]), max_size=3, unique=True)) if number else []
        after[id] = frozenset(earlier)
    return Plan(tasks, after)


@st.composite
def scripts(draw: st.DrawFn, plan: Plan, *, trouble: bool, stuck: bool = False) -> Script:
    some = st.lists(st.sampled_from(list(plan.tasks)), max_size=2, unique=True)
    calm = st.just([])
    return Script(
        fails=draw(some if trouble else calm),
        lost=draw(some if trouble else calm),
        lost_back=draw(some if trouble else calm),
        unchanged=draw(st.lists(st.sampled_from(list(plan.tasks)), unique=True)),
        owed=draw(some),
        stuck=draw(some if stuck else calm),
        conflicts=draw(some if stuck else calm),
        slow=draw(st.lists(st.sampled_from(sorted(plan.by_host)), max_size=2, unique=True)),
        seed=draw(st.integers(0, 1000)),
    )


anything = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def run_it(
    plan: Plan, script: Script, jobs: int, tmp_path: Path, folded: Any, on_failure: str = "rollback"
) -> tuple[Outcome, FakeRunner]:
    events = folded()
    here = FakeRunner({host: Machine() for host in sorted(plan.by_host)}, script)
    outcome = realise_all(
        plan,
        here,
        Options(str(tmp_path), on_failure=on_failure),
        events,
        record_directory=str(tmp_path / ".depl"),
        rollout=here.rollout,
        environment="production",
        jobs=jobs,
    )
    events.assert_agrees(outcome)
    return outcome, here


def assert_order(plan: Plan, runner: FakeRunner) -> None:
    """Whoever is waited for on another host had ended before; a host does its own in order."""
    ended, begun = set(), dict.fromkeys(plan.by_host, -1)
    for what, id in runner.log:
        if what == "end":
            ended.add(id)
        elif what == "sent":
            host = plan.tasks[id].host
            assert {one for one in plan.after[id] if plan.tasks[one].host != host} <= ended
        elif what == "begin":
            task = plan.tasks[id]
            assert plan.after[id] <= ended and begun[task.host] < task.order
            begun[task.host] = task.order


def assert_jobs(plan: Plan, runner: FakeRunner, jobs: int) -> None:
    at_work: Counter[str] = Counter()
    for what, id in runner.log:
        if what == "sent":
            at_work[plan.tasks[id].host] += 1
        elif what in ("end", "dropped"):
            at_work[plan.tasks[id].host] -= 1
            if id in runner.script.lost:
                del at_work[plan.tasks[id].host]
        assert len([host for host, count in at_work.items() if count > 0]) <= jobs


@given(data=st.data(), jobs=st.sampled_from([1, 3, 20]))
@anything
def test_the_order_is_never_violated(data: st.DataObject, jobs: int, tmp_path: Path, folded: Any) -> None:
    plan = data.draw(plans())
    outcome, here = run_it(plan, data.draw(scripts(plan, trouble=False)), jobs, tmp_path, folded)
    assert outcome.status in ("succeeded", "nothing")
    assert_order(plan, here)
    assert_jobs(plan, here, jobs)
    assert sorted(happened(here, "end")) == sorted(plan.tasks)


@given(data=st.data(), jobs=st.sampled_from([1, 3, 20]))
@anything
def test_whatever_fails_all_that_began_is_put_back_once_in_the_other_order(
    data: st.DataObject, jobs: int, tmp_path: Path, folded: Any
) -> None:
    plan = data.draw(plans())
    script = data.draw(scripts(plan, trouble=True))
    outcome, here = run_it(plan, script, jobs, tmp_path, folded)
    assert_order(plan, here)
    assert_jobs(plan, here, jobs)
    bad = [place for place, (what, id) in enumerate(here.log) if what == "end" and id in {*script.fails, *script.lost}]
    bad = [place for place in bad if here.log[place][1] not in script.unchanged]
    if not bad:
        assert outcome.status in ("succeeded", "nothing")
        return
    later = [what for what, _ in here.log[bad[0] :]]
    assert "sent" not in later and "begin" not in later
    began = {id for id in happened(here, "end") if id not in script.unchanged}
    reachable = {id for id in began if plan.tasks[id].host not in here.gone}
    counted = Counter(happened(here, "reverse"))
    assert reachable <= set(counted) <= began
    assert set(counted.values()) <= {1}
    assert outcome.status == ("blocked" if here.gone else "reversed")
    for host in here.gone:
        assert any(line.startswith(f"{host}: lost") for line in outcome.conflicts)
    for host, machine in here.machines.items():
        if host not in here.gone and machine.journals:
            assert (machine.journals[0]["outcome"], machine.journals[0]["tasks"]) == ("reversed", [])
    assert_way_back(plan, here, began)


def assert_way_back(plan: Plan, runner: FakeRunner, began: set[str]) -> None:
    """A task goes back after all those that needed it, but for those that are out of reach."""
    place = {id: number for number, (what, id) in enumerate(runner.log) if what == "reverse"}
    needs: dict[str, set[str]] = {}
    for id in plan.after:  # also through others
        needs[id] = set().union(*({one} | needs[one] for one in plan.after[id]))
        for one in needs[id] & began:
            if id in began and id in place and one in place:
                assert place[id] < place[one]
    for tasks in plan.by_host.values():
        places = [place[task.id] for task in tasks if task.id in place]
        assert places == sorted(places, reverse=True)
    repeats = [number for number, (what, _) in enumerate(runner.log) if what == "repeat"]
    assert not repeats or min(repeats) > max(place.values())


@given(data=st.data(), jobs=st.sampled_from([1, 3, 20]))
@anything
def test_whatever_cannot_be_put_back_what_it_needs_stays_and_the_rest_goes(
    data: st.DataObject, jobs: int, tmp_path: Path, folded: Any
) -> None:
    plan = data.draw(plans())
    script = data.draw(scripts(plan, trouble=True, stuck=True))
    outcome, here = run_it(plan, script, jobs, tmp_path, folded)
    assert_jobs(plan, here, jobs)
    began = {id for id in happened(here, "end") if id not in script.unchanged}
    reversed = Counter(happened(here, "reverse"))
    assert set(reversed.values()) <= {1} and set(reversed) <= began
    if not reversed or here.gone:
        return
    assert_way_back(plan, here, began)
    remaining = began - set(reversed)
    assert (outcome.status == "blocked") == bool(remaining)
    for host, machine in here.machines.items():
        if machine.journals:
            tasks = {f"{task['root']}@{host}" for task in machine.journals[0]["tasks"]}
            assert tasks == {id for id in remaining if plan.tasks[id].host == host}
            assert machine.journals[0]["unsettled"] == bool(tasks)
