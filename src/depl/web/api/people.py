"""The API: users and their roles, tokens, and the audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from depl.access.roles import Action
from depl.store.people import Token, User
from depl.web.api import shapes
from depl.web.api.described import FLAG, NUMBER, REAL, TEXT, TIME, Part, fields, listed, named
from depl.web.api.sent import text, typed
from depl.web.ask import Ask
from depl.web.errors import Invalid
from depl.web.operations import people as operations

DAY = 86400.0
FILTERS = ("who", "what", "subject", "environment", "outcome")  # of the audit


def users(ask: Ask) -> Response:
    """All of them."""
    return ask.data({"users": [_user(one) for one in operations.users(ask)]})


def add_user(ask: Ask) -> Response:
    """Somebody who can sign in."""
    given = ask.json
    how = {"confirm": text(given, "confirm", "")}
    found = operations.add_user(ask, text(given, "name"), text(given, "password"), list(_grants(given, "roles")), **how)
    return ask.data(_user(found), 201)


def grant(ask: Ask) -> Response:
    """A role in an environment."""
    given, name = ask.json, ask.path("name")
    how = {"confirm": text(given, "confirm", "")}
    operations.grant(ask, name, text(given, "environment"), text(given, "role"), **how)
    return ask.data(_user(operations.user(ask, name)))


def revoke(ask: Ask) -> Response:
    """Take a role away."""
    given, name = ask.json, ask.path("name")
    operations.revoke(ask, name, text(given, "environment"), text(given, "role"))
    return ask.data(_user(operations.user(ask, name)))


def reset_password(ask: Ask) -> Response:
    """Another password for somebody."""
    given, name = ask.json, ask.path("name")
    operations.reset_password(ask, name, text(given, "password"), confirm=text(given, "confirm", ""))
    return ask.data(_user(operations.user(ask, name)))


def disable(ask: Ask) -> Response:
    """They cannot come until they are enabled again."""
    operations.disable_user(ask, ask.path("name"))
    return ask.data(_user(operations.user(ask, ask.path("name"))))


def enable(ask: Ask) -> Response:
    """They can come again."""
    operations.enable_user(ask, ask.path("name"))
    return ask.data(_user(operations.user(ask, ask.path("name"))))


def remove(ask: Ask) -> Response:
    """They cannot come any more."""
    operations.remove_user(ask, ask.path("name"))
    return ask.data({})


def tokens(ask: Ask) -> Response:
    """One's own, or those of all."""
    return ask.data({"tokens": [_token(one) for one in operations.tokens(ask, of_all=ask.query("all") == "true")]})


def add_token(ask: Ask) -> Response:
    """For a program that acts as oneself."""
    given = ask.json
    days = typed(given, "days", (int, float)) if "days" in given else None
    scope = list(_grants(given, "scope"))
    if "scope" in given and not scope:  # else it would be all that they may
        raise Invalid("`scope` has no role: leave it out for all that its user may")
    token, its_text = operations.add_token(ask, text(given, "label"), scope, None if days is None else days * DAY)
    return ask.data({**_token(token), "token": its_text}, 201)


def revoke_token(ask: Ask) -> Response:
    """Nobody can come by it any more."""
    operations.revoke_token(ask, ask.path("id"))
    return ask.data({})


def audit(ask: Ask) -> Response:
    """Who did what, or was refused it."""
    ask.assert_may(Action.AUDIT)
    before = ask.number("before", 0) or None
    limit = ask.number("limit", 100, 1, 1000)
    how = {name: ask.query(name) for name in FILTERS}
    found = ask.site.store.audit.entries(**how, before=before, limit=limit)
    return ask.data({"entries": [shapes.entry(one) for one in found]})


def _user(one: User) -> dict[str, Any]:
    return {"name": one.name, "made": one.made, "disabled": one.disabled, "roles": shapes.roles(one.roles)}


def _token(one: Token) -> dict[str, Any]:
    plain = {name: getattr(one, name) for name in ("id", "user", "label", "made", "used")}
    return {**plain, "scope": shapes.roles(one.scope), "expires": one.expires}


def _grants(given: Any, name: str) -> Iterator[tuple[str, str]]:
    """Roles by environment, one by one. Errors: Invalid."""
    for environment, held in typed(given, name, dict, {}).items():
        if not isinstance(held, list) or not all(isinstance(role, str) for role in held):
            raise Invalid(f"`{name}` is an object of lists: roles by environment")
        yield from ((environment, role) for role in held)


USER = fields(name=TEXT, made=TIME, disabled=TIME, roles=named("Roles"))
TOKEN = fields(
    id=TEXT,
    user=TEXT,
    label=TEXT,
    scope={"anyOf": [named("Roles"), {"type": "null"}]},
    made=TIME,
    used=TIME,
    expires={"type": ["number", "null"], "description": "seconds since 1970"},
)
CONFIRM = {"confirm": {**TEXT, "description": "one's own password, for the role admin"}}
ROLE = {"environment": TEXT, "role": shapes.ROLES}
NAME = "/users/{name}"

parts = [
    Part("GET", "/users", users, "Users.", fields(users=listed(USER)), needs="people"),
    Part(
        "POST",
        "/users",
        add_user,
        "Add a user.",
        USER,
        body={"name": TEXT, "password": TEXT, "roles": named("Roles"), **CONFIRM},
        required=["name", "password"],
        needs="people",
        status=201,
    ),
    Part("DELETE", NAME, remove, "Remove a user.", fields(), needs="people"),
    Part("POST", f"{NAME}/grant", grant, "Give a role.", USER, {}, {**ROLE, **CONFIRM}, [*ROLE], "people"),
    Part("POST", f"{NAME}/revoke", revoke, "Take a role away.", USER, {}, ROLE, [*ROLE], "people"),
    Part(
        *("POST", f"{NAME}/password", reset_password, "Another password.", USER, {}),
        *({"password": TEXT, **CONFIRM}, ["password"], "people"),
    ),
    Part("POST", f"{NAME}/disable", disable, "Keep a user out for now.", USER, {}, {}, [], "people"),
    Part("POST", f"{NAME}/enable", enable, "Let a user in again.", USER, {}, {}, [], "people"),
    Part(
        *("GET", "/tokens", tokens, "Tokens of one's own, or of all.", fields(tokens=listed(TOKEN)), {"all": FLAG}),
        needs="",
    ),
    Part(
        "POST",
        "/tokens",
        add_token,
        "Make a token; its text is told only now.",
        fields(**TOKEN["properties"], token=TEXT),
        body={"label": TEXT, "scope": named("Roles"), "days": {**REAL, "description": "after which it ends"}},
        required=["label"],
        needs="",
        status=201,
    ),
    Part("DELETE", "/tokens/{id}", revoke_token, "Revoke a token.", fields(), needs=""),
    Part(
        *("GET", "/audit", audit, "Who did what, or was refused it.", fields(entries=listed(named("Entry")))),
        query={**dict.fromkeys(FILTERS, TEXT), "before": NUMBER, "limit": NUMBER},
        needs="audit",
    ),
]
