"""Soaking and signals of a run on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from depl.component import Component
from depl.errors import UpdateNeeded
from depl.events import What
from depl.lib.file import File
from depl.redact import Redactor
from depl.rollout.signals import Signal, SignalFile
from depl.rollout.states import TaskState


class First(Component):
    def configure(self):
        self += File("first", content="x")


class Second(Component):
    def configure(self):
        self += File("second", content="x")

    def check(self):
        assert not os.path.exists(self.map("../../red")), "somebody said so"


class Sent:
    """Signals that somebody sends as soon as something happened, in the eyes of whoever runs."""

    def __init__(self, world: Any, *wanted: tuple[Callable[[Any], bool], str]) -> None:
        self.world, self.wanted, self.sent = world, list(wanted), []

    def new(self, after: int) -> list[Signal]:
        for happened, name in list(self.wanted):
            if any(map(happened, self.world.events)):
                self.wanted.remove((happened, name))
                self.sent.append(Signal(name, "alice", reason="lunch", number=len(self.sent) + 1))
        return self.sent[after:]


def told(what: What, task: str | None = None) -> Callable[[Any], bool]:
    return lambda event: event.what is what and event.task == task


def test_a_check_that_turns_red_while_it_soaks_puts_everything_back(world):
    class Red(Component):
        checked = 0

        def configure(self):
            self += File("red", content="x")

        def check(self):
            Red.checked += 1
            assert Red.checked < 2, "red"

    outcome = world.run(First, Red, soak=0.05)
    assert outcome.status == "reversed"
    assert "the check failed: red" in outcome.errors[0].message
    assert [event.task for event in world.said(What.TASK_REVERSING)] == ["red", "first"]
    assert not (world.base / "work/first/first").exists()


def test_where_nothing_changed_nobody_waits(world):
    world.run(First)
    assert world.run(First, soak=3600).status == "nothing"


def test_a_pause_holds_what_comes_next_and_an_abort_takes_it_all_back(world):
    signals = Sent(world, (told(What.TASK_DONE, "first"), "pause"), (told(What.HELD), "abort"))
    outcome = world.run(First, Second, signals=signals)
    assert (outcome.status, outcome.interrupted) == ("reversed", True)
    assert world.said(What.HELD)[0].data == {"hold": "paused", "reason": "lunch"}
    assert not [event for event in world.said(What.CHANGED) if event.task == "second"]
    assert not (world.base / "work/first/first").exists()


def test_a_pause_that_is_over_changes_nothing(world):
    signals = Sent(world, (told(What.TASK_DONE, "first"), "pause"), (told(What.HELD), "resume"))
    assert world.run(First, Second, signals=signals).status == "succeeded"
    assert [event.data["name"] for event in world.said(What.SIGNALLED)] == ["pause", "resume"]


def test_keep_leaves_what_failed_as_it_is(world):
    (world.base / "red").touch()
    signals = Sent(world, (told(What.TASK_DONE, "first"), "keep"))
    assert world.run(First, Second, signals=signals).status == "stopped"
    assert (world.base / "work/first/first").exists()


def test_a_command_that_runs_is_ended_by_a_signal_from_another_process(world):
    class Endless(Component):
        def verify(self):
            raise UpdateNeeded("always")

        def update(self):
            (line,) = [event.data["rollout"] for event in world.said(What.STARTED)]
            path = world.base / ".depl" / "rollouts" / f"{line}.signals"
            SignalFile(str(path)).post(Signal("terminate", "bob"))
            self.cmd("sleep 600")

    outcome = world.run(First, Endless)
    assert (outcome.status, outcome.interrupted) == ("reversed", True)
    assert [event.data["who"] for event in world.said(What.SIGNALLED)] == ["bob"]


def test_a_run_that_has_nothing_to_do_leaves_nothing_beside_its_record(world):
    world.run(First)
    before = sorted((world.base / ".depl" / "rollouts").iterdir())
    world.run(First)
    assert sorted((world.base / ".depl" / "rollouts").iterdir()) == before


def test_the_record_says_of_each_task_what_became_of_it_on_the_way_back(world):
    (world.base / "red").touch()
    before = len(world.events)
    outcome = world.run(First, Second)
    states = {id: task.state for id, task in world.fold(outcome, before).tasks.items()}
    assert states == {"first": TaskState.REVERSED, "second": TaskState.REVERSED}


def test_a_secret_that_nobody_knew_who_gave_a_reason_goes_from_the_file_too(tmp_path) -> None:
    redact, path = Redactor(), tmp_path / "r.signals"
    file = SignalFile(str(path), redact)
    for reason in ("because", "it is hunter2hunter2 and no more", "pass"):
        SignalFile(str(path)).post(Signal("skip", "bob", reason=reason))
    size = path.stat().st_size
    redact.learn([("app.password", "hunter2hunter2"), ("app.a_long_name_of_a_short_secret", "pass")])
    reasons = [one.reason for one in file.new(0)]
    assert reasons[:2] == ["because", "it is ‹secret app.password› and no more"]
    assert "hunter2" not in path.read_text() and '"pass"' not in path.read_text()
    assert path.stat().st_size == size
    assert [one.reason for one in SignalFile(str(path)).new(0)] == ["because", "...", "..."]
