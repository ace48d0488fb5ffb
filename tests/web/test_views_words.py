"""How far a rollout is, what failed, what would change, what can be done, what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts_by_hand import Rehearsal, Shape, one, rehearsal, side

from depl.access.roles import EVERYWHERE, Person, Role
from depl.events import Event, What
from depl.rollout.fake_hands import HandsScript
from depl.rollout.folding import State, fold
from depl.rollout.log import Recorded
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.rollout.task_status import TaskStatus
from depl.rollout.wording import moment, utc_of
from depl.web.views.changes import change_of
from depl.web.views.failure import failure
from depl.web.views.forms import PREFIX, fields, given, mistakes_in
from depl.web.views.offers import offers, task_offers
from depl.web.views.plan import plan_view
from depl.web.views.progress import progress
from depl.web.views.undo import at_conflicts, seconds_back, undo_by_hand, undo_preview

NOW = 1767225600.0
BEGAN = utc_of(NOW)


def told(state: State, *events: Event, at: float = NOW) -> State:
    for event in events:
        state.add(Recorded(state.number + 1, utc_of(at), event))
    return state


def running(shape: Shape, **leaves: Any) -> State:
    return told(rehearsal(shape, **leaves).state, Event(What.STARTED, data={"who": "kim"}))


def happened(what: What, task: str, **data: Any) -> Event:
    return Event(what, task, data=data)


def done(id: str) -> tuple[Event, Event]:
    return happened(What.TASK_STARTED, id), happened(What.TASK_DONE, id)


# -- how far it is -----------------------------------------------------------------------------------------------------


def test_progress_says_how_many_tasks_are_done_and_how_long_it_still_takes() -> None:
    state = told(running(one(*"abcdefgh")), *done("a"), *done("b"), *done("c"))
    found = progress(state, [100.0, 200.0, 9000.0], now=NOW + 80)
    assert (found.phase, found.share, found.text) == ("forward", 0.375, "3 of 8 tasks")
    assert found.end == utc_of(NOW + 200)


def test_one_that_takes_longer_than_usual_says_so() -> None:
    found = progress(running("a"), [20.0], now=NOW + 80)
    assert (found.left, found.end, found.text) == (None, "", "0 of 1 task, longer than the usual 20 s")


def test_what_never_ran_promises_nothing() -> None:
    assert progress(running("a"), now=NOW).text == "0 of 1 task"
    assert progress(rehearsal(one("a", "b")).state, [20.0], now=NOW).text == "2 tasks"


def test_a_task_at_work_counts_as_far_as_it_says() -> None:
    state = told(
        running(one("a", "b")), happened(What.TASK_STARTED, "a"), happened(What.PROGRESS, "a", done=5, total=10)
    )
    assert progress(state, now=NOW).share == 0.25


def inside(what: What, name: str, **data: Any) -> Event:
    return Event(what, name, data=data, host="h1")


def test_of_the_only_deployment_its_components_are_counted() -> None:
    state = told(running("a"), happened(What.TASK_STARTED, "a"), inside(What.TASK_STARTED, "a/web"))
    told(state, inside(What.TASK_DONE, "a/web", changed=2), inside(What.TASK_STARTED, "a/db"))
    assert progress(state, now=NOW).text == "0 of 1 task, 1 component so far"
    told(state, happened(What.PROGRESS, "a", done=0, total=4))
    assert progress(state, now=NOW).text == "1 of 4 components"


def test_of_several_tasks_the_components_of_those_at_work_are_told_as_well() -> None:
    state = told(running(one("a", "b")), happened(What.TASK_STARTED, "a"), inside(What.TASK_DONE, "a/web"))
    told(state, happened(What.PROGRESS, "a", done=1, total=4))
    assert progress(state, now=NOW).text == "0 of 2 tasks, 1 of 4 components"
    told(state, happened(What.TASK_DONE, "a"))
    assert progress(state, now=NOW).text == "1 of 2 tasks"


def test_on_the_way_back_what_is_put_back_counts() -> None:
    state = told(running(one("a", "b", "c", "d"), d={"way_back": "none", "reverses": False}), *done("a"), *done("b"))
    told(state, happened(What.TASK_STARTED, "c"), happened(What.TASK_FAILED, "c", error={"message": "no"}))
    told(state, Event(What.STOPPING, data={}), Event(What.REVERSING, data={}))
    told(state, happened(What.TASK_REVERSING, "c"), happened(What.TASK_REVERSED, "c"))
    assert progress(state, [20.0], now=NOW).text == "putting back: 1 of 3"


def test_how_far_a_way_back_got_that_is_over() -> None:
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 1}))
    found = progress(run.drive(), now=NOW)
    assert (found.phase, found.share, found.text) == ("over", 1.0, "2 of 2 put back")


# -- what failed -------------------------------------------------------------------------------------------------------


def test_the_first_error_says_what_where_and_what_happens_now() -> None:
    error = {"message": "no space", "hint": "Make room.", "file": "rollouts/r.py", "line": 7, "output": ["x"]}
    state = told(
        running("a", a={"title": "Fill the disk", "arguments": {"host": "h1"}}), happened(What.TASK_STARTED, "a")
    )
    assert failure(state) is None
    told(state, happened(What.TASK_FAILED, "a", error=error))
    found = failure(state, [str(n) for n in range(50)])
    assert found is not None
    assert (found.title, found.host, found.message, found.hint) == ("Fill the disk", "h1", "no space", "Make room.")
    assert (found.place, found.lines) == ("rollouts/r.py:7", [str(n) for n in range(30, 50)])
    told(state, Event(What.STOPPING, data={}))
    assert failure(state).now == "What runs now comes to its end; then what was done is put back."  # type: ignore[union-attr]


def test_what_failed_inside_of_a_deployment_is_helped_by_what_the_task_says() -> None:
    state = told(running("a", a={"title": "Deploy all"}), happened(What.TASK_STARTED, "a"))
    told(state, Event(What.TASK_STARTED, "a/web", host="h1"))
    told(state, Event(What.TASK_FAILED, "a/web", data={"error": "it broke"}, host="h1"))
    told(state, happened(What.TASK_FAILED, "a", error={"message": "it broke", "hint": "Mend it."}))
    found = failure(state)
    assert found is not None
    assert (found.task, found.host, found.message, found.hint) == ("a/web@h1", "h1", "it broke", "Mend it.")
    assert (found.title, found.around, found.within) == ("web", "a", "Deploy all")


def test_a_task_that_fails_before_what_is_inside_of_it_names_that_all_the_same() -> None:
    state = told(running("a"), happened(What.TASK_STARTED, "a"), Event(What.TASK_STARTED, "a/web", host="h1"))
    told(state, happened(What.TASK_FAILED, "a", error={"message": "it broke"}))
    told(state, Event(What.TASK_FAILED, "a/web", data={"error": "it broke"}, host="h1"))
    assert failure(state).task == "a/web@h1"  # type: ignore[union-attr]


# -- what would change -------------------------------------------------------------------------------------------------

WRITE = {
    "verb": "write",
    "path": "/etc/x",
    "before": "a file (0644, 0:0)",
    "after": "a file (0644, 0:0)",
    "way_back": "exact",
}
CALL = {"verb": "run", "path": "", "after": "mail", "way_back": "irreversible", "reason": "mail is sent"}


def test_a_change_is_a_sentence_a_way_back_and_a_diff() -> None:
    found = change_of({**WRITE, "diff": "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n"})
    assert (found.sentence, found.way_back, found.is_sure) == ("change /etc/x", "exact", True)
    assert [(line.kind, line.text) for line in found.diff] == [
        ("hunk", "@@ -1 +1 @@"),
        ("del", "-old"),
        ("add", "+new"),
        ("same", " same"),
    ]


def test_a_long_diff_is_cut_in_its_middle() -> None:
    found = change_of({**WRITE, "diff": "\n".join(f"+{n}" for n in range(1000))})
    assert len(found.diff) == 201
    assert [line.text for line in found.diff if line.kind == "cut"] == ["... 800 lines left out ..."]


def test_a_change_that_cannot_be_undone_says_why() -> None:
    found = change_of(CALL)
    assert (found.sentence, found.way_back, found.reason, found.is_sure) == (
        "run mail",
        "irreversible",
        "mail is sent",
        False,
    )


def planned(shape: Shape, **leaves: Any) -> RolloutPlan:
    plan = rehearsal(shape, how={"made": BEGAN}, **leaves).plan
    assert moment(plan.made) == NOW
    return plan


ANSWER: Mapping[str, Any] = {
    "changes": {"b": [{"host": "h1", "component": "web", "changes": [WRITE, CALL], "reason": ""}]},
    "counts": {"a": 0, "b": 1},
    "unsafe": ["h1: web: run mail"],
    "reversibility": "ask",
    "error": None,
}


def test_a_plan_shows_what_each_task_would_change_and_from_where_there_is_no_way_back() -> None:
    found = plan_view(planned(one("a", side("b", "c"))), ANSWER, now=NOW + 10)
    assert [(task.id, task.kind, task.count, task.is_pivot) for task in found.tasks] == [
        ("a", "task", 0, False),
        ("g1", "group", None, False),
        ("b", "task", 1, True),
        ("c", "task", None, False),
    ]
    assert found.summary == "3 tasks on 1 host, 2 changes (1 exact, 1 irreversible)"
    assert found.pivot is not None
    assert found.pivot.reason == "run mail: mail is sent"
    assert (found.unsafe, found.reversibility, found.is_valid) == (["h1: web: run mail"], "ask", True)


def test_a_task_that_says_itself_that_it_cannot_be_undone_is_the_pivot() -> None:
    plan = planned(one("a", "b"), a={"way_back": "irreversible", "reason": "mail is sent"})
    assert plan_view(plan, ANSWER, now=NOW).pivot == plan_view(plan, ANSWER, now=NOW).tasks[0]


def test_a_plan_gets_too_old_and_one_whose_hosts_are_silent_says_so() -> None:
    silent = {"changes": {}, "error": {"message": "h1 cannot be reached", "hint": "Look at it."}}
    found = plan_view(planned("a"), silent, now=NOW + 301)
    assert (found.is_valid, found.until) == (False, utc_of(NOW + 300))
    assert (found.error, found.error_hint, found.is_known) == ("h1 cannot be reached", "Look at it.", False)
    assert found.summary == "1 task, nobody knows what would change"


def test_an_undo_shows_conflicts_first() -> None:
    steps = [
        {"component": "web", "change": WRITE},
        {"component": "web/x", "change": WRITE, "conflict": "somebody changed it", "goes_along": ["/etc/x/y to /tmp"]},
        {"component": "mail", "change": CALL, "conflict": "no way back", "stands": ["db: new /x"]},
        {"component": "db", "change": WRITE, "conflict": None, "held": "web@h2 needs it and stays"},
    ]
    found = undo_preview({"steps": {"h1": steps}, "unknown": ["who knows"], "again": False})
    assert [(step.component, step.conflict) for step in found.conflicts] == [("web/x", "somebody changed it")]
    assert [step.is_stop for step in found.hosts["h1"]] == [False, False, True, False]
    assert found.summary == "1 change would be put back, 1 conflict, 2 stay as they are"
    assert found.unknown == ["who knows"]


def test_what_becomes_of_conflicts_is_said_before_an_undo_is_started() -> None:
    assert at_conflicts(0, "stop") == ""
    assert at_conflicts(1, "stop").startswith("It stops at the conflict")
    assert at_conflicts(2, "force") == "What others changed since is overwritten."
    assert at_conflicts(2, "keep") == "What others changed since is left as it is."


def test_an_undo_by_hand_goes_through_the_tasks_from_the_last_one() -> None:
    plan = rehearsal(
        one("a", "b", "c", "d"),
        how={"undoes": "x", "carried": {id: {"state": "done"} for id in "abc"}},
        b={"way_back": "irreversible", "reason": "mail is sent"},
    ).plan
    found = undo_by_hand(plan)
    assert [(task.id, task.goes_back, task.reason) for task in found.tasks] == [
        ("c", True, ""),
        ("b", False, "mail is sent"),
        ("a", True, ""),
    ]
    assert found.summary == "2 tasks would be put back, 1 task cannot be"


def test_an_undo_says_how_long_it_may_take() -> None:
    took = {"a": 10, "b": 20, "c": 5, "d": 40}
    state = rehearsal(one("a", side("b", "c"), "d")).state
    for id, seconds in took.items():
        state.tasks[id].began, state.tasks[id].ended = BEGAN, utc_of(NOW + seconds)
    back = {"undoes": "x", "carried": {id: {"state": "done"} for id in "abc"}}
    plan = rehearsal(one("a", side("b", "c"), "d"), how=back).plan
    assert seconds_back(state, undo_by_hand(plan)) == 10 + 20
    for id, host in (("x", "h1"), ("y", "h1"), ("z", "h2")):
        state.tasks[f"{id}@{host}"] = TaskStatus(began=BEGAN, ended=utc_of(NOW + 7))
    state.plan, state.tasks = None, {id: one for id, one in state.tasks.items() if "@" in id}
    assert seconds_back(state, undo_preview({"steps": {"h1": [], "h2": []}})) == 14


# -- what can be done --------------------------------------------------------------------------------------------------


def person(name: str, role: Role, where: str = EVERYWHERE) -> Person:
    return Person(name, {where: frozenset({role})})


OPERATOR, APPROVER = person("kim", Role.OPERATOR), person("alex", Role.APPROVER)
VIEWER, ADMIN = person("sam", Role.VIEWER), person("root", Role.ADMIN)
PROD = {"environments": ("prod",)}


def names(state: State, who: Person, **more: Any) -> list[str]:
    return [offer.name for offer in offers(state, who, **more)]


def test_what_is_planned_can_be_started_planned_anew_or_cancelled() -> None:
    state = rehearsal("a", a=PROD).state
    assert names(state, OPERATOR) == ["start", "replan", "abort"]
    assert names(state, VIEWER) == names(state, person("kim", Role.OPERATOR, "dev")) == []
    found = {offer.name: offer for offer in offers(state, OPERATOR, protected=["prod"])}
    assert (found["start"].confirm, found["abort"].label) == ("prod", "Cancel")


def test_with_four_eyes_one_asks_and_another_one_starts() -> None:
    state = rehearsal("a", a=PROD).state
    assert names(state, OPERATOR, four_eyes=["prod"]) == ["ask", "replan", "abort"]
    told(state, Event(What.HELD, data={"hold": "waiting for approval", "who": "root"}))
    assert names(state, APPROVER, four_eyes=["prod"]) == ["start", "refuse", "replan"]
    assert names(state, ADMIN, four_eyes=["prod"]) == ["refuse", "replan", "abort"]
    assert next(one.label for one in offers(state, ADMIN, four_eyes=["prod"])) == "No longer ask"


def test_what_runs_can_be_paused_or_stopped_by_those_who_may() -> None:
    state = running("a", a=PROD)
    assert names(state, OPERATOR) == ["pause", "abort", "terminate", "keep"]
    assert names(state, APPROVER) == []
    [danger] = [offer for offer in offers(state, OPERATOR) if offer.is_dangerous]
    assert (danger.name, danger.consequence) == ("terminate", "End what runs by force, and put everything back.")
    assert names(state, OPERATOR, heard=False) == ["keep"]


def test_a_checklist_is_ticked_item_by_item_by_somebody_else() -> None:
    gate = {"gate": "checklist", "arguments": {"items": ["lights", "doors"]}, **PROD}
    state = told(running("a", a=gate), happened(What.TASK_STARTED, "a"))
    ticked = {"number": 1, "name": "approve", "who": "alex", "item": "doors"}
    told(state, Event(What.SIGNALLED, "a", data=ticked))
    found = [(offer.name, offer.item, offer.label) for offer in task_offers(state, "a", APPROVER, four_eyes=["prod"])]
    assert found == [("approve", "lights", "lights"), ("approve", "", "Tick all"), ("reject", "", "Reject")]
    assert [offer.name for offer in task_offers(state, "a", ADMIN)][:1] == ["approve"]
    assert task_offers(state, "a", person("kim", Role.APPROVER), four_eyes=["prod"]) == []


def blocked() -> Rehearsal:
    run = rehearsal(one("a", "b"), HandsScript(fails={"b": 9}), how={"on_failure": "ask"})
    run.drive(stay_blocked=False)
    return run


def test_what_failed_can_be_tried_again_or_passed_over_with_a_reason() -> None:
    state = blocked().state
    assert state.state is RolloutState.BLOCKED
    assert [(offer.name, offer.needs_reason) for offer in task_offers(state, "b", OPERATOR)] == [
        ("retry", False),
        ("skip", True),
    ]
    assert task_offers(state, "a", OPERATOR) == []
    assert [(offer.name, offer.task) for offer in offers(state, OPERATOR)] == [
        ("abort", ""),
        ("keep", ""),
        ("retry", ""),
        ("skip", "b"),
    ]


def test_what_is_over_can_be_taken_back_once() -> None:
    run = rehearsal("a")
    run.drive()
    assert names(run.state, OPERATOR) == ["undo"]
    assert names(rehearsal("a", how={"undoes": "x", "carried": {}}).drive(), OPERATOR) == []


def test_what_a_command_left_half_done_can_be_taken_back() -> None:
    started = Event(What.STARTED, data={"rollout": "r", "environment": "dev", "host": "h1"})
    state = fold([Recorded(1, BEGAN, started)])
    assert names(state, OPERATOR, heard=False) == ["undo"]
    assert "undo" not in names(state, OPERATOR)
    state.add(Recorded(2, BEGAN, Event(What.OVER, data={"outcome": "blocked"})))
    assert names(state, OPERATOR, heard=False) == ["undo"], "and what could not be put back, once more"


# -- what is asked -----------------------------------------------------------------------------------------------------


def fact(name: str, type: str = "str", **more: Any) -> dict[str, Any]:
    plain = {"choices": None, "default": None, "help": "", "advanced": False, "multiple": False, "required": False}
    return {"name": name, "type": type, **plain, **more}


FACTS = [
    fact("version", required=True, help="which one"),
    fact("size", "int", default=3),
    fact("part", "float"),
    fact("dry", "bool", default=False),
    fact("sure", "bool"),
    fact("colour", choices=["red", "blue"], default="red"),
    fact("hosts", multiple=True, default=["h1"]),
    fact("zones", multiple=True, choices=["a", "b"], default=["a"], advanced=True),
]


def test_each_kind_of_parameter_has_its_kind_of_field() -> None:
    found = {field.name: field for field in fields(FACTS)}
    assert {name: field.kind for name, field in found.items()} == {
        "version": "text",
        "size": "number",
        "part": "number",
        "dry": "check",
        "sure": "choice",
        "colour": "choice",
        "hosts": "lines",
        "zones": "choices",
    }
    assert (found["version"].required, found["version"].help, found["version"].value) == (True, "which one", "")
    assert (found["size"].value, found["size"].step, found["part"].step) == ("3", "1", "any")
    assert [(one.label, one.is_chosen) for one in found["sure"].choices] == [
        ("none", True),
        ("yes", False),
        ("no", False),
    ]
    assert [(one.value, one.is_chosen) for one in found["zones"].choices] == [("a", True), ("b", False)]
    assert found["zones"].advanced


def test_a_form_begins_as_last_time_as_far_as_that_is_still_possible() -> None:
    last = {"version": "1.2", "dry": True, "colour": "green", "hosts": ["h1", "h2"], "gone": 1}
    found = {field.name: field for field in fields(FACTS, last)}
    assert (found["version"].value, found["dry"].value, found["hosts"].value) == ("1.2", "true", "h1\nh2")
    assert [one.value for one in found["colour"].choices if one.is_chosen] == ["red"]


def test_what_was_sent_comes_back_with_its_mistakes() -> None:
    form = {PREFIX + "size": ["many"], PREFIX + "hosts": ["h3\r\n\r\n h4 "], PREFIX + "zones": ["b"], "other": ["x"]}
    values = given(FACTS, form)
    assert values == {"size": "many", "dry": "false", "hosts": ["h3", "h4"], "zones": ["b"]}
    mistakes = mistakes_in(FACTS, values)
    assert mistakes == {"version": "This must be given.", "size": "This must be a whole number."}
    found = {field.name: field for field in fields(FACTS, {"version": "1.2"}, values, mistakes)}
    assert (found["size"].value, found["size"].error) == ("many", "This must be a whole number.")
    assert (found["hosts"].value, found["version"].value) == ("h3\nh4", "")


def test_a_field_that_is_left_empty_is_not_given_unless_an_empty_text_is_meant() -> None:
    facts = [fact("size", "int", default=3), fact("note", default="x"), fact("by")]
    assert given(facts, {PREFIX + name: [""] for name in ("size", "note", "by")}) == {"note": ""}


def test_a_box_that_is_not_ticked_says_no() -> None:
    dry = [fact("dry", "bool", default=True)]
    assert given(dry, {}) == {"dry": "false"}
    assert given(dry, {PREFIX + "dry": ["on"]}) == {"dry": "true"}
    assert fields(dry, sent=given(dry, {}))[0].value == ""
