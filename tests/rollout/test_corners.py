"""Rollouts by hand in their corners: what holds together when several things happen that seldom do."""

from __future__ import annotations

import json

import pytest
from rollouts_by_hand import Rehearsal, one, rehearsal, side

from depl.events import Event, What
from depl.rollout.asking import refusal, tasks_of
from depl.rollout.fake_hands import HandsScript
from depl.rollout.recovery import take_up
from depl.rollout.signals import Signal, SignalFile
from depl.rollout.states import Block, RolloutState

IRREVERSIBLE = {"way_back": "irreversible", "reason": "mail is sent", "reverses": False}
GATE = {"gate": "approval", "way_back": "none", "reverses": False, "repeatable": True}


def is_in(value: RolloutState):
    return lambda state: state.state is value


def is_at(id: str, value: str = "dispatched"):
    return lambda state: state.tasks[id].state == value


def settled(run: Rehearsal, policy: str = "", verdict: str = "") -> None:
    take_up(run.plan, run.state, run.log, lambda leaf, saved: verdict, who="kim", policy=policy)


class Killed(BaseException):
    """The runner is gone."""


def killed_at(run: Rehearsal, met) -> None:
    """Drive until a state is met, then be gone."""

    def die() -> None:
        raise Killed

    run.at(met, die)
    with pytest.raises(Killed):
        run.drive()


# -- gates -----------------------------------------------------------------------------------------------------


def test_a_gate_that_was_open_when_it_stopped_is_asked_anew_where_it_goes_forward():
    shape = side(one("mail", "b"), one("ok", "risky"))
    run = rehearsal(shape, HandsScript(fails={"b": 1}), mail=IRREVERSIBLE, ok=GATE)
    assert run.drive().block is Block.PIVOT
    run.signal("retry")
    run.drive(may_put_aside=True)
    assert run.state.open_gates == ["ok"]
    assert "risky" not in run.did()


def test_a_gate_that_was_rejected_waits_again_after_a_retry():
    run = rehearsal(one("a", "ok", "b"), how={"on_failure": "ask"}, ok=GATE)
    run.drive(may_put_aside=True)
    run.signal("reject", reason="not yet")
    assert run.drive().block is Block.FAILED
    run.signal("retry")
    run.drive(may_put_aside=True)
    assert (run.state.open_gates, run.did()) == (["ok"], [])


def test_a_gate_that_is_open_while_something_else_is_decided_on_is_heard_afterwards():
    shape = side("a", one("ok", "b"))
    run = rehearsal(shape, HandsScript(fails={"a": 1}), how={"on_failure": "ask"}, ok=GATE)
    assert run.drive().block is Block.FAILED
    run.signal("retry", "a")
    run.drive(may_put_aside=True)
    run.signal("approve")
    assert run.drive(may_put_aside=True).state is RolloutState.SUCCEEDED


@pytest.mark.parametrize("wish", ["abort", "keep"])
def test_no_gate_is_left_open_when_it_is_over(wish):
    run = rehearsal(side("a", one("ok", "b")), HandsScript(fails={"a": 9}), how={"on_failure": "ask"}, ok=GATE)
    run.at(is_in(RolloutState.BLOCKED), lambda: run.signal(wish))
    assert run.drive().state.is_over
    assert run.states()["ok"] == "cancelled"


# -- blocked ---------------------------------------------------------------------------------------------------


def test_nothing_is_decided_while_something_is_tried_again():
    shape = side("a", "b")
    run = rehearsal(shape, HandsScript(fails={"a": 1, "b": 9}), how={"on_failure": "ask"})
    run.drive()
    run.signal("retry", "a")
    run.drive()
    assert run.states() == {"a": "done", "b": "failed"}


def test_what_went_well_when_it_was_tried_again_is_no_error_any_more():
    run = rehearsal(one("a", "b"), HandsScript(fails={"a": 1, "b": 1}), how={"on_failure": "ask"})
    assert run.drive().failed == "a"
    run.signal("retry")
    assert run.drive().failed == "b"
    run.signal("retry")
    state = run.drive()
    assert (state.state, state.failed, state.error, state.reason) == (RolloutState.SUCCEEDED, "", None, "")


