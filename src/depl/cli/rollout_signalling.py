"""`depl rollout signal`, `approve`, `reject` and `retry`: what people wish of a rollout under way."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from depl.cli import options
from depl.cli.permitted import assert_permitted
from depl.cli.project_store import records_of
from depl.cli.rollout_options import reason_option, rollout_argument, task_option
from depl.cli.session import Session
from depl.errors import DeplError
from depl.report.lines import Line
from depl.rollout.lookup import Records, chosen_rollout
from depl.rollout.possible import NOT_BEGUN
from depl.rollout.states import NEED_REASON, SIGNALS, IllegalSignal

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.signals import Signal

WISHES = """\b
Signals:
  pause, resume    begin nothing new; go on
  abort            let what runs come to its end, then put everything back
  terminate        end what runs at once, then put everything back
  keep, unkeep     leave everything as it is where it stops; or not
  approve, reject  where it waits for somebody (reject: --reason)
  retry            try again what failed, forward or back
  skip             pass over a task, or over its way back (--task, --reason)
  force            put back even what others changed since (--task, --reason)
  pause_rollback   put nothing more back for now"""

item_option = click.option("--item", metavar="I", default="", help="An item of a checklist, to be ticked.")


def complete_signals(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """All signals."""
    return [CompletionItem(name) for name in SIGNALS if name.startswith(incomplete)]


@click.command(
    epilog="\n\n".join(
        [
            WISHES,
            options.examples(
                "depl rollout signal latest pause",
                "depl rollout signal 20260102 skip --task 2/1 --reason 'done by hand'",
            ),
        ]
    )
)
@rollout_argument
@click.argument("name", metavar="NAME", shell_complete=complete_signals)
@task_option
@reason_option
@item_option
@options.json_option
@click.pass_obj
def signal(session: Session, /, rollout: str, name: str, task: str, reason: str, item: str, as_json: bool) -> None:
    """Tell whoever is at work on ROLLOUT what you wish; it is heard within a second, and kept with the record."""
    session.begin(as_json=as_json)
    send(session, rollout, name.replace("-", "_"), task, reason, {"item": item} if item else {})


@click.command(epilog=options.examples("depl rollout approve latest", "depl rollout approve latest --item backup"))
@rollout_argument
@task_option
@item_option
@reason_option
@options.json_option
@click.pass_obj
def approve(session: Session, /, rollout: str, task: str, item: str, reason: str, as_json: bool) -> None:
    """Say yes where ROLLOUT waits for an approval, or tick an item of its checklist: all of them without --item."""
    session.begin(as_json=as_json)
    send(session, rollout, "approve", task, reason, {"item": item} if item else {})


@click.command(epilog=options.examples("depl rollout reject latest --reason 'the numbers look odd'"))
@rollout_argument
@task_option
@reason_option
@options.json_option
@click.pass_obj
def reject(session: Session, /, rollout: str, task: str, reason: str, as_json: bool) -> None:
    """Say no where ROLLOUT waits for an approval or a checklist, which fails then; a reason is needed."""
    session.begin(as_json=as_json)
    send(session, rollout, "reject", task, reason, {})


@click.command(epilog=options.examples("depl rollout retry latest"))
@rollout_argument
@task_option
@reason_option
@options.json_option
@click.pass_obj
def retry(session: Session, /, rollout: str, task: str, reason: str, as_json: bool) -> None:
    """Try again what failed in a ROLLOUT that is blocked: one task, or all."""
    session.begin(as_json=as_json)
    send(session, rollout, "retry", task, reason, {})


def send(session: Session, rollout: str, name: str, task: str, reason: str, data: Mapping[str, str]) -> None:
    """Post a signal, if it makes sense now. Errors: IllegalSignal, ConfigurationError."""
    from depl.deploy.begin import utc, who
    from depl.rollout.signals import Signal

    records = records_of(session)
    id = chosen_rollout(records, rollout)
    driven = records.is_driven(id)
    state = records.state(id)
    if name in NEED_REASON and not reason.strip() and sys.stdin.isatty() and not session.as_json:
        reason = str(click.prompt("Why", err=True))
    _assert_legal(state, name, task, reason, data)
    assert_permitted(session, name, state.environments, subject=f"{id} {task}".strip(), state=state)
    if name == "approve" and not data and not _agreed_to_items(session, state, task):
        session.declined()
        return
    if reason:
        with suppress(DeplError):  # whoever goes on with it filters what is written down, once more
            for environment in state.environments:
                session.secrets(environment)
    wish = Signal(name, who(), utc(), session.printer.redact(reason), task, data=data)
    if not driven and state.state in NOT_BEGUN:
        _cancel(session, records, id, wish)
        return
    posted = _post(records, id, wish)
    if session.as_json:
        session.json(rollout=id).print("signalled", name=name, task=task, number=posted.number, driven=driven)
    session.show([Line(f"{name}: passed on to rollout {id}")])
    if not driven:
        session.complain_of_warnings([_not_driven(session, records, state)])


def _assert_legal(state: State, name: str, task: str, reason: str, data: Mapping[str, str]) -> None:
    from depl.rollout.asking import refusal

    refused = refusal(state, name, task, reason)
    if refused:
        hint = "" if state.state.is_over else f"`depl show {state.rollout}` tells what can be done about it."
        raise IllegalSignal(refused, hint=hint)
    item = data.get("item")
    if item and state.plan is not None:
        gates = [task] if task else state.open_gates
        known = [str(one) for gate in gates for one in state.plan.tree.leaves[gate].arguments.get("items") or ()]
        if item not in known:
            raise options.unknown("item of its checklist", item, known)


def _agreed_to_items(session: Session, state: State, task: str) -> bool:
    """Whether all that is left of a checklist is to be ticked: it is told, and asked about at a terminal."""
    from depl.rollout.asking import tasks_of

    leaves = state.plan.tree.leaves if state.plan is not None else {}
    left = [
        str(item)
        for id in tasks_of(state, "approve", task)
        for item in (leaves[id].arguments.get("items") or () if id in leaves else ())
        if str(item) not in state.tasks[id].ticked
    ]
    if left:
        session.show([Line("ticks all that is left:"), *(Line(f"  {item}") for item in left)])
    asks = bool(left) and sys.stdin.isatty() and not session.as_json
    return not asks or click.confirm("Is all of this done?", err=True)


def _post(records: Records, id: str, wish: Signal) -> Signal:
    from depl.errors import ChangeFailed

    try:
        return records.signals(id).post(wish)
    except OSError as error:
        raise ChangeFailed("", f"the signal cannot be written: {error.strerror}", hint="Make room for it.") from error


def _cancel(session: Session, records: Records, id: str, wish: Signal) -> None:
    from depl.cli.rollout_showing import print_end
    from depl.rollout.cancelling import cancelled

    state = cancelled(id, records.log(id), wish)
    if session.as_json:
        print_end(session, state)
    session.show([Line(f"rollout {id} is {state.state.value}")])


def _not_driven(session: Session, records: Records, state: State) -> str:
    if records.is_queued(state.rollout):
        return f"nobody is at work on rollout {state.rollout} now; a `{session.command} worker` hears it"
    if state.plan is None:
        environment = state.environments[0] if state.environments else "ENV"
        return f"nobody is at work on rollout {state.rollout}; `{session.command} undo {environment}` takes it back"
    resume = f"{session.command} rollout resume {state.rollout}"
    return f"nobody is at work on rollout {state.rollout}; it is heard once somebody goes on with: {resume}"
