"""Going back on one host, here: after a failure, or on request."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from depl.change.folds import ChainState, left_to_undo
from depl.change.ledger import root_of
from depl.configure import Model
from depl.deploy.begin import new_id
from depl.deploy.books import OWN
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
from depl.rollout.ending import block_of, tell_blocked
from depl.rollout.options import Options, Outcome, head_of, outcome_of, over
from depl.rollout.record import Recorder
from depl.rollout.telling import Telling
from depl.rollout.wishes import heard, wait_while


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
        recorder = Recorder(target.records if options.recorded else None, id, emit, options.redact, options.keep)
        listening = heard(stop, recorder.path, recorder, redact=options.redact)
        back = rollout if again else state.rollouts[-1]
        about = {"environment": environment, "host": state.host, "redoes" if again else "undoes": back}
        recorder(Event(What.STARTED, data={**about, "rollout": id}))
        head = head_of(id, environment, state.host, options, undoes=back)
        work = Work(target, lock, head, recorder, stop, journal_path=path, **options.of_work)
        reverse = reverse_by(lambda: model().roots_of(state.host) if model else ())
        tell = None if again else Telling(recorder, undoing=True)

        def aborted() -> bool:
            wait_while(lambda: listening.paused)
            return stop.aborted

        undone = go_back(work, on_conflict, reverse, lambda: stop.terminated, aborted, tell)
        outcome = outcome_of(("redone" if again else "reversed") if undone.whole else "blocked", id, undone)
        outcome.again = again
        if undone.whole:
            forget_old(work, environment, options, recorder)
        if outcome.status == "blocked":
            tell_blocked(outcome, recorder, block_of(undone))
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
    tell: Optional[Telling] = None,
) -> Undone:
    """Restore, repeat the reactions that are owed, and settle it if all of that worked.

    terminated: ends a command that hangs; aborted: ends the undo before the next change. tell: of each root component.
    """
    standing = [did.component for did in left_to_undo(work.journal.records)] if tell is not None else []
    roots = list(dict.fromkeys(map(root_of, (one for one in standing if one not in OWN))))
    if tell is not None:
        for root in roots:
            tell.goes_back(root)
    undone = work.reverse(None, on_conflict, reverse, terminated, aborted)
    undone.failed += work.repeat(None, terminated)
    work.settle_back(undone)
    if tell is not None:
        tell_each(tell, dict.fromkeys([*roots, *tell.roots]), undone)
    return undone


def tell_each(tell: Telling, roots: Iterable[str], undone: Undone) -> None:
    """Say of each root component what became of it on the way back."""
    why = "; ".join([*undone.conflicts, *undone.failed, *undone.pivots])
    for root in roots:
        if undone.whole or (undone.left and root not in undone.left):
            tell.put_back(root)
        else:
            tell.left(root, reason=why, clash=bool(undone.conflicts) and not undone.failed)


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
