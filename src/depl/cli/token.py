"""`depl token`: what programs say to be somebody, to the API of the web interface."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from depl.cli import options
from depl.cli.session import Session
from depl.cli.user import done, governed, grants, known
from depl.errors import NothingRecorded
from depl.report.lines import Line

if TYPE_CHECKING:
    from depl.access.roles import Role
    from depl.store.tokens import Token

UNITS = {"d": 86400, "w": 7 * 86400}


def _lasting(ctx: click.Context, param: click.Parameter, value: str) -> float | None:
    """Seconds: 30d, 2w, 12h; None for `never`."""
    from depl.setting_types import seconds

    if value == "never":
        return None
    number, unit = value[:-1].strip(), value[-1:]
    if unit in UNITS and number.isdigit() and 0 < int(number) < 10_000:
        return float(int(number) * UNITS[unit])
    try:
        found = seconds(value)
    except ValueError:
        found = 0
    if not found:
        raise click.BadParameter(f"{value!r} is no time such as 12h, 30d, 2w or never")
    return float(found)


@click.group(
    epilog=options.examples("depl token add ann --label 'nightly build' --scope dev=operator", "depl token list")
)
def token() -> None:
    """Tokens, with which programs use the API of the web interface as a user."""


@token.command(epilog=options.examples("depl token add ann --label 'nightly build' --scope dev=operator --expires 90d"))
@click.argument("user", metavar="USER")
@click.option("--label", metavar="TEXT", required=True, help="What it is for.")
@click.option(
    "--scope",
    metavar="ENV=ROLE",
    multiple=True,
    callback=grants,
    help="No more than that of what the user may (repeatable).",
)
@click.option(
    "--expires", metavar="TIME", default="30d", show_default=True, callback=_lasting, help="12h, 30d, 2w, never."
)
@options.json_option
@click.pass_obj
def add(
    session: Session, /, user: str, label: str, scope: list[tuple[str, Role]], expires: float | None, as_json: bool
) -> None:
    """Make a token for a program that acts as USER. It is printed once, and kept as a hash."""
    from depl.access.roles import roles_from

    session.begin(as_json=as_json)
    store = governed(session, user)
    known(store, user)
    narrowed = roles_from((place, role.value) for place, role in scope) if scope else None
    made, text = store.people.add_token(user, session.printer.clean(label), narrowed, expires)
    done(store, "add token", made.id, f"of {user}: {made.label}")
    if session.as_json:
        session.json().print("token", **_facts(made), token=text)
    session.show([Line(text)])


@token.command("list", epilog=options.examples("depl token list", "depl token list --json"))
@options.json_option
@click.pass_obj
def list_command(session: Session, /, as_json: bool) -> None:
    """List the tokens of all users; what they are is kept nowhere."""
    session.begin(as_json=as_json)
    found = governed(session).people.tokens()
    for one in found:
        if session.as_json:
            session.json().print("token", **_facts(one))
    session.show([Line(_line(one)) for one in found] or [Line("there are no tokens")])


@token.command(epilog=options.examples("depl token revoke 1a2b3c4d5e6f"))
@click.argument("id", metavar="ID")
@click.pass_obj
def revoke(session: Session, /, id: str) -> None:
    """Let nobody come by a token any more."""
    store = governed(session, id)
    found = next((one for one in store.people.tokens() if one.id == id), None)
    if found is None:
        raise NothingRecorded(f"There is no token {id}", hint="Look with `depl token list`.")
    store.people.revoke_token(id)
    done(store, "revoke token", id, f"of {found.user}: {found.label}")
    session.show([Line(f"the token {id} of {found.user} ({found.label}) is revoked")])


def _facts(token: Token) -> dict[str, object]:
    about = {"id": token.id, "user": token.user, "label": token.label, "made": token.made, "used": token.used}
    scope = None
    if token.scope is not None:
        scope = {place: sorted(role.value for role in roles) for place, roles in sorted(token.scope.items())}
    return {**about, "scope": scope, "expires": _until(token)}


def _until(token: Token) -> str:
    return "" if token.expires is None else datetime.fromtimestamp(token.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _line(token: Token) -> str:
    scope = [f"{place}={role}" for place, roles in sorted((token.scope or {}).items()) for role in sorted(roles)]
    until, used = _until(token) or "revoked", token.used or "never"
    about = ", ".join(scope) if token.scope is not None else "all that the user may"
    return f"{token.id}  {token.user}  {token.label}  {about}  until {until}  used {used}"
