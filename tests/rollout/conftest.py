"""Plans and hosts without machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from depl.rollout.fake import FakeRunner, Machine, Script
from depl.rollout.graph import Plan, Task
from depl.rollout.options import Options, Outcome
from depl.rollout.remote import realise_all, undo_all


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
        return realise_all(
            plan,
            runner,
            Options(str(tmp_path), **how),
            emit or (lambda event: None),
            stop,
            record_directory=str(tmp_path / ".depl"),
            rollout=runner.rollout,
            environment=runner.environment,
            jobs=jobs,
        )

    return realised


@pytest.fixture
def undo(tmp_path: Path, runner: Callable[..., FakeRunner]) -> Callable[..., tuple[Outcome, FakeRunner]]:
    """Takes a rollout back: undo("20260101-...", Script(...)); what came of it, and the runner."""

    def undone(rollout: str | None = None, script: Script | None = None, **how: Any) -> tuple[Outcome, FakeRunner]:
        taking_back = runner(script, rollout=how.pop("id", "20260909-090909-9999"))
        outcome = undo_all(
            "production", taking_back, rollout, record_directory=str(tmp_path / ".depl"), id=taking_back.rollout, **how
        )
        return outcome, taking_back

    return undone
