"""What is one's own: password, sessions, tokens."""

from __future__ import annotations

from starlette.responses import Response

from depl.access.roles import EVERYWHERE, Role
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.errors import Forbidden, Invalid
from depl.web.operations import people
from depl.web.routing import act, page

HERE = url("account")
LASTING = (("1 day", 1), ("30 days", 30), ("90 days", 90), ("1 year", 365))
DAY = 86400.0


def account(ask: Ask, status: int = 200, **more: object) -> Response:
    """All of it. more: a token that was just made, what is wrong with a form."""
    user = ask.site.store.people.user(ask.person.name)
    shown = {"made": "", "wrong": "", "mistake": "", **more}
    return ask.page(
        "account.html",
        status,
        user=user,
        sessions=people.sessions(ask) if user else [],
        tokens=people.tokens(ask) if user else [],
        here=ask.session,
        roles=[(role.value, role.value) for role in Role],
        lasting=[(str(days), word) for word, days in LASTING],
        **shown,
    )


def change_password(ask: Ask) -> Response:
    """Another one."""
    new = ask.secret("new")
    if new != ask.secret("again"):
        return account(ask, 422, wrong="again", mistake="The two are not the same")
    try:
        people.change_password(ask, ask.secret("old"), new)
    except Invalid as error:
        return account(ask, 422, wrong="new", mistake=error.message)
    except Forbidden as error:
        return account(ask, 403, wrong="old", mistake=error.message)
    return ask.go(HERE)


def end_session(ask: Ask) -> Response:
    """One of them."""
    people.sign_out(ask, ask.path("id"))
    return ask.go(HERE)


def end_others(ask: Ask) -> Response:
    """All but this one."""
    people.sign_out_elsewhere(ask)
    return ask.go(HERE)


def add_token(ask: Ask) -> Response:
    """One for a program; its text is shown only now."""
    role, environment = ask.field("role"), ask.field("environment") or EVERYWHERE
    scope = [(environment, role)] if role else []
    if environment != EVERYWHERE and not role:  # else it would be all that they may, everywhere
        return account(ask, 422, wrong="role", mistake="Choose a role there, or leave the environment empty")
    try:
        _, text = people.add_token(ask, ask.field("label"), scope, int(ask.field("days", "30")) * DAY)
    except (Invalid, ValueError, OverflowError) as error:
        return account(ask, 422, wrong="label", mistake=str(error))
    return account(ask, made=text)


def revoke_token(ask: Ask) -> Response:
    """Nobody comes by it any more."""
    people.revoke_token(ask, ask.path("id"))
    return ask.go(HERE)


routes = [
    page("/account", account),
    act("/account/password", change_password),
    act("/account/sessions/end-others", end_others),
    act("/account/sessions/{id}/end", end_session),
    act("/account/tokens", add_token),
    act("/account/tokens/{id}/revoke", revoke_token),
]
