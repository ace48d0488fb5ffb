"""Stages, soaking, gates and signals of a run on many hosts, with hosts that are no machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from depl.events import Event, What
from depl.protocol.replies import TasksReversed
from depl.rollout.fake import FakeRunner, Machine, Script
from depl.rollout.graph import Plan
from depl.rollout.options import Outcome
from depl.rollout.signals import Signal
from depl.rollout.stages import Staging

STAGES = [["one"], ["two", "three"], ["four"]]
WEB: dict[str, list[str]] = {"web@one": [], "web@two": [], "web@three": [], "web@four": []}


class Posted:
    """Signals that somebody sends as soon as something happens: when("task started", "web", "pause")."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._signals: list[Signal] = []
        self._when: list[tuple[What, str, Signal]] = []

    def when(self, what: What, about: str, name: str, reason: str = "") -> Posted:
        self._when.append((what, about, Signal(name, "alice", reason=reason)))
        return self

    def new(self, after: int) -> list[Signal]:
        return self._signals[after:]

    def post(self, signal: Signal) -> Signal:
        self._signals.append(Signal(signal.name, signal.who, reason=signal.reason, number=len(self._signals) + 1))
        return self._signals[-1]

    def __call__(self, event: Any) -> None:
        if isinstance(event, Event):
            self.events.append(event)
            about = f"{event.task}@{event.host}" if event.task else str(event.data.get("hold") or "")
            for one in [one for one in self._when if one[:2] == (event.what, about)]:
                self._when.remove(one)
                self.post(one[2])

    def told(self, what: What) -> list[Any]:
        return [dict(event.data) for event in self.events if event.what is what]


@pytest.fixture
def run(
    plan: Callable[..., Plan], runner: Callable[..., FakeRunner], realise: Callable[..., Outcome]
) -> Callable[..., tuple[Outcome, FakeRunner]]:
    """A run of the component web on four hosts, or of other tasks: run(Script(), Staging(...), signals)."""

    def run(
        script: Script, staging: Staging, signals: Posted | None = None, tasks: Any = WEB, **how: Any
    ) -> tuple[Outcome, FakeRunner]:
        script.patient = True
        here, signals = runner(script), signals or Posted()
        return realise(plan(tasks), here, staging=staging, signals=signals, emit=signals, **how), here

    return run


Run = Callable[..., tuple[Outcome, FakeRunner]]


def happened(runner: FakeRunner, what: str) -> list[str]:
    return [id for word, id in runner.log if word == what]


def test_a_stage_begins_when_all_hosts_of_the_one_before_are_through(run: Run) -> None:
    outcome, here = run(Script(slow=["two"]), Staging(STAGES))
    assert outcome.status == "succeeded"
    begun = [id for id in here.log if id[0] in ("begin", "end")]
    assert begun[:2] == [("begin", "web@one"), ("end", "web@one")]
    assert begun[-2:] == [("begin", "web@four"), ("end", "web@four")]


def test_what_a_task_came_after_in_another_stage_is_in_the_journals(run: Run) -> None:
    tasks = {"db@one": [], "app@two": ["db@one"], "web@three": ["app@two"]}
    _, here = run(Script(unchanged=["app@two"]), Staging([["one"], ["two"], ["three"]]), tasks=tasks)
    assert here.machines["three"].journals[0]["tasks"][0]["after"] == ["db@one"]


def test_a_canary_that_fails_is_put_back_and_nothing_else_is_touched(run: Run) -> None:
    outcome, here = run(Script(fails=["web@one"]), Staging(STAGES, max_failures=2))
    assert outcome.status == "reversed"
    assert happened(here, "begin") == happened(here, "reverse") == ["web@one"]


def test_a_check_that_turns_red_while_soaking_puts_everything_back(run: Run) -> None:
    signals = Posted()
    outcome, here = run(Script(red=["web@one"]), Staging(STAGES, soak=0.02), signals)
    assert outcome.status == "reversed"
    assert [error.message for error in outcome.errors] == ["web@one is not well"]
    assert happened(here, "begin") == happened(here, "reverse") == ["web@one"]
    assert signals.told(What.STOPPING) == [{"reason": "web@one is not well", "cause": "web@one"}]


