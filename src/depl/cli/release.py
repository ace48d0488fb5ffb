"""`depl release`: let an environment go that was held."""

from __future__ import annotations

import click

from depl.cli import options
from depl.cli.hold import know_secrets, known
from depl.cli.permitted import assert_permitted
from depl.cli.project_store import holds_of
from depl.cli.session import Session
from depl.report.lines import Line


@click.command(epilog=options.examples("depl release production"))
@options.environment_argument
@options.json_option
@click.pass_obj
def release(session: Session, /, environment: str, as_json: bool) -> None:
    """Let ENV be changed again, whoever held it."""
    session.begin(as_json=as_json)
    name = environment.removesuffix(".cfg")
    assert_permitted(session, "hold", [name])
    held = holds_of(session).of(name)
    if held is None:
        known(session, name)
    else:
        know_secrets(session, name)
        holds_of(session).clear(name)
    if session.as_json:
        session.json(environment=name).print("environment_released", hold=held)
    was_held = f"{name} is released; {held.who} held it since {held.since}: {held.reason}" if held else ""
    session.show([Line(was_held or f"{name} is not held")])
