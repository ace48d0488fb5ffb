"""The one function that decides what somebody may do."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depl.access.people import admins, grant_from, refused_loss, refused_name
from depl.access.roles import ALLOWED, EVERYWHERE, GLOBAL, Action, Person, Role, owner, refusal, roles_from
from depl.rollout.states import SIGNALS

ENVIRONMENTS = ("dev", "test", "live")
Roles = Mapping[str, frozenset[Role]]

roles = st.dictionaries(st.sampled_from([*ENVIRONMENTS, EVERYWHERE]), st.frozensets(st.sampled_from(Role)))
actions = st.sampled_from(Action)
places = st.frozensets(st.sampled_from(ENVIRONMENTS))


@given(roles, actions, places)
def test_nobody_without_a_role_there_or_everywhere_may_anything(held: Roles, action: Action, where: frozenset[str]):
    wanted = where if where and action not in GLOBAL else {EVERYWHERE}
    has = all(
        any(action in ALLOWED[role] for role in (*held.get(name, ()), *held.get(EVERYWHERE, ()))) for name in wanted
    )
    assert (refusal(Person("ann", held), action, where) == "") is has


@given(roles, roles, actions, places)
def test_another_role_never_takes_a_right_away(held: Roles, more: Roles, action: Action, where: frozenset[str]):
    together = {name: held.get(name, frozenset()) | more.get(name, frozenset()) for name in {*held, *more}}
    if not refusal(Person("ann", held), action, where):
        assert not refusal(Person("ann", together), action, where)


@given(roles, roles, actions, places)
def test_a_scope_only_ever_narrows(held: Roles, scope: Roles, action: Action, where: frozenset[str]):
    if not refusal(Person("ann", held, scope), action, where):
        assert not refusal(Person("ann", held), action, where)
        assert not refusal(Person("ann", scope), action, where)


@given(actions, places)
def test_the_owner_may_everything(action: Action, where: frozenset[str]):
    assert refusal(owner("root"), action, where) == ""


def test_every_signal_is_an_action():
    assert set(SIGNALS) <= {action.value for action in Action}


@pytest.mark.parametrize("begun_by", ["ann", "ann@build1"])
@pytest.mark.parametrize("action", [Action.APPROVE, Action.REJECT])
def test_with_four_eyes_nobody_answers_their_own_not_even_an_admin(action: Action, begun_by: str):
    ann, bob = Person("ann", {EVERYWHERE: frozenset({Role.ADMIN})}), Person("bob", {"live": frozenset({Role.APPROVER})})
    how = {"begun_by": begun_by, "four_eyes": ["live"]}
    assert "four eyes" in refusal(ann, action, ["live"], **how)
    assert refusal(bob, action, ["live"], **how) == ""
    assert refusal(ann, action, ["dev"], begun_by=begun_by) == ""


def test_a_refusal_says_who_what_where_and_what_it_takes():
    viewer = Person("ann", {"live": frozenset({Role.VIEWER})})
    told = refusal(viewer, Action.PAUSE_ROLLBACK, ["live"])
    assert told == "ann may not pause rollback in live: that needs the role `operator` or `admin`"


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "<script>", "ann\n", "x" * 65, "ä"])
def test_some_names_are_none(name: str):
    assert refused_name(name)


def test_usual_names_are_fine():
    assert not any(map(refused_name, ["ann", "ann@example.org", "first.last", "svc-build_1", "x" * 64]))


@pytest.mark.parametrize("text", ["dev", "=viewer", "dev=", "dev=king", "dev:viewer"])
def test_a_role_is_given_as_an_environment_and_a_role(text: str):
    with pytest.raises(ValueError, match=r"is not ENV=ROLE|is no role"):
        grant_from(text)
    assert grant_from("*=admin") == (EVERYWHERE, Role.ADMIN)


def test_somebody_always_stays_admin():
    everywhere = roles_from([(EVERYWHERE, "admin")])
    users = [("ann", "", everywhere), ("bob", "2026-01-02T03:04:05Z", everywhere), ("eve", "", {})]
    assert admins(users) == {"ann"}
    assert "only user who is admin" in refused_loss("ann", admins(users))
    assert refused_loss("eve", admins(users)) == ""
