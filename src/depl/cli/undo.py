"""`depl undo`: put back what a rollout changed."""

from __future__ import annotations

from typing import Any

import click

from depl.cli import options
from depl.cli.consent import Consent
from depl.cli.environment_claim import heed_hold
from depl.cli.names import is_protected
from depl.cli.permitted import assert_permitted
from depl.cli.session import Session, refuse
from depl.cli.undo_places import first_that_has, places_to_look
from depl.cli.undoing import Place
from depl.errors import DeplError, NothingToUndo


@click.command(
    epilog=options.examples(
        "depl undo dev --plan",
        "depl undo dev",
        "depl undo dev 20260102-030405-ab12 --keep",
    )
)
@options.environment_argument
@click.argument("rollout", required=False)
@click.option("--plan", "planning", is_flag=True, help="Show what would be put back, and how, and touch nothing.")
@click.option("--force", is_flag=True, help="Put back even what somebody else changed since.")
@click.option("--keep", is_flag=True, help="Leave what somebody else changed since as it is.")
@options.wait_option
@options.yes_option
@options.confirm_option
@options.json_option
@options.quiet_option
@options.verbose_option
@click.pass_obj
def undo(session: Session, /, environment: str, rollout: str | None, planning: bool, **wanted: Any) -> None:
    """Put back what a rollout changed in ENV: here where that was `depl local`, else on its hosts.

    Without ROLLOUT the newest one that changed something; given again, the one before it. A ROLLOUT that was an undo
    is itself undone: what it had put back is made again. Where somebody changed the same thing since, it is left and
    named, unless --force or --keep says what to do.
    """
    session.begin(as_json=wanted["as_json"], quiet=wanted["quiet"], verbose=wanted["verbose"])
    if wanted["force"] and wanted["keep"]:
        refuse("--force and --keep exclude each other")
    name = environment.removesuffix(".cfg")
    consent = Consent(name, wanted["yes"], wanted["confirm"])
    try:
        places = places_to_look(session, name, rollout, wanted["wait"])
        know_secrets(session, name)
        if not planning:
            assert_permitted(session, "start", [name])
        heed_hold(session, name, planning=planning)
        if not planning and is_protected(name, session.base) and not consent.to_name():
            session.declined()
            return
        on_conflict = "force" if wanted["force"] else "keep" if wanted["keep"] else "stop"
        first_that_has(places, lambda place: undo_at(place, planning, rollout, on_conflict))
    except NothingToUndo:
        _refuse_unknown(session, name)
        raise


def know_secrets(session: Session, name: str) -> None:
    """Have what commands print filtered; where the secrets cannot be read, it is not shown at all."""
    try:
        secrets = session.secrets(name)
        if secrets is not None and secrets.mistakes:
            raise secrets.mistakes[0]
    except DeplError as error:
        session.output_instead = f"its output is not shown, as the secrets of {name} cannot be read here"
        session.complain_of_warnings(
            [f"the secrets of {name} cannot be read here, so no output of commands is shown: {error.message}"]
        )


def undo_at(place: Place, planning: bool, rollout: str | None, on_conflict: str) -> None:
    """Put something back there, or show what that would do."""
    if planning:
        place.show_plan(rollout, on_conflict)
    else:
        place.put_back(rollout, on_conflict)


def _refuse_unknown(session: Session, name: str) -> None:
    """A rollout is undone without its environment's file; but where there is neither, the name is what is wrong."""
    from depl.environment import environment_names

    known = environment_names(session.base)
    if name not in known:
        raise options.unknown("environment", name, known)
