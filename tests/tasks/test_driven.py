"""The engine and real hands together."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from depl.events import Event, What
from depl.redact import Redactor
from depl.rollout.engine import drive
from depl.rollout.fake_log import FakeLog
from depl.rollout.folding import State
from depl.rollout.plan import RolloutPlan
from depl.rollout.signals import Signal, SignalFile
from depl.rollout.states import RolloutState
from depl.tasks import Command, Delay, Parallel, Sequential, Task
from depl.tasks.building import tree_of
from depl.tasks.hands import TaskHands


def driven(base: Path, task: Task, emit: Any = lambda _: None) -> State:
    plan, log, state = RolloutPlan("r1", "release", tree_of(task)), FakeLog(), State()
    for recorded in log.append([Event(What.PLANNED, data=plan.as_json())]):
        state.add(recorded)
    hands = TaskHands(None, None, Redactor(), str(base), rollout="r1")
    return drive(plan, state, log, hands, SignalFile(str(base / "r1.signals")), emit=emit)


def test_what_was_done_is_put_back_after_a_failure(tmp_path: Path) -> None:
    task = Sequential(
        Command("touch first", undo="rm first"),
        Parallel(*(Command(f"touch {name}", undo=f"rm {name}") for name in "abc"), limit=2),
        Delay(seconds=0.01, reversible=True),
        Command("ls; exit 1", undo="ls > seen"),
        Command("touch never"),
    )
    state = driven(tmp_path, task)
    assert state.state is RolloutState.REVERSED
    assert (state.failed, state.error and state.error["output"]) == ("4", ["a", "b", "c", "first"])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["seen"]


def test_a_silent_command_is_terminated_and_put_back(tmp_path: Path) -> None:
    signals = SignalFile(str(tmp_path / "r1.signals"))

    def hear(what: Any) -> None:
        if isinstance(what, Event) and what.what is What.TASK_STARTED and what.task == "2":
            threading.Thread(target=signals.post, args=(Signal("terminate", "joe"),)).start()

    task = Sequential(
        Command("touch made", undo="rm made"),
        Command("sleep 600 & sleep 600", undo="touch back"),
        Command("touch never"),
    )
    state = driven(tmp_path, task, hear)
    assert (state.state, state.tasks["3"].state) == (RolloutState.REVERSED, "cancelled")
    assert "ended on request" in (state.error or {})["message"]
    assert (tmp_path / "back").exists() and not (tmp_path / "made").exists()
