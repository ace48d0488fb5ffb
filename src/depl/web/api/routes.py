"""All parts of the API, and their description, which anybody may read."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from depl.web.api import environments, inquiries, people, rollouts
from depl.web.api.described import FACTS, Part
from depl.web.api.description import described
from depl.web.ask import Ask


def description(ask: Ask) -> Response:
    """The description of all parts."""
    return ask.data(described(parts, ask.site.name))


parts = [
    Part("GET", "/openapi.json", description, "This description.", FACTS, needs="", public=True),
    *environments.parts,
    *rollouts.parts,
    *inquiries.parts,
    *people.parts,
]
routes: list[Route] = [part.route for part in parts]
