"""How often somebody may try a password: counted in the audit, so that all processes know and none forgets."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from depl.access.passwords import Busy, hashed_password, is_outdated, is_password
from depl.web.errors import TooMany
from depl.web.peers import near

if TYPE_CHECKING:
    from depl.store.people import User
    from depl.web.site import Site

WHAT = "sign in"
LINK = "?link"  # as whom bad links count
WINDOW = 900.0  # seconds
OF_NAME_THERE, OF_ADDRESS, OF_NAME = 5, 30, 50  # failed ones in that time
KNOWN = 30 * 86400.0  # seconds for which an address counts as somebody's own after they signed in there
MINUTE = 60.0
DENIED = 3  # that are written down of an address in a minute
BUSY = 5.0


def assert_password(site: Site, name: str, password: str, address: str) -> User | None:
    """The user whose password that is; None if it is not. Failures are counted and written down. Errors: TooMany."""
    user = site.store.people.user(name)
    counted, place = _counted(site, user, name), near(address)
    _assert_within(site, counted, place)
    kept = user.password if user is not None and not user.disabled else ""
    try:
        is_right = is_password(kept, password)
    except Busy:
        raise TooMany("Many are signing in just now", hint="Try again in a few seconds.", seconds=BUSY) from None
    if is_right and user is not None:
        if is_outdated(kept):
            site.store.people.set_password(user.name, hashed_password(password))
        return user
    why = "no such user" if user is None else "is disabled" if user.disabled else "wrong password"
    site.store.audit.add(counted, WHAT, outcome="failed", reason=why, address=place)
    return None


def note_bad_link(site: Site, address: str) -> None:
    """Write down that somebody came by a link that is not good. Errors: TooMany, and nothing is written down."""
    place = near(address)
    _assert_within(site, LINK, place)
    site.store.audit.add(LINK, WHAT, outcome="failed", reason="by a link that is not good", address=place)


def _counted(site: Site, user: User | None, name: str) -> str:
    """As whom failures count. What is nobody's name may be a password in the wrong field: it is not written down."""
    if user is not None:
        return user.name
    return "?" + hmac.new(site.key, name.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:12]


def _assert_within(site: Site, who: str, address: str) -> None:
    """Also the right password does not help until it is over. Whoever tries from elsewhere locks nobody out at home."""
    audit = site.store.audit

    def failed(**about: str) -> int:
        return audit.count(WHAT, "failed", WINDOW, **about)

    is_over = failed(who=who, address=address) >= OF_NAME_THERE or failed(address=address) >= OF_ADDRESS
    if not is_over and failed(who=who) >= OF_NAME:
        is_over = not audit.count(WHAT, "done", KNOWN, who=who, address=address)
    if not is_over:
        return
    of_all = audit.count(WHAT, "denied", MINUTE, address=address)  # who goes on and on does not fill the store
    if of_all < DENIED and not audit.count(WHAT, "denied", MINUTE, who=who, address=address):
        audit.add(who, WHAT, outcome="denied", reason="too many failed before", address=address)
    raise TooMany("Signing in failed too often", hint=f"Try again in {WINDOW / 60:.0f} minutes.", seconds=WINDOW)
