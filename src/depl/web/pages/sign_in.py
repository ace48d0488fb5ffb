"""Coming and going: by a password, or, where there are no users, by the link that `depl serve` prints."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.responses import Response

from depl.store.sessions import SESSION_LASTS
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.errors import Refused
from depl.web.failing import sign_in_page
from depl.web.limits import WHAT, assert_password, note_bad_link
from depl.web.peers import near
from depl.web.routing import act, page
from depl.web.visitors import COOKIE, SECURE_COOKIE


def form(ask: Ask) -> Response:
    """Where name and password are asked for."""
    back = own_path(ask.query("next"))
    if ask.visitor is not None and ask.visitor.person is not None:
        return ask.go(back)
    return sign_in_page(ask.request, ask.visitor, back=back)


def sign_in(ask: Ask) -> Response:
    """Begin a session."""
    name, back = ask.field("name"), own_path(ask.field("next"))
    user = assert_password(ask.site, name, ask.secret("password"), ask.address)
    if user is None:
        mistake = "Name or password is wrong."
        answer = sign_in_page(ask.request, ask.visitor, 401, back=back, mistake=mistake, name=name)
        answer.headers["WWW-Authenticate"] = 'Bearer realm="depl"'
        return answer
    return _begun(ask, back, user.name)


def link(ask: Ask) -> Response:
    """What the link of `depl serve` shows: a button, as looking changes nothing, not even by those who look ahead."""
    return ask.page("sign_in_link.html", key=ask.query("key"), is_good=_is_good(ask, ask.query("key")))


def sign_in_by_link(ask: Ask) -> Response:
    """Begin a session as the owner of the project."""
    key = ask.field("key")
    if not _is_good(ask, key) or not ask.site.links.use(key):
        note_bad_link(ask.site, ask.address)
        raise Refused("The link was used before, or it is too old", hint="Ask for a new one where `depl serve` runs.")
    return _begun(ask, "/", "")


def new_link(ask: Ask) -> Response:
    """Print another link, for whoever sees the terminal of `depl serve`."""
    if not ask.site.store.people.any():
        ask.site.links.new()
    return ask.go(url("sign-in"))


def sign_out(ask: Ask) -> Response:
    """End this session."""
    if ask.session:
        ask.site.store.people.sign_out(ask.session)
        ask.audit("sign out")
    answer = ask.go(url("sign-in"))
    _set_cookie(ask, answer, "", 0)
    return answer


def own_path(path: str) -> str:
    """A page of ours to go to after something; what would lead elsewhere leads to the first page."""
    is_ours = path.startswith("/") and not path.startswith("//") and not re.search(r"[\\\x00-\x20\x7f]", path)
    return path if is_ours and not urlsplit(path).netloc and not path.startswith("/sign-in") else "/"


def _is_good(ask: Ask, key: str) -> bool:
    return ask.site.links.is_good(key) and not ask.site.store.people.any()


def _begun(ask: Ask, back: str, user: str) -> Response:
    """A session of its own each time; the one before ends. user: empty for the owner."""
    site, who = ask.site, user or ask.site.owner
    if ask.session:
        site.store.people.sign_out(ask.session)
    place = near(ask.address)
    agent = site.redact(ask.request.headers.get("user-agent", ""))
    cookie = site.store.people.sign_in(user, who=who, address=ask.address, agent=agent)
    site.store.audit.add(who, WHAT, address=place, reason="" if user else "by the link of depl serve")
    answer = ask.go(back)
    _set_cookie(ask, answer, cookie, int(SESSION_LASTS))
    return answer


def _set_cookie(ask: Ask, answer: Response, value: str, seconds: int) -> None:
    secure = ask.visitor is not None and ask.visitor.secure
    name = SECURE_COOKIE if secure else COOKIE
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


routes = [
    page("/sign-in", form, public=True),
    act("/sign-in", sign_in, public=True),
    page("/sign-in/link", link, public=True),
    act("/sign-in/link", sign_in_by_link, public=True),
    act("/sign-in/new-link", new_link, public=True),
    act("/sign-out", sign_out),
]
