"""What is done to users, roles, passwords, sessions and tokens: pages and API call this; it does and writes down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from depl.access.passwords import Busy, hashed_password, refused_password
from depl.access.people import admins, grant_from, is_admin, refused_loss, refused_name
from depl.access.roles import EVERYWHERE, Action, Role, roles_from
from depl.store.people import Session, Token, User
from depl.web.ask import Ask
from depl.web.errors import Forbidden, Invalid, NotFound, Refused, TooMany
from depl.web.limits import BUSY, assert_password

Grants = Iterable[tuple[str, str]]  # (environment or `*`, role)
LONGEST = 100 * 366 * 86400.0  # seconds

# -- users, for admins ---------------------------------------------------------------------------------------


def users(ask: Ask) -> Sequence[User]:
    """All of them. Errors: Forbidden."""
    ask.assert_may(Action.PEOPLE)
    return ask.site.store.people.users()


def user(ask: Ask, name: str) -> User:
    """One of them. Errors: Forbidden, NotFound."""
    ask.assert_may(Action.PEOPLE, subject=name)
    found = ask.site.store.people.user(name)
    if found is None:
        raise NotFound(f"There is no user {name}")
    return found


def add_user(ask: Ask, name: str, password: str, grants: Grants = (), *, confirm: str = "") -> User:
    """Somebody who can sign in. confirm: see grant(). Errors: Forbidden, Invalid, Refused."""
    ask.assert_may(Action.PEOPLE, subject=name)
    people, wanted = ask.site.store.people, [_grant(*one) for one in grants]
    _assert_fits("name", refused_name(name))
    _assert_fits("password", refused_password(password, name))
    if people.user(name) is not None:
        raise Refused(f"There is a user {name} already")
    if not people.any() and (EVERYWHERE, Role.ADMIN) not in wanted:
        raise Refused("The first user has to be admin everywhere", hint="Somebody must be able to add the others.")
    if any(role is Role.ADMIN for _, role in wanted):
        _confirm(ask, confirm)
    people.add(name, _kept(password), wanted)
    ask.audit("add user", name, reason=_listed(wanted))
    return user_of(ask, name)


def remove_user(ask: Ask, name: str) -> None:
    """They cannot come any more, nor can their tokens. Errors: Forbidden, NotFound, Refused."""
    _assert_replaceable(ask, user(ask, name))
    ask.site.store.people.remove(name)
    ask.audit("remove user", name)


def disable_user(ask: Ask, name: str) -> None:
    """They cannot come until they are enabled again. Errors: Forbidden, NotFound, Refused."""
    _assert_replaceable(ask, user(ask, name))
    ask.site.store.people.disable(name)
    ask.audit("disable user", name)


def enable_user(ask: Ask, name: str) -> None:
    """See disable_user. Errors: Forbidden, NotFound."""
    user(ask, name)
    ask.site.store.people.enable(name)
    ask.audit("enable user", name)


def reset_password(ask: Ask, name: str, password: str, *, confirm: str = "") -> None:
    """Another password for somebody, who is signed out everywhere. Errors: Forbidden, NotFound, Invalid."""
    found = user(ask, name)
    _assert_fits("password", refused_password(password, name))
    if is_admin(found.roles):
        _confirm(ask, confirm)
    ask.site.store.people.set_password(name, _kept(password))
    ask.site.store.people.sign_out_all(name)
    ask.audit("reset password", name)


def grant(ask: Ask, name: str, environment: str, role: str, *, confirm: str = "") -> None:
    """A role in an environment, `*` for all. confirm: one's own password, again, for the role admin.

    Errors: Forbidden, NotFound, Invalid, TooMany.
    """
    user(ask, name)
    wanted = _grant(environment, role)
    if wanted[1] is Role.ADMIN:
        _confirm(ask, confirm)
    ask.site.store.people.grant(name, *wanted)
    ask.audit("grant role", name, [wanted[0]], reason=wanted[1].value)


def revoke(ask: Ask, name: str, environment: str, role: str) -> None:
    """Take a role away. Errors: Forbidden, NotFound, Invalid, Refused."""
    found, unwanted = user(ask, name), _grant(environment, role)
    if unwanted == (EVERYWHERE, Role.ADMIN):
        _assert_replaceable(ask, found)
    ask.site.store.people.revoke(name, *unwanted)
    ask.audit("revoke role", name, [unwanted[0]], reason=unwanted[1].value)


# -- one's own -----------------------------------------------------------------------------------------------


def user_of(ask: Ask, name: str = "") -> User:
    """Whoever asks, as a user. Errors: NotFound for the one who came by a link or is none."""
    found = ask.site.store.people.user(name or ask.person.name)
    if found is None:
        raise NotFound("There is no such user")
    return found


def change_password(ask: Ask, old: str, new: str) -> None:
    """Another password for oneself; all other sessions end. Errors: Invalid, Forbidden, TooMany."""
    _assert_unscoped(ask, "change password")
    found = user_of(ask)
    _assert_fits("new", refused_password(new, found.name))
    _assert_own(ask, old)
    ask.site.store.people.set_password(found.name, _kept(new))
    ask.site.store.people.sign_out_all(found.name, but=ask.session)
    ask.audit("change password", found.name)


def sessions(ask: Ask) -> Sequence[Session]:
    """One's own."""
    return ask.site.store.people.sessions(ask.person.name)


