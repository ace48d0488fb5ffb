"""`depl show`: one rollout, with its tasks, what failed, what people wished, and what can be done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from depl.cli import options
from depl.cli.project_store import records_of
from depl.cli.rollout_options import rollout_argument
from depl.cli.session import Session
from depl.errors import ConfigurationError
from depl.report.errors import TAIL
from depl.report.lines import Line
from depl.rollout.lookup import Records, chosen_rollout

if TYPE_CHECKING:
    from depl.rollout.folding import State


@click.command(epilog=options.examples("depl show latest", "depl show 20260102-030405-ab12 --output 2/1"))
@rollout_argument
@click.option("--output", "task", metavar="TASK", help="All that a task printed, and nothing else.")
@options.json_option
@click.pass_obj
def show(session: Session, /, rollout: str, task: str | None, as_json: bool) -> None:
    """Tell of a rollout: how it stands, its first error with the last lines printed there, and each of its tasks."""
    from depl.report.next_steps import next_steps
    from depl.report.rollout import show_lines
    from depl.rollout.summaries import summary_of

    session.begin(as_json=as_json)
    records = records_of(session, take_in=True)
    id = chosen_rollout(records, rollout)
    driven = records.is_driven(id)  # looked at before: who ends meanwhile has written all
    state = records.state(id)
    if task is not None:
        show_output(session, records, state, task)
        return
    is_queued = records.is_queued(id)
    summary = (records.summary(id) if is_queued else None) or summary_of(state, driven)
    steps = next_steps(state, session.command, driven=driven or is_queued)
    if session.as_json:
        session.json().print("rollout", **summary.facts, **_facts(state), next=[command for _, command in steps])
    else:
        session.show(show_lines(state, summary, failed_output(records, state), steps))


def show_output(session: Session, records: Records, state: State, task: str) -> None:
    """Print what a task printed. Errors: ConfigurationError where there is no such task."""
    if task not in state.tasks and (state.plan is None or task not in state.plan.tree.groups):
        raise options.unknown(f"task of rollout {state.rollout}", task, state.tasks)
    lines = records.output(state.rollout, task)
    if session.as_json:
        session.json().print("output", rollout=state.rollout, task=task, text="\n".join(lines))
        return
    if not lines and state.plan is None:
        raise ConfigurationError(
            f"what {task} printed is not recorded", hint="Only the last lines of what failed are: see `depl show`."
        )
    session.show(Line(line) for line in lines)


def failed_output(records: Records, state: State) -> Sequence[str]:
    """The last lines that the task printed that failed first."""
    if not state.failed:
        return []
    lines: Sequence[str] = records.output(state.rollout, state.failed, TAIL) if state.plan is not None else ()
    error = state.error or {}
    told = [line for name in ("stdout", "stderr") for line in str(error.get(name) or "").splitlines()]
    return lines or [str(line) for line in error.get("output") or told][-TAIL:]


def _facts(state: State) -> Mapping[str, Any]:
    return {
        "planned": state.made,
        "started": state.started,
        "ended": state.ended,
        "outcome": state.outcome,
        "block": state.block,
        "keep": state.keep,
        "error": state.error,
        "failed": state.failed,
        "parameters": dict(state.plan.parameters) if state.plan is not None else {},
        "title": state.plan.title if state.plan is not None else "",
        "tasks": [
            {
                "id": id,
                "title": _title(state, id),
                **{key: value for key, value in vars(one).items() if key not in _INNER},
            }
            for id, one in state.tasks.items()
        ],
        "signals": list(state.signals),
    }


def _title(state: State, id: str) -> str:
    leaf = state.plan.tree.leaves.get(id) if state.plan is not None else None
    return leaf.title if leaf is not None else ""


_INNER = ("saved", "asked", "tolerated")
