"""A rollout by hand: what is run, what is put back, what people may say in between."""

from __future__ import annotations

import pytest
from rollouts_by_hand import Rehearsal, one, rehearsal, side

from depl.events import Event, What
from depl.rollout.asking import refusal
from depl.rollout.decide import Decider
from depl.rollout.fake_hands import HandsScript
from depl.rollout.folding import State
from depl.rollout.log import Recorded
from depl.rollout.states import Block, Hold, RolloutState

IRREVERSIBLE = {"way_back": "irreversible", "reason": "mail is sent", "reverses": False}
CHANGES_NOTHING = {"way_back": "none", "reverses": False}
GATE = {"gate": "approval", **CHANGES_NOTHING}


def at_work(id: str):
    return lambda state: state.tasks[id].state == "dispatched"


def is_in(value: RolloutState):
    return lambda state: state.state is value


def test_a_sequence_runs_in_its_order():
    run = rehearsal(one("a", "b", "c"))
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.did() == ["a", "b", "c"]


def test_side_by_side_all_begin_at_once_and_a_limit_is_kept():
    free, limited = rehearsal(side("a", "b", "c", "d")), rehearsal(side("a", "b", "c", "d", limit=2))
    free.drive()
    limited.drive()
    assert (free.hands.at_once, limited.hands.at_once) == (4, 2)
    assert set(limited.states().values()) == {"done"}


def test_no_more_than_so_many_tasks_are_at_work():
    run = rehearsal(side(*"abcdefgh"), how={"jobs": 3})
    run.drive()
    assert run.hands.at_once == 3


def test_groups_lie_in_groups():
    run = rehearsal(one("a", side(one("b", "c"), one("d", "e")), "f"))
    run.drive()
    did = run.did()
    assert did[0] == "a" and did[-1] == "f"
    assert did.index("b") < did.index("c") and did.index("d") < did.index("e")


@pytest.mark.parametrize("seed", range(5))
def test_a_failure_puts_back_all_that_began_in_reverse_order_and_nothing_else(seed):
    run = rehearsal(one("a", side("b", "c"), "d", "e"), HandsScript(fails={"d": 9}, seed=seed))
    state = run.drive()
    back = run.did("reverse")
    assert state.state is RolloutState.REVERSED
    assert back[0] == "d" and set(back[1:3]) == {"b", "c"} and back[3:] == ["a"]
    assert run.states()["e"] == "cancelled"
    assert not run.world


def test_siblings_of_what_failed_are_let_finish():
    run = rehearsal(side("a", "b", "c"), HandsScript(fails={"a": 9}))
    run.drive()
    assert not [kind for kind, _ in run.hands.log if kind in ("abort", "terminate")]
    assert sorted(run.did("reverse")) == ["a", "b", "c"]


def test_the_first_error_is_the_rollouts():
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 9}))
    state = run.drive()
    assert state.error == {"class": "DeplError", "message": "b fails"}
    assert (state.failed, state.reason) == ("b", "b fails")


def test_what_changes_nothing_or_changed_nothing_is_not_put_back():
    run = rehearsal(
        one("probe", "same", "a", "b"),
        HandsScript(fails={"b": 9}, unchanged=frozenset({"same"})),
        probe=CHANGES_NOTHING,
    )
    run.drive()
    assert run.did("reverse") == ["b", "a"]
    assert run.states() == {"probe": "done", "same": "unchanged", "a": "reversed", "b": "reversed"}


def test_what_may_be_tried_again_is():
    run = rehearsal(one("a", "b"), HandsScript(fails={"a": 2}), a={"retries": 2})
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.did() == ["a", "a", "a", "b"]
    assert run.state.tasks["a"].error is None


def test_some_may_fail_where_a_group_bears_it_and_it_is_told():
    run = rehearsal(one(side("a", "b", "c", max_failures=1), "d"), HandsScript(fails={"b": 9}))
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.states() == {"a": "done", "b": "skipped", "c": "done", "d": "done"}
    assert "b fails" in run.state.tasks["b"].reason


