"""What holds of users and their roles, wherever they are made: on pages, by the API, by the command line. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from depl.access.roles import EVERYWHERE, Role

NAME = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}"


def refused_name(name: str) -> str:
    """Why something is no name of a user, as a sentence; empty: it is one."""
    if re.fullmatch(NAME, name):
        return ""
    return f"{name!r:.70} is no name of a user: up to 64 letters, digits and ._@+-, a letter or digit first"


def grant_from(text: str) -> tuple[str, Role]:
    """ENV=ROLE. Errors: ValueError, which says what is expected."""
    environment, equals, role = text.partition("=")
    if not equals or not environment.strip():
        raise ValueError(f"{text!r} is not ENV=ROLE, such as production=operator or '*=admin'")
    try:
        return environment.strip(), Role(role.strip())
    except ValueError:
        raise ValueError(f"{role!r} is no role: {', '.join(one.value for one in Role)}") from None


def admins(users: Iterable[tuple[str, str, Mapping[str, frozenset[Role]]]]) -> set[str]:
    """The names of those who may do everything. users: name, since when they are disabled, roles."""
    return {name for name, disabled, roles in users if not disabled and is_admin(roles)}


def is_admin(roles: Mapping[str, frozenset[Role]]) -> bool:
    """Whether roles allow everything."""
    return Role.ADMIN in roles.get(EVERYWHERE, frozenset())


def refused_loss(name: str, remaining: set[str]) -> str:
    """Why somebody has to stay an admin, as a sentence; empty: somebody else is one. remaining: see admins()."""
    if remaining != {name}:
        return ""
    return f"{name} is the only user who is admin everywhere; without one nobody could let anybody in again"
