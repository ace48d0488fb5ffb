"""Plans and hosts without machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from depl.events import Event
from depl.rollout.fake import FakeRunner, Machine, Script
from depl.rollout.folding import State
from depl.rollout.graph import Plan, Task
from depl.rollout.log import Recorded
from depl.rollout.options import Options, Outcome
from depl.rollout.remote import realise_all, undo_all
from depl.rollout.states import TaskState


class Folded:
    """Takes the events of a run and folds them, which refuses what cannot be."""

    def __init__(self, emit: Any = None) -> None:
        self.state, self._emit, self._number = State(), emit, 0

    def __call__(self, event: Any) -> None:
        if isinstance(event, Event):
            self._number += 1
            self.state.add(Recorded(self._number, "", event))
        if self._emit is not None:
            self._emit(event)

    def assert_agrees(self, outcome: Outcome) -> None:
        """What the events come to is how it ended; nothing is left in the middle of something."""
        words = {"nothing": "succeeded", "redone": "succeeded", "stopped": "kept"}
        assert self.state.state == words.get(outcome.status, outcome.status)
        between = {TaskState.DISPATCHED, TaskState.REVERSING}
        if outcome.status not in ("stopped", "redone") and not outcome.interrupted:
            assert not [id for id, task in self.state.tasks.items() if task.state in between]


@pytest.fixture
def folded() -> type[Folded]:
    """Takes events and folds them: folded()."""
    return Folded


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """A plan from tasks in their order, with what they wait for: plan({"db@one": [], "app@two": ["db@one"]})."""

    def made(tasks: Mapping[str, Sequence[str]]) -> Plan:
        known = {
            id: Task(id, id.partition("@")[2], id.partition("@")[0], order) for order, id in enumerate(tasks, start=1)
        }
        return Plan(known, {id: frozenset(earlier) for id, earlier in tasks.items()})

    return made


@pytest.fixture
def machines() -> dict[str, Machine]:
    """Four hosts with nothing on them."""
    return {host: Machine() for host in ("one", "two", "three", "four")}


@pytest.fixture
def runner(machines: dict[str, Machine]) -> Callable[..., FakeRunner]:
    """A runner for these hosts: runner(Script(...), rollout="...")."""
    return lambda script=None, **more: FakeRunner(machines, script, **more)


@pytest.fixture
def realise(tmp_path: Path) -> Callable[..., Outcome]:
    """Deploys a plan: realise(plan, runner, on_failure="stop", jobs=3, stop=...)."""

    def realised(
        plan: Plan, runner: FakeRunner, *, stop: Any = None, jobs: int = 20, emit: Any = None, **how: Any
    ) -> Outcome:
        more = {name: how.pop(name) for name in ("staging", "signals", "rollback_jobs") if name in how}
        folded = Folded(emit)
        outcome = realise_all(
            plan,
            runner,
            Options(str(tmp_path), **how),
            folded,
            stop,
            record_directory=str(tmp_path / ".depl"),
            rollout=runner.rollout,
            environment=runner.environment,
            jobs=jobs,
            **more,
        )
        folded.assert_agrees(outcome)
        return outcome

    return realised


@pytest.fixture
def undo(tmp_path: Path, runner: Callable[..., FakeRunner]) -> Callable[..., tuple[Outcome, FakeRunner]]:
    """Takes a rollout back: undo("20260101-...", Script(...)); what came of it, and the runner."""

    def undone(rollout: str | None = None, script: Script | None = None, **how: Any) -> tuple[Outcome, FakeRunner]:
        taking_back = runner(script, rollout=how.pop("id", "20260909-090909-9999"))
        folded = Folded(how.pop("emit", None))
        outcome = undo_all(
            "production",
            taking_back,
            rollout,
            emit=folded,
            record_directory=str(tmp_path / ".depl"),
            id=taking_back.rollout,
            **how,
        )
        folded.assert_agrees(outcome)
        return outcome, taking_back

    return undone