def test_more_than_a_group_bears_ends_it_and_all_that_began_is_put_back():
    run = rehearsal(one(side("a", "b", "c", max_failures=1), "d"), HandsScript(fails={"b": 9, "c": 9}))
    assert run.drive().state is RolloutState.REVERSED
    assert not run.world


def test_a_failure_may_stop_it_as_it_is():
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 9}), how={"on_failure": "stop"})
    assert run.drive().state is RolloutState.KEPT
    assert run.states() == {"a": "done", "b": "failed"}


def test_a_failure_may_ask_and_be_retried():
    run = rehearsal(one("a", "b", "c"), HandsScript(fails={"b": 1}), how={"on_failure": "ask"})
    run.at(is_in(RolloutState.BLOCKED), lambda: run.signal("retry", "b"))
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.did() == ["a", "b", "b", "c"]


def test_a_failure_may_ask_and_be_passed_over_with_a_reason():
    run = rehearsal(one("a", "b", "c"), HandsScript(fails={"b": 9}), how={"on_failure": "ask"})
    run.at(is_in(RolloutState.BLOCKED), lambda: run.signal("skip", "b", "known to be flaky"))
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.state.tasks["b"].reason == "kim: known to be flaky"


def test_a_failure_may_ask_and_be_given_up():
    run = rehearsal(one("a", "b", "c"), HandsScript(fails={"b": 9}), how={"on_failure": "ask"})
    run.at(is_in(RolloutState.BLOCKED), lambda: run.signal("abort"))
    assert run.drive().state is RolloutState.REVERSED
    assert not run.world


def test_beyond_what_cannot_be_undone_somebody_decides():
    run = rehearsal(one("a", "mail", "b", "c"), HandsScript(fails={"b": 1}), mail=IRREVERSIBLE)
    state = run.drive()
    assert (state.state, state.block) == (RolloutState.BLOCKED, Block.PIVOT)
    assert "mail is sent" in state.reason
    run.signal("retry")
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.did() == ["b", "c"]


def test_back_to_what_cannot_be_undone_and_no_further():
    run = rehearsal(one("a", "mail", "b", "c"), HandsScript(fails={"c": 9}), mail=IRREVERSIBLE)
    run.at(is_in(RolloutState.BLOCKED), lambda: run.signal("abort"))
    state = run.drive()
    assert state.state is RolloutState.PARTLY_REVERSED
    assert run.states() == {"a": "done", "mail": "kept", "b": "reversed", "c": "reversed"}


def test_an_irreversible_step_that_failed_does_not_hold_up_what_came_before():
    run = rehearsal(one("a", "mail"), HandsScript(fails={"mail": 9}), mail=IRREVERSIBLE)
    assert run.drive().state is RolloutState.PARTLY_REVERSED
    assert run.states() == {"a": "reversed", "mail": "kept"}


def test_what_nobody_can_undo_is_kept_and_said():
    run = rehearsal(one("a", "raw", "b"), HandsScript(fails={"b": 9}), raw={"way_back": "unknown", "reverses": False})
    assert run.drive().state is RolloutState.PARTLY_REVERSED
    assert run.states() == {"a": "reversed", "raw": "kept", "b": "reversed"}


# -- signals ---------------------------------------------------------------------------------------------------


def test_an_abort_lets_what_runs_end_then_goes_back():
    run = rehearsal(one("a", "b", "c"))
    run.at(at_work("b"), lambda: run.signal("abort", reason="wrong branch"))
    state = run.drive()
    assert state.state is RolloutState.REVERSED
    assert run.did() == ["a", "b"] and run.did("reverse") == ["b", "a"]
    assert state.reason == "abort by kim"


def test_what_only_waits_ends_early_when_it_stops():
    run = rehearsal(
        side("a", "wait"), HandsScript(fails={"a": 9}, endless=frozenset({"wait"})), wait={"repeatable": True}
    )
    assert run.drive().state is RolloutState.REVERSED
    assert ("abort", "wait") in run.hands.log


