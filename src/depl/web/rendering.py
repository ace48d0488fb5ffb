"""Pages from templates; everything in them is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from depl.web.visitors import Visitor


def render(request: Request, visitor: Visitor | None, template: str, /, status: int = 200, **values: Any) -> Response:
    """A page. values: what it shows beside what all pages know."""
    return HTMLResponse(fragment(request, visitor, template, **values), status)


def fragment(request: Request, visitor: Visitor | None, template: str, /, **values: Any) -> str:
    """The text of one, or of a part of one."""
    from depl.web.guard import FIELD, form_token

    site = request.app.state.site
    token = form_token(site.key, visitor.session) if visitor is not None and visitor.session else ""
    about = {
        "site": site,
        "request": request,
        "person": visitor.person if visitor is not None else None,
        "form_token": token,
        "form_field": FIELD,
    }
    text = templates().get_template(template).render({**about, **values})
    return text.encode(errors="replace").decode()  # names of files may have halves of characters


@cache
def templates() -> Environment:
    """Where templates are found; whatever they show is escaped, and a name that does not exist is an error."""
    from depl.web import filters

    made = Environment(
        loader=PackageLoader("depl.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # they come with the package
    )
    made.filters.update(filters.FILTERS)
    made.globals.update(filters.GLOBALS)
    return made
