"""Where Kettle misled its users while a rollout ran, failed and went back: each of these is right here.

The name of a test says the right conduct, a comment what Kettle did. What needs commands is in
test_kettle_commands.py, weaknesses of other kinds are in test_kettle_weaknesses.py.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rollouts_by_hand import Rehearsal, driven, one, rehearsal, side, told

from depl.events import Event, Output, What
from depl.report.next_steps import next_steps
from depl.rollout.fake_hands import HandsScript
from depl.rollout.files import load
from depl.rollout.folding import State
from depl.rollout.signals import Signal, SignalFile
from depl.rollout.states import Block, Hold, RolloutState
from depl.tasks import Command, Parallel, Sequential

OWN = """\
from depl.tasks import Task

class Half(Task):
    def run(self):
        self.state["made"] = {"files": []}
        self.save()
        for name in ["a", "b"]:
            self.state["made"]["files"].append(name)
            self.subprocess(["touch", name])
        raise RuntimeError("no room for c")

    def reverse(self):
        self.subprocess(["rm", *self.state["made"]["files"]])
"""


@pytest.fixture
def own(tmp_path: Path) -> Any:
    """Tasks as users write them."""
    file = tmp_path / "rollouts/own.py"
    file.parent.mkdir()
    file.write_text(OWN)
    return load(str(file))


def looks_well(state: State) -> bool:
    return "succeeded" in told(state) or "finished" in told(state)


def at_work(id: str) -> Any:
    return lambda state: state.tasks[id].state == "dispatched"


def goes_back(state: State) -> bool:
    return state.state is RolloutState.REVERSING


def order(run: Rehearsal, what: What) -> list[str]:
    return [recorded.event.task or "" for recorded in run.log.read() if recorded.event.what is what]


def is_alive(pid: str) -> bool:
    """Whether it is a process, and not only what is left of one in the table."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def until(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


# -- 1.4, forward ---------------------------------------------------------------------------------------------


# leaf raises in run: containers record success themselves
def test_what_raises_fails_and_no_container_around_it_looks_well(tmp_path: Path, own: Any) -> None:
    state = driven(tmp_path, Sequential(Sequential(Parallel(own.Half())), Command("touch after")))
    error = state.error or {}
    assert (error["message"], error["line"], state.failed) == ("no room for c", 10, "1/1/1")
    assert (state.state, state.tasks["2"].state) == (RolloutState.REVERSED, "cancelled")
    assert not (tmp_path / "after").exists()
    assert not looks_well(state) and "done" not in told(state)


# failed leaf on rollback: is reverted. State changed in run is lost in a crash, and nested changes are not noticed
def test_what_failed_half_way_is_taken_back_with_all_that_it_noted_so_far(tmp_path: Path, own: Any) -> None:
    made = []
    state = driven(tmp_path, own.Half(), lambda what: made.extend(path.name for path in tmp_path.glob("[ab]")))
    assert {"a", "b"} <= set(made)
    assert state.tasks["0"].saved == {"made": {"files": ["a", "b"]}}
    assert not list(tmp_path.glob("[ab]"))


# never-started leaf: not reverted. Siblings not yet started may be skipped (race)
def test_what_never_began_is_neither_run_nor_taken_back() -> None:
    run = rehearsal(one(side("bad", "next", limit=1), "after"), HandsScript(fails={"bad": 1}))
    run.drive()
    assert run.did() == run.did("reverse") == ["bad"]
    assert run.states() == {"bad": "reversed", "next": "cancelled", "after": "cancelled"}


# finished leaf: sequential in reverse order, parallel all at once in no order
def test_a_sequence_is_taken_back_the_last_first_and_side_by_side_all_at_once() -> None:
    orders = set()
    for seed in range(10):
        run = rehearsal(one("a", side("b", "c", "d"), "e"), HandsScript(fails={"e": 1}, seed=seed))
        run.drive()
        back = order(run, What.TASK_REVERSED)
        assert (back[0], sorted(back[1:4]), back[4], run.hands.at_once) == ("e", ["b", "c", "d"], "a", 3)
        orders.add(tuple(back[1:4]))
    assert len(orders) > 1


# sibling of a failed child in a parallel: runs to its end first, unless a Delay or Sequence looks at abort
def test_siblings_of_what_failed_come_to_their_end_before_anything_is_taken_back() -> None:
    script = HandsScript(fails={"bad": 1}, endless=frozenset({"delay"}))
    run = rehearsal(
        side("bad", "busy", one("first", "second"), "delay"), script, delay={"repeatable": True, "reverses": False}
    )
    run.drive()
    ends = [recorded.event for recorded in run.log.read()]
    began_back = next(number for number, event in enumerate(ends) if event.what is What.TASK_REVERSING)
    assert "busy" in [event.task for event in ends[:began_back] if event.what is What.TASK_DONE]
    assert ("abort", "delay") in run.hands.log and "second" not in run.did()