def test_terminate_ends_what_runs_by_force():
    run = rehearsal(one("a", "b"), HandsScript(endless=frozenset({"b"})))
    run.at(at_work("b"), lambda: run.signal("terminate"))
    assert run.drive().state is RolloutState.REVERSED
    assert ("terminate", "b") in run.hands.log


def test_kept_as_it_is_and_never_called_a_success():
    run = rehearsal(one("a", "b", "c"), HandsScript(fails={"b": 9}))
    run.at(at_work("a"), lambda: run.signal("keep"))
    assert run.drive().state is RolloutState.KEPT
    assert run.did("reverse") == []


def test_keep_can_be_withdrawn():
    run = rehearsal(one("a", "b", "c"), HandsScript(fails={"c": 9}))
    run.at(at_work("a"), lambda: run.signal("keep"))
    run.at(at_work("b"), lambda: run.signal("unkeep"))
    assert run.drive().state is RolloutState.REVERSED


def test_a_pause_lets_what_runs_end_and_begins_nothing():
    run = rehearsal(one("a", "b"))
    run.at(at_work("a"), lambda: run.signal("pause"))
    state = run.drive(may_put_aside=True)
    assert (state.state, state.holds) == (RolloutState.RUNNING, {Hold.PAUSED})
    assert run.states() == {"a": "done", "b": "pending"}
    run.signal("resume")
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.did() == ["b"]


def test_a_gate_waits_and_holds_nobody():
    run = rehearsal(one("a", "ok", "b"), ok=GATE)
    state = run.drive(may_put_aside=True)
    assert (state.state, state.holds, state.open_gates) == (RolloutState.RUNNING, {Hold.APPROVAL}, ["ok"])
    run.signal("approve", reason="looks well")
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.state.tasks["ok"].reason == "looks well"


def test_a_rejection_puts_everything_back():
    run = rehearsal(one("a", "ok", "b"), ok=GATE)
    run.at(at_work("ok"), lambda: run.signal("reject", reason="too slow"))
    state = run.drive()
    assert state.state is RolloutState.REVERSED
    assert state.reason == "kim rejected it: too slow"


def test_a_gate_that_nobody_answers_runs_out():
    run = rehearsal(one("a", "ok", "b"), ok={**GATE, "timeout": 60})
    state = run.drive()
    assert state.state is RolloutState.REVERSED
    assert "nobody answered within 60 seconds" in state.reason


def test_a_gate_that_was_put_aside_runs_out_all_the_same():
    run = rehearsal(one("a", "ok", "b"), ok={**GATE, "timeout": 60})
    run.drive(may_put_aside=True)
    run.clock.now += 2_000_000_000
    assert run.drive().state is RolloutState.REVERSED


def test_a_checklist_waits_for_all_its_items():
    run = rehearsal(one("a", "list", "b"), list={**GATE, "gate": "checklist", "arguments": {"items": ["one", "two"]}})
    run.at(at_work("list"), lambda: run.signal("approve", "list", item="one"))
    run.at(lambda state: state.tasks["list"].ticked == ["one"], lambda: run.signal("approve", "list", item="two"))
    assert run.drive().state is RolloutState.SUCCEEDED


def test_a_task_that_takes_too_long_is_ended_and_fails():
    run = rehearsal(one("a", "b"), HandsScript(endless=frozenset({"b"})), b={"timeout": 30})
    assert run.drive().state is RolloutState.REVERSED
    assert ("terminate", "b") in run.hands.log


def test_a_task_that_did_not_begin_can_be_passed_over():
    run = rehearsal(one("a", "b", "c"))
    run.at(at_work("a"), lambda: run.signal("skip", "b", "not today"))
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.did() == ["a", "c"]


