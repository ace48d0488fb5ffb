"""The API: environments, what can be started, and who is there to carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from depl.web.api import shapes
from depl.web.api.described import FACTS, NUMBER, REAL, TEXT, TIME, Part, fields, listed, named
from depl.web.api.sent import text, typed
from depl.web.ask import Ask
from depl.web.operations import environments as operations
from depl.web.operations.overview import standing_of, standings
from depl.web.views.standing import Standing


def environments(ask: Ask) -> Response:
    """Those that they may see."""
    return ask.data({"environments": [_told(one) for one in standings(ask)]})


def environment(ask: Ask) -> Response:
    """One of them, as a worker found it."""
    name = ask.path("name")
    operations.assert_known(ask, name)
    found, drift = (ask.site.store.published.get(kind, name) for kind in ("environment", "drift"))
    told = {"found": found.data if found else None, "found_at": found.at if found else ""}
    drifted = {"drift": drift.data if drift else None, "drift_at": drift.at if drift else ""}
    return ask.data({**_stands(ask, name), **told, **drifted})


def hold(ask: Ask) -> Response:
    """Let nobody change it for a while."""
    given = ask.json
    hours = typed(given, "hours", (int, float)) if "hours" in given else None
    operations.hold(ask, ask.path("name"), text(given, "reason"), hours=hours)
    return ask.data(_stands(ask, ask.path("name")))


def release(ask: Ask) -> Response:
    """Let it be changed again."""
    operations.release(ask, ask.path("name"))
    return ask.data(_stands(ask, ask.path("name")))


def look(ask: Ask) -> Response:
    """Have found out what differs from the model."""
    return ask.data(shapes.inquiry(operations.look(ask, ask.path("name"))), 202)


def forms(ask: Ask) -> Response:
    """The rollouts that can be planned, with their parameters."""
    published = ask.site.store.published.all("rollout") if ask.sees_anything else {}
    return ask.data({"forms": {name: one.data for name, one in published.items()}})


def workers(ask: Ask) -> Response:
    """Those that are there."""
    plain = ("name", "since", "queues", "jobs")
    found = [{name: getattr(one, name) for name in plain} for one in ask.site.store.workers.present()]
    return ask.data({"workers": found})


def me(ask: Ask) -> Response:
    """Who asks, as they are known here."""
    found = {"name": ask.person.name, "roles": shapes.roles(ask.person.roles), "scope": shapes.roles(ask.person.scope)}
    return ask.data(found)


def _stands(ask: Ask, name: str) -> Mapping[str, Any]:
    return _told(standing_of(ask, name))


def _told(one: Standing) -> Mapping[str, Any]:
    return {
        "name": one.name,
        "state": one.look.word,
        "rollout": shapes.rollout(one.last) if one.last is not None else None,
        "runs": shapes.rollout(one.runs) if one.runs is not None else None,
        "lock": dict(vars(one.lock)) if one.lock is not None else None,
        "hold": dict(vars(one.hold)) if one.hold is not None else None,
    }


MAYBE = {"type": ["object", "null"]}
ROLLOUT = {"anyOf": [named("Rollout"), {"type": "null"}]}
LAST = {**ROLLOUT, "description": "the newest one"}
RUNS = {**ROLLOUT, "description": "what runs there: the last one that succeeded and was not taken back"}
ENVIRONMENT = fields(name=TEXT, state=TEXT, rollout=LAST, runs=RUNS, lock=MAYBE, hold=MAYBE)
FOUND = {**ENVIRONMENT["properties"], "found": MAYBE, "found_at": TIME, "drift": MAYBE, "drift_at": TIME}
WORKER = fields(name=TEXT, since=TIME, queues={"type": ["array", "null"], "items": TEXT}, jobs=NUMBER)
ME = fields(name=TEXT, roles=named("Roles"), scope={"anyOf": [named("Roles"), {"type": "null"}]})
NAME = "/environments/{name}"
HOLD = {"reason": TEXT, "hours": {**REAL, "description": "after which it ends by itself"}}

parts = [
    Part(
        "GET",
        "/environments",
        environments,
        "Environments, and how they stand.",
        fields(environments=listed(ENVIRONMENT)),
    ),
    Part("GET", NAME, environment, "One environment: hosts, components, resources, drift.", fields(**FOUND)),
    Part("POST", f"{NAME}/hold", hold, "Let nobody change it for a while.", ENVIRONMENT, {}, HOLD, ["reason"], "hold"),
    Part("POST", f"{NAME}/release", release, "Let it be changed again.", ENVIRONMENT, {}, {}, [], "hold"),
    Part(
        *("POST", f"{NAME}/look", look, "Have found out what differs from the model.", named("Inquiry")),
        *({}, {}, [], "plan", 202),
    ),
    Part("GET", "/forms", forms, "What can be planned.", fields(forms=FACTS)),
    Part("GET", "/workers", workers, "Who carries rollouts out.", fields(workers=listed(WORKER))),
    Part("GET", "/me", me, "Who asks.", ME),
]
