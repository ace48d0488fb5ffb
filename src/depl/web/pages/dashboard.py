"""How all is: what waits for whoever looks, what is under way, and how each environment stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from depl.rollout.states import ACTIVE, RolloutState
from depl.rollout.wording import counted
from depl.store.headers import Header
from depl.web.ask import Ask
from depl.web.live import live_route
from depl.web.operations.overview import inquiries, is_recent, overview
from depl.web.rendering import fragment
from depl.web.routing import page
from depl.web.views.attention import Waits
from depl.web.views.standing import Standing
from depl.web.views.states import Look
from depl.web.watching import Update, Watch


def dashboard(ask: Ask) -> Response:
    """The first page."""
    stamp = ask.site.reader.stamp()  # before what is shown, so that nothing is missed
    return ask.page("dashboard.html", **told_of(ask), stamp=stamp)


def told_of(ask: Ask) -> dict[str, Any]:
    """What is to be told, as far as they may see it."""
    store, found = ask.site.store, overview(ask)
    queued = [one for one in found.begun if one.state is RolloutState.QUEUED]
    under_way = [one for one in found.begun if one.state in ACTIVE]
    told = {one.header.id for one in found.waits}
    return {
        "environments": found.environments,
        "waits": found.waits,
        "under_way": [one for one in (*under_way, *queued) if one.id not in told],
        "interrupted": found.interrupted,
        "planned": [one for one in found.begun if one.id not in told and _is_new(one)],
        "inquiries": inquiries(ask),
        "count": len(under_way),
        "workers": store.workers.present(),
        "verdict": verdict(found.waits, under_way, found.environments),
        "is_empty": not found.environments and not found.begun and not store.rollouts(limit=1),
    }


def verdict(waits: Sequence[Waits], under_way: Sequence[Header], environments: Sequence[Standing]) -> Look:
    """All of it in a few words."""
    if any(one.look.tone == "bad" for one in waits):
        return Look("something needs you", "bad", "blocked")
    if any(one.look.tone == "bad" for one in environments):
        return Look("something is not well", "bad", "blocked")
    if waits:
        wait = "waits" if len(waits) == 1 else "wait"
        return Look(f"{counted(len(waits), 'rollout')} {wait} for you", "warn", "waiting")
    unsettled = [one.last for one in environments if one.look.tone == "warn"]
    if any(last is None or last.state not in ACTIVE for last in unsettled):
        return Look("something is left half done", "warn", "warning")
    if unsettled:
        return Look("something waits for others", "warn", "waiting")
    if under_way:
        return Look("at work", "busy", "busy")
    return Look("all is well", "good", "done") if environments else Look("nothing here yet", "off", "pending")


def _is_new(header: Header) -> bool:
    return header.state is RolloutState.PLANNED and is_recent(header)


def _news(ask: Ask, update: Update) -> str:
    return fragment(ask.request, ask.visitor, "dashboard_news.html", **told_of(ask))


routes = [page("/", dashboard), live_route("/live", lambda ask: Watch.of_lists(), _news)]
