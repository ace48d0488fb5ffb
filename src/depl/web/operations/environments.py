"""What can be asked of an environment: that it is left as it is, that it is released, that somebody looks for drift."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from depl.access.roles import Action
from depl.deploy.begin import utc
from depl.errors import Locked
from depl.rollout.holds import Freeze, HoldFiles, Holds, end_of
from depl.store.holding import AllHolds
from depl.web.ask import Ask
from depl.web.errors import Invalid, NotFound, Refused
from depl.web.filters import utc as utc_words
from depl.web.operations.asking import inquire
from depl.web.operations.known import audited, needed
from depl.web.site import Site

if TYPE_CHECKING:
    from depl.store.inquiries import Inquiry

LONGEST = 24 * 366  # hours


def hold(ask: Ask, name: str, reason: str, hours: float | None = None) -> Freeze:
    """Let nobody change an environment until it is released, or for so many hours.

    What is at work there goes on to its end. Errors: NotFound, Forbidden, Invalid, Refused where it is held already.
    """
    assert_known(ask, name)
    why = ask.site.redact(" ".join(reason.split()))
    with audited(ask, "hold", name, [name], why):
        ask.assert_may(Action.HOLD, [name], subject=name)
        needed(why, "To hold an environment")
        until = end_of(hours * 3600) if hours is not None and _is_sound(hours) else ""
        held = hold_of(ask, name)
        if held is not None:
            raise Refused(held.sentence, hint="Release it first.")
        freeze = Freeze(name, ask.person.name, utc(), why, until)
        try:
            _kept(ask.site).set(freeze)
        except Locked as error:
            raise Refused(error.message, hint="Release it first.") from error
        return freeze


def release(ask: Ask, name: str) -> Freeze | None:
    """Let an environment be changed again, whoever held it; how it was held. Errors: NotFound, Forbidden."""
    assert_known(ask, name)
    held = hold_of(ask, name)
    with audited(ask, "release", name, [name], held.sentence if held else "it was not held"):
        ask.assert_may(Action.HOLD, [name], subject=name)
        holds_of(ask.site).clear(name)
        return held


def look(ask: Ask, name: str) -> Inquiry:
    """Have found out what differs from the model. Errors: NotFound, Forbidden."""
    if ask.site.store.published.get("environment", name) is None:
        raise NotFound("There is no such environment")
    if not ask.sees([name]):
        raise ask.hidden("environment", name, [name])
    with audited(ask, "look", name, [name]):
        ask.assert_may(Action.PLAN, [name], subject=name)
        return inquire(ask, "look", {"environment": name}, [name], name=name)


def hold_of(ask: Ask, name: str) -> Freeze | None:
    """Whether an environment is held."""
    return holds_of(ask.site).of(name)


def holds_told(ask: Ask, names: Collection[str]) -> list[str]:
    """Those of some environments that are held, as sentences."""
    found = [one for name in names if (one := hold_of(ask, name)) is not None]
    return [
        f"{one.environment} is held by {one.who}{f' until {utc_words(one.until)}' if one.until else ''}: {one.reason}."
        for one in found
    ]


def holds_of(site: Site) -> Holds:
    """Where all that look note and find it: in the store, and in the directory of the project."""
    return AllHolds(site.store.holds, _files(site))


def assert_known(ask: Ask, name: str) -> None:
    """Errors: NotFound for an environment that is none, or none for them to see."""
    store = ask.site.store
    is_known = store.published.get("environment", name) is not None or store.rollouts(name, limit=1)
    if not is_known:
        raise NotFound("There is no such environment")
    if not ask.sees([name]):
        raise ask.hidden("environment", name, [name])


def _kept(site: Site) -> Holds:
    """Commands of a project look into a store only where it is shared; else into their files, as workers do there."""
    return holds_of(site) if site.store.database.is_server else _files(site)


def _files(site: Site) -> HoldFiles:
    return HoldFiles(os.path.join(site.base, ".depl"))


def _is_sound(hours: float) -> bool:
    if not 0 < hours <= LONGEST:
        wanted = f"It should be more than 0, and at most {LONGEST}"
        raise Invalid(f"An environment cannot be held for {hours:g} hours", mistakes={"hours": wanted})
    return True