def test_all_that_was_deployed_is_watched_also_after_the_last_stage(run: Run) -> None:
    outcome, here = run(Script(red=["web@four"]), Staging(STAGES, soak=0.02))
    assert outcome.status == "reversed"
    assert sorted(happened(here, "reverse")) == sorted(WEB)
    assert {words[1] for words in here.asked if words[0] == "check"} == {"one", "two", "three", "four"}


def test_where_nothing_changed_nobody_waits_and_nobody_is_asked(run: Run) -> None:
    outcome, here = run(Script(unchanged=list(WEB)), Staging(STAGES, soak=3600, gate=True))
    assert outcome.status == "nothing"
    assert not [words for words in here.asked if words[0] == "check"]


def test_a_gate_is_opened_by_an_approval(run: Run) -> None:
    signals = Posted().when(What.HELD, "waiting for approval", "approve")
    outcome, _ = run(Script(), Staging([["one"], ["two", "three", "four"]], gate=True), signals)
    assert outcome.status == "succeeded"
    assert [told["name"] for told in signals.told(What.SIGNALLED)] == ["approve"]
    assert signals.told(What.RELEASED) == [{"hold": "waiting for approval"}]
    assert "depl rollout approve 20260101-000000-0000" in signals.told(What.HELD)[0]["reason"]


def test_a_rejection_puts_everything_back_and_says_who_and_why(run: Run) -> None:
    signals = Posted().when(What.HELD, "waiting for approval", "reject", "too slow")
    outcome, here = run(Script(), Staging(STAGES, gate=True), signals)
    assert outcome.status == "reversed"
    assert [error.message for error in outcome.errors] == ["alice rejected it after stage 1: too slow"]
    assert happened(here, "reverse") == ["web@one"]


def test_a_rejection_without_a_reason_and_other_nonsense_are_refused_aloud(run: Run) -> None:
    signals = (
        Posted().when(What.HELD, "waiting for approval", "reject").when(What.HELD, "waiting for approval", "retry")
    )
    signals.when(What.HELD, "waiting for approval", "resume").when(What.HELD, "waiting for approval", "approve")
    outcome, _ = run(Script(), Staging([["one"], ["two", "three", "four"]], gate=True), signals)
    assert outcome.status == "succeeded"
    assert [told["text"] for told in signals.told(What.WARNING)] == [
        "the signal 'reject' of alice gives no reason",
        "the signal 'retry' of alice makes no sense to a run that follows from a model",
        "the signal 'resume' of alice makes no sense while the run is running",
    ]


def test_hosts_that_may_fail_are_put_back_at_once_and_the_run_goes_on(run: Run) -> None:
    outcome, here = run(Script(fails=["web@two"]), Staging(STAGES, max_failures=1))
    assert (outcome.status, outcome.failed, outcome.changed) == ("partly reversed", ["two"], 3)
    assert happened(here, "reverse") == ["web@two"]
    assert here.log.index(("reverse", "web@two")) < here.log.index(("begin", "web@four"))
    outcomes = {host: machine.journals[0]["outcome"] for host, machine in here.machines.items()}
    assert outcomes == {"one": "succeeded", "two": "reversed", "three": "succeeded", "four": "succeeded"}


def test_whoever_needs_a_host_that_failed_is_put_back_with_it(run: Run) -> None:
    tasks = {"db@one": [], "web@two": ["db@one"], "more@one": ["web@two"], "web@three": []}
    outcome, here = run(Script(fails=["more@one"]), Staging(max_failures=2), tasks=tasks)
    assert (outcome.status, outcome.failed) == ("partly reversed", ["one", "two"])
    assert happened(here, "reverse") == ["more@one", "web@two", "db@one"]


