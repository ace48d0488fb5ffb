"""What somebody asked of the workers: awaited here, and then shown where it belongs."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from depl.rollout.wording import age
from depl.store.inquiries import ANSWERED, Inquiry
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.live import live_route
from depl.web.operations import overview
from depl.web.pages.new import mistakes_listed
from depl.web.rendering import fragment
from depl.web.routing import page
from depl.web.watching import Update, Watch


def inquiry(ask: Ask) -> Response:
    """Goes on by itself once it is answered."""
    stamp = ask.site.reader.stamp()  # before what is shown, so that nothing is missed
    found = overview.inquiry(ask, ask.path("id"))
    if found.state == ANSWERED:
        return ask.go(result_of(found))
    return ask.page("inquiry.html", **facts_of(ask, found), stamp=stamp)


def facts_of(ask: Ask, found: Inquiry) -> dict[str, Any]:
    """What is to be told of one."""
    workers = ask.site.store.workers.present()
    serving = [one for one in workers if one.queues is None or found.queue in one.queues]
    return {
        "inquiry": found,
        "is_served": bool(serving),
        "waited": age(found.made) or 0.0,
        "mistakes_found": mistakes_listed(found.error),
        "back": form_of(found),
        "result": result_of(found),
    }


def result_of(found: Inquiry) -> str:
    """Where its answer is shown."""
    if found.rollout:
        return url("rollouts", found.rollout)
    environment = found.asked.get("environment")
    return url("environments", str(environment)) if environment else "/"


def form_of(found: Inquiry) -> str:
    """Where it was asked, with what was asked."""
    if found.kind == "plan":
        return url("new", str(found.asked.get("rollout")), inquiry=found.id)
    if found.kind == "deploy":
        return url("deploy", str(found.asked.get("environment")), inquiry=found.id)
    return result_of(found)


def _source(ask: Ask) -> Watch:
    overview.inquiry(ask, ask.path("id"))
    return Watch.of_lists()


def _news(ask: Ask, update: Update) -> str:
    told = facts_of(ask, overview.inquiry(ask, ask.path("id")))
    return fragment(ask.request, ask.visitor, "inquiry_news.html", **told)


routes = [page("/inquiries/{id}", inquiry), live_route("/inquiries/{id}/live", _source, _news)]