@pytest.mark.parametrize(
    ("name", "task", "reason", "why"),
    [
        ("approve", "", "", "approve makes no sense while rollout 20260101-000000-abcd is running"),
        ("retry", "", "", "retry makes no sense"),
        ("skip", "b", "", "skip needs a reason"),
        ("skip", "nowhere", "so", "has no task 'nowhere'"),
        ("abrot", "", "", "There is no signal 'abrot'. Did you mean 'abort'?"),
    ],
)
def test_a_signal_that_makes_no_sense_is_recorded_with_why_and_changes_nothing(name, task, reason, why):
    run = rehearsal(one("a", "b"))
    run.at(at_work("a"), lambda: run.signal(name, task, reason))
    assert run.drive().state is RolloutState.SUCCEEDED
    [signal] = run.state.signals
    assert why in signal["refused"]


# -- a way back that does not go well --------------------------------------------------------------------------


def test_what_cannot_be_put_back_blocks_what_came_before_but_no_other_branch():
    run = rehearsal(one(side(one("a", "b"), one("c", "d")), "e"), HandsScript(fails={"e": 9}, stuck={"b": 1}))
    state = run.drive()
    assert (state.state, state.block) == (RolloutState.BLOCKED, Block.REVERSAL_FAILED)
    assert run.states() == {"a": "done", "b": "reverse failed", "c": "reversed", "d": "reversed", "e": "reversed"}
    run.signal("retry")
    assert run.drive().state is RolloutState.REVERSED
    assert run.did("reverse") == ["b", "a"]


def test_a_conflict_is_forced_with_a_reason():
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 9}, conflicts=frozenset({"a"})))
    assert run.drive().block is Block.CONFLICT
    run.signal("force", reason="it was me")
    assert run.drive().state is RolloutState.REVERSED


def test_a_reversal_can_be_passed_over_and_then_it_is_only_partly_reversed():
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 9}, stuck={"b": 9}))
    run.drive()
    run.signal("skip", "b", "it is gone anyway")
    state = run.drive()
    assert state.state is RolloutState.PARTLY_REVERSED
    assert run.states() == {"a": "reversed", "b": "reverse skipped"}


def test_the_way_back_can_be_paused():
    run = rehearsal(one("a", "b", "c"), HandsScript(fails={"c": 9}))
    run.at(is_in(RolloutState.REVERSING), lambda: run.signal("pause_rollback"))
    state = run.drive(may_put_aside=True)
    assert Hold.PAUSED_REVERSAL in state.holds
    run.signal("resume")
    assert run.drive().state is RolloutState.REVERSED


def test_a_reversal_that_hangs_can_be_ended_and_tried_again():
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 9}, endless_back=frozenset({"b"})))
    run.at(lambda state: state.tasks["b"].state == "reversing", lambda: run.signal("terminate"))
    state = run.drive(stay_blocked=False)
    assert (state.state, state.block) == (RolloutState.BLOCKED, Block.REVERSAL_FAILED)
    run.script = HandsScript()
    run.signal("retry")
    assert run.drive().state is RolloutState.REVERSED


# -- others ----------------------------------------------------------------------------------------------------


def test_what_is_over_is_taken_back_by_a_rollout_of_its_own():
    first = rehearsal(one("a", side("b", "c")), HandsScript(unchanged=frozenset({"b"})))
    state = first.drive()
    carried = {id: {"state": one.state.value, "saved": {}} for id, one in state.tasks.items()}
    undo = Rehearsal(
        type(first.plan)("20260102-000000-abcd", "test", first.plan.tree, undoes=first.plan.rollout, carried=carried),
        world=first.world,
    )
    assert undo.drive().state is RolloutState.REVERSED
    assert undo.did("reverse") == ["c", "a"] and undo.did() == []
    assert not first.world


def test_a_monitor_that_trips_ends_it():
    run = rehearsal(one("a", "b"), HandsScript(endless=frozenset({"b"})), b={"repeatable": True})

    def red() -> None:
        raise RuntimeError("500 errors a second")

    state = run.drive(monitors={"errors": red})
    assert state.state is RolloutState.REVERSED
    assert state.reason == "monitor errors: 500 errors a second"


