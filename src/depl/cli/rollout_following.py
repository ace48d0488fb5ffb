"""`depl rollout follow`: what happens in a rollout that somebody else drives, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from depl.cli import options
from depl.cli.project_store import records_of
from depl.cli.rollout_options import rollout_argument
from depl.cli.session import Session
from depl.events import Event, Output
from depl.report.lines import Line
from depl.rollout.hands import ENDS, ENDS_BACK
from depl.rollout.lookup import chosen_rollout

if TYPE_CHECKING:
    from depl.rollout.folding import State

INTERVAL = 0.2  # seconds


@click.command(epilog=options.examples("depl rollout follow latest", "depl rollout follow latest --verbose"))
@rollout_argument
@options.json_option
@options.quiet_option
@options.verbose_option
@click.pass_obj
def follow(session: Session, /, rollout: str, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Show what happened in ROLLOUT and what happens on, until it is over or nobody is at work on it any more.

    The exit status is that of the rollout. Ctrl-C ends only the watching.
    """
    from depl.cli.rollout_showing import print_end, status_of_state
    from depl.report.next_steps import next_steps
    from depl.report.rollout import end_lines

    session.begin(as_json=as_json, quiet=quiet, verbose=verbose)
    records = records_of(session)
    id = chosen_rollout(records, rollout)
    state = _watch(session, id)
    session.status = status_of_state(state, driven=False)
    steps = next_steps(state, session.command, driven=False)
    if session.as_json:
        print_end(session, state)
    if state.state.is_over:
        session.show(end_lines(state, state.seconds, steps))
    else:
        session.show([Line(f"rollout {id} is {state.state.value}, and nobody is at work on it", "yellow")])
        session.show(Line(f"  {what}: {command}") for what, command in steps)


def _watch(session: Session, id: str) -> State:
    """Show all until there is nothing more to come."""
    from depl.rollout.folding import State

    known = records_of(session)
    events = known.events(id)
    state = State()
    with _shown(session, known.state(id)) as emit:
        while True:
            driven = known.is_driven(id)  # asked before: who ends meanwhile has written all
            happened = list(events.new())
            for recorded in happened:
                state.add(recorded)
            for told in _in_order([recorded.event for recorded in happened], list(events.outputs())):
                emit(told)
            if state.state.is_over or not (driven or known.is_queued(id)):
                return state
            time.sleep(INTERVAL)


@contextmanager
def _shown(session: Session, state: State) -> Iterator[Callable[[Event | Output], None]]:
    if state.plan is not None:
        from depl.cli.rollout_showing import shown

        with shown(session, state.plan) as emit:
            yield emit
        return
    from depl.cli.running import Running

    with Running(session, ", ".join(state.environments), tasks=0) as running:
        yield running.emit


def _in_order(events: Sequence[Event], outputs: Sequence[Output]) -> Iterator[Event | Output]:
    """What tasks printed comes before their ends; of those that have not ended it comes last."""
    left = list(outputs)
    for event in events:
        if event.what in ENDS | ENDS_BACK:
            yield from (output for output in left if output.component == event.task)
            left = [output for output in left if output.component != event.task]
        yield event
    yield from left
