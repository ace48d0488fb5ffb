"""One host, here, in this process: deploy its root components in order, and go back where one of them fails."""

from __future__ import annotations

import time
from typing import Optional

from depl.change.folds import steps_of_unknown_effect
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
from depl.rollout.live import check_live
from depl.rollout.options import Options, Outcome, elsewhere, head_of, outcome_of, over, selected
from depl.rollout.planning import Planned, plan
from depl.rollout.record import Recorder
from depl.rollout.undoing import Undoable, forget_old, go_back, undo, undo_plan

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


def realise(model: Model, host: str, options: Options, emit: Emit, stop: Optional[Stop] = None) -> Outcome:
    """Deploy a host's root components here; on failure put everything back. Errors: Locked, JournalError."""
    begun = time.monotonic()
    stop = stop or Stop()
    target = Target(options.target_directory)
    lock = target.lock(None if options.wait else 0.0, lambda: stop.aborted, emit)
    try:
        rollout, environment = new_id(), model.environment
        recorder = Recorder(target.records, rollout, emit, options.redact, options.keep)
        data = {"rollout": rollout, "environment": environment.name, "host": host}
        recorder(Event(What.STARTED, data=data))
        head = head_of(rollout, environment.name, host, options)
        work = Work(target, lock, head, recorder, stop, of=environment.project_name, **options.of_work)
        for text in work.warnings:
            recorder(Event(What.WARNING, data={"text": text}))
        errors = _forward(work, model, host, options)
        if errors:
            outcome = _back(work, model, host, options, recorder, stop, errors)
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


def _forward(work: Work, model: Model, host: str, options: Options) -> list[DeplError]:
    """Root by root until one fails; what failed, first the cause."""
    if not options.components:
        work.judge(model.environment, model.roots_of(host), elsewhere(model, host))
    for order, root in enumerate(selected(model, host, options), 1):
        if root.ignore:
            work.skip(root)
            continue
        result = work.deploy(root, order)
        if result.errors:
            return result.errors
    errors = work.finish(model.environment)
    if errors or not options.gc:
        return errors
    return work.collect().errors


def _back(
    work: Work, model: Model, host: str, options: Options, emit: Emit, stop: Stop, errors: list[DeplError]
) -> Outcome:
    """Take back what was done, if anything was, unless it is to be left as it is."""
    stopped = work.journal.exists and options.on_failure == "stop"
    undone = Undone()
    if stopped:
        undone = Undone(failed=["left as it is, as wanted"], unknown=steps_of_unknown_effect(work.journal.records))
    elif work.journal.exists:
        emit(Event(What.REVERSING, data={"reason": errors[0].message}))
        undone = go_back(work, "stop", reverse_by(lambda: model.roots_of(host)), stop.again())
    outcome = outcome_of("stopped" if stopped else "reversed" if undone.whole else "blocked", work.rollout, undone)
    outcome.error, outcome.errors = errors[0], errors
    outcome.interrupted = isinstance(errors[0], Interrupted) or (
        stop.terminated and isinstance(errors[0], CmdExecutionError)
    )
    return outcome