def test_while_the_record_cannot_be_written_nothing_begins_and_nothing_is_lost():
    run = rehearsal(one("a", side("b", "c"), "d"))
    full = {"since": False}
    run.log._refuses = lambda: full["since"]
    run.at(at_work("b"), lambda: full.update(since=True))
    slept = []

    def sleep() -> None:
        slept.append(len(run.hands.log))
        if len(slept) == 5:
            full.update(since=False)

    run.clock.on_sleep = sleep
    assert run.drive().state is RolloutState.SUCCEEDED
    assert len(set(slept)) == 1, "nothing began meanwhile"
    texts = [event.data["text"] for event in run.shown if event.what is What.WARNING]
    assert len(texts) == 2 and "no space is left" in texts[0]


def test_who_drives_it_may_leave_and_another_one_goes_on():
    run = rehearsal(one("a", "b", "c"))
    leaving = []
    run.at(at_work("b"), lambda: leaving.append(True))
    state = run.drive(leaving=lambda: bool(leaving))
    assert (state.state, run.states()) == (RolloutState.RUNNING, {"a": "done", "b": "done", "c": "pending"})
    assert run.drive().state is RolloutState.SUCCEEDED
    assert run.did() == ["c"]


@pytest.mark.parametrize("what", [What.UNDECLARED, What.KEPT, What.REVERSED, What.HELD, What.RELEASED, What.LOG])
def test_a_task_is_not_over_by_anything_else_that_is_told_of_it(what):
    run = rehearsal(one("a", "b"))
    state = run.state
    decider = Decider(run.plan, state)
    told = Event(what, "a", data={"hold": Hold.APPROVAL.value})
    for number, event in enumerate([Event(What.STARTED), Event(What.TASK_STARTED, "a"), told], 2):
        state.add(Recorded(number, "", event))
        decider.add(event, 0.0)
    assert decider(0.0) == []


def test_deployments_side_by_side_wait_at_gates_of_their_own():
    run = rehearsal(side("a", "b"))
    told = [
        Event(What.STARTED),
        *(Event(What.TASK_STARTED, id) for id in "ab"),
        *(Event(What.HELD, id, data={"hold": Hold.APPROVAL.value}) for id in "ab"),
    ]
    run.log.append(told)
    assert (run.state.unanswered, run.state.holds) == (["a", "b"], {Hold.APPROVAL})
    assert refusal(run.state, "approve") == "approve needs --task: it fits a, b"
    run.log.append([Event(What.RELEASED, "a", data={"hold": Hold.APPROVAL.value})])
    assert (run.state.unanswered, refusal(run.state, "approve")) == (["b"], "")
    run.log.append([Event(What.TASK_DONE, "b")])
    assert (run.state.unanswered, run.state.holds) == ([], set())


def test_what_deployments_inside_changed_counts_as_changed_also_where_its_end_does_not_tell():
    run = rehearsal(one("a", "b"))
    events = [
        Event(What.STARTED),
        Event(What.TASK_STARTED, "a"),
        Event(What.TASK_DONE, "a/web", data={"changed": 2}, host="h1"),
        Event(What.TASK_DONE, "a/web", data={"changed": 1}, host="h2"),
        Event(What.TASK_DONE, "a"),
        Event(What.TASK_STARTED, "b"),
        Event(What.TASK_DONE, "b", data={"changed": 7}),
        Event(What.OVER, data={"outcome": "succeeded"}),
    ]
    run.log.append(events)
    assert run.state.changed == 3


def test_an_empty_rollout_succeeds():
    assert rehearsal(one()).drive().state is RolloutState.SUCCEEDED


def test_a_single_task_is_a_rollout():
    run = rehearsal("a")
    assert run.drive().state is RolloutState.SUCCEEDED


def test_what_is_folded_is_comparable():
    assert State() == State()
