"""How all is, as far as whoever asks may see it: the first page tells it, and the API."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from depl.errors import NothingRecorded
from depl.rollout.states import ACTIVE, RolloutState
from depl.rollout.wording import age
from depl.web.ask import Ask
from depl.web.errors import NotFound
from depl.web.operations.environments import hold_of, holds_of
from depl.web.operations.known import is_interrupted
from depl.web.views.attention import Waits, waiting
from depl.web.views.standing import Standing, standing, went_wrong

if TYPE_CHECKING:
    from depl.store.headers import Header
    from depl.store.inquiries import Inquiry

SHOWN = 20  # rollouts of an environment
RECENT = 86400.0  # seconds for which it is told that something went wrong
UNDER_WAY = (*ACTIVE, RolloutState.PLANNED, RolloutState.QUEUED)
VISIBLE = 300  # rollouts that are looked through


@dataclass(frozen=True)
class Overview:
    """begun: all rollouts that are not over, the newest first; interrupted: the ids of those nobody is at work on.

    waits: what somebody has to do something about, and this very person can.
    """

    environments: Sequence[Standing]
    begun: Sequence[Header]
    interrupted: Collection[str]
    waits: Sequence[Waits]


def overview(ask: Ask) -> Overview:
    """All that there is to know at one glance."""
    begun = ask.site.store.rollouts(state=UNDER_WAY, limit=VISIBLE, sees=ask.sees_only)
    interrupted = [one.id for one in begun if is_interrupted(one)]
    environments = standings(ask)
    failed = [one.last for one in environments if one.last is not None and _failed_just_now(one.last)]
    waits = waiting(
        [*begun, *failed],
        ask.person,
        four_eyes=[one.name for one in environments if one.settings.get("four_eyes")],
        interrupted=interrupted,
        failed=[one.id for one in failed],
    )
    return Overview(environments, begun, interrupted, waits)


def standings(ask: Ask) -> list[Standing]:
    """Every environment of which something is known."""
    store = ask.site.store
    published, drift = store.published.all("environment"), store.published.all("drift")
    locks = {lock.environment: lock for lock in store.locks.taken()}
    holds = {freeze.environment: freeze for freeze in holds_of(ask.site).all()}
    used = {name for one in store.rollouts(limit=VISIBLE) for name in one.environments}
    found = []
    for name in sorted({*published, *locks, *holds, *used}):
        if ask.sees([name]):
            recent = store.rollouts(name, limit=SHOWN, sees=ask.sees_only)
            known = {"published": published.get(name), "drift": drift.get(name)}
            found.append(_standing(name, recent, **known, lock=locks.get(name), hold=holds.get(name)))
    return found


def standing_of(ask: Ask, name: str, recent: Sequence[Header] | None = None) -> Standing:
    """One environment. recent: its last rollouts, if they are at hand."""
    store = ask.site.store
    if recent is None:
        recent = store.rollouts(name, limit=SHOWN, sees=ask.sees_only)
    known = {kind: store.published.get(kind, name) for kind in ("environment", "drift")}
    told = {"published": known["environment"], "drift": known["drift"]}
    return _standing(name, recent, **told, lock=store.locks.of(name), hold=hold_of(ask, name))


def inquiries(ask: Ask) -> list[Inquiry]:
    """What workers are asked at this moment, but for what they ask themselves."""
    return [one for one in ask.site.store.inquiries.open() if one.kind != "publish" and _sees(ask, one)]


def inquiry(ask: Ask, id: str) -> Inquiry:
    """One of them, also when it is over. Errors: NotFound."""
    try:
        found = ask.site.store.inquiries.get(id)
    except NothingRecorded as error:
        raise NotFound("There is no such inquiry", hint=error.hint) from error
    if not _sees(ask, found):
        raise NotFound("There is no such inquiry")
    return found


def is_recent(header: Header) -> bool:
    """Whether it was made, or ended, a short while ago."""
    passed = age(header.ended or header.made)
    return passed is not None and passed < RECENT


def _standing(name: str, recent: Sequence[Header], **known: Any) -> Standing:
    return standing(name, recent, **known, interrupted=[one.id for one in recent if is_interrupted(one)])


def _failed_just_now(header: Header) -> bool:
    return went_wrong(header) and is_recent(header)


def _sees(ask: Ask, one: Inquiry) -> bool:
    """Whether it is about what they may see; who asked may have lost their role since."""
    return ask.sees(one.environments)
