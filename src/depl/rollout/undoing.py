"""Going back on one host, here: after a failure, or on request."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from depl.change.folds import ChainState
from depl.configure import Model
from depl.deploy.begin import new_id
from depl.deploy.calling import Reverse
from depl.deploy.chains import needs_code, open_chain
from depl.deploy.own_code import lacking, no_longer_there, no_model, reverse_by, where_it_is
from depl.deploy.preview import preview, unknown_steps
from depl.deploy.redoable import assert_can_be_done_again, redoes
from depl.deploy.stop import Stop
from depl.deploy.target import Target
from depl.deploy.undone import Undone
from depl.deploy.work import Work
from depl.errors import ConfigurationError, DeplError, NothingToUndo
from depl.events import Emit, Event, What
from depl.rollout.options import Options, Outcome, head_of, outcome_of, over
from depl.rollout.record import Recorder


def undo(
    environment: str,
    options: Options,
    emit: Emit,
    rollout: Optional[str] = None,
    on_conflict: str = "stop",
    model: Optional[Callable[[], Model]] = None,
    stop: Optional[Stop] = None,
) -> Outcome:
    """Take back a rollout of an environment, or an undo that is named, from the journals in a target directory.

    model: makes the model, for the changes that only their component's own code can reverse. Errors: NothingToUndo,
    Locked, JournalError; ConfigurationError where that code is needed and not at hand, unless it is to be kept.
    """
    begun = time.monotonic()
    stop = stop or Stop()
    target = Target(options.target_directory)
    if not os.path.isdir(target.records):
        raise NothingToUndo(f"there is no rollout of {environment} to undo", hint=f"Looked in {target.records}.")
    lock = target.lock(None if options.wait else 0.0, lambda: stop.aborted, emit)
    try:
        target.clear_stage()
        path, state = open_chain(target, environment, rollout)
        again = redoes(state, rollout)
        if again and on_conflict != "keep":
            assert_can_be_done_again(path)
        if not again and on_conflict != "keep":
            _assert_has_code(environment, state, model)
        id = new_id()
        recorder = Recorder(target.records, id, emit, options.redact, options.keep)
        recorder(Event(What.STARTED, data={"environment": environment, "host": state.host, "rollout": id}))
        head = head_of(id, environment, state.host, options, undoes=rollout if again else state.rollouts[-1])
        work = Work(target, lock, head, recorder, stop, journal_path=path, **options.of_work)
        reverse = reverse_by(lambda: model().roots_of(state.host) if model else ())
        undone = go_back(work, on_conflict, reverse, lambda: stop.terminated, lambda: stop.aborted)
        outcome = outcome_of(("redone" if again else "reversed") if undone.whole else "blocked", id, undone)
        outcome.again = again
        if undone.whole:
            forget_old(work, environment, options, recorder)
        outcome.interrupted = stop.aborted and not undone.whole
        outcome.changed, outcome.seconds = undone.reversed, time.monotonic() - begun
        recorder(over(outcome))
        recorder.close()
        work.close()
        return outcome
    finally:
        lock.close()


def _assert_has_code(environment: str, state: ChainState, model: Optional[Callable[[], Model]]) -> None:
    """Errors: ConfigurationError, where something must be reversed by code that is not at hand; nothing is touched."""
    facts = needs_code(state)
    if not facts:
        return
    try:
        about = lacking(facts, model().roots_of(state.host)) if model else facts[0]
        why = no_longer_there(about["component"]) if about else ""
    except DeplError as error:
        about = facts[0]
        why = f"{about['component']} must be reversed by its own code, and {no_model(environment, error)}"
    if about is not None:
        raise ConfigurationError(why, hint=where_it_is(about))


def forget_old(work: Work, environment: str, options: Options, emit: Emit) -> None:
    """Purge what is kept no longer, after a run that changed something and was settled."""
    if options.keep is not None and work.journal.exists:
        from depl.deploy.retention import purge

        purge(work.target, environment, *options.keep, emit)


def go_back(
    work: Work,
    on_conflict: str,
    reverse: Reverse,
    terminated: Callable[[], bool],
    aborted: Callable[[], bool] = lambda: False,
) -> Undone:
    """Restore, repeat the reactions that are owed, and settle it if all of that worked.

    terminated: ends a command that hangs; aborted: ends the undo before the next change.
    """
    undone = work.reverse(None, on_conflict, reverse, terminated, aborted)
    undone.failed += work.repeat(None, terminated)
    work.settle_back(undone)
    return undone


@dataclass(frozen=True)
class Undoable:
    """What an undo would take back. steps: see depl.deploy.preview, last change first. again: that of an undo.

    needs_code: what only its component's own code can take back (see depl.deploy.chains).
    """

    host: str
    rollouts: Sequence[str]
    steps: Sequence[Mapping[str, Any]]
    unknown: Sequence[str]
    again: bool = False
    needs_code: Sequence[Mapping[str, str]] = ()


def undo_plan(environment: str, options: Options, rollout: Optional[str] = None, on_conflict: str = "stop") -> Undoable:
    """What undo would do; nothing is touched. Errors: NothingToUndo."""
    target = Target(options.target_directory)
    path, state = open_chain(target, environment, rollout)
    journal, again = target.journals.open_at(path), redoes(state, rollout)
    steps = preview(target, journal, state, again, keep=on_conflict == "keep")
    unknown = unknown_steps(journal.records, again)
    return Undoable(state.host, state.rollouts, steps, unknown, again, () if again else needs_code(state))
