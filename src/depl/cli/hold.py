"""`depl hold`: leave an environment as it is, until it is released."""

from __future__ import annotations

import sys

import click

from depl.cli import options
from depl.cli.permitted import assert_permitted
from depl.cli.project_store import holds_of
from depl.cli.session import Session, refuse
from depl.errors import DeplError
from depl.report.lines import Line


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    from depl.setting_types import seconds

    try:
        return None if value is None else seconds(value)
    except ValueError as expected:
        raise click.BadParameter(f"{value!r} is not {expected}") from None


@click.command(
    epilog=options.examples(
        "depl hold production --reason 'the fair is on'",
        "depl hold production --reason 'moving the database' --for 2h",
        "depl hold",
    )
)
@click.argument("environment", metavar="[ENV]", required=False, shell_complete=options.complete_environments)
@click.option("--reason", metavar="TEXT", help="Why; everybody who is refused is told. At a terminal it is asked for.")
@click.option(
    "--for", "duration", metavar="TIME", callback=_seconds, help="Release it by itself after so long: 90, 30 min, 2 h."
)
@options.json_option
@click.pass_obj
def hold(
    session: Session, /, environment: str | None, reason: str | None, duration: float | None, as_json: bool
) -> None:
    """Let nobody change ENV until `depl release ENV`; without ENV, list what is held.

    What is at work there goes on to its end; plans stay possible.
    """
    session.begin(as_json=as_json)
    if environment is None:
        if reason or duration:
            refuse("--reason and --for go with ENV")
        _list(session)
        return
    from depl.deploy.begin import utc, who
    from depl.rollout.holds import Freeze, end_of

    name = known(session, environment)
    know_secrets(session, name)
    why = session.printer.clean(_reason(name, reason))
    assert_permitted(session, "hold", [name])
    freeze = Freeze(name, who(), utc(), why, end_of(duration) if duration is not None else "")
    holds_of(session).set(freeze)
    if session.as_json:
        session.json(environment=name).print("environment_held", hold=freeze)
    session.show([Line(freeze.sentence), Line(f"  let it go with: {session.command} release {name}")])


def known(session: Session, name: str) -> str:
    """The name of an environment. Errors: ConfigurationError if there is none."""
    from depl.layout import environment_file

    name = name.removesuffix(".cfg")
    environment_file(name, session.base)
    return name


def know_secrets(session: Session, name: str) -> None:
    """No reason repeats a secret; where the secrets cannot be read here, nobody knows them who writes one."""
    try:
        session.secrets(name)
    except DeplError:
        pass


def _list(session: Session) -> None:
    held = holds_of(session).all()
    for freeze in held:
        if session.as_json:
            session.json(environment=freeze.environment).print("environment_held", hold=freeze)
    session.show([Line(freeze.sentence) for freeze in held] or [Line("no environment is held")])


def _reason(name: str, given: str | None) -> str:
    """Why, as one line."""
    if given is None:
        if not sys.stdin.isatty():
            refuse("say why: --reason TEXT")
        given = str(click.prompt(f"Why is {name} held", default="", show_default=False, err=True))
    reason = " ".join(given.split())
    if not reason:
        refuse("a reason is needed: --reason TEXT")
    return reason
