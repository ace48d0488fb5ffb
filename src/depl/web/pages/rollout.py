"""The page of a rollout: its plan, then how it goes, then what became of it; and what people can do about it."""

from __future__ import annotations

from typing import Any

from starlette.responses import HTMLResponse, Response

from depl.rollout.folding import State
from depl.rollout.states import RolloutState
from depl.store.headers import Header
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.errors import Invalid, NotFound
from depl.web.folded import DIGITS
from depl.web.live import live_route
from depl.web.operations import rollouts as operations
from depl.web.operations.known import seen
from depl.web.pages import rollout_tree
from depl.web.pages.rollout_live import fragments, watch
from depl.web.pages.rollout_parts import values
from depl.web.rendering import fragment
from depl.web.routing import act, page
from depl.web.views.tree import rows


def rollout(ask: Ask) -> Response:
    """One rollout, whatever its state is."""
    header = seen(ask, ask.path("id"))
    return ask.page("rollout.html", **values(ask, header, ask.site.reader.state(header.id)))


def group(ask: Ask) -> Response:
    """Rows of a group that is opened, or that come after those that are shown."""
    header = seen(ask, ask.path("id"))
    state = ask.site.reader.state(header.id)
    of, start, only = ask.query("of"), ask.number("start", 0), ask.query("only")
    all_of_them = rows(state)
    found: Any = rollout_tree.members(all_of_them, of, start) if of else None
    if found is None and of:
        raise NotFound("There is no such group")
    if found is None:
        found = rollout_tree.shown(all_of_them, only=only, start=start)
    about = {"found": found, "header": header, "of": of, "only": only, "places": ()}
    return HTMLResponse(fragment(ask.request, ask.visitor, "rollout_rows.html", **about))


def start(ask: Ask) -> Response:
    """Let a worker take it up."""
    id, number = ask.path("id"), ask.field("number")
    seen_of_it = int(number) if number.isdecimal() and len(number) < DIGITS else None
    try:
        agreed = ask.field("accept_unsafe") == "yes"
        operations.start(ask, id, ask.field("confirm"), accept_unsafe=agreed, number=seen_of_it)
    except Invalid as mistake:
        return _again(ask, seen(ask, id), mistake)
    return _back(ask)


def ask_for(ask: Ask) -> Response:
    """Ask somebody else to let it start."""
    operations.ask_for_start(ask, ask.path("id"))
    return _back(ask)


def refuse(ask: Ask) -> Response:
    """Say no to its start."""
    operations.refuse_start(ask, ask.path("id"), ask.field("reason"))
    return _back(ask)


def signal(ask: Ask) -> Response:
    """Say what they wish of it, or of one of its tasks."""
    named = {name: ask.field(name) for name in ("task", "reason", "item")}
    operations.signal(ask, ask.path("id"), ask.field("name"), **named)
    to = ask.field("back")
    return ask.go(url("rollouts", ask.path("id"), "tasks", to)) if to else _back(ask)


def undo(ask: Ask) -> Response:
    """See first how it would be taken back."""
    found = operations.undo(ask, ask.path("id"), ask.field("on_conflict", "stop") or "stop")
    return ask.go(url("inquiries", found.id))


def replan(ask: Ask) -> Response:
    """Have its plan made anew."""
    return ask.go(url("inquiries", operations.replan(ask, ask.path("id")).id))


def _again(ask: Ask, header: Header, mistake: Invalid) -> Response:
    """The page with what was wrong in the form."""
    state: State = ask.site.reader.state(header.id)
    if state.state is not RolloutState.PLANNED:
        raise mistake
    told = {**values(ask, header, state), "mistake": mistake, "mistakes": mistake.mistakes}
    return ask.page("rollout.html", mistake.status, **told)


def _back(ask: Ask) -> Response:
    return ask.go(url("rollouts", ask.path("id")))


routes = [
    page("/rollouts/{id}", rollout),
    page("/rollouts/{id}/rows", group),
    live_route("/rollouts/{id}/live", watch, fragments),
    act("/rollouts/{id}/start", start),
    act("/rollouts/{id}/ask", ask_for),
    act("/rollouts/{id}/refuse", refuse),
    act("/rollouts/{id}/signal", signal),
    act("/rollouts/{id}/undo", undo),
    act("/rollouts/{id}/replan", replan),
]
