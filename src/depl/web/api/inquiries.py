"""The API: what workers are asked, and what waits for people."""

from __future__ import annotations

from starlette.responses import Response

from depl.web.api import shapes
from depl.web.api.described import TEXT, Part, fields, listed, named
from depl.web.ask import Ask
from depl.web.operations import overview


def inquiries(ask: Ask) -> Response:
    """Those that are open."""
    return ask.data({"inquiries": [shapes.inquiry(one) for one in overview.inquiries(ask)]})


def inquiry(ask: Ask) -> Response:
    """One of them, and how far it is."""
    return ask.data(shapes.inquiry(overview.inquiry(ask, ask.path("id"))))


def waits(ask: Ask) -> Response:
    """What waits for whoever asks, the most urgent first."""
    found = overview.overview(ask).waits
    return ask.data({"waits": [{"rollout": shapes.rollout(one.header), "what": one.sentence} for one in found]})


OPEN = fields(inquiries=listed(named("Inquiry")))
WAITS = fields(waits=listed(fields(rollout=named("Rollout"), what={**TEXT, "description": "a sentence"})))

parts = [
    Part("GET", "/inquiries", inquiries, "What workers are asked at this moment.", OPEN),
    Part("GET", "/inquiries/{id}", inquiry, "What a worker was asked, and what it found.", named("Inquiry")),
    Part("GET", "/waits", waits, "What waits for whoever asks.", WAITS),
]
