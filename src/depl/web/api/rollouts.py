"""The API: rollouts, their tasks, events, output and signals."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.responses import Response

from depl.rollout.states import SIGNALS, RolloutState
from depl.web.api import shapes
from depl.web.api.described import FACTS, FLAG, NUMBER, TEXT, TIME, Part, choice, fields, listed, named
from depl.web.api.sent import text, texts, typed
from depl.web.ask import Ask
from depl.web.errors import Invalid
from depl.web.operations import rollouts as operations
from depl.web.views.progress import progress

MANY = 200  # rollouts or events in one answer at most
WINDOW = 1_000_000  # characters of output likewise


def rollouts(ask: Ask) -> Response:
    """Those that they may see."""
    limit, name = ask.number("limit", 50, 1, MANY), ask.query("parameter")
    found = ask.site.store.rollouts(
        ask.query("environment") or None,
        _states(ask),
        ask.query("before") or None,
        limit,
        who=ask.query("who"),
        name=ask.query("name"),
        since=_moment(ask, "since"),
        until=_moment(ask, "until"),
        parameter=(name, ask.query("value")) if name or ask.query("value") else None,
        undoes=ask.query("undoes"),
        sees=ask.sees_only,
    )
    return ask.data(
        {
            "rollouts": [shapes.rollout(one) for one in found],
            "before": found[-1].id if len(found) == limit else "",
        }
    )


def rollout(ask: Ask) -> Response:
    """One of them, with what can be done now, and how far it is."""
    header, store = operations.seen(ask, ask.path("id")), ask.site.store
    past = store.seconds_of(header.name, header.environments) if header.name and not header.state.is_over else ()
    far = progress(ask.site.reader.state(header.id), past, now=time.time())
    offers = [shapes.offer(one) for one in operations.offers(ask, header.id)]
    return ask.data({**shapes.rollout(header), "progress": shapes.progress(far), "offers": offers})


def plan(ask: Ask) -> Response:
    """Its frozen plan, and what its deployments would change as far as it was asked."""
    header = operations.seen(ask, ask.path("id"))
    found = ask.site.store.plan(header.id)
    asked = ask.site.store.inquiries.of_rollout(header.id)
    answer = asked.answer if asked is not None else None
    return ask.data({"plan": found.as_json() if found is not None else None, "foreseen": answer})


def tasks(ask: Ask) -> Response:
    """Its tasks."""
    header = operations.seen(ask, ask.path("id"))
    return ask.data({"tasks": shapes.tasks(ask.site.reader.state(header.id))})


def events(ask: Ask) -> Response:
    """What happened in it after a number."""
    header, after = operations.seen(ask, ask.path("id")), ask.number("after", 0)
    limit, found = ask.number("limit", MANY, 1, 1000), []
    for recorded in ask.site.store.log(header.id).read(after):
        found.append(shapes.event(recorded))
        if len(found) == limit:
            break
    return ask.data({"events": found, "number": header.number})


def output(ask: Ask) -> Response:
    """Characters of what a task printed."""
    header = operations.seen(ask, ask.path("id"))
    limit = ask.number("limit", 65536, 1, WINDOW)
    window = ask.site.store.output(header.id, ask.query("task"), ask.number("offset", 0, None), limit)
    offset = window.pieces[0].offset if window.pieces else window.total
    return ask.data({"offset": offset, "text": "".join(one.text for one in window.pieces), "total": window.total})


def signals(ask: Ask) -> Response:
    """What people wished of it."""
    header = operations.seen(ask, ask.path("id"))
    return ask.data({"signals": [shapes.signal(one) for one in ask.site.store.signals(header.id).new(0)]})


def create(ask: Ask) -> Response:
    """Have a rollout planned: one by hand, or a deployment."""
    given = ask.json
    if ("rollout" in given) == ("environment" in given):
        raise Invalid("Say `rollout` with its `parameters`, or `environment` for a deployment of it")
    if "rollout" in given:
        parameters = typed(given, "parameters", Mapping, {})
        return _asked(ask, operations.plan(ask, text(given, "rollout"), parameters))
    part = {name: texts(given, name) for name in ("hosts", "components", "stages", "overrides")}
    on_failure = text(given, "on_failure", "")
    return _asked(ask, operations.deploy(ask, text(given, "environment"), **part, on_failure=on_failure))


def replan(ask: Ask) -> Response:
    """Have its plan made anew."""
    return _asked(ask, operations.replan(ask, ask.path("id")))


def undo(ask: Ask) -> Response:
    """Have planned how it is taken back."""
    return _asked(ask, operations.undo(ask, ask.path("id"), text(ask.json, "on_conflict", "stop")))


def start(ask: Ask) -> Response:
    """Let a worker take it up, or ask somebody to agree where four eyes are wanted."""
    given = ask.json
    agreed = typed(given, "accept_unsafe", bool, default=False)
    seen = typed(given, "number", int) if "number" in given else None
    operations.start(ask, ask.path("id"), text(given, "confirm", ""), accept_unsafe=agreed, number=seen)
    return _stands(ask)


def wanted(ask: Ask) -> Response:
    """Ask somebody else to let it start."""
    operations.ask_for_start(ask, ask.path("id"))
    return _stands(ask)


def refused(ask: Ask) -> Response:
    """Say no to its start."""
    operations.refuse_start(ask, ask.path("id"), text(ask.json, "reason"))
    return _stands(ask)


def signalled(ask: Ask) -> Response:
    """Say what they wish of it."""
    given = ask.json
    how = {name: text(given, name, "") for name in ("task", "reason", "item")}
    operations.signal(ask, ask.path("id"), text(given, "name"), **how)
    return _stands(ask)


def search(ask: Ask) -> Response:
    """Where a text stands in what a task printed."""
    header, sought = operations.seen(ask, ask.path("id")), ask.query("text")
    if not sought:
        raise Invalid("`text` is not given")
    limit, after = ask.number("limit", MANY, 1, 1000), ask.number("after", 0)
    found = ask.site.store.search(header.id, ask.query("task"), sought[:200], limit, after)
    return ask.data({"offsets": list(found.offsets), "after": found.after})


def _states(ask: Ask) -> list[RolloutState] | None:
    named = ask.request.query_params.getlist("state")
    for one in named:
        if one not in set(RolloutState):
            raise Invalid(f"There is no state {one!r:.40}")
    return [RolloutState(one) for one in named] or None


def _moment(ask: Ask, name: str) -> str:
    """A time or the beginning of it, as it is compared with others."""
    text = ask.query(name)
    try:
        if text:
            datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{name} is {text!r:.40}, which is no time such as 2026-01-02T03:04:05Z") from None
    return text


def _asked(ask: Ask, found: Any) -> Response:
    return ask.data(shapes.inquiry(found), 202)


def _stands(ask: Ask) -> Response:
    return ask.data(shapes.rollout(ask.site.store.header(ask.path("id"))))


ROLLOUT, INQUIRY = named("Rollout"), named("Inquiry")
NOW = fields(**shapes.SHAPES["Rollout"]["properties"], offers=listed(named("Offer")), progress=named("Progress"))
STATES = choice(*(state.value for state in RolloutState))
NEW = {
    "rollout": TEXT,
    "parameters": FACTS,
    "environment": TEXT,
    **dict.fromkeys(("hosts", "components"), listed(TEXT)),
    "stages": {**listed(TEXT), "description": "one, half, all, counts, percentages; else as the environment says"},
    "on_failure": {**choice("rollback", "stop"), "description": "else as the environment says"},
    "overrides": {**listed(TEXT), "description": "each COMPONENT.ATTRIBUTE = VALUE"},
}
WISH = {"name": choice(*SIGNALS), "task": TEXT, "reason": TEXT, "item": {**TEXT, "description": "of a checklist"}}
START = {
    "confirm": {**TEXT, "description": "the name of an environment that is protected"},
    "accept_unsafe": {**FLAG, "description": "although not all of it can be promised to be undone"},
    "number": {**NUMBER, "description": "of the rollout as it was seen: what was planned anew since does not start"},
}
HITS = fields(
    offsets=listed(NUMBER), after={"type": ["integer", "null"], "description": "to look on; null: that is all"}
)
SOUGHT = {"text": TEXT, "task": TEXT, "after": NUMBER, "limit": NUMBER}
FILTERS = {
    **dict.fromkeys(("environment", "who", "name", "before"), TEXT),
    "state": {**listed(STATES), "description": "one or several"},
    "since": TIME,
    "until": TIME,
    "parameter": {**TEXT, "description": "the name of one that has that value; empty: any"},
    "value": {**TEXT, "description": "a part of it"},
    "undoes": {**TEXT, "description": "the rollout that they take back"},
    "limit": NUMBER,
}
EVENTS = fields(events=listed(named("Event")), number=NUMBER)
PLAN = fields(plan={"type": ["object", "null"]}, foreseen={"type": ["object", "null"]})
LIST = fields(rollouts=listed(ROLLOUT), before={**TEXT, "description": "for the next page; empty: there is none"})
CONFLICT = {"on_conflict": choice("stop", "force", "keep")}
ID = "/rollouts/{id}"

parts = [
    Part(
        *("GET", "/rollouts", rollouts, "Rollouts, the newest first.", LIST),
        query=FILTERS,
    ),
    Part(
        *("POST", "/rollouts", create, "Have a rollout or a deployment planned; it starts when that is said.", INQUIRY),
        *({}, NEW, [], "plan", 202),
    ),
    Part("GET", ID, rollout, "One rollout, with what can be done now.", NOW),
    Part("GET", f"{ID}/plan", plan, "Its plan, with what it would change.", PLAN),
    Part("GET", f"{ID}/tasks", tasks, "Its tasks, and how each stands.", fields(tasks=listed(named("Task")))),
    Part(
        *("GET", f"{ID}/events", events, "What happened in it.", EVENTS),
        query={"after": {**NUMBER, "description": "the number of the last one that is known"}, "limit": NUMBER},
    ),
    Part(
        *("GET", f"{ID}/output", output, "What a task printed.", named("Output")),
        query={"task": TEXT, "offset": {**NUMBER, "description": "below 0: from the end"}, "limit": NUMBER},
    ),
    Part("GET", f"{ID}/search", search, "Where a text stands in what a task printed.", HITS, query=SOUGHT),
    Part("GET", f"{ID}/signals", signals, "What people wished of it.", fields(signals=listed(named("Signal")))),
    Part("POST", f"{ID}/start", start, "Let a worker take it up.", ROLLOUT, {}, START, [], "start"),
    Part("POST", f"{ID}/ask", wanted, "Ask somebody else to let it start.", ROLLOUT, {}, {}, [], "start"),
    Part(
        *("POST", f"{ID}/refuse", refused, "Say no to its start.", ROLLOUT, {}, {"reason": TEXT}, ["reason"], "reject")
    ),
    Part("POST", f"{ID}/signal", signalled, "Say what is wished of it.", ROLLOUT, {}, WISH, ["name"], "it"),
    Part("POST", f"{ID}/undo", undo, "Have planned how it is taken back.", INQUIRY, {}, CONFLICT, [], "plan", 202),
    Part("POST", f"{ID}/replan", replan, "Have its plan made anew.", INQUIRY, {}, {}, [], "plan", 202),
]