def test_of_two_that_failed_one_may_be_tried_again():
    run = rehearsal(one("mail", side("a", "b")), HandsScript(fails={"a": 1, "b": 1}), mail=IRREVERSIBLE)
    assert run.drive().block is Block.PIVOT
    run.signal("retry", "a")
    assert run.drive().block is Block.PIVOT
    assert run.states() == {"mail": "done", "a": "done", "b": "failed"}
    assert run.state.failed == "b"
    run.signal("retry")
    assert run.drive().state is RolloutState.SUCCEEDED


def test_where_it_was_aborted_behind_what_cannot_be_undone_it_may_go_forward_all_the_same():
    run = rehearsal(one("mail", "b", "c"), mail=IRREVERSIBLE)
    run.at(is_at("b"), lambda: run.signal("abort"))
    run.at(is_in(RolloutState.BLOCKED), lambda: run.signal("retry"))
    assert run.drive().state is RolloutState.SUCCEEDED


def test_where_it_was_interrupted_between_tasks_it_may_go_forward_as_well():
    run = rehearsal(one("a", "b", "c"), how={"on_interrupt": "ask"})
    killed_at(run, is_at("b"))
    settled(run, verdict="not started")
    assert run.state.block is Block.INTERRUPTED
    run.signal("retry")
    assert run.drive().state is RolloutState.SUCCEEDED


def test_what_cannot_be_put_back_holds_up_nothing_beside_it():
    run = rehearsal(
        one(side("a", "b", one("c", "d"), limit=1), "e"),
        HandsScript(fails={"e": 9}, stuck={"d": 1, "b": 1}),
    )
    assert run.drive().block is Block.REVERSAL_FAILED
    assert run.states() == {"a": "reversed", "b": "reverse failed", "c": "done", "d": "reverse failed", "e": "reversed"}
    run.signal("retry", "b")
    assert run.drive().block is Block.REVERSAL_FAILED
    assert run.states()["b"] == "reversed"
    run.signal("retry")
    assert run.drive().state is RolloutState.REVERSED


def test_on_the_way_back_what_failed_forward_is_not_tried_again():
    run = rehearsal(
        one("a", "b"), HandsScript(fails={"b": 9}, stuck={"a": 1}), b={"way_back": "none", "reverses": False}
    )
    assert run.drive().block is Block.REVERSAL_FAILED
    assert tasks_of(run.state, "retry") == ["a"]
    assert refusal(run.state, "retry", "b") == "retry makes no sense for task b, which is failed"


def test_what_cannot_be_undone_holds_up_nothing_beside_it():
    run = rehearsal(one(side("a", "mail", limit=1), "b"), HandsScript(fails={"b": 9}), mail=IRREVERSIBLE)
    run.at(is_in(RolloutState.BLOCKED), lambda: run.signal("abort"))
    assert run.drive().state is RolloutState.PARTLY_REVERSED
    assert run.states() == {"a": "reversed", "mail": "kept", "b": "reversed"}


def test_who_goes_on_back_stops_at_the_same_step_that_cannot_be_undone():
    shape = side(one("a", "mail", "b"), one("c", "d"))
    run = rehearsal(shape, HandsScript(fails={"b": 9}, stuck={"d": 1}), mail=IRREVERSIBLE)
    run.drive()
    run.signal("abort")
    run.drive()
    assert run.states()["mail"] == "kept"
    run.signal("retry")
    assert run.drive().state is RolloutState.PARTLY_REVERSED
    assert run.states() == {"a": "done", "mail": "kept", "b": "reversed", "c": "reversed", "d": "reversed"}


def test_what_goes_back_already_cannot_be_aborted():
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 9}, stuck={"b": 1}))
    run.drive()
    assert "abort makes no sense" in refusal(run.state, "abort")


# -- stopping --------------------------------------------------------------------------------------------------


def test_a_way_back_that_was_paused_before_it_began_goes_on():
    run = rehearsal(one("a", "b", "c"), HandsScript(endless=frozenset({"b"})))
    run.at(is_at("b"), lambda: run.signal("abort"))
    run.at(is_in(RolloutState.STOPPING), lambda: (run.signal("pause_rollback"), run.signal("terminate")))
    run.drive(may_put_aside=True)
    assert not refusal(run.state, "resume")
    run.signal("resume")
    assert run.drive().state is RolloutState.REVERSED


