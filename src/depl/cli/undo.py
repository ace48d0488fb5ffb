"""`depl undo`: put back what a rollout changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from depl.cli import options
from depl.cli.consent import Consent
from depl.cli.running import Running, run_options
from depl.cli.session import DONE, LEFT, Session, refuse
from depl.cli.signals import heeded
from depl.errors import NothingToUndo
from depl.report.undo import undo_lines, undo_plan_lines

if TYPE_CHECKING:
    from depl.rollout.local import Options


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
    """Put back what a rollout changed in ENV.

    Without ROLLOUT the newest one that changed something here; given again, the one before it. Where somebody changed
    the same thing since, it is left and named, unless --force or --keep says what to do.
    """
    session.begin(as_json=wanted["as_json"], quiet=wanted["quiet"], verbose=wanted["verbose"])
    if wanted["force"] and wanted["keep"]:
        refuse("--force and --keep exclude each other")
    name = environment.removesuffix(".cfg")
    consent = Consent(name, wanted["yes"], wanted["confirm"])
    how = run_options(session, wait=wanted["wait"])
    try:
        if planning:
            show_plan(session, name, rollout, how)
        elif _may_begin(session, name, consent):
            put_back(session, name, rollout, how, "force" if wanted["force"] else "keep" if wanted["keep"] else "stop")
    except NothingToUndo:
        _refuse_unknown(session, name)
        raise


def show_plan(session: Session, name: str, rollout: str | None, how: Options) -> None:
    """Show what would be put back, and which of it others have changed since."""
    from depl.rollout.local import undo_plan
    from depl.rollout.preview import preview, unknown_steps

    state = undo_plan(name, how, rollout)
    steps, unknown = preview(state, how), unknown_steps(state, how)
    if session.as_json:
        report = session.json(environment=name, host=state.host)
        for step in steps:
            report.print("would_undo", component=step.component, data={"change": step.shown, "conflict": step.conflict})
        report.print("planned", rollout=state.rollouts[-1], changes=len(steps), unknown=unknown, exit_status=DONE)
    session.show(undo_plan_lines(steps, name, state.rollouts, unknown, quiet=session.quiet))


def put_back(session: Session, name: str, rollout: str | None, how: Options, on_conflict: str) -> None:
    """Undo a rollout and tell what became of it."""
    from depl.rollout.local import Stop
    from depl.rollout.local import undo as take_back

    stop = Stop()
    with session.at_work(), Running(session, name) as running, heeded(stop):
        outcome = take_back(name, how, running.emit, rollout, on_conflict, lambda: session.model(name), stop)
    status = DONE if outcome.status in ("reversed", "nothing") else LEFT
    lines = undo_lines(outcome, running.label, session.took, f"{session.command} undo {name}")
    running.tell_end(outcome, status, lines)


def _may_begin(session: Session, name: str, consent: Consent) -> bool:
    from depl.cli.names import is_protected

    return not is_protected(name, session.base) or consent.to_name() or session.declined()


def _refuse_unknown(session: Session, name: str) -> None:
    """A rollout is undone without its environment's file; but where there is neither, the name is what is wrong."""
    from depl.environment import environment_names

    known = environment_names(session.base)
    if name not in known:
        raise options.unknown("environment", name, known)
