"""Errors as answers: a page for people, JSON for programs; never a redirect, never a traceback."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from depl.errors import DeplError, Mistakes, NothingRecorded
from depl.rollout.log import LogFailed
from depl.web.errors import Invalid, NotSignedIn, TooMany, Unavailable, WebError
from depl.web.rendering import render
from depl.web.visitors import Visitor

API = "/api/"
WORDS = {
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Not this way",
    409: "Not now",
    422: "Not understood",
    429: "Too often",
    503: "The store is away",
}
LOST = "You are signed out, so nothing was done. Sign in, and do it again."


def answer_to(request: Request, visitor: Visitor | None, error: DeplError) -> Response:
    """What is answered where something went wrong."""
    status = error.status if isinstance(error, WebError) else 404 if isinstance(error, NothingRecorded) else 409
    return _api(status, error) if request.url.path.startswith(API) else _page(request, visitor, status, error)


def facts_of(error: DeplError) -> dict[str, object]:
    """An error for programs."""
    facts: dict[str, object] = {"message": error.message, "hint": error.hint}
    if isinstance(error, Invalid) and error.mistakes:
        facts["fields"] = error.mistakes
    if isinstance(error, Mistakes):
        facts["mistakes"] = [{"message": one.message, "hint": one.hint} for one in error.mistakes]
    return facts


def _api(status: int, error: DeplError) -> Response:
    return JSONResponse({"error": facts_of(error)}, status, _headers(status, error))


def _page(request: Request, visitor: Visitor | None, status: int, error: DeplError) -> Response:
    if isinstance(error, NotSignedIn):
        lost = "" if request.method in ("GET", "HEAD") else LOST
        answer = sign_in_page(request, visitor, status, back=_back(request), mistake=lost)
    else:
        mistakes = error.mistakes if isinstance(error, Mistakes) else ()
        word = WORDS.get(status, "Something went wrong")
        answer = render(request, visitor, "error.html", status, word=word, error=error, mistakes=mistakes)
    answer.headers.update(_headers(status, error))
    return answer


def sign_in_page(
    request: Request, visitor: Visitor | None, status: int = 200, *, back: str = "", mistake: str = "", name: str = ""
) -> Response:
    """Where people sign in; where there are no users, only how to come in all the same. back: to which page then."""
    try:
        has_users = bool(request.app.state.site.store.people.any())
    except LogFailed as error:
        return _page(request, None, 503, Unavailable(error.message, hint=error.hint))
    told = visitor.told or "nobody" if visitor is not None and visitor.by_proxy else ""
    about = {"has_users": has_users, "told": told, "back": back, "mistake": mistake, "name": name}
    return render(request, visitor, "sign_in.html", status, **about)


def _back(request: Request) -> str:
    if request.method != "GET":
        return ""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _headers(status: int, error: DeplError) -> dict[str, str]:
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="depl"'
    if isinstance(error, TooMany):
        headers["Retry-After"] = f"{error.seconds:.0f}"
    return headers
