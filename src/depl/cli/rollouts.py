"""`depl rollouts`: what was rolled out here, and how it stands."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

import click

from depl.cli import options
from depl.cli.project_store import records_of
from depl.cli.session import Session
from depl.errors import DeplError, NothingRecorded
from depl.report.lines import Line
from depl.rollout.states import RolloutState
from depl.rollout.summaries import Summary

_R = RolloutState
INTERRUPTED, FAILED = "interrupted", "failed"
STATES = [*(state.value for state in RolloutState if state is not _R.DRAFT), FAILED, INTERRUPTED]
LEFT = (_R.PARTLY_REVERSED, _R.BLOCKED, _R.KEPT)


@click.command(epilog=options.examples("depl rollouts", "depl rollouts production", "depl rollouts --state blocked"))
@click.argument("environment", metavar="[ENV]", required=False, shell_complete=options.complete_environments)
@click.option(
    "--state", type=click.Choice(STATES), metavar="STATE", help=f"Only those that are (or have) {', '.join(STATES)}."
)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@options.json_option
@click.pass_obj
def rollouts(session: Session, /, environment: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List rollouts, the newest first: those by hand, of `depl local`, `depl remote` and `depl undo`.

    A run that changed nothing and did not fail is none. What was done on hosts from elsewhere, `depl log` tells.
    """
    from depl.report.rollouts import rollout_lines, undone_by

    session.begin(as_json=as_json)
    name = None if environment is None else environment.removesuffix(".cfg")
    records = records_of(session, take_in=True)
    summaries = (records.summary(id) for id in records.ids())
    seen: set[str] = set()

    def is_wanted(one: Summary) -> bool:
        seen.update(one.environments)
        return (name is None or name in one.environments) and (state is None or _is(one, state))

    found = undone_by(one for one in summaries if one is not None)
    wanted = ((one, undone) for one, undone in found if is_wanted(one))
    shown = list(islice(wanted, limit))
    if not shown:
        raise _nothing(name, state, seen)
    if session.as_json:
        for one, undone in shown:
            session.json().print("rollout", **one.facts, undone_by=undone.rpartition(" ")[2])
        return
    session.show(rollout_lines(shown))
    if next(wanted, None) is not None:
        session.show([Line(f"the newest {limit}; --limit shows more", "dim")])


def _is(one: Summary, state: str) -> bool:
    """Whether a rollout is what --state asks for. What was put back has failed, unless that was its purpose."""
    if state == INTERRUPTED:
        return one.interrupted
    if state == FAILED:
        return one.state in LEFT or (one.state is _R.REVERSED and not one.undoes)
    return one.state == state


def _nothing(name: str | None, state: str | None, seen: Collection[str]) -> DeplError:
    """The error where none is found. seen: the environments of those that are recorded."""
    from depl.cli.names import environments

    if name is not None and name not in (known := {*environments(), *seen} - {""}):
        return options.unknown("environment", name, known)
    of, is_state = f" of {name}" if name else "", f" that is {state}" if state else ""
    if state == FAILED:
        is_state = " that failed"
    hint = "`depl rollout list` shows what can be started."
    return NothingRecorded(f"no rollout{of}{is_state} is recorded here", hint=hint)
