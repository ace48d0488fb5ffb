"""`depl rollout start`: run a rollout by hand in this process."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from depl.cli import options
from depl.cli.consent import Consent
from depl.cli.rollout_options import either_argument, parameters, queue_option, set_option
from depl.cli.rollout_planning import directory_of, know_secrets, planned, recorded_one, tell_plan
from depl.cli.session import Session, refuse
from depl.errors import ConfigurationError
from depl.report.lines import Line
from depl.rollout.records import path_of

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.log import Log
    from depl.rollout.plan import RolloutPlan
    from depl.tasks.deployer import Deployer


@click.command(
    epilog=options.examples(
        "depl rollout start release",
        "depl rollout start release --set version=2.1 --set canary=web2",
        "depl rollout start 20260102-030405-ab12",
    )
)
@either_argument
@set_option
@options.ask_option
@options.wait_option
@queue_option
@options.yes_option
@options.json_option
@options.quiet_option
@options.verbose_option
@click.pass_obj
def start(
    session: Session,
    /,
    name: str,
    given: tuple[str, ...],
    ask: bool,
    wait: bool,
    queue: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run the rollout of rollouts/NAME.py, or one that was planned before, until it is over.

    What fails is put back, the last task first. Where it waits for an approval it says how to give it: from here or
    anywhere else in this project. Ctrl-C lets what runs now come to its end and puts everything back; a second one
    ends it at once.
    """
    from depl.cli.rollout_driving import drive_here, project_deployer, refuse_driven
    from depl.deploy.begin import who

    session.begin(as_json=as_json, quiet=quiet, verbose=verbose)
    deployer, values = project_deployer(session), parameters(given)
    state = recorded_one(session, name)
    if state is None:
        plan = planned(session, deployer, name, values)
    else:
        refuse_driven(session, state.rollout)
        if values:
            refuse("--set goes with the name of a rollout, as the parameters of a planned one are settled")
        plan = replace(startable(session, state, deployer), who=who())  # who starts it, not who planned it
        if not (queue or os.path.exists(path_of(directory_of(session), state.rollout))):
            hint = f"`depl rollout start {state.rollout} --queue` leaves it to a worker."
            raise ConfigurationError(f"rollout {state.rollout} was planned in the store, not here", hint=hint)
        know_secrets(session, plan, foreseen=True)
    tell_plan(session, plan)
    if not agreed(session, plan, deployer, ask=ask, yes=yes):
        return
    if queue:
        from depl.cli.rollout_queueing import queue as put_into_queue

        put_into_queue(session, plan)
        return

    def prepare(known: State, log: Log) -> State:
        from depl.cli.rollout_driving import recorded
        from depl.events import Event, What

        if state is None:
            return recorded(known, log, Event(What.PLANNED, data=plan.as_json()))
        startable(session, known, None)  # nobody was quicker
        return known

    if not (session.quiet or session.as_json):
        session.show([Line(f"look on with: {session.command} rollout follow {plan.rollout}", "dim")])
    drive_here(session, plan, deployer, prepare, wait=wait)


def startable(session: Session, state: State, deployer: Deployer | None) -> RolloutPlan:
    """The plan of a rollout that can start now. Errors: ConfigurationError, PlanOutdated."""
    from depl.deploy.begin import utc
    from depl.rollout.states import RolloutState
    from depl.tasks.making import assert_fresh

    if state.plan is None:
        from depl.rollout.byhand_undo import not_by_hand

        raise not_by_hand(state)
    if state.state is not RolloutState.PLANNED:
        hint = f"`depl rollout start {state.name}` makes another one."
        if not state.state.is_over:
            hint = f"`depl rollout resume {state.rollout}` goes on with it where nobody is at work on it."
        raise ConfigurationError(f"rollout {state.rollout} is {state.state.value} and cannot start", hint=hint)
    if deployer is not None:
        with session.prints_apart():
            assert_fresh(state.plan, utc(), deployer, session.base)
    return state.plan


def agreed(session: Session, plan: RolloutPlan, deployer: Deployer, *, ask: bool, yes: bool) -> bool:
    """Whether it may begin: those who are to be asked have agreed. Errors: ConfigurationError, those of connections."""
    from depl.cli.names import is_protected
    from depl.cli.permitted import assert_permitted

    assert_permitted(session, "start", plan.environments, subject=plan.rollout, alone=not plan.undoes)
    for name in plan.environments:
        if is_protected(name, session.base) and not Consent(name, yes, by="--yes").to_name():
            return session.declined()
    if not plan.undoes and not _agreed_to_steps(session, plan, deployer, yes):
        return False
    if ask and not Consent(plan.name, yes, by="--yes").to("Do this?"):
        return session.declined()
    return True


def _agreed_to_steps(session: Session, plan: RolloutPlan, deployer: Deployer, yes: bool) -> bool:
    """Whether the deployments may do what cannot be promised to be undone; hosts are asked only where it matters."""
    from depl.cli.agreement import agreed_to_steps, assert_reversible
    from depl.cli.names import reversibility
    from depl.cli.rollout_changes import deployments
    from depl.report.tally import Tally

    for _, part in deployments(session.base, plan):
        wanted, seen = reversibility(part.environment, session.base), Tally()
        if wanted == "allow":
            continue
        deployer.changes(part, seen)
        assert_reversible(part.environment, wanted, seen, part.environment)
        consent = Consent(part.environment, yes, by="--yes")
        if not agreed_to_steps(session, consent, wanted, seen, part.environment):
            return False
    return True
