"""`depl rollout list`, `new` and `plan`: what can be started, and what it would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from depl.cli import options
from depl.cli.project_store import records_of
from depl.cli.rollout_options import either_argument, made, name_argument, parameters, queue_option, set_option
from depl.cli.session import Session, refuse
from depl.errors import ConfigurationError
from depl.rollout.lookup import Records, chosen_rollout
from depl.rollout.states import RolloutState

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.plan import RolloutPlan
    from depl.tasks.deployer import Deployer


@click.command("list", epilog=options.examples("depl rollout list"))
@options.json_option
@click.pass_obj
def list_command(session: Session, /, as_json: bool) -> None:
    """List the rollouts in rollouts/, with their parameters."""
    from depl.report.rollout import known_lines
    from depl.rollout.byhand import known

    session.begin(as_json=as_json)
    with session.prints_apart():
        found = known(session.base)
    for one in found:
        if one.mistake is not None:
            session.fail(one.mistake)
        elif session.as_json:
            session.json().print("known", name=one.name, title=one.title, file=one.file, parameters=one.parameters)
        else:
            session.show(known_lines(one.name, one.title, one.parameters))
    if not found:
        raise ConfigurationError(
            "there are no rollouts here",
            hint="Write one in rollouts/NAME.py: a class derived from depl.rollout.Rollout.",
        )


@click.command(epilog=options.examples("depl rollout new release --set version=2.1"))
@name_argument
@set_option
@queue_option
@options.yes_option
@options.json_option
@click.pass_obj
def new(session: Session, /, name: str, given: tuple[str, ...], queue: bool, yes: bool, as_json: bool) -> None:
    """Plan a rollout, write the plan down and show it; `depl rollout start ROLLOUT` runs it."""
    from depl.cli.rollout_driving import project_deployer, recorded
    from depl.events import Event, What
    from depl.rollout.folding import State
    from depl.rollout.record_log import RecordLog

    session.begin(as_json=as_json)
    deployer = project_deployer(session)
    plan = planned(session, deployer, name, parameters(given))
    if queue:
        from depl.cli.rollout_queueing import queue as put_into_queue
        from depl.cli.rollout_starting import agreed

        tell_plan(session, plan)
        if agreed(session, plan, deployer, ask=False, yes=yes):
            put_into_queue(session, plan)
        return
    log = RecordLog(directory_of(session), plan.rollout, session.printer.redact)
    try:
        recorded(State(), log, Event(What.PLANNED, data=plan.as_json()))
    finally:
        log.close()
    tell_plan(session, plan)
    from depl.report.lines import Line

    session.show([Line(f"start it with: {session.command} rollout start {plan.rollout}")])


@click.command(epilog=options.examples("depl rollout plan release --set version=2.1 --changes"))
@either_argument
@set_option
@click.option("--changes", is_flag=True, help="Ask the hosts what its deployments would change, too.")
@options.json_option
@options.verbose_option
@click.pass_obj
def plan(session: Session, /, name: str, given: tuple[str, ...], changes: bool, as_json: bool, verbose: bool) -> None:
    """Show what a rollout would do, or does; nothing is touched.

    The plan of a ROLLOUT that was not started yet is made anew.
    """
    from depl.cli.rollout_driving import project_deployer

    session.begin(as_json=as_json, verbose=verbose)
    deployer, values = project_deployer(session), parameters(given)
    state = recorded_one(session, name)
    if state is None:
        made_plan = planned(session, deployer, name, values)
    elif state.plan is None:
        from depl.rollout.byhand_undo import not_by_hand

        raise not_by_hand(state)
    elif values:
        refuse("--set goes with the name of a rollout, as the parameters of a planned one are settled")
    elif state.state is RolloutState.PLANNED and not state.undoes:
        made_plan = replanned(session, deployer, state)
    else:
        made_plan = state.plan
    tell_plan(session, made_plan)
    if changes:
        from depl.cli.rollout_changes import show_changes

        show_changes(session, made_plan, deployer)


def planned(
    session: Session, deployer: Deployer, name: str, given: Mapping[str, Any], *, rollout: str = "", who: str = ""
) -> RolloutPlan:
    """The plan of a rollout by hand, made now. Errors: ConfigurationError.

    rollout: its id, a new one if empty. who: wants it; whoever called unless given.
    """
    from depl.deploy import begin
    from depl.rollout.byhand import find
    from depl.tasks.making import assert_free_of_secrets, plan_of

    base = session.base
    with session.prints_apart():
        one = made(find(base, name), given, ask=not session.as_json)
        how = {"rollout_id": rollout or begin.new_id(), "who": who or begin.who(), "revision": begin.revision_of(base)}
        plan = plan_of(one, deployer, **how, base=base)
        know_secrets(session, plan, foreseen=True)
        assert_free_of_secrets(plan, one, session.printer.redact)
    return plan


def know_secrets(session: Session, plan: RolloutPlan, *, foreseen: bool = False) -> None:
    """Have all filtered that is told of a plan. foreseen: what it deploys was, so those secrets are known already."""
    from depl.cli.undo import know_secrets as know

    for name in plan.environments:
        if not foreseen or name not in plan.digests:
            know(session, name)


def replanned(session: Session, deployer: Deployer, state: State) -> RolloutPlan:
    """The same plan, made anew and written down instead."""
    from depl.cli.rollout_driving import recorded
    from depl.cli.rollout_starting import startable
    from depl.events import Event, What
    from depl.rollout.folding import fold

    assert state.plan is not None
    log = records_of(session).log(state.rollout)
    try:
        startable(session, fold(log.read()), None)  # nobody was quicker
        anew = planned(session, deployer, state.plan.name, state.plan.parameters, rollout=state.rollout)
        recorded(state, log, Event(What.PLANNED, data=anew.as_json()))
    finally:
        log.close()
    return anew


def tell_plan(session: Session, plan: RolloutPlan) -> None:
    """Show a plan."""
    from depl.report.rollout import plan_lines

    if session.as_json:
        session.json(rollout=plan.rollout).print("planned", plan=plan.as_json())
    elif not session.quiet:
        session.show(plan_lines(plan))


def recorded_one(session: Session, name: str) -> State | None:
    """How the rollout stands that a name means; nothing where it is the name of one that can be started."""
    from depl.rollout.files import rollout_files

    records: Records = records_of(session)
    if name.partition(":")[0] in rollout_files(session.base):
        return None
    ids = records.ids()
    if not ids or not (name == "latest" or any(id.startswith(name) for id in ids) or name[:1].isdigit()):
        return None
    return records.state(chosen_rollout(records, name))


def directory_of(session: Session) -> str:
    """Where records are kept."""
    from depl.cli.fleet import records

    return records(session)
