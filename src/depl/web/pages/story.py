"""What happened in a rollout: each event as a sentence, the newest first, so many at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from starlette.responses import HTMLResponse, Response

from depl.events import Event, What
from depl.rollout.event_words import FAILURES, told
from depl.rollout.folding import State
from depl.rollout.log import Recorded
from depl.rollout.task_status import id_of
from depl.web.ask import Ask
from depl.web.operations.known import seen
from depl.web.rendering import fragment
from depl.web.routing import page
from depl.web.views.tree import title

MANY = 100  # events at a time
BAD = (*FAILURES, What.BLOCKED, What.CONFLICT)
WARN = (What.WARNING, What.STOPPING, What.REVERSING, What.KEPT, What.TAKEN_UP)
QUIET = (What.PROGRESS, What.TASK_SAVED)


@dataclass(frozen=True)
class Happened:
    """An event. task: the id of the one that has a page, or empty. tone: as of states, or empty."""

    number: int
    at: str
    text: str
    task: str
    tone: str


def story(ask: Ask) -> Response:
    """Those before some event; `part=1`: only what is put into the page of the rollout."""
    header = seen(ask, ask.path("id"))
    state = ask.site.reader.state(header.id)
    before = ask.number("before", state.number + 1, 1, state.number + 1)
    first = max(0, before - 1 - MANY)
    recorded = takewhile(lambda one: one.number < before, ask.site.store.log(header.id).read(first))
    about: dict[str, Any] = {
        "header": header,
        "found": happened(state, recorded)[::-1],
        "rest": first,
        "next": first + 1,
    }
    if ask.query("part"):
        return HTMLResponse(fragment(ask.request, ask.visitor, "story_part.html", **about))
    return ask.page("story.html", **about, name=state.name or header.title or header.id)


def happened(state: State, recorded: Iterable[Recorded]) -> list[Happened]:
    """Events as sentences, in their order."""
    return [_happened(state, one) for one in recorded]


def _happened(state: State, recorded: Recorded) -> Happened:
    event: Event = recorded.event
    id = id_of(event)
    what = event.component if event.component and event.component != event.task else ""
    name = ": ".join(filter(None, (title(state, id) if id else "", what)))
    tone = "bad" if event.what in BAD else "warn" if event.what in WARN else "off" if event.what in QUIET else ""
    task = id if id in state.tasks else ""
    return Happened(recorded.number, recorded.at, told(event, name), task, tone)


routes = [page("/rollouts/{id}/events", story)]