def sign_out(ask: Ask, session: str) -> None:
    """End a session of one's own. Errors: Forbidden, NotFound."""
    _assert_unscoped(ask, "sign out")
    if session not in {one.id for one in sessions(ask)}:
        raise NotFound("There is no such session")
    ask.site.store.people.sign_out(session)
    ask.audit("sign out", ask.person.name)


def sign_out_elsewhere(ask: Ask) -> None:
    """End all sessions of one's own but this one. Errors: Forbidden."""
    _assert_unscoped(ask, "sign out elsewhere")
    ask.site.store.people.sign_out_all(ask.person.name, but=ask.session)
    ask.audit("sign out elsewhere", ask.person.name)


# -- tokens --------------------------------------------------------------------------------------------------


def tokens(ask: Ask, *, of_all: bool = False) -> Sequence[Token]:
    """One's own; of_all: those of all users. Errors: Forbidden."""
    if of_all:
        ask.assert_may(Action.PEOPLE)
    return ask.site.store.people.tokens(None if of_all else ask.person.name)


def add_token(ask: Ask, label: str, scope: Grants, seconds: float | None) -> tuple[Token, str]:
    """For a program that acts as oneself, and its text, which is told only now. scope: none for all that one may.

    seconds: for how long; None for ever. Errors: Forbidden, Invalid.
    """
    found, wanted = user_of(ask), [_grant(*one) for one in scope]
    if ask.by_token:
        ask.audit("add token", label[:100], outcome="denied", reason="a token cannot make tokens")
        raise Forbidden("A token cannot make tokens", hint="Sign in, and make it on the page Account.")
    if not label.strip() or len(label) > 100:
        _assert_fits("label", "A token needs a label of at most 100 characters: what it is for")
    if seconds is not None and not 1 <= seconds <= LONGEST:
        _assert_fits("expires", "A token lasts for a second at least, and for a hundred years at most")
    narrowed = roles_from((environment, role.value) for environment, role in wanted) if wanted else None
    made = ask.site.store.people.add_token(found.name, ask.site.redact(label.strip()), narrowed, seconds)
    ask.audit("add token", made[0].id, reason=f"{made[0].label}: {_listed(wanted) or 'all that the user may'}")
    return made


def revoke_token(ask: Ask, id: str) -> None:
    """Nobody can come by it any more: one's own, for admins anybody's. Errors: Forbidden, NotFound."""
    _assert_unscoped(ask, "revoke token")
    may_all = ask.may(Action.PEOPLE)
    found = next((one for one in tokens(ask, of_all=may_all) if one.id == id), None)
    if found is None:
        raise NotFound("There is no such token")
    ask.site.store.people.revoke_token(id)
    ask.audit("revoke token", id, reason=f"of {found.user}: {found.label}")


# -- what has to hold ----------------------------------------------------------------------------------------


def _grant(environment: str, role: str) -> tuple[str, Role]:
    try:
        return grant_from(f"{environment}={role}")
    except ValueError as error:
        raise Invalid(str(error), mistakes={"role": str(error)}) from None


def _assert_unscoped(ask: Ask, what: str) -> None:
    """A token for some things only is none for the account of its user. Errors: Forbidden."""
    if ask.person.scope is None:
        return
    reason = "A token with a scope cannot change the account of its user"
    ask.audit(what, ask.person.name, outcome="denied", reason=reason)
    raise Forbidden(reason, hint="Sign in, and do it on the page Account.")


def _assert_fits(field: str, mistake: str) -> None:
    if mistake:
        raise Invalid(mistake, mistakes={field: mistake})


def _assert_replaceable(ask: Ask, found: User) -> None:
    everybody = ((one.name, one.disabled, one.roles) for one in ask.site.store.people.users())
    refused = refused_loss(found.name, admins(everybody))
    if refused:
        raise Refused(refused, hint="Make somebody else admin everywhere first.")


def _confirm(ask: Ask, password: str) -> None:
    """What lets somebody do everything is asked for once more. Who came by a link or a proxy has no password."""
    own = ask.site.store.people.user(ask.person.name)
    if own is not None and own.password:
        _assert_own(ask, password)


def _assert_own(ask: Ask, password: str) -> None:
    if assert_password(ask.site, ask.person.name, password, ask.address) is None:
        raise Forbidden("That is not your password", hint="Give the one that you sign in with.")


def _kept(password: str) -> str:
    try:
        return hashed_password(password)
    except Busy:
        raise TooMany("Many are signing in just now", hint="Try again in a few seconds.", seconds=BUSY) from None


def _listed(grants: Iterable[tuple[str, Role]]) -> str:
    return ", ".join(f"{environment}={role.value}" for environment, role in grants)
