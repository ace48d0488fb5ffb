"""Users with their roles, for those who are admin."""

from __future__ import annotations

from starlette.responses import Response

from depl.access.people import is_admin
from depl.access.roles import EVERYWHERE, Action, Role
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.errors import Invalid, Refused
from depl.web.operations import people as operations
from depl.web.routing import act, page

HERE = url("people")


def people(ask: Ask, status: int = 200, wrong: str = "", mistake: str = "") -> Response:
    """All of them. wrong: the field of the form for a new one that has a mistake."""
    ask.assert_may(Action.PEOPLE)
    return ask.page(
        "people.html",
        status,
        users=operations.users(ask),
        tokens=operations.tokens(ask, of_all=True),
        roles=[(role.value, role.value) for role in Role],
        wrong=wrong,
        mistake=mistake,
        name=ask.field("name"),
        has_password=_has_password(ask),
    )


def person(ask: Ask) -> Response:
    """One of them, with all that can be done."""
    found = operations.user(ask, ask.path("name"))
    return ask.page(
        "user.html",
        user=found,
        is_admin=is_admin(found.roles),
        roles=[(role.value, role.value) for role in Role],
        sessions=ask.site.store.people.sessions(found.name),
        tokens=ask.site.store.people.tokens(found.name),
        has_password=_has_password(ask),
    )


def add(ask: Ask) -> Response:
    """Somebody new."""
    role, name = ask.field("role"), ask.field("name")
    grants = [(ask.field("environment") or EVERYWHERE, role)] if role else []
    try:
        operations.add_user(ask, name, ask.secret("password"), grants, confirm=ask.secret("confirm"))
    except Invalid as error:
        return people(ask, 422, *next(iter(error.mistakes.items()), ("name", error.message)))
    except Refused as error:
        return people(ask, 409, "name", f"{error.message}. {error.hint}".strip())
    return ask.go(url("people", name))


def grant(ask: Ask) -> Response:
    """One role more."""
    name = ask.path("name")
    environment = ask.field("environment") or EVERYWHERE
    operations.grant(ask, name, environment, ask.field("role"), confirm=ask.secret("confirm"))
    return ask.go(url("people", name))


def revoke(ask: Ask) -> Response:
    """One role less."""
    name = ask.path("name")
    operations.revoke(ask, name, ask.field("environment"), ask.field("role"))
    return ask.go(url("people", name))


def reset(ask: Ask) -> Response:
    """Another password."""
    name = ask.path("name")
    operations.reset_password(ask, name, ask.secret("password"), confirm=ask.secret("confirm"))
    return ask.go(url("people", name))


def disable(ask: Ask) -> Response:
    """Out for now."""
    operations.disable_user(ask, ask.path("name"))
    return ask.go(url("people", ask.path("name")))


def enable(ask: Ask) -> Response:
    """In again."""
    operations.enable_user(ask, ask.path("name"))
    return ask.go(url("people", ask.path("name")))


def remove(ask: Ask) -> Response:
    """Out for good."""
    operations.remove_user(ask, ask.path("name"))
    return ask.go(HERE)


def revoke_token(ask: Ask) -> Response:
    """Of anybody."""
    ask.assert_may(Action.PEOPLE)
    operations.revoke_token(ask, ask.path("id"))
    return ask.go(HERE)


def _has_password(ask: Ask) -> bool:
    """Whether they are asked for it where they make somebody an admin."""
    own = ask.site.store.people.user(ask.person.name)
    return own is not None and bool(own.password)


routes = [
    page("/people", people),
    act("/people", add),
    act("/people/tokens/{id}/revoke", revoke_token),
    page("/people/{name}", person),
    act("/people/{name}/roles", grant),
    act("/people/{name}/roles/revoke", revoke),
    act("/people/{name}/password", reset),
    act("/people/{name}/disable", disable),
    act("/people/{name}/enable", enable),
    act("/people/{name}/remove", remove),
]
