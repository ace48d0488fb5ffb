"""The pages of rollouts: what they show in each state, whom they offer what, and that they stay small."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from html import unescape
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rollouts_by_hand import one, side, tree
from sqlalchemy import event as engine_events

from depl.access.roles import Action, Person, Role
from depl.access.roles import refusal as forbidden
from depl.deploy.begin import utc
from depl.events import Event, Output, What
from depl.rollout.asking import refusal
from depl.rollout.folding import State, fold
from depl.rollout.holds import Freeze, HoldFiles
from depl.rollout.plan import RolloutPlan
from depl.rollout.possible import useful_signals
from depl.rollout.states import SIGNALS, RolloutState
from depl.rollout.tree import Tree
from depl.web.operations.known import alike
from depl.web.site import Site

PLAIN = {"protected": False, "four_eyes": False, "queue": "", "reversibility": "allow"}
STARTED = Event(What.STARTED, data={"who": "worker1"})
FAILED = Event(What.TASK_FAILED, "1", data={"error": {"message": "it broke", "hint": "mend it"}})
BEGUN, DONE = Event(What.TASK_STARTED, "1"), Event(What.TASK_DONE, "1")
HOSTILE = "<script>alert(1)</script>"
numbers = count()


def publish(site: Site, environment: str, **settings: Any) -> str:
    nodes = [{"id": "web@host1", "root": "web", "host": "host1"}]
    told = {"settings": {**PLAIN, **settings}, "hosts": [{"name": "host1"}], "nodes": nodes}
    site.store.published.put("environment", environment, told)
    return environment


def planned(site: Site, environment: str, shape: Any = None, **how: Any) -> str:
    """Puts in a plan of two tasks, one after the other. leaves: by id what is special about one."""
    id = f"20260102-030405-{next(numbers):04x}"
    leaves: Mapping[str, Mapping[str, Any]] = how.pop("leaves", {})
    found = tree(shape or one("1", "2"), **leaves)
    places = (environment,) if environment else ()
    named = {
        key: replace(leaf, title=leaf.title or f"Task {key}", environments=places) for key, leaf in found.leaves.items()
    }
    about = {"name": "release", "title": "Release", "who": "kim", "made": utc(), **how}
    site.store.create(RolloutPlan(id, tree=Tree(named, found.groups, found.root), **about))
    return id


def begun(site: Site, environment: str, *events: Event, who: str = "kim", **how: Any) -> str:
    """One that a worker has, and what happened in it."""
    id = planned(site, environment, **how)
    site.store.start(id, who)
    if events:
        site.store.log(id).append(events)
    return id


def state_of(site: Site, id: str) -> State:
    return fold(site.store.log(id).read())


def offered(text: str, id: str) -> set[str]:
    """The names of what a page offers: signals by theirs, all else by its address."""
    found = set(re.findall(rf'action="/rollouts/{id}/(start|ask|refuse|undo|replan)"', text))
    for form in re.findall(rf'<form[^>]*action="/rollouts/{id}/signal".*?</form>', text, re.DOTALL):
        found |= set(re.findall(r'name="name" value="([^"]*)"', form))
    return found


TRIED: Mapping[Role, Collection[str]] = {  # what is sent by somebody in that role
    Role.VIEWER: ["abort"],
    Role.OPERATOR: SIGNALS,
    Role.APPROVER: ["approve", "pause"],
    Role.ADMIN: ["force"],
}
STATES: Mapping[str, Collection[Event]] = {
    "queued": (),
    "running": (STARTED, BEGUN),
    "paused": (STARTED, BEGUN, Event(What.HELD, data={"hold": "paused"})),
    "failed": (STARTED, BEGUN, FAILED, Event(What.BLOCKED, data={"block": "failed", "reason": "it broke"})),
    "gate": (STARTED, BEGUN),
    "stopping": (STARTED, BEGUN, Event(What.STOPPING, data={"reason": "enough"})),
    "conflict": (
        *(STARTED, BEGUN, DONE, Event(What.STOPPING), Event(What.REVERSING), Event(What.TASK_REVERSING, "1")),
        Event(What.TASK_NOT_REVERSED, "1", data={"kind": "conflict", "reason": "changed since"}),
        Event(What.BLOCKED, data={"block": "conflict"}),
    ),
    "over": (STARTED, BEGUN, DONE, Event(What.OVER, data={"outcome": "kept"})),
}


@pytest.mark.parametrize("name", STATES)
def test_a_page_offers_just_what_is_legal_and_allowed_and_that_is_accepted(name: str, site: Any, sign_in: Any) -> None:
    dev = publish(site, "dev")
    leaves = {"1": {"gate": "approval"}} if name == "gate" else {}
    for role in Role:
        id = begun(site, dev, *STATES[name], leaves=leaves)
        person = Person(f"one-{role.value}", {dev: frozenset({role})})
        client = sign_in(person.name, f"dev={role.value}")
        state = state_of(site, id)
        text = client.get(f"/rollouts/{id}").text
        fitting = {
            signal: [task for task in ("", "1") if not refusal(state, signal, task, "because")] for signal in SIGNALS
        }
        allowed = {signal for signal in SIGNALS if not forbidden(person, Action(signal), [dev])}
        useful = set(useful_signals(state, heard=True))
        wanted = {signal for signal in useful & allowed if fitting[signal]}
        assert offered(text, id) & set(SIGNALS) == wanted, role
        for signal in TRIED[role]:
            fits = fitting[signal] and signal in allowed
            if signal == "abort" and name == "queued" and fits:
                continue  # it is cancelled by that
            form = {"name": signal, "task": (fitting[signal] or ["1"])[-1], "reason": "because"}
            status = client.post(f"/rollouts/{id}/signal", form).status
            assert status == (303 if fits else 409 if signal in allowed else 403), (role, signal)
        may_undo = name == "over" and role in (Role.OPERATOR, Role.ADMIN)
        assert ("undo" in offered(text, id)) == may_undo
        assert may_undo == (client.post(f"/rollouts/{id}/undo").status == 303)


def test_what_is_said_is_passed_on_with_the_name_of_whoever_said_it(site: Any, sign_in: Any) -> None:
    id = begun(site, publish(site, "dev"), STARTED, BEGUN)
    ann = sign_in("ann", "dev=operator")
    answer = ann.post(f"/rollouts/{id}/signal", {"name": "abort", "reason": HOSTILE})
    assert (answer.status, answer.headers["location"]) == (303, f"/rollouts/{id}")
    (signal,) = site.store.signals(id).new(0)
    assert (signal.name, signal.who, signal.reason) == ("abort", "ann", HOSTILE)
    assert "abort by ann: passed on, not heard yet" in re.sub("<[^>]*>", "", ann.get(f"/rollouts/{id}").text)
    entry = site.store.audit.entries(who="ann")[0]
    assert (entry.what, entry.subject, entry.environment, entry.outcome) == ("abort", id, "dev", "done")


def test_a_reason_is_needed_where_the_command_line_needs_one_too(site: Any, sign_in: Any) -> None:
    id = begun(site, publish(site, "dev"), *STATES["failed"])
    answer = sign_in("ann", "dev=operator").post(f"/rollouts/{id}/signal", {"name": "skip", "task": "1"})
    assert (answer.status, "needs a reason" in answer.text) == (422, True)
    assert site.store.signals(id).new(0) == []


def test_what_has_not_begun_is_cancelled_at_once(site: Any, sign_in: Any) -> None:
    dev, ann = publish(site, "dev"), sign_in("ann", "dev=operator")
    for id in (planned(site, dev), begun(site, dev)):
        assert ann.post(f"/rollouts/{id}/signal", {"name": "abort"}).status == 303
        assert state_of(site, id).state is RolloutState.CANCELLED


def test_an_item_of_a_checklist_is_ticked_if_it_is_one(site: Any, sign_in: Any) -> None:
    gate = {"gate": "checklist", "arguments": {"items": ["backup", HOSTILE]}}
    id = begun(site, publish(site, "dev"), STARTED, BEGUN, leaves={"1": gate})
    ann = sign_in("approver", "dev=approver")
    assert {"backup", HOSTILE} <= set(
        map(unescape, re.findall('name="item" value="([^"]*)"', ann.get(f"/rollouts/{id}").text))
    )
    form = {"name": "approve", "task": "1"}
    assert ann.post(f"/rollouts/{id}/signal", {**form, "item": "other"}).status == 422
    assert ann.post(f"/rollouts/{id}/signal", {**form, "item": "backup"}).status == 303
    assert [signal.data for signal in site.store.signals(id).new(0)] == [{"item": "backup"}]


def test_where_four_eyes_are_wanted_somebody_else_starts_what_was_asked_for(site: Any, sign_in: Any) -> None:
    live = publish(site, "live", four_eyes=True)
    both = ("live=operator", "live=approver")
    ann, ben = sign_in("ann4", *both), sign_in("ben4", "live=approver")
    id = planned(site, live)
    page = f"/rollouts/{id}"
    assert offered(ann.get(page).text, id) == {"ask", "replan", "abort"}
    assert ann.post(f"{page}/start").status == 409
    assert ben.post(f"{page}/start").status == 403
    assert ann.post(f"{page}/ask").status == 303
    assert offered(ann.get(page).text, id) == {"refuse", "replan", "abort"}
    assert ann.post(f"{page}/start").status == 403
    assert offered(ben.get(page).text, id) == {"start", "refuse", "replan"}
    assert ben.post(f"{page}/refuse").status == 422
    assert ben.post(f"{page}/refuse", {"reason": "not on Fridays"}).status == 303
    assert state_of(site, id).wanted_by == ""
    assert ann.post(f"{page}/ask").status == 303
    site.store.create(replace(site.store.plan(id), made=utc(), who="ben4"))  # made anew, and the same
    assert state_of(site, id).wanted_by == "ann4"
    assert ben.post(f"{page}/start").status == 303
    state = state_of(site, id)
    assert (state.state, state.queued_by, state.approved_by) == (RolloutState.QUEUED, "ann4", "ben4")
    assert "Approved by" in ann.get(page).text


def test_nobody_answers_what_they_started_where_four_eyes_are_wanted(site: Any, sign_in: Any) -> None:
    live = publish(site, "live", four_eyes=True)
    id = begun(site, live, STARTED, BEGUN, who="ann4", leaves={"1": {"gate": "approval"}})
    ann, ben = sign_in("ann4", "live=operator", "live=approver"), sign_in("ben4", "live=approver")
    form = {"name": "approve", "task": "1"}
    assert "approve" not in offered(ann.get(f"/rollouts/{id}").text, id)
    assert ann.post(f"/rollouts/{id}/signal", form).status == 403
    assert ben.post(f"/rollouts/{id}/signal", form).status == 303


def test_the_name_of_a_protected_environment_is_typed(site: Any, sign_in: Any) -> None:
    id = planned(site, publish(site, "prod", protected=True))
    ann = sign_in("ann", "prod=operator")
    answer = ann.post(f"/rollouts/{id}/start", {"confirm": "dev"})
    assert (answer.status, "Type: prod" in answer.text) == (422, True)
    assert ann.post(f"/rollouts/{id}/start", {"confirm": "prod"}).status == 303


def test_a_plan_that_is_too_old_is_made_anew_and_not_started(site: Any, sign_in: Any) -> None:
    id = planned(site, publish(site, "dev"), made="2026-01-02T03:04:05Z")
    ann = sign_in("ann", "dev=operator")
    text = ann.get(f"/rollouts/{id}").text
    assert "too old" in text
    assert offered(text, id) == {"replan", "abort"}
    assert ann.post(f"/rollouts/{id}/start").status == 409
    answer = ann.post(f"/rollouts/{id}/replan")
    inquiry = site.store.inquiries.get(answer.headers["location"].rpartition("/")[2])
    asked = {"rollout": id, "within": ["dev"]}
    assert (inquiry.kind, inquiry.asked, inquiry.who) == ("replan", asked, "ann")
    assert ann.post(f"/rollouts/{id}/replan").headers["location"] == answer.headers["location"], "asked once only"


def test_who_may_plan_in_one_environment_gets_plans_of_that_one_only(site: Any, sign_in: Any) -> None:
    publish(site, "mine")
    publish(site, "theirs")
    facts = {"name": "version", "type": "int", "choices": None, "default": None, "multiple": False, "required": True}
    site.store.published.put("rollout", "release", {"title": "", "parameters": [facts], "file": "", "mistake": None})
    pat, vic = sign_in("pat", "mine=operator"), sign_in("vic5", "mine=viewer")
    asked = {"rollout": "release", "parameters": {"version": "2"}}
    answer = pat.call("POST", "/api/v1/rollouts", asked)
    inquiry = site.store.inquiries.get(answer.json["id"])
    assert inquiry.asked == {"rollout": "release", "parameters": {"version": 2}, "within": ["mine"]}
    assert vic.call("POST", "/api/v1/rollouts", asked).status == 403
    assert (
        "version"
        in pat.call("POST", "/api/v1/rollouts", {**asked, "parameters": {"version": "two"}}).json["error"]["fields"]
    )
    assert pat.call("POST", "/api/v1/rollouts", {"environment": "theirs"}).status == 404


def test_what_was_planned_anew_does_not_start_for_those_who_saw_the_plan_before(site: Any, sign_in: Any) -> None:
    id = planned(site, publish(site, "dev"))
    ann, address = sign_in("ann", "dev=operator"), f"/rollouts/{id}/start"
    (live,) = re.findall('hx-sse:connect="([^"]*)"', (page := ann.get(f"/rollouts/{id}")).text)
    seen = page.form_of(address)
    site.store.create(site.store.plan(id))
    answer = ann.post(address, seen)
    assert (answer.status, "is not what it was when you looked" in answer.text) == (409, True)
    number = int(seen["number"])
    assert ann.call("POST", f"/api/v1/rollouts/{id}/start", {"number": number}).status == 409
    assert state_of(site, id).state is RolloutState.PLANNED
    new = ann.get(unescape(live) + "&poll=1")
    assert 'id="rollout-page"' in new.text, "the plan comes along with its number"
    assert ann.post(address, new.form_of(address)).status == 303


def answered(site: Site, id: str, kind: str = "deploy", **answer: Any) -> None:
    """As if a worker had found this out about it."""
    inquiry = site.store.inquiries.ask(kind, {}, who="ann", rollout=id, queue="tests")
    assert site.store.inquiries.claim("w", ["tests"]) is not None
    told = {"changes": {}, "counts": {}, "unsafe": [], "reversibility": "allow", "error": None, **answer}
    assert site.store.inquiries.answer(inquiry.id, "w", told, id)


def test_what_cannot_be_undone_is_agreed_to_or_refused(site: Any, sign_in: Any) -> None:
    ann = sign_in("ann", "ask=operator", "must=operator")
    asks, must = publish(site, "ask", reversibility="ask"), publish(site, "must", reversibility="required")
    unknown, unsafe, never = planned(site, asks), planned(site, asks), planned(site, must)
    answered(site, unsafe, unsafe=["host1: app: run rm"], reversibility="ask")
    answered(site, never, unsafe=["host1: app: run rm"], reversibility="required")
    assert ann.post(f"/rollouts/{unknown}/start").status == 409
    assert ann.post(f"/rollouts/{unsafe}/start").status == 422
    assert ann.post(f"/rollouts/{unsafe}/start", {"accept_unsafe": "yes"}).status == 303
    assert ann.post(f"/rollouts/{never}/start", {"accept_unsafe": "yes"}).status == 409


def test_nothing_starts_where_nobody_knows_what_its_environment_wants(site: Any, sign_in: Any) -> None:
    answer = sign_in("ann", "unheard=operator").post(f"/rollouts/{planned(site, 'unheard')}/start")
    assert (answer.status, "no worker has told" in answer.text) == (409, True)


def test_that_an_environment_is_held_is_said_before_and_after_the_start(site: Any, sign_in: Any) -> None:
    id, kim = planned(site, publish(site, "frozen")), sign_in("kai", "frozen=operator")
    HoldFiles(f"{site.base}/.depl").set(Freeze("frozen", "bob", utc(), "the fair is on"))
    assert "frozen is held by bob: the fair is on." in kim.get(f"/rollouts/{id}").text
    site.store.start(id, "kai")
    site.store.workers.beat("worker1", [""], 1)
    assert "frozen is held by bob: the fair is on." in kim.get(f"/rollouts/{id}").text


def test_a_plan_shows_what_would_change_and_from_where_on_nothing_goes_back(site: Any, sign_in: Any) -> None:
    id = planned(site, publish(site, "dev"), leaves={"2": {"way_back": "irreversible", "reason": "mail is sent"}})
    change = {"verb": "write", "path": "/etc/app", "before": "a file (0644, 0:0)", "after": "a file (0644, 0:0)"}
    change |= {"way_back": "exact", "reason": "", "size": 4, "diff": "@@ -1 +1 @@\n-old\n+new\n"}
    found = [{"host": "host1", "component": "app/File", "changes": [change], "reason": ""}]
    answered(site, id, changes={"1": found}, counts={"1": 1}, warnings=["mind the gap"])
    text = sign_in("vic", "dev=viewer").get(f"/rollouts/{id}").text
    for words in ("From here on a failure leaves what was done before: mail is sent", "mind the gap", "/etc/app"):
        assert words in text
    assert '<span class="del">-old</span><span class="add">+new</span>' in text
    assert offered(text, id) == set()


def test_an_undo_shows_first_what_stands_in_its_way(site: Any, sign_in: Any) -> None:
    dev = publish(site, "dev")
    given = {"environment": dev, "rollout": "r0", "on_conflict": "stop"}
    id = planned(site, dev, shape=one("1"), name="depl:undo", parameters=given)
    change = {"verb": "remove", "path": "/etc/app", "before": "a file", "after": "nothing", "way_back": "exact"}
    steps = {
        "host1": [{"component": "app", "change": change}, {"component": "db", "change": change, "conflict": HOSTILE}]
    }
    answered(site, id, "undo", steps=steps, unknown=[], again=False)
    text = sign_in("ann", "dev=operator").get(f"/rollouts/{id}").text
    assert text.index("1 conflict") < text.index("What would be put back")
    assert text.count('action="/rollouts/r0/undo"') == 2
    assert HOSTILE not in text
    start = re.search(r'<form[^>]*id="do-start".*?</form>', text, re.DOTALL)
    assert start is not None
    assert ("It stops at the conflict" in start[0], "primary" in start[0]) == (True, False)


def test_nothing_that_somebody_wrote_becomes_part_of_a_page(site: Any, sign_in: Any) -> None:
    dev, ann = publish(site, "dev"), sign_in("ann", "dev=admin")
    told = {"name": HOSTILE, "title": HOSTILE, "parameters": {HOSTILE: HOSTILE}, "info": [HOSTILE], "revision": HOSTILE}
    leaf = {"title": HOSTILE, "reason": HOSTILE, "way_back": "unknown", "arguments": {HOSTILE: HOSTILE}}
    hidden = {"who": HOSTILE, "name": "pause", "reason": HOSTILE, "number": 1, "refused": HOSTILE}
    inside = [
        Event(What.TASK_STARTED, f"1/{HOSTILE}", host=HOSTILE),
        Event(What.TASK_SAVED, "1", data={"state": {HOSTILE: HOSTILE}}),
    ]
    change = {"verb": HOSTILE, "path": HOSTILE, "before": HOSTILE, "after": HOSTILE, "diff": HOSTILE, "reason": HOSTILE}
    changed = Event(What.CHANGED, "1", HOSTILE, {"changes": [{**change, "way_back": "unknown"}], "reason": HOSTILE})
    failed = Event(
        What.TASK_FAILED, "1", data={"error": {"message": HOSTILE, "hint": HOSTILE, "file": HOSTILE, "line": 1}}
    )
    over = Event(What.BLOCKED, data={"block": "failed", "reason": HOSTILE})
    id = begun(
        site,
        dev,
        STARTED,
        BEGUN,
        Event(What.SIGNALLED, data=hidden),
        *inside,
        changed,
        failed,
        over,
        who=HOSTILE,
        leaves={"1": leaf},
        **told,
    )
    site.store.log(id).output([Output("1", "stdout", f"{HOSTILE}\n")])
    plan = planned(site, dev, leaves={"1": leaf}, **told)
    answered(
        site,
        plan,
        unsafe=[HOSTILE],
        warnings=[HOSTILE],
        changes={"1": [{"host": HOSTILE, "component": HOSTILE, "changes": [change], "reason": HOSTILE}]},
    )
    for path in (
        id,
        plan,
        f"{id}/live?poll=1&after=2",
        f"{id}/tasks/1",
        f"{id}/tasks/1/live?poll=1&after=2",
        f"{id}/rows",
        f"{id}/events",
    ):
        answer = ann.get(f"/rollouts/{path}")
        assert (answer.status, HOSTILE.encode() in answer.body, b"&lt;script&gt;" in answer.body) == (
            200,
            False,
            True,
        ), path
        assert not re.search(r"<[^>]* (style|on\w+)=", answer.text), path


def test_what_somebody_may_not_see_is_not_there(site: Any, sign_in: Any) -> None:
    id = begun(site, publish(site, "secret"), *STATES["failed"])
    ann = sign_in("ann", "dev=admin")
    for path in ("", "/rows", "/live", "/events", "/tasks/1", "/tasks/1/live"):
        assert ann.get(f"/rollouts/{id}{path}").status == 404, path
    for path in ("start", "ask", "refuse", "signal", "undo", "replan"):
        assert ann.post(f"/rollouts/{id}/{path}", {"name": "abort"}).status == 404, path
    assert ann.get("/rollouts/nothing").status == 404
    assert ann.get(f"/rollouts/{begun(site, 'dev')}/tasks/9").status == 404


def test_who_may_do_the_same_is_sent_the_same_unless_it_matters_who_they_are(site: Any, sign_in: Any) -> None:
    dev, eyes = publish(site, "dev"), publish(site, "eyes", four_eyes=True)
    places = (dev, eyes)
    people = [
        Person(name, dict.fromkeys(places, frozenset({role})))
        for name, role in (("ann", Role.OPERATOR), ("ben", Role.OPERATOR), ("cyd", Role.ADMIN), ("dan", Role.ADMIN))
    ]

    def kinds(id: str) -> int:
        header = site.store.header(id)
        asks = (
            SimpleNamespace(site=site, person=one, may=lambda *about, one=one: not forbidden(one, *about))
            for one in people
        )
        return len({alike(cast("Any", ask), header) for ask in asks})

    assert (kinds(begun(site, dev, STARTED)), kinds(begun(site, eyes, STARTED)), kinds(planned(site, dev))) == (2, 3, 4)


def test_only_what_was_touched_is_sent_to_an_open_page(site: Any, sign_in: Any) -> None:
    id = begun(site, publish(site, "dev"), STARTED, shape=one(side("1", "2"), "3"))
    ann = sign_in("ann", "dev=operator")
    number = site.store.header(id).number
    site.store.log(id).append([BEGUN])
    answer = ann.get(f"/rollouts/{id}/live?poll=1&after={number}")
    swapped = re.findall(r'<\w+[^>]* id="([^"]*)"[^>]* hx-swap-oob', answer.text)
    assert answer.headers["x-depl-number"] == str(number + 1)
    assert {one for one in swapped if one.startswith("task-")} == {"task-1", "task-g1", "task-g0"} & set(swapped)
    assert "task-1" in swapped
    assert {"rollout-state", "rollout-head", "rollout-actions", "rollout-timeline"} <= set(swapped)


def test_what_happened_is_told_in_sentences_the_newest_first_a_hundred_at_a_time(site: Any, sign_in: Any) -> None:
    id = begun(site, publish(site, "dev"), STARTED, BEGUN)
    log, get = site.store.log(id), sign_in("ann", "dev=operator").get
    log.append([Event(What.LOG, "1", data={"text": f"line {number}"}) for number in range(100)])
    number = site.store.header(id).number
    log.append([FAILED, Event(What.SIGNALLED, data={"number": 1, "who": "kim", "name": "abort", "reason": "enough"})])
    live = get(f"/rollouts/{id}/live?poll=1&after={number}").text
    (new,) = re.findall('<ol hx-swap-oob="afterbegin:#story">(.*?)</ol>', live)
    assert re.findall('<li id="event-([0-9]+)', new) == [str(number + 2), str(number + 1)]
    first = get(f"/rollouts/{id}/events?part=1").text
    told = re.sub("<[^>]*>", "", first)
    assert told.index("kim  abort: enough") < told.index("Task 1: failed: it broke") < told.index("Task 1: line 99")
    assert first.count('<li id="event-') == 100
    (older,) = re.findall('<a href="([^"]*before=[^"]*)"', first)
    rest = get(unescape(older)).text
    assert re.findall('<li id="event-([0-9]+)', rest) == [str(one) for one in range(number - 98, 0, -1)]
    assert "planned by kim" in rest


def test_a_page_of_a_plan_becomes_that_of_the_rollout_once_it_starts(site: Any, sign_in: Any) -> None:
    id = planned(site, publish(site, "dev"))
    ann = sign_in("ann", "dev=operator")
    (live,) = re.findall('hx-sse:connect="([^"]*)"', ann.get(f"/rollouts/{id}").text)
    assert 'id="rollout-page"' not in ann.get(unescape(live) + "&poll=1").text
    site.store.start(id, "ann")
    answer = ann.get(unescape(live) + "&poll=1")
    assert re.search('<div id="rollout-page"[^>]* hx-swap-oob="true"', answer.text)
    (after,) = re.findall('hx-sse:connect="([^"]*)"', answer.text)
    assert "shown=plan" not in after


def test_a_deployment_by_a_command_is_shown_as_well(site: Any, sign_in: Any) -> None:
    publish(site, "dev")
    id = f"20260102-030405-{next(numbers):04x}"
    site.store.admit(id)
    site.store.log(id).append(
        [
            Event(What.STARTED, data={"rollout": id, "environment": "dev", "hosts": ["host1"], "who": "kim@here"}),
            Event(What.TASK_STARTED, "web", host="host1"),
            Event(What.TASK_DONE, "web", host="host1", data={"changed": 1, "seconds": 1}),
            Event(What.OVER, data={"outcome": "succeeded", "seconds": 2, "changed": 1}),
        ]
    )
    ann = sign_in("ann", "dev=operator")
    text = ann.get(f"/rollouts/{id}").text
    assert "web" in text
    assert offered(text, id) == {"undo"}
    assert ann.get(f"/rollouts/{id}/tasks/web@host1").status == 200
    answer = ann.post(f"/rollouts/{id}/undo", {"on_conflict": "keep"})
    inquiry = site.store.inquiries.get(answer.headers["location"].rpartition("/")[2])
    assert (inquiry.kind, inquiry.asked) == ("undo", {"rollout": id, "on_conflict": "keep"})


def test_hosts_and_tasks_that_begin_in_a_large_deployment_by_a_command_come_to_its_rows(
    site: Any, sign_in: Any
) -> None:
    publish(site, "dev")
    id = f"20260102-030405-{next(numbers):04x}"
    site.store.admit(id)
    log, get = site.store.log(id), sign_in("ann", "dev=operator").get
    log.append([Event(What.STARTED, data={"rollout": id, "environment": "dev", "hosts": [], "who": "kim@here"})])
    tasks = [(f"c{number}", f"h{host}") for host in range(10) for number in range(30)]
    log.append([Event(What.TASK_STARTED, task, host=host) for task, host in tasks])
    (live,) = re.findall('hx-sse:connect="([^"]*)"', get(f"/rollouts/{id}").text)
    log.append([Event(What.TASK_STARTED, "new", host=host) for host in ("h1", "later")])
    log.append([Event(What.TASK_DONE, "c0", host="h0", data={"changed": 1})])
    text = get(unescape(live) + "&poll=1").text
    come = dict(re.findall(r'<ul hx-swap-oob="beforeend:#([^"]*)">(.*?)</ul>\n', text, re.DOTALL))
    assert {where: re.findall('id="(task-[^"]*)"', found) for where, found in come.items()} == {
        "in-task-_40_h1": ["task-new_40_h1"],
        "rows": ["task-_40_later", "task-new_40_later"],
    }
    assert '<div class="task tone-good" id="task-c0_40_h0" hx-swap-oob="true">' in text
    assert text.count('id="task-new_40_h1"') == 1
    (live,) = re.findall('hx-sse:connect="([^"]*)"', get(f"/rollouts/{id}?only=trouble").text)
    assert "only=trouble" in live


def test_what_failed_in_a_deployment_by_a_command_stands_at_the_top_with_its_place_output_and_hint(
    site: Any, sign_in: Any
) -> None:
    publish(site, "dev")
    id = f"20260102-030405-{next(numbers):04x}"
    told = {"error": "exit status 3", "place": "components/web.py:7", "hint": "mend it", "output": ["it says: no"]}
    site.store.admit(id)
    site.store.log(id).append(
        [
            Event(What.STARTED, data={"rollout": id, "environment": "dev", "hosts": ["host1"], "who": "kim@here"}),
            Event(What.TASK_STARTED, "web", host="host1"),
            Event(What.TASK_FAILED, "web", host="host1", data=told),
            Event(What.OVER, data={"outcome": "reversed"}),
        ]
    )
    text = sign_in("ann", "dev=operator").get(f"/rollouts/{id}").text
    failure = text[text.index('id="failure"') : text.index('id="tasks-title"')]
    for words in ("web on host1", "exit status 3", "components/web.py:7", "mend it", "it says: no"):
        assert words in failure


def test_three_thousand_tasks_stay_usable(site: Any, sign_in: Any) -> None:
    hosts = [[f"{host}-{task}" for task in range(30)] for host in range(100)]
    shape = side(*(one(*tasks) for tasks in hosts))
    large = begun(site, publish(site, "dev"), STARTED, shape=shape)
    small = begun(site, "dev", STARTED)
    ids = [id for tasks in hosts for id in tasks]
    site.store.log(large).append([Event(what, id) for id in ids for what in (What.TASK_STARTED, What.TASK_DONE)])
    ann = sign_in("ann", "dev=operator")
    asked: list[str] = []
    engine = site.store.database.engine
    engine_events.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    def get(path: str) -> tuple[str, int]:
        del asked[:]
        answer = ann.get(path)
        assert answer.status == 200
        return answer.text, len(asked)

    for id in (small, large):
        ann.get(f"/rollouts/{id}")  # they are kept in mind from now on
    (_, queries_of_few), (many, queries) = get(f"/rollouts/{small}"), get(f"/rollouts/{large}")
    assert len(many.encode()) < 600_000
    assert queries == queries_of_few < 30
    assert many.count('<div class="task') < 250
    assert "Show 30 rows" in many
    group = "task-g90"
    assert f'id="{group}"' in many
    assert get(f"/rollouts/{large}/rows?of={group}")[0].count('<div class="task') == 30
    assert ">Task 89-0<" not in many
    assert ">Task 89-0<" in get(f"/rollouts/{large}?open={group}")[0]
    update, queries = get(f"/rollouts/{large}/live?poll=1&after={site.store.header(large).number - 2}")
    assert len(update.encode()) < 100_000
    assert queries < 30
    flat = begun(site, "dev", STARTED, shape=side(*ids))
    text, _ = get(f"/rollouts/{flat}")
    assert len(text.encode()) < 600_000
    assert re.search("2,?800 more rows", text)
