"""What people and programs see of a rollout by hand under way: its events as they come, its end, its exit status."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from depl.cli.session import Session
from depl.cli.status import DONE, FAILED, INTERRUPTED, LEFT
from depl.events import Event, Output
from depl.report.by_hand import TaskReport
from depl.report.next_steps import next_steps
from depl.report.rollout import end_lines
from depl.report.screening import Screened
from depl.rollout.folding import State
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.rollout.summaries import summary_of

if TYPE_CHECKING:
    from depl.report.live import LiveLines

_R = RolloutState


@contextmanager
def shown(session: Session, plan: RolloutPlan) -> Iterator[Callable[[Event | Output], None]]:
    """What takes the events of a rollout and shows them, to people or to programs."""
    live = _live_lines(session, plan)
    how: dict[str, Any] = {"quiet": session.quiet, "verbose": session.verbose, "live": live}
    report = TaskReport(session.printer, plan, session.base, depl=session.command, **how)
    json = session.json(rollout=plan.rollout) if session.as_json else None

    screened = Screened(session.printer.redact, report if json is None else json)
    if live is not None:
        session.printer.stage = live
        live.start()
    try:
        yield screened
    finally:
        screened.end()
        report.end()
        if live is not None:
            live.stop()
        session.printer.stage = None


def tell_end(session: Session, state: State) -> None:
    """The last words on a rollout, and its exit status."""
    session.status = status_of_state(state)
    steps = next_steps(state, session.command, driven=False)
    if session.as_json:
        print_end(session, state)
    session.show(end_lines(state, session.took, steps))


def print_end(session: Session, state: State) -> None:
    """The same for programs: the line of `depl rollouts`, and why."""
    why = {"block": state.block, "error": state.error}
    session.json().print("end", **summary_of(state, driven=False).facts, **why, exit_status=session.status)


def status_of_state(state: State, *, driven: bool = True) -> int:
    """The exit status of a rollout that stands like that."""
    if state.state in (_R.SUCCEEDED, _R.PLANNED, _R.QUEUED) or (state.state is _R.REVERSED and state.undoes):
        return DONE
    if state.state in (_R.REVERSED, _R.CANCELLED):
        return INTERRUPTED if state.wish or state.state is _R.CANCELLED else FAILED
    if state.state.is_over or state.state is _R.BLOCKED or not driven:
        return LEFT
    return DONE


def _live_lines(session: Session, plan: RolloutPlan) -> LiveLines | None:
    if not session.printer.interactive or session.as_json or session.quiet:
        return None
    from depl.report.live import LiveLines

    return LiveLines(session.printer.out, plan.name)
