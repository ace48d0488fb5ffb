"""Whether whoever calls may do something: asked where a project shares its store, and its users have roles."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from depl.cli.project_store import shared_store
from depl.errors import ConfigurationError, DeplError
from depl.rollout.log import LogFailed

if TYPE_CHECKING:
    from depl.access.roles import Action, Person
    from depl.cli.session import Session
    from depl.rollout.folding import State
    from depl.store.store import Store

TERMINAL = "command line"  # as an address in the audit


class NotPermitted(DeplError):
    """Somebody may not do that."""


def assert_permitted(
    session: Session,
    action: str,
    environments: Collection[str] = (),
    *,
    subject: str = "",
    state: State | None = None,
    alone: bool = False,
) -> None:
    """That whoever calls may do it. action: see depl.access.roles.Action; state: of the rollout that is answered to.

    alone: they begin something that nobody else has agreed to. Where nothing is shared, the project belongs to whoever
    has its files, and only answers want four eyes. Errors: NotPermitted.
    """
    store = _asked(session)
    if store is None and action not in ("approve", "reject"):
        return  # the usual case costs nothing
    from depl.access.roles import Action, owner, refusal

    wanted, name = Action(action), os_user()
    about = _answered(session, wanted, state)
    person = owner(name) if store is None else store.people.person(name)
    refused = _stranger(name, wanted) if person is None else refusal(person, wanted, environments, **about)
    if store is not None and alone and not refused:
        refused = _needs_another(session, environments)
    if not refused:
        return
    if store is not None:
        told = {"subject": subject, "environment": ", ".join(sorted(environments)), "address": TERMINAL}
        store.audit.add(name, action, outcome="denied", reason=refused, **told)
    raise NotPermitted(refused, hint=_next_step(person, refused))


def os_user() -> str:
    """The name of whoever runs this, as the system knows them: no variable changes it."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _asked(session: Session) -> Store | None:
    """The store whose users decide; nothing where it is not shared, has no users, or is away.

    Whoever works on what is shared needs the store anyway; what lies in files of this directory belongs to its owner.
    """
    try:
        store = shared_store(session)
        return store if store is not None and store.database.is_server and store.people.any() else None
    except LogFailed:
        return None


def _answered(session: Session, action: Action, state: State | None) -> dict[str, Any]:
    from depl.access.roles import ANSWERS

    if state is None or action not in ANSWERS:
        return {}
    watched = _watched(session, state.environments)
    return {"begun_by": state.wanted_by or state.queued_by or state.who, "four_eyes": watched}


def _needs_another(session: Session, environments: Collection[str]) -> str:
    """Why nobody begins something by themselves; empty: they may."""
    listed = ", ".join(_watched(session, environments))
    return f"{listed} wants four eyes: somebody else has to agree to the start" if listed else ""


def _watched(session: Session, environments: Collection[str]) -> list[str]:
    return [name for name in sorted(environments) if _wants_four_eyes(session, name)]


def _wants_four_eyes(session: Session, name: str) -> bool:
    from depl.cli.hosts import declared

    try:
        return declared(name, session.base).settings.four_eyes
    except ConfigurationError:
        return False


def _stranger(name: str, action: Action) -> str:
    from depl.access.roles import worded

    return f"{name} may not {worded(action)} here: the store of this project has users, and {name} is none or disabled"


def _next_step(person: Person | None, refused: str) -> str:
    if person is None:
        return "Somebody who is admin can add you, on the page People or by `depl user add`."
    if "four eyes" in refused:
        return "Ask somebody else who may approve: on its page, which `depl serve` shows."
    return "Somebody who is admin can give you the role, on the page People or by `depl user role`."
