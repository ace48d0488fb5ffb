"""`depl rollouts`: what was rolled out here, and how it stands."""

from __future__ import annotations

from itertools import islice

import click

from depl.cli import options
from depl.cli.project_store import records_of
from depl.cli.session import Session
from depl.errors import NothingRecorded
from depl.rollout.states import RolloutState

INTERRUPTED = "interrupted"
STATES = [*(state.value for state in RolloutState), INTERRUPTED]


@click.command(epilog=options.examples("depl rollouts", "depl rollouts production", "depl rollouts --state blocked"))
@click.argument("environment", metavar="[ENV]", required=False, shell_complete=options.complete_environments)
@click.option("--state", type=click.Choice(STATES), metavar="STATE", help=f"Only those that are {', '.join(STATES)}.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@options.json_option
@click.pass_obj
def rollouts(session: Session, /, environment: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List rollouts, the newest first: those by hand, of `depl local`, `depl remote` and `depl undo`.

    A run that changed nothing and did not fail is none. What was done on hosts from elsewhere, `depl log` tells.
    """
    from depl.report.rollouts import rollout_line

    session.begin(as_json=as_json)
    name = None if environment is None else environment.removesuffix(".cfg")
    records = records_of(session, take_in=True)
    found = (records.summary(id) for id in records.ids())
    wanted = (
        one
        for one in found
        if one is not None
        and (name is None or name in one.environments)
        and (state is None or (one.interrupted if state == INTERRUPTED else one.state == state))
    )
    shown = 0
    for shown, one in enumerate(islice(wanted, limit), 1):  # noqa: B007
        if session.as_json:
            session.json().print("rollout", **one.facts)
        else:
            session.show([rollout_line(one)])
    if not shown:
        about = f" of {name}" if name else ""
        is_state = f" that is {state}" if state else ""
        raise NothingRecorded(
            f"no rollout{about}{is_state} is recorded here", hint="`depl rollout list` shows what can be started."
        )