def test_a_pause_also_holds_back_what_would_be_tried_again():
    run = rehearsal(one("a", "b"), HandsScript(fails={"a": 1}), a={"retries": 1})
    run.at(is_at("a"), lambda: run.signal("pause"))
    run.drive(may_put_aside=True)
    assert run.did() == ["a"]
    run.signal("resume")
    assert run.drive().state is RolloutState.SUCCEEDED


def test_what_takes_too_long_is_ended_while_it_stops_as_well():
    run = rehearsal(side("a", "b"), HandsScript(fails={"a": 9}, endless=frozenset({"b"})), b={"timeout": 30})
    assert run.drive().state is RolloutState.REVERSED


def test_a_reversal_that_never_ends_can_be_ended():
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 9}, endless_back=frozenset({"a"})))
    run.at(is_at("a", "reversing"), lambda: run.signal("terminate"))
    run.at(is_in(RolloutState.BLOCKED), lambda: run.signal("skip", reason="it hangs"))
    assert run.drive().state is RolloutState.PARTLY_REVERSED


def test_a_rollout_that_stops_where_it_fails_goes_back_where_that_is_wished():
    run = rehearsal(one("a", "b"), how={"on_failure": "stop"})
    killed_at(run, is_at("b"))
    settled(run, "reverse")
    assert run.drive().state is RolloutState.REVERSED


def test_a_monitor_puts_back_also_where_a_failure_would_not():
    run = rehearsal(one("a"), HandsScript(endless=frozenset({"a"})), how={"on_failure": "stop"}, a={"repeatable": True})

    def red() -> None:
        raise SystemExit("all is red")

    assert run.drive(monitors={"errors": red}).state is RolloutState.REVERSED


# -- others ----------------------------------------------------------------------------------------------------


def test_what_cannot_be_undone_is_not_run_twice_by_itself():
    run = rehearsal(one("a", "mail", "b"), how={"on_interrupt": "resume"}, mail=IRREVERSIBLE)
    killed_at(run, is_at("mail"))
    settled(run)
    assert run.drive().block is Block.PIVOT
    assert run.did() == []


def test_after_a_failure_that_is_borne_nothing_follows_that_came_after_it():
    shape = one(side(one(side("a", "ok"), one("b", side("c", "c2")), "g"), one("d", "e"), max_failures=1), "f")
    run = rehearsal(shape, HandsScript(fails={"a": 9}), ok=GATE)
    run.drive(may_put_aside=True)
    run.signal("approve")
    run.drive()
    assert run.state.state is RolloutState.SUCCEEDED
    assert {id for id, state in run.states().items() if state == "skipped"} == {"a", "b", "c", "c2", "g"}
    assert "a failed" in run.state.tasks["b"].reason


def test_what_was_borne_is_put_back_with_the_rest_when_it_fails_later():
    shape = one(side("a", "b", max_failures=1), "c")
    run = rehearsal(shape, HandsScript(fails={"a": 9, "c": 9}))
    assert run.drive().state is RolloutState.REVERSED
    assert not run.world


def test_what_a_deployment_tells_never_ends_the_rollout_around_it():
    run = rehearsal(one("a", "b"))
    inside = [What.TASK_REVERSED, What.TASK_REVERSING, What.TASK_DONE, What.TASK_KEPT, What.TASK_REVERSING]
    run.log.append([Event(What.STARTED, data={})] + [Event(what, "a/web", host="h") for what in inside])
    assert run.state.tasks["a/web@h"].state == "reversing"


def test_a_signal_does_not_say_of_itself_who_sent_it_and_when():
    run = rehearsal(one("a", "b"))
    told = {"number": 0, "who": "somebody", "name": "abort"}
    run.at(is_at("a"), lambda: run.signals.post(Signal("pause", "kim", data=told)))
    run.drive(may_put_aside=True)
    assert [(one["number"], one["name"], one["who"]) for one in run.state.signals] == [(1, "pause", "kim")]


def test_what_somebody_wrote_beside_a_record_that_is_no_signal_is_passed_over(tmp_path):
    file = SignalFile(str(tmp_path / "x.signals"))
    odd = [
        5,
        {"name": "abort", "who": None},
        {"name": ["abort"], "who": "kim"},
        {"name": "skip", "who": "", "data": ""},
    ]
    (tmp_path / "x.signals").write_text("".join(json.dumps(one) + "\n" for one in odd) + "half\n")
    file.post(Signal("pause", "kim"))
    assert [(one.number, one.name) for one in file.new(0)] == [(6, "pause")]
