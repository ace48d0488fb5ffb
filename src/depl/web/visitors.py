"""Who asks: by the cookie of a session, by a token, or in the words of a proxy that is believed."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from starlette.requests import Request

from depl.access.roles import Person, owner
from depl.web.peers import peer_of

if TYPE_CHECKING:
    from depl.web.site import Site

COOKIE, SECURE_COOKIE = "depl_session", "__Host-depl_session"
LINK_LASTS = 600.0  # seconds


@dataclass(frozen=True)
class Visitor:
    """Who asks. person: None for those who have not signed in. session: what their forms belong to.

    by_token: a program, which says who it is with every request. by_proxy: a proxy says who it is (told).
    address: of whoever asks. host: where they believe to be. secure: whether nobody could listen.
    """

    person: Person | None
    address: str
    host: str
    session: str = ""
    by_token: bool = False
    by_proxy: bool = False
    told: str = ""
    secure: bool = False


def visitor_of(request: Request) -> Visitor:
    """Who sends a request. Errors: LogFailed."""
    site: Site = request.app.state.site
    peer = peer_of(request, site.settings.proxies)
    nobody = Visitor(None, peer.address, peer.host, secure=peer.secure)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return replace(nobody, person=site.store.people.by_token(token.strip()), by_token=True)
    if peer.is_proxy and site.settings.user_header:
        return _by_proxy(site, nobody, request.headers.getlist(site.settings.user_header))
    cookie = request.cookies.get(SECURE_COOKIE if peer.secure else COOKIE, "")
    return _by_cookie(site, nobody, cookie) if cookie else nobody


def _by_proxy(site: Site, nobody: Visitor, names: Sequence[str]) -> Visitor:
    """In the words of a proxy; two of them would be those of somebody who smuggles."""
    nobody = replace(nobody, by_proxy=True, told=", ".join(names))
    person = site.store.people.person(names[0]) if len(names) == 1 and names[0] else None
    return nobody if person is None else replace(nobody, person=person, session=f"proxy:{person.name}")


def _by_cookie(site: Site, nobody: Visitor, cookie: str) -> Visitor:
    known = site.store.people.session(cookie)
    if known is None:
        return nobody
    if known.user:
        person = site.store.people.person(known.user)
    else:  # who came by a link; it is worth nothing any more once there are users
        person = None if site.store.people.any() else owner(known.who)
    return nobody if person is None else replace(nobody, person=person, session=known.id)


class Links:
    """Links that sign somebody in once, for a while, as the owner of the project. They live in this process only.

    say: brings a new one to whoever runs the process, and to nobody else.
    """

    def __init__(self) -> None:
        self._made: dict[str, float] = {}
        self._lock = threading.Lock()
        self.say: Callable[[str], None] = lambda link: None

    def new(self) -> None:
        """Make one and say it, unless one is still good: there is never more than that."""
        with self._lock:
            now = time.monotonic()
            self._made = {link: until for link, until in self._made.items() if until > now}
            if self._made:
                return
            link = secrets.token_urlsafe(32)
            self._made[link] = now + LINK_LASTS
        self.say(link)

    def is_good(self, link: str) -> bool:
        """Whether it could be used now."""
        with self._lock:
            return self._made.get(link, 0.0) > time.monotonic()

    def use(self, link: str) -> bool:
        """Use it up; whether it was good."""
        with self._lock:
            return self._made.pop(link, 0.0) > time.monotonic()
