"""Going back on one host, here: after a failure, or on request."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Optional

from depl.change.changes import Call
from depl.change.folds import ChainState
from depl.change.journal import Journal
from depl.configure import Model
from depl.deploy import receipts
from depl.deploy.causes import preorder
from depl.deploy.target import Target, owner, settle, when_first_written
from depl.deploy.undo import Undo
from depl.deploy.undone import Undone
from depl.errors import DeplError, NothingToUndo
from depl.events import Emit, Event, What
from depl.rollout.options import Options, Outcome, begin, new_id, of_task, outcome_of, over, who
from depl.rollout.record import Recorder
from depl.rollout.stop import Stop


def undo(
    environment: str,
    options: Options,
    emit: Emit,
    rollout: Optional[str] = None,
    on_conflict: str = "stop",
    model: Optional[Callable[[], Model]] = None,
    stop: Optional[Stop] = None,
) -> Outcome:
    """Take back a rollout of an environment from the journals in a target directory.

    model: makes the model, for the changes that only their component's own code can reverse. Errors: NothingToUndo,
    Locked, JournalError.
    """
    begun = time.monotonic()
    stop = stop or Stop()
    target = Target(options.target_directory)
    if not os.path.isdir(target.records):
        raise NothingToUndo(f"there is no rollout of {environment} to undo", hint=f"Looked in {target.records}.")
    lock = target.lock(options.wait, lambda: stop.aborted, emit)
    try:
        target.clear_stage()
        path, state = target.to_undo(environment, rollout)
        id = new_id()
        journal = target.journals.open_at(path)
        recorder = Recorder(target.records, id, emit, options.redact)
        recorder(Event(What.STARTED, data={"environment": environment, "host": state.host, "rollout": id}))
        head = begin(id, environment, state.host, options, undoes=state.rollouts[-1])
        journal.will_begin(of_task(head, "undo", 1))
        when_first_written(journal, lambda: lock.owned_by(owner(id, environment, options.who or who())))
        reverse = reverse_by(model, state.host)
        undone = go_back(
            target,
            journal,
            id,
            options,
            recorder,
            on_conflict,
            reverse,
            lambda: stop.terminated,
            lambda: stop.aborted,
        )
        outcome = outcome_of("reversed" if undone.whole else "blocked", id, undone, begun)
        outcome.interrupted = stop.aborted and not undone.whole
        outcome.changed = undone.reversed
        recorder(over(outcome))
        recorder.close()
        journal.close()
        return outcome
    finally:
        lock.close()


def undo_plan(environment: str, options: Options, rollout: Optional[str] = None) -> ChainState:
    """What undo would take back, last change first. Errors: NothingToUndo."""
    return Target(options.target_directory).to_undo(environment, rollout)[1]


def go_back(
    target: Target,
    journal: Journal,
    rollout: str,
    options: Options,
    emit: Emit,
    on_conflict: str,
    reverse: Callable[[Any, Call], None],
    terminated: Callable[[], bool] = lambda: False,
    aborted: Callable[[], bool] = lambda: False,
) -> Undone:
    """Take back what a journal has, and settle it if all of that worked.

    terminated: ends a command that hangs; aborted: ends the undo before the next change.
    """
    system = target.acting(
        journal,
        emit,
        durability=options.durability,
        command_timeout=options.command_timeout,
        terminated=terminated,
        redact=options.redact,
    )
    undo = Undo(system, emit, on_conflict, lambda call: reverse(system, call), receipts.COMPONENT, aborted)
    undone = undo.run()
    if undone.whole:
        settle(journal, rollout, False, "reversed")
    return undone


def reverse_by(model: Optional[Callable[[], Model]], host: str) -> Callable[[Any, Call], None]:
    """Calls an author's reverse() on the component that the model has under the same id."""

    def reverse(system: Any, call: Call) -> None:
        component: Any = None
        for root in model().roots_of(host) if model else ():
            for one in preorder(root.component):
                if one.id == call.component:
                    component = one
                    root.system = system
        if component is None:
            raise DeplError(f"{call.component} must be reversed by its own code, and the model has it no more")
        component.reverse(dict(call.captured))

    return reverse
