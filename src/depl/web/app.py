"""The application: all routes, and what stands before them."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp

from depl.errors import DeplError
from depl.web.errors import NotFound, WebError
from depl.web.failing import answer_to
from depl.web.guard import Headers
from depl.web.site import Site
from depl.web.visitors import visitor_of


def build(site: Site) -> Starlette:
    """The application of a site. It starts and ends the site's reader."""
    app = _Guarded(
        routes=list(routes()),
        exception_handlers={HTTPException: _failed, Exception: _unexpected},
        lifespan=site.reader.lifespan,
    )
    app.state.site = site
    return app


class _Guarded(Starlette):
    """Every answer is one that keeps browsers strict, also where something went wrong that nobody foresaw."""

    def build_middleware_stack(self) -> ASGIApp:
        return Headers(super().build_middleware_stack(), _origin(self.state.site.settings.checklist_url))


def routes() -> list[BaseRoute]:
    """Those of all pages and of the API."""
    from depl.web import assets
    from depl.web.api import routes as api
    from depl.web.pages import (
        account,
        audit,
        compare,
        dashboard,
        environment,
        history,
        inquiry,
        log,
        new,
        people,
        rollout,
        sign_in,
        story,
        task,
    )

    govern = (assets, api, sign_in, account, people, audit)
    rooms = (*govern, dashboard, environment, new, inquiry, compare, history, log, story, task, rollout)
    return [route for room in rooms for route in room.routes]


async def _failed(request: Request, error: Exception) -> Response:
    """There is no such path, or it is not to be used in this way."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await run_in_threadpool(_answer, request, NotFound("There is no such page"))
    refused = WebError(f"{request.method} is not how this is used")
    refused.status = error.status_code
    answer = await run_in_threadpool(_answer, request, refused)
    if error.status_code == 405:
        answer.headers["Allow"] = ", ".join(_methods(request))
    return answer


def _answer(request: Request, error: WebError) -> Response:
    try:
        visitor = visitor_of(request)
    except DeplError:
        visitor = None
    return answer_to(request, visitor, error)


def _methods(request: Request) -> list[str]:
    """How a path can be used: it may be several routes."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)


async def _unexpected(request: Request, error: Exception) -> Response:
    """A mistake of ours: its traceback is on the standard error of the process."""
    hint = "What runs goes on. Try it again; the cause stands in what `depl serve` prints."
    return answer_to(request, None, WebError("Something that nobody foresaw went wrong here", hint=hint))


def _origin(address: str | None) -> str:
    found = urlsplit((address or "").replace("{rollout}", ""))
    return f"{found.scheme}://{found.netloc}" if found.netloc else ""
