"""Users with their roles, their sessions and tokens."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from depl.access.roles import Action, Role
from depl.errors import ConfigurationError, NothingRecorded
from depl.store.store import Store

OPERATOR, VIEWER, ADMIN = (frozenset({role}) for role in (Role.OPERATOR, Role.VIEWER, Role.ADMIN))


def later(store: Store, seconds: float) -> None:
    """As if so much time had gone by for all sessions and tokens."""
    with store.database.writing() as connection:
        connection.execute(text(f"UPDATE sessions SET seen = seen - {seconds}, expires = expires - {seconds}"))
        connection.execute(text(f"UPDATE tokens SET expires = expires - {seconds}"))


def test_users_have_roles_by_environment(store: Store) -> None:
    people = store.people
    assert not people.any()
    people.add("bob", "kept")
    people.add("ann", "kept", [("*", Role.ADMIN)])
    assert people.any()
    with pytest.raises(ConfigurationError, match="There is a user bob already"):
        people.add("bob", "other", [("*", Role.ADMIN)])
    for _ in "12":
        people.grant("bob", "live", Role.VIEWER)
    people.grant("bob", "test", Role.OPERATOR)
    assert [(one.name, one.password, one.roles) for one in people.users()] == [
        ("ann", "kept", {"*": ADMIN}),
        ("bob", "kept", {"live": VIEWER, "test": OPERATOR}),
    ]
    people.revoke("bob", "live", Role.VIEWER)
    people.set_password("bob", "new")
    bob = people.user("bob")
    assert bob is not None
    assert (bob.password, bob.roles) == ("new", {"test": OPERATOR})
    for change in (
        lambda: people.grant("eve", "live", Role.ADMIN),
        lambda: people.revoke("eve", "live", Role.ADMIN),
        lambda: people.set_password("eve", "x"),
        lambda: people.disable("eve"),
        lambda: people.remove("eve"),
    ):
        with pytest.raises(NothingRecorded, match="There is no user eve"):
            change()


def test_who_is_disabled_or_removed_cannot_come(store: Store) -> None:
    people = store.people
    people.add("bob", "kept", [("*", Role.VIEWER)])
    cookie, (token, secret) = people.sign_in("bob"), people.add_token("bob", "backup", None, None)
    people.disable("bob")
    assert (people.person("bob"), people.by_token(secret), people.session(cookie)) == (None, None, None)
    people.enable("bob")
    assert people.person("bob") is not None
    assert people.by_token(secret) is not None
    cookie = people.sign_in("bob")
    people.remove("bob")
    assert (people.user("bob"), people.by_token(secret), people.session(cookie)) == (None, None, None)
    people.add("bob", "another")
    assert people.person("bob").roles == {}  # type: ignore[union-attr]
    assert token.id not in [one.id for one in people.tokens()]


def test_sessions_last_while_they_are_used(store: Store) -> None:
    people = store.people
    cookie = people.sign_in("ann", address="::1", agent="x" * 500)
    later(store, 11 * 3600)
    found = people.session(cookie)
    assert found is not None
    assert (found.user, found.who, found.address, len(found.agent)) == ("ann", "ann", "::1", 200)
    later(store, 11 * 3600)
    assert people.session(cookie) is not None  # it was used in between
    later(store, 13 * 3600)
    assert (people.session(cookie), people.sessions("ann")) == (None, [])
    cookie = people.sign_in("ann")
    for _ in range(15 * 24 // 10):
        later(store, 10 * 3600)
        people.session(cookie)
    assert people.session(cookie) is None  # and not for ever


def test_sessions_are_ended_one_by_one_or_all_but_one(store: Store) -> None:
    people = store.people
    first, second, third, other = (people.sign_in(name) for name in ("ann", "ann", "ann", "bob"))
    found = [people.session(cookie) for cookie in (first, second)]
    assert found[0] is not None
    assert found[1] is not None
    assert len(people.sessions("ann")) == 3
    people.sign_out(found[0].id)
    assert people.session(first) is None
    people.sign_out_all("ann", but=found[1].id)
    assert [one.id for one in people.sessions("ann")] == [found[1].id]
    people.sign_out_all("ann")
    assert (people.session(second), people.session(third)) == (None, None)
    assert people.session(other) is not None


def test_tokens_are_kept_as_hashes_with_scope_and_expiry(store: Store) -> None:
    people = store.people
    people.add("ann", "kept", [("*", Role.ADMIN)])
    token, secret = people.add_token("ann", "backup", {"live": OPERATOR}, 3600)
    _, lasting = people.add_token("ann", "all", None, None)
    assert secret.startswith("depl_")
    assert (token.user, token.label, token.scope, token.used) == ("ann", "backup", {"live": OPERATOR}, "")
    with store.database.reading() as connection:
        assert secret not in repr(connection.execute(text("SELECT * FROM tokens")).all())
    person = people.by_token(secret)
    assert person is not None
    assert person.may(Action.START, "live")
    assert not person.may(Action.START, "test")
    assert [one.used != "" for one in people.tokens("ann") if one.id == token.id] == [True]
    later(store, 3601)
    assert people.by_token(secret) is None
    kept = people.by_token(lasting)
    assert kept is not None
    assert kept.may(Action.PEOPLE, "*")
    assert len(people.tokens("ann")) == 2
    for one in people.tokens():
        people.revoke_token(one.id)
    assert (people.by_token(lasting), people.tokens("ann"), people.by_token("nonsense")) == (None, [], None)
