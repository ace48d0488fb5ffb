"""`depl rollout resume` and `undo`: go on with what nobody is at work on, and take back what is over."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from depl.cli import options
from depl.cli.permitted import assert_permitted
from depl.cli.project_store import records_of
from depl.cli.rollout_options import rollout_argument
from depl.cli.rollout_planning import know_secrets
from depl.cli.session import Session, refuse
from depl.errors import ConfigurationError
from depl.report.lines import Line
from depl.rollout.byhand_undo import not_by_hand, undo_plan
from depl.rollout.lookup import Records, chosen_rollout
from depl.rollout.states import FORWARD, RolloutState

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.log import Log
    from depl.rollout.plan import RolloutPlan

_R = RolloutState


@click.command(epilog=options.examples("depl rollout resume latest", "depl rollout resume latest --backward"))
@rollout_argument
@click.option("--forward", "direction", flag_value="forward", help="To its end: what failed is tried again.")
@click.option("--backward", "direction", flag_value="backward", help="Put everything back.")
@options.wait_option
@options.json_option
@options.quiet_option
@options.verbose_option
@click.pass_obj
def resume(
    session: Session,
    /,
    rollout: str,
    direction: str | None,
    wait: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Go on, in this process, with a ROLLOUT that was interrupted or left blocked.

    First it is found out what became of the tasks that were at work. Without a direction it goes where the rollout
    says by itself (`on_interrupt`), which is back unless it says something else.
    """
    from depl.cli.rollout_driving import drive_here, project_deployer, refuse_driven

    session.begin(as_json=as_json, quiet=quiet, verbose=verbose)
    records = records_of(session)
    id = chosen_rollout(records, rollout)
    refuse_driven(session, id)
    state = records.state(id)
    plan = _resumable(state, direction)
    assert_permitted(session, "start", plan.environments, subject=id)
    if records.is_queued(id):
        _leave_to_worker(session, records, state, direction)
        return
    know_secrets(session, plan)
    deployer = project_deployer(session)

    def prepare(known: State, log: Log) -> State:
        from depl.deploy.begin import who
        from depl.tasks.recovering import end_left, settled

        _resumable(known, direction)  # nobody was quicker
        policy = {"forward": "resume", "backward": "reverse", None: ""}[direction]
        end_left(session.base, id)
        taken = settled(session.base, plan, known, log, deployer, who=who(), policy=policy)
        if taken.state is _R.BLOCKED:
            _say_on(session, records, taken, direction)
        return taken

    drive_here(session, plan, deployer, prepare, wait=wait)


def _resumable(state: State, direction: str | None) -> RolloutPlan:
    """The plan of a rollout that can be gone on with. Errors: ConfigurationError."""
    if state.plan is None:
        raise not_by_hand(state)
    if state.state in (_R.PLANNED, _R.QUEUED) or state.state.is_over:
        hint = f"`depl rollout start {state.rollout}` starts it." if state.state is _R.PLANNED else None
        raise ConfigurationError(
            f"rollout {state.rollout} is {state.state.value}, so there is nothing to go on with", hint=hint
        )
    goes_back = state.state in (_R.STOPPING, _R.REVERSING) or (state.state is _R.BLOCKED and state.block not in FORWARD)
    if goes_back and direction == "forward":
        raise ConfigurationError(
            f"rollout {state.rollout} is on its way back and cannot go forward again",
            hint=f"Let it end by `depl rollout resume {state.rollout}`, then start another one.",
        )
    return state.plan


def _leave_to_worker(session: Session, records: Records, state: State, direction: str | None) -> None:
    """A worker drives it; what is to become of one that is blocked is said here."""
    if state.state is _R.BLOCKED:
        _say_on(session, records, state, direction)
    elif direction is not None:
        refuse(f"rollout {state.rollout} is {state.state.value}: a worker goes on with it as `on_interrupt` says")
    session.show([Line(f"rollout {state.rollout} is queued: a `{session.command} worker` goes on with it")])


def _say_on(session: Session, records: Records, state: State, direction: str | None) -> None:
    """Say how to go on where it is blocked, as a signal like those of others."""
    from depl.deploy.begin import utc, who
    from depl.rollout.signals import Signal

    signals = records.signals(state.rollout)
    if direction is None and signals.new(state.last_signal):
        return  # somebody has said so already
    if state.block in FORWARD:
        if direction is None:
            if session.printer.interactive and not session.as_json:
                return  # it can be said now
            refuse(f"rollout {state.rollout} is blocked ({state.reason}): say --forward or --backward")
        name = "retry" if direction == "forward" else "abort"
    else:
        name = "retry"
    signals.post(Signal(name, who(), utc()))


@click.command(epilog=options.examples("depl rollout undo latest --plan", "depl rollout undo 20260102-030405-ab12"))
@rollout_argument
@click.option("--plan", "planning", is_flag=True, help="Show what would be put back, and touch nothing.")
@options.wait_option
@options.yes_option
@options.json_option
@options.quiet_option
@options.verbose_option
@click.pass_obj
def undo(
    session: Session, /, rollout: str, planning: bool, wait: bool, yes: bool, as_json: bool, quiet: bool, verbose: bool
) -> None:
    """Take back what ROLLOUT did, the last task first, as a rollout of its own."""
    from depl.cli.rollout_driving import drive_here, project_deployer, recorded, refuse_driven
    from depl.cli.rollout_starting import agreed
    from depl.events import Event, What
    from depl.report.rollout import undo_plan_lines

    session.begin(as_json=as_json, quiet=quiet, verbose=verbose)
    records = records_of(session)
    id = chosen_rollout(records, rollout)
    refuse_driven(session, id)
    plan = undo_plan(records, records.state(id))
    know_secrets(session, plan)
    if planning:
        if session.as_json:
            session.json(rollout=id).print("planned", undoes=id, tasks=list(plan.carried))
        session.show(undo_plan_lines(plan))
        return
    if not agreed(session, plan, project_deployer(session), ask=sys.stdin.isatty() and not session.as_json, yes=yes):
        return

    def prepare(known: State, log: Log) -> State:
        undo_plan(records, records.state(id))  # nobody was quicker
        return recorded(known, log, Event(What.PLANNED, data=plan.as_json()))

    with closing(records.log(id)):  # one undo at a time
        drive_here(session, plan, project_deployer(session), prepare, wait=wait)
