"""`depl user`: who can sign in to the web interface and use a shared store, and what they may do there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from depl.cli import options
from depl.cli.permitted import TERMINAL, assert_permitted, os_user
from depl.cli.session import Session, refuse
from depl.errors import ConfigurationError, NothingRecorded
from depl.report.lines import Line

if TYPE_CHECKING:
    from depl.access.roles import Role
    from depl.store.people import User
    from depl.store.store import Store

F = TypeVar("F", bound=Callable[..., Any])

ROLES = """\b
Roles, in an environment or in all ('*=ROLE'):
  viewer     look
  operator   plan, start, pause, abort and the like, hold
  approver   approve and reject
  admin      everything; everywhere also users, roles and the audit"""


def grants(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, Role]]:
    """ENV=ROLE, several times."""
    from depl.access.people import grant_from

    try:
        return [grant_from(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _grants_option(name: str, dest: str, help: str) -> Callable[[F], F]:
    return click.option(name, dest, metavar="ENV=ROLE", multiple=True, callback=grants, help=help)


stdin_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="The password is the first line of stdin."
)
name_argument = click.argument("name", metavar="NAME")


@click.group(
    epilog=options.examples(
        "depl user add ann --role '*=admin'", "depl user add bob --role dev=operator", "depl user list"
    )
)
def user() -> None:
    """Users of the web interface, and of the command line where the store is shared."""


@user.command(epilog="\n\n".join([ROLES, options.examples("depl user add ann --role '*=admin'")]))
@name_argument
@_grants_option("--role", "roles", "What they may do (repeatable).")
@stdin_option
@click.option("--no-password", is_flag=True, help="They come only by a proxy that says who they are, or by tokens.")
@click.pass_obj
def add(session: Session, /, name: str, roles: list[tuple[str, Role]], from_stdin: bool, no_password: bool) -> None:
    """Add a user. The password is asked for, twice and unseen."""
    from depl.access.people import refused_name
    from depl.access.roles import EVERYWHERE, Role

    store = governed(session, name)
    _assert_good(refused_name(name))
    if store.people.user(name) is not None:
        raise ConfigurationError(f"There is a user {name} already", hint="See `depl user list`.")
    is_first = not store.people.any()
    if is_first and (EVERYWHERE, Role.ADMIN) not in roles:
        hint = f"Add one who can add the others: `depl user add {name} --role '*=admin'`."
        raise ConfigurationError("The first user has to be admin everywhere", hint=hint)
    store.people.add(name, "" if no_password else new_password(session, name, from_stdin), roles)
    done(store, "add user", name, _listed(roles))
    session.show([Line(f"{name} is added{': ' if roles else ', and may do nothing yet'}{_listed(roles)}")])
    if is_first and store.database.is_server and name != os_user():
        told = f"from now on the command line asks who may do what: {os_user()} is no user and may do nothing"
        session.complain_of_warnings([told])


@user.command("list", epilog=options.examples("depl user list", "depl user list --json"))
@options.json_option
@click.pass_obj
def list_command(session: Session, /, as_json: bool) -> None:
    """List the users and what they may do."""
    session.begin(as_json=as_json)
    found = governed(session).people.users()
    for one in found:
        if session.as_json:
            roles = {place: sorted(role.value for role in held) for place, held in sorted(one.roles.items())}
            session.json().print("user", name=one.name, roles=roles, made=one.made, disabled=one.disabled)
    width = max((len(one.name) for one in found), default=0)
    lines = [Line(f"{one.name:{width}}  {_listed(_pairs(one)) or 'no role'}{_state(one)}") for one in found]
    session.show(lines or [Line("there are no users")])


@user.command(
    epilog="\n\n".join([ROLES, options.examples("depl user role bob --add production=viewer --remove dev=operator")])
)
@name_argument
@_grants_option("--add", "more", "Give a role (repeatable).")
@_grants_option("--remove", "less", "Take a role away (repeatable).")
@click.pass_obj
def role(session: Session, /, name: str, more: list[tuple[str, Role]], less: list[tuple[str, Role]]) -> None:
    """Give roles to a user, and take them away."""
    from depl.access.roles import EVERYWHERE, Role

    if not (more or less):
        refuse("say --add ENV=ROLE or --remove ENV=ROLE")
    store = governed(session, name)
    known(store, name)
    if (EVERYWHERE, Role.ADMIN) in less:
        assert_replaceable(store, name)
    for environment, one in more:
        store.people.grant(name, environment, one)
    for environment, one in less:
        store.people.revoke(name, environment, one)
    if more:
        done(store, "grant role", name, _listed(more))
    if less:
        done(store, "revoke role", name, _listed(less))
    session.show([Line(f"{name}: {_listed(_pairs(known(store, name))) or 'no role'}")])


@user.command(epilog=options.examples("depl user password ann"))
@name_argument
@stdin_option
@click.pass_obj
def password(session: Session, /, name: str, from_stdin: bool) -> None:
    """Give a user another password; they are signed out everywhere."""
    store = governed(session, name)
    known(store, name)
    store.people.set_password(name, new_password(session, name, from_stdin))
    store.people.sign_out_all(name)
    done(store, "reset password", name)
    session.show([Line(f"{name} has another password")])


@user.command(epilog=options.examples("depl user disable bob"))
@name_argument
@click.pass_obj
def disable(session: Session, /, name: str) -> None:
    """Keep a user out, with all sessions and tokens, until they are enabled again."""
    store = governed(session, name)
    known(store, name)
    assert_replaceable(store, name)
    store.people.disable(name)
    done(store, "disable user", name)
    session.show([Line(f"{name} is disabled")])


@user.command(epilog=options.examples("depl user enable bob"))
@name_argument
@click.pass_obj
def enable(session: Session, /, name: str) -> None:
    """Let a user in again."""
    store = governed(session, name)
    known(store, name)
    store.people.enable(name)
    done(store, "enable user", name)
    session.show([Line(f"{name} is enabled")])


@user.command(epilog=options.examples("depl user remove bob"))
@name_argument
@click.pass_obj
def remove(session: Session, /, name: str) -> None:
    """Remove a user with all roles, sessions and tokens; what they did stays in the audit."""
    store = governed(session, name)
    known(store, name)
    assert_replaceable(store, name)
    store.people.remove(name)
    done(store, "remove user", name)
    session.show([Line(f"{name} is removed")])


def governed(session: Session, subject: str = "") -> Store:
    """The store, for those who may change its users. Errors: NotPermitted, LogFailed."""
    from depl.cli.project_store import open_project_store

    assert_permitted(session, "people", subject=subject)
    return open_project_store(session)


def known(store: Store, name: str) -> User:
    """A user. Errors: NothingRecorded."""
    found = store.people.user(name)
    if found is None:
        raise NothingRecorded(f"There is no user {name}", hint="Look with `depl user list`.")
    return found


def assert_replaceable(store: Store, name: str) -> None:
    """That somebody else is admin, too. Errors: ConfigurationError."""
    from depl.access.people import admins, refused_loss

    refused = refused_loss(name, admins((one.name, one.disabled, one.roles) for one in store.people.users()))
    if refused:
        hint = "Make somebody else admin first: `depl user role NAME --add '*=admin'`."
        raise ConfigurationError(refused, hint=hint)


def new_password(session: Session, name: str, from_stdin: bool) -> str:
    """A password as it is kept: read, or asked for. Errors: ConfigurationError."""
    from depl.access.passwords import hashed_password, refused_password

    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        given = session.ask_hidden(f"Password of {name}: ")
    else:
        refuse("there is no terminal to ask for the password: --password-stdin")
    _assert_good(refused_password(given, name))
    if not from_stdin and session.ask_hidden("Once more: ") != given:
        raise ConfigurationError("The two passwords differ", hint="Try again.")
    return hashed_password(given)


def done(store: Store, what: str, subject: str, reason: str = "") -> None:
    """Write it down."""
    store.audit.add(os_user(), what, subject=subject, reason=reason, address=TERMINAL)


def _assert_good(mistake: str) -> None:
    if mistake:
        raise ConfigurationError(mistake)


def _pairs(user: User) -> list[tuple[str, Role]]:
    return [(place, role) for place, held in sorted(user.roles.items()) for role in sorted(held)]


def _listed(roles: list[tuple[str, Role]]) -> str:
    return ", ".join(f"{place}={role.value}" for place, role in roles)


def _state(user: User) -> str:
    return f"  disabled since {user.disabled}" if user.disabled else "" if user.password else "  no password"