def test_one_failure_too_many_puts_everything_back(run: Run) -> None:
    outcome, here = run(Script(fails=["web@two", "web@four"]), Staging(STAGES, max_failures=1))
    assert outcome.status == "reversed"
    assert sorted(happened(here, "reverse")) == sorted(WEB)
    assert sorted(error.message for error in outcome.errors) == ["web@four does not work", "web@two does not work"]
    assert {machine.journals[0]["outcome"] for machine in here.machines.values()} == {"reversed"}


def test_a_host_that_is_lost_may_fail_too_and_blocks_the_end(run: Run) -> None:
    outcome, here = run(Script(lost=["web@two"]), Staging(STAGES, max_failures=1))
    assert outcome.status == "blocked"
    assert outcome.conflicts == ["two: lost, and what was changed there is not put back"]
    assert sorted(happened(here, "succeeded")) == ["four", "one", "three"]


# -- signals -----------------------------------------------------------------------------------------------------


def test_a_pause_lets_what_runs_end_and_resume_goes_on(run: Run) -> None:
    signals = Posted().when(What.TASK_STARTED, "a@one", "pause").when(What.HELD, "paused", "resume")
    outcome, _ = run(Script(), Staging(), signals, tasks={"a@one": [], "b@two": ["a@one"]})
    assert outcome.status == "succeeded"
    assert [data["hold"] for data in (*signals.told(What.HELD), *signals.told(What.RELEASED))] == ["paused", "paused"]


def test_an_abort_while_paused_goes_back(run: Run) -> None:
    signals = Posted().when(What.TASK_STARTED, "a@one", "pause").when(What.TASK_DONE, "a@one", "abort", "lunch")
    outcome, here = run(Script(), Staging(), signals, tasks={"a@one": [], "b@two": ["a@one"]})
    assert (outcome.status, outcome.interrupted) == ("reversed", True)
    assert outcome.errors[0].message == "alice interrupted the run: lunch"
    assert happened(here, "begin") == happened(here, "reverse") == ["a@one"]


@pytest.mark.parametrize(("names", "status"), [(["keep"], "stopped"), (["keep", "unkeep"], "reversed")])
def test_keep_leaves_it_as_it_is_and_can_be_withdrawn(run: Run, names: list[str], status: str) -> None:
    signals = Posted()
    for name in names:
        signals.when(What.TASK_STARTED, "a@one", name)
    outcome, _ = run(Script(fails=["b@two"]), Staging(), signals, tasks={"a@one": [], "b@two": ["a@one"]})
    assert outcome.status == status


def test_a_way_back_is_paused_and_goes_on(run: Run) -> None:
    signals = Posted().when(What.REVERSING, "", "pause_rollback").when(What.HELD, "reversal paused", "resume")
    outcome, _ = run(Script(fails=["b@two"]), Staging(), signals, tasks={"a@one": [], "b@two": ["a@one"]})
    assert outcome.status == "reversed"
    assert [told["hold"] for told in signals.told(What.RELEASED)] == ["reversal paused"]


class Counting(FakeRunner):
    """Counts the hosts that are at work on the way back at the same time."""

    at_work = most = 0

    def reverse(self, host: str, roots: Any, on_conflict: str) -> None:
        super().reverse(host, roots, on_conflict)
        self.at_work += 1
        self.most = max(self.most, self.at_work)

    def reply(self, timeout: float | None) -> Any:
        answer = super().reply(timeout)
        self.at_work -= answer is not None and isinstance(answer[1], TasksReversed)
        return answer


@pytest.mark.parametrize(("rollback_jobs", "most"), [(1, 1), (2, 2), (None, 3)])
def test_the_way_back_has_its_own_number_of_hosts_at_a_time(
    plan: Callable[..., Plan],
    machines: dict[str, Machine],
    realise: Callable[..., Outcome],
    rollback_jobs: int | None,
    most: int,
) -> None:
    tasks = {"a@one": [], "b@two": [], "c@three": [], "d@four": ["a@one", "b@two", "c@three"]}
    here = Counting(machines, Script(fails=["d@four"]))
    realise(plan(tasks), here, rollback_jobs=rollback_jobs)
    assert here.most == most
