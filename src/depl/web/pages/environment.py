"""One environment: what is in it, how it stands, what was done to it, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from depl.access.roles import Action
from depl.rollout.folding import fold
from depl.store.headers import Header
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.errors import Invalid
from depl.web.live import live_route
from depl.web.operations import environments as operations
from depl.web.operations.known import is_interrupted
from depl.web.operations.overview import SHOWN, standing_of
from depl.web.rendering import fragment
from depl.web.routing import act, page
from depl.web.views.picture import picture
from depl.web.views.standing import Standing
from depl.web.views.states import Look, look_of_task
from depl.web.watching import Update, Watch

HOLD_FORM = {"reason": "", "hours": ""}


def environment(ask: Ask) -> Response:
    """GET."""
    return _page(ask)


def hold(ask: Ask) -> Response:
    """Let nobody change it."""
    name = ask.path("name")
    sent = {field: ask.field(field) for field in HOLD_FORM}
    try:
        operations.hold(ask, name, sent["reason"], _hours(sent["hours"]))
    except Invalid as error:
        return _page(ask, sent=sent, mistakes=error.mistakes, status=error.status)
    return ask.go(url("environments", name))


def release(ask: Ask) -> Response:
    """Let it be changed again."""
    operations.release(ask, ask.path("name"))
    return ask.go(url("environments", ask.path("name")))


def look(ask: Ask) -> Response:
    """Have found out what differs from the model."""
    return ask.go(url("inquiries", operations.look(ask, ask.path("name")).id))


def facts_of(ask: Ask, name: str) -> dict[str, Any]:
    """What is to be told of one. Errors: NotFound."""
    operations.assert_known(ask, name)
    store = ask.site.store
    published = store.published.get("environment", name)
    recent = store.rollouts(name, limit=SHOWN, sees=ask.sees_only)
    stands = standing_of(ask, name, recent)
    data = published.data if published is not None else None
    drifted = stands.drift.by_host if stands.drift is not None else None
    return {
        "stands": stands,
        "recent": recent,
        "interrupted": [one.id for one in recent if is_interrupted(one)],
        "data": data,
        "told": published.at if published is not None else "",
        "drift": stands.drift,
        "picture": picture(data, _looks(ask, stands), drifted) if data and data.get("nodes") else None,
        "hosts": _hosts(data or {}),
        "may_hold": ask.may(Action.HOLD, [name]),
        "may_plan": data is not None and ask.may(Action.PLAN, [name]),
        "inquiries": [one for one in store.inquiries.open() if list(one.environments) == [name]],
        "has_worker": store.workers.serves(str(stands.settings.get("queue") or "")),
    }


def _page(
    ask: Ask, sent: Mapping[str, str] = HOLD_FORM, mistakes: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    stamp = ask.site.reader.stamp()  # before what is shown, so that nothing is missed
    found = facts_of(ask, ask.path("name"))
    return ask.page("environment.html", status, **found, sent=sent, mistakes=mistakes or {}, stamp=stamp)


def _source(ask: Ask) -> Watch:
    operations.assert_known(ask, ask.path("name"))
    return Watch.of_lists()


def _news(ask: Ask, update: Update) -> str:
    return fragment(ask.request, ask.visitor, "environment_now.html", **facts_of(ask, ask.path("name")))


def _hosts(data: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    """Each host with its components."""
    nodes: Sequence[Mapping[str, Any]] = data.get("nodes") or ()
    return [(host, [node for node in nodes if node["host"] == host["name"]]) for host in data.get("hosts") or ()]


def _looks(ask: Ask, stands: Standing) -> Mapping[str, Look]:
    """How the newest rollout left components, by `web@host1`; of nested tasks the last part of their ids."""
    newest: Header | None = stands.last
    if newest is None:
        return {}
    state = fold(ask.site.store.log(newest.id).read())
    return {id.rpartition("/")[2]: look_of_task(one.state) for id, one in state.tasks.items() if "@" in id}


def _hours(text: str) -> float | None:
    """Errors: Invalid."""
    if not text:
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise Invalid(f"{text!r:.40} is no number", mistakes={"hours": "It should be a number of hours"}) from None


routes = [
    page("/environments/{name}", environment),
    live_route("/environments/{name}/live", _source, _news),
    act("/environments/{name}/hold", hold),
    act("/environments/{name}/release", release),
    act("/environments/{name}/look", look),
]
