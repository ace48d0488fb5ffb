"""One host, here, in this process: deploy its root components in order, and go back where one of them fails."""

from __future__ import annotations

import time
from typing import Optional

from depl.change.folds import steps_of_unknown_effect
from depl.change.ledger import root_of
from depl.configure import Model
from depl.deploy.begin import new_id
from depl.deploy.collecting import undeclared
from depl.deploy.own_code import reverse_by
from depl.deploy.stop import Stop
from depl.deploy.target import Target
from depl.deploy.undone import Undone
from depl.deploy.work import Work
from depl.errors import CmdExecutionError, DeplError, Interrupted
from depl.events import Emit, Event, What
from depl.rollout.ending import block_of, tell_blocked
from depl.rollout.live import check_live, soaked
from depl.rollout.options import Options, Outcome, elsewhere, head_of, outcome_of, over, selected
from depl.rollout.planning import Planned, plan
from depl.rollout.record import Recorder
from depl.rollout.signals import Signals
from depl.rollout.states import RolloutState
from depl.rollout.telling import Telling
from depl.rollout.undoing import Undoable, forget_old, go_back, undo, undo_plan
from depl.rollout.wishes import Heard, heard, wait_while

__all__ = [
    "Options",
    "Outcome",
    "Planned",
    "Stop",
    "Undoable",
    "check_live",
    "plan",
    "realise",
    "undo",
    "undo_plan",
]


def realise(
    model: Model,
    host: str,
    options: Options,
    emit: Emit,
    stop: Optional[Stop] = None,
    *,
    rollout: Optional[str] = None,
    soak: float = 0.0,
    signals: Optional[Signals] = None,
) -> Outcome:
    """Deploy a host's root components here; on failure put everything back. Errors: Locked, JournalError.

    rollout: its name, a new one if there is none yet. soak: for how many seconds all is watched before the last word.
    signals: what people wish meanwhile, by default from beside the record.
    """
    begun = time.monotonic()
    stop = stop or Stop()
    target = Target(options.target_directory)
    lock = target.lock(None if options.wait else 0.0, lambda: stop.aborted, emit)
    try:
        rollout, environment = rollout or new_id(), model.environment
        recorder = Recorder(target.records if options.recorded else None, rollout, emit, options.redact, options.keep)
        tell = Telling(recorder)
        listening = heard(stop, recorder.path, tell, lambda: options.keeps_on_failure, signals, options.redact)
        tasks = len(selected(model, host, options))
        data = {"rollout": rollout, "environment": environment.name, "host": host, "tasks": tasks}
        recorder(Event(What.STARTED, data=data))
        head = head_of(rollout, environment.name, host, options)
        work = Work(target, lock, head, tell, stop, of=environment.project_name, **options.of_work)
        for text in work.warnings:
            recorder(Event(What.WARNING, data={"text": text}))
        errors = _forward(work, model, host, options, listening) or soaked(work, soak, listening, tell)
        if errors:
            outcome = _back(work, model, host, tell, listening, errors)
        else:
            work.settle([root.name for root in model.roots_of(host)], not options.components)
            left = work.undeclared()
            if left and not options.gc:
                recorder(undeclared(left, removing=False))
            forget_old(work, environment.name, options, recorder)
            outcome = Outcome("succeeded" if work.changed else "nothing", rollout if work.changed else None)
        outcome.changed, outcome.seconds = work.changed, time.monotonic() - begun
        recorder(over(outcome))
        recorder.close()
        work.close()
        return outcome
    finally:
        lock.close()


def _forward(work: Work, model: Model, host: str, options: Options, listening: Heard) -> list[DeplError]:
    """Root by root until one fails; what failed, first the cause."""
    if not options.components:
        work.judge(model.environment, model.roots_of(host), elsewhere(model, host))
    for order, root in enumerate(selected(model, host, options), 1):
        if root.ignore:
            work.skip(root)
            continue
        wait_while(lambda: listening.paused)
        result = work.deploy(root, order)
        if result.errors:
            return result.errors
    errors = work.finish(model.environment)
    if errors or not options.gc:
        return errors
    return work.collect().errors


def _back(work: Work, model: Model, host: str, tell: Telling, listening: Heard, errors: list[DeplError]) -> Outcome:
    """Take back what was done, if anything was, unless it is to be left as it is."""
    stop = listening.stop
    listening.moved(RolloutState.STOPPING)
    tell(Event(What.STOPPING, data={"reason": errors[0].message, "cause": root_of(errors[0].component or "")}))
    stopped = work.journal.exists and listening.keeps
    undone = Undone()
    if stopped:
        undone = Undone(failed=["left as it is, as wanted"], unknown=steps_of_unknown_effect(work.journal.records))
    elif work.journal.exists:
        tell(Event(What.REVERSING, data={"reason": errors[0].message}))
        listening.moved(RolloutState.REVERSING)
        reverse = reverse_by(lambda: model.roots_of(host))
        undone = go_back(work, "stop", reverse, stop.again(), listening.waited_back, tell)
    outcome = outcome_of("stopped" if stopped else "reversed" if undone.whole else "blocked", work.rollout, undone)
    if outcome.status == "blocked":
        tell_blocked(outcome, tell, block_of(undone))
    outcome.error, outcome.errors = errors[0], errors
    outcome.interrupted = isinstance(errors[0], Interrupted) or (
        stop.terminated and isinstance(errors[0], CmdExecutionError)
    )
    return outcome