# subprocess_run exit != 0: recorded as finished OK
def test_a_command_that_exits_with_another_status_than_0_fails(tmp_path: Path) -> None:
    state = driven(tmp_path, Sequential(Command("exit 3", undo="true"), Command("touch after")))
    assert "exited with status 3" in (state.error or {})["message"]
    assert state.state is RolloutState.REVERSED and not looks_well(state)
    assert not (tmp_path / "after").exists()


# term on a silent command: ran to its end; no KILL, no process group
def test_terminate_ends_a_silent_command_with_its_children_even_if_they_do_not_want_to(tmp_path: Path) -> None:
    signals, group = SignalFile(str(tmp_path / "signals")), tmp_path / "group"

    def hear(what: Event | Output) -> None:
        if isinstance(what, Event) and what.what is What.TASK_STARTED:
            threading.Thread(target=lambda: (until(group.exists), signals.post(Signal("terminate", "kim")))).start()

    deaf = "trap '' TERM; sleep 600 & echo $$ $! > group.new; mv group.new group; sleep 600"
    state = driven(tmp_path, Command(deaf, undo="touch back"), hear)
    assert (state.state, (tmp_path / "back").exists()) == (RolloutState.REVERSED, True)
    until(lambda: not any(map(is_alive, group.read_text().split())))


# abort while last task runs: it completes, then everything is rolled back
def test_an_abort_while_the_last_task_runs_lets_it_end_and_puts_everything_back() -> None:
    run = rehearsal(one("a", "b"))
    run.at(at_work("b"), lambda: at_the_last_moment(run, "abort"))
    state = run.drive()
    assert order(run, What.TASK_DONE) == ["a", "b"] and run.did("reverse") == ["b", "a"]
    assert (state.state, state.reason, run.world) == (RolloutState.REVERSED, "abort by kim", {})


# skip_rollback + failure or abort: status "finished", indistinguishable from success
@pytest.mark.parametrize("ends", ["failure", "abort", "failure right after"])
def test_what_is_kept_after_a_failure_or_an_abort_is_called_kept_and_not_a_success(ends: str) -> None:
    run = rehearsal(one("a", "b", "c"), HandsScript(fails={"b": 1} if "failure" in ends else {}))
    if ends == "abort":
        run.at(at_work("b"), lambda: (run.signal("keep"), run.signal("abort")))
    else:
        run.at(at_work("b"), lambda: run.signal("keep") if ends == "failure" else at_the_last_moment(run, "keep"))
    state = run.drive()
    assert (state.state, run.did("reverse"), "a" in run.world) == (RolloutState.KEPT, [], True)
    assert "left as it is" in told(state) and not looks_well(state)


def at_the_last_moment(run: Rehearsal, name: str) -> None:
    """Wish something so late that signals would only be looked at when all is over."""
    run.signal(name)
    run.clock.now -= 10


# -- 1.4, back ------------------------------------------------------------------------------------------------


# revert raises inside a container: all remaining reverts are skipped, yet it shows "Rolled back"
def test_a_way_back_that_raises_is_told_while_others_go_on_and_can_be_tried_again() -> None:
    run = rehearsal(one("a", side(one("b1", "b2"), one("c1", "c2")), "d"), HandsScript(fails={"d": 1}, stuck={"b2": 1}))
    state = run.drive(stay_blocked=False)
    assert (state.state, state.block) == (RolloutState.BLOCKED, Block.REVERSAL_FAILED)
    stand = {"a": "done", "b1": "done", "b2": "reverse failed", "c1": "reversed", "c2": "reversed", "d": "reversed"}
    assert run.states() == stand
    assert "everything was put back" not in told(state) and "b2" in state.reason
    run.signal("retry")
    assert run.drive().state is RolloutState.REVERSED
    assert order(run, What.TASK_REVERSED)[-3:] == ["b2", "b1", "a"]


# revert raises at a root leaf: stuck in rolling_back, signals never torn down
def test_a_way_back_that_raises_at_a_single_task_blocks_too_and_there_is_a_way_out() -> None:
    run = rehearsal("a", HandsScript(fails={"a": 1}, stuck={"a": 1}))
    state = run.drive(stay_blocked=False)
    assert (state.state, run.states()) == (RolloutState.BLOCKED, {"a": "reverse failed"})
    assert {"try again what failed", "pass over a task"} <= {what for what, _ in next_steps(state)}
    run.signal("skip", "a", "removed by hand")
    assert run.drive().state is RolloutState.PARTLY_REVERSED


# user sends abort_rollback: the rest is not reverted, status "Rolled back"
def test_a_way_back_that_is_paused_is_not_called_over_and_goes_on_when_wished() -> None:
    run = rehearsal(one("a", "b", "c"), HandsScript(fails={"c": 1}))
    run.at(goes_back, lambda: run.signal("pause_rollback"))
    state = run.drive(may_put_aside=True)
    assert (state.state, state.holds, state.tasks["a"].state) == (
        RolloutState.REVERSING,
        {Hold.PAUSED_REVERSAL},
        "done",
    )
    assert "reversing, reversal paused" in told(state)
    run.signal("resume")
    assert (run.drive().state, run.world) == (RolloutState.REVERSED, {})
