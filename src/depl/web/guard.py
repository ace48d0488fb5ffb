"""What every answer carries, and what every wish must bring so that it is known to come from our own pages."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from depl.web.errors import Forbidden
from depl.web.visitors import Visitor

FIELD, HEADER = "form_token", "X-Form-Token"
SAME = ("same-origin", "none")  # of Sec-Fetch-Site: our own page, or somebody who typed the address


class Headers:
    """Puts what keeps browsers strict on every answer. frames: the origin of a checklist that is shown in a frame."""

    def __init__(self, app: ASGIApp, frames: str = "") -> None:
        self._app = app
        self._policy = "; ".join(
            [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self'",
                "font-src 'self'",
                "connect-src 'self'",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
                f"frame-src {frames or chr(39) + 'none' + chr(39)}",
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["X-Frame-Options"] = "DENY"
                headers["Referrer-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, sent if scope["type"] == "http" else send)


def form_token(key: bytes, session: str) -> str:
    """What a form must bring: nobody can make it who does not see our pages. session: of whom it is."""
    return hmac.new(key, b"form:" + session.encode(), hashlib.sha256).hexdigest()


def assert_meant(
    request: Request, visitor: Visitor | None, form: Mapping[str, list[str]], *, public: bool = False
) -> None:
    """That a wish comes from our own page, not from another one that the same browser has open. Errors: Forbidden.

    Programs say who they are with every request, which no browser does by itself. public: there is no session yet.
    """
    if visitor is not None and visitor.by_token:
        return
    _assert_origin(request, visitor)
    if public or visitor is None or not visitor.session:
        return
    given = request.headers.get(HEADER) or (form.get(FIELD) or [""])[0]
    wanted = form_token(request.app.state.site.key, visitor.session)
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Forbidden("The form does not belong to this session", hint="Load the page again, then send it again.")


def _assert_origin(request: Request, visitor: Visitor | None) -> None:
    origin = request.headers.get("origin")
    here = visitor.host if visitor is not None else request.headers.get("host", "")
    if origin is not None:
        is_ours = _is_here(origin, here, secure=visitor is not None and visitor.secure)
    else:
        is_ours = request.headers.get("sec-fetch-site", "none") in SAME
    if not is_ours:
        raise Forbidden("The wish comes from a page of another site", hint="Use the page of this site.")


def _is_here(origin: str, here: str, *, secure: bool) -> bool:
    try:
        found = urlsplit(origin)
    except ValueError:
        return False
    return found.netloc == here and found.scheme in (("https",) if secure else ("http", "https"))
