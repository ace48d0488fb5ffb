"""From requests to handlers: plain functions of an Ask, which run in threads as the store may make them wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from depl.errors import DeplError
from depl.rollout.log import LogFailed
from depl.web.ask import Ask
from depl.web.errors import Invalid, Unavailable, WebError
from depl.web.failing import answer_to
from depl.web.guard import assert_meant
from depl.web.visitors import visitor_of

Handler = Callable[[Ask], Response]

BODY = 1_000_000  # bytes of a form at most
FIELDS = 1000
SENDING = 30.0  # seconds that one may take to send it


def page(path: str, handler: Handler, *, public: bool = False) -> Route:
    """Something to look at; it changes nothing. public: also for those who have not signed in."""
    return Route(path, _endpoint(handler, public=public), methods=["GET"])


def act(path: str, handler: Handler, *, public: bool = False) -> Route:
    """Something that changes something: by POST with a form, which proves that it came from our own page."""
    return Route(path, _endpoint(handler, public=public), methods=["POST"])


def call(path: str, handler: Handler, method: str = "GET", *, public: bool = False) -> Route:
    """A part of the API. It takes and gives JSON; also errors."""
    return Route(path, _endpoint(handler, public=public), methods=[method])


def _endpoint(handler: Handler, *, public: bool) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = await _body(request)

        def respond() -> Response:
            visitor = None
            try:
                visitor = visitor_of(request)
                form = _form(request, body)
                _assert_sound(request, form)
                if request.method not in ("GET", "HEAD"):
                    assert_meant(request, visitor, form, public=public)
                ask = Ask(request, visitor, form, body)
                if not public:
                    ask.assert_signed_in()
                return handler(ask)
            except WebError as error:
                return answer_to(request, visitor, error)
            except LogFailed as error:
                return answer_to(request, visitor, Unavailable(error.message, hint=error.hint))
            except DeplError as error:
                return answer_to(request, visitor, error)

        return await run_in_threadpool(respond)

    return endpoint


async def _body(request: Request) -> bytes | None:
    """What came with it; None where that is too much, takes too long, or its sender goes before."""
    found = bytearray()
    with anyio.move_on_after(SENDING), suppress(ClientDisconnect):
        async for piece in request.stream():
            found += piece
            if len(found) > BODY:
                return None
        return bytes(found)
    return None


def _form(request: Request, body: bytes | None) -> Mapping[str, list[str]]:
    if body is None:
        raise Invalid(f"What was sent is longer than {BODY} bytes, or took longer than {SENDING:.0f} seconds")
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    try:
        pairs: list[Any] = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise Invalid("The form cannot be read") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _assert_sound(request: Request, form: Mapping[str, list[str]]) -> None:
    """Errors: Invalid, where there is a character that no database takes."""
    sent = (request.url.path, request.scope["path"], *request.query_params.values())
    if any("\0" in text for text in (*sent, *form, *(text for texts in form.values() for text in texts))):
        raise Invalid("There is a character in what was sent that no text has")
