"""What operations have to know before they do anything: the rollout, its state, what its environments want."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from depl.access.roles import ANSWERS, rights_of
from depl.errors import DeplError, NothingRecorded
from depl.rollout.folding import State
from depl.rollout.possible import NOT_BEGUN
from depl.rollout.records import is_driven
from depl.rollout.states import ACTIVE, RolloutState
from depl.store.headers import Header
from depl.web.ask import Ask
from depl.web.errors import Forbidden, Invalid, NotFound

Settings = Mapping[str, Mapping[str, Any]]  # by environment what a worker published of it


def seen(ask: Ask, id: str) -> Header:
    """A rollout that they may see. Errors: NotFound."""
    try:
        header = ask.site.store.header(id)
    except NothingRecorded:
        header = None
    if header is None or not header.number:
        raise NotFound("There is no such rollout")
    if not ask.sees(header.environments):
        raise ask.hidden("rollout", id, header.environments)
    return header


def state_of(ask: Ask, id: str) -> State:
    """How a rollout stands at this moment; nobody may change it. Errors: NotFound."""
    return ask.site.reader.state(seen(ask, id).id)


def settings_of(ask: Ask, environments: Collection[str]) -> Settings:
    """What is published of some environments; those of which nothing is known are left out."""
    found = {name: one.get("settings") for name, one in published_of(ask, environments).items()}
    return {name: settings for name, settings in found.items() if settings}


def published_of(ask: Ask, environments: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
    """What workers told of some environments, with their graphs."""
    found = {name: ask.site.store.published.get("environment", name) for name in sorted(set(environments))}
    return {name: one.data for name, one in found.items() if one is not None}


def four_eyes(settings: Settings) -> list[str]:
    """The environments where nobody answers their own."""
    return [name for name, wanted in settings.items() if wanted.get("four_eyes")]


def protected(settings: Settings) -> list[str]:
    """The environments whose names are to be typed."""
    return [name for name, wanted in settings.items() if wanted.get("protected")]


def is_at_work(header: Header) -> bool:
    """Whether somebody is at work on a rollout."""
    return header.is_driven or (header.is_direct and is_driven(header.taken_from))


def is_heard(header: Header) -> bool:
    """Whether signals are heard: somebody is at work, or a worker takes it up again."""
    return header.queue is not None or is_at_work(header)


def is_interrupted(header: Header) -> bool:
    """Whether it should be under way, and nobody is at work on it."""
    is_resting = not header.owner and not header.is_direct  # whoever let go of it comes back in time
    is_under_way = header.state in ACTIVE and header.state is not RolloutState.BLOCKED
    return is_under_way and not is_resting and not is_at_work(header)


def alike(ask: Ask, header: Header) -> Hashable:
    """What the pages of a rollout depend on beside the rollout: those who may do the same see the same.

    Who they are matters where they may have asked for its start, or where nobody answers their own.
    """
    places = header.environments
    answers = any(ask.may(action, places) for action in ANSWERS) and bool(four_eyes(settings_of(ask, places)))
    return rights_of(ask.person), ask.person.name if header.state in NOT_BEGUN or answers else ""


def begun_by(state: State) -> str:
    """Who answers for its beginning."""
    return state.wanted_by or state.queued_by or state.who


@contextmanager
def audited(
    ask: Ask, what: str, subject: str = "", environments: Collection[str] = (), reason: str = ""
) -> Iterator[None]:
    """Write down that something was done, or could not be; `assert_may` writes down what is forbidden."""
    try:
        yield
    except Forbidden:
        raise
    except DeplError as error:
        ask.audit(what, subject, environments, outcome="failed", reason=error.message)
        raise
    ask.audit(what, subject, environments, reason=reason)


def needed(reason: str, what: str) -> str:
    """A reason that must be given. Errors: Invalid."""
    if not reason.strip():
        raise Invalid(f"{what} needs a reason", mistakes={"reason": "Say why."})
    return reason.strip()
