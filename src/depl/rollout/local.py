"""One host, here, in this process: deploy its root components in order, and go back where one of them fails."""

from __future__ import annotations

import time
from typing import Any, Optional

from depl.change.folds import steps_of_unknown_effect
from depl.component import RootComponent
from depl.configure import Model
from depl.deploy import checks, receipts
from depl.deploy.failure import facts_of_failure
from depl.deploy.lock import Lock
from depl.deploy.target import Target, owner, settle, when_first_written
from depl.deploy.undone import Undone
from depl.deploy.walk import Walk
from depl.errors import CmdExecutionError, DeplError, Interrupted, JournalError
from depl.events import Emit, Event, What
from depl.rollout.live import check_live
from depl.rollout.options import Options, Outcome, begin, continued, new_id, of_task, outcome_of, over, selected, who
from depl.rollout.planning import Planned, plan
from depl.rollout.record import Recorder
from depl.rollout.stop import Stop
from depl.rollout.undoing import go_back, reverse_by, undo, undo_plan

__all__ = ["Options", "Outcome", "Planned", "Stop", "check_live", "plan", "realise", "undo", "undo_plan"]


def realise(model: Model, host: str, options: Options, emit: Emit, stop: Optional[Stop] = None) -> Outcome:
    """Deploy a host's root components here; on failure put everything back. Errors: Locked, JournalError."""
    stop = stop or Stop()
    target = Target(options.target_directory)
    lock = target.lock(options.wait, lambda: stop.aborted, emit)
    try:
        return _Run(model, host, options, emit, stop, target, lock).run()
    finally:
        lock.close()


class _Run:
    """One realise(), from lock to outcome."""

    def __init__(
        self, model: Model, host: str, options: Options, emit: Emit, stop: Stop, target: Target, lock: Lock
    ) -> None:
        self.model, self.host, self.options, self.stop = model, host, options, stop
        self.target, self.lock = target, lock
        self.environment = model.environment.name
        self.rollout = new_id()
        self.begun = time.monotonic()
        self.emit = Recorder(target.records, self.rollout, emit, options.redact)
        self.journal = target.journals.open(self.rollout)
        self.continues = self.journal.exists
        self.receipts = target.receipts()
        self.changed = 0
        self.done: list[RootComponent] = []

    def run(self) -> Outcome:
        self.emit(Event(What.STARTED, data=self._head()))
        if self.continues:
            self.emit(Event(What.WARNING, data={"text": continued(self.journal)}))
        when_first_written(
            self.journal,
            lambda: self.lock.owned_by(owner(self.rollout, self.environment, self.options.who or who())),
        )
        errors = self._forward()
        outcome = self._failed(errors) if errors else self._succeeded()
        self.emit(over(outcome))
        self.emit.close()
        self.journal.close()
        return outcome

    def _head(self) -> dict[str, Any]:
        return {"rollout": self.rollout, "environment": self.environment, "host": self.host}

    def _forward(self) -> list[DeplError]:
        """Root by root until one fails; what failed, first the cause."""
        options = self.options
        system = self.target.acting(
            self.journal,
            self.emit,
            durability=options.durability,
            command_timeout=options.command_timeout,
            terminated=lambda: self.stop.terminated,
            redact=options.redact,
        )
        head = begin(self.rollout, self.environment, self.host, options)
        known = self.receipts.known()
        for order, root in enumerate(selected(self.model, self.host, options), 1):
            if root.ignore:
                self.emit(Event(What.TASK_SKIPPED, root.name, data={"reason": "ignored in the environment"}))
                continue
            self.journal.will_begin(of_task(head, root.name, order))
            self.emit(Event(What.TASK_STARTED, root.name))
            begun = time.monotonic()
            walk = Walk(root, system, self.journal, known, self.emit, lambda: self.stop.aborted)
            errors = self._deploy(walk, root)
            self.changed += walk.updated
            if errors:
                for error in errors:
                    self.emit(Event(What.TASK_FAILED, root.name, error.component, facts_of_failure(error)))
                return errors
            self.done.append(root)
            what = What.TASK_DONE if walk.updated else What.TASK_UNCHANGED
            seconds = round(time.monotonic() - begun, 3)
            self.emit(Event(what, root.name, data={"changed": walk.updated, "seconds": seconds}))
        if self.journal.exists:
            system.mark()
        self.journal.begin = None
        return self._write_receipts(system)

    def _deploy(self, walk: Walk, root: RootComponent) -> list[DeplError]:
        """One root component: walk, then look whether it is well. An empty list: all is."""
        try:
            changed = walk.deploy()
            if changed or self.continues:
                root.system = walk.system
                return checks.check(root, lambda: self.stop.aborted)
        except DeplError as error:
            return [error]
        return []

    def _write_receipts(self, system: Any) -> list[DeplError]:
        content = self.receipts.updated(self.environment, self.done)
        if content is None:
            return []
        try:
            if self.journal.exists:
                system.component = receipts.COMPONENT
                system.write(self.receipts.path, content, mode=0o600, show=False)
                system.commit()
                system.mark()
            else:
                self.receipts.write(content)
        except DeplError as error:
            return [error]
        return []

    def _succeeded(self) -> Outcome:
        if self.journal.exists:
            settle(self.journal, self.rollout, self._is_whole(), "succeeded")
        if self.changed:
            self.model.environment.template_engine.flush(self.options.redact)
        status = "succeeded" if self.changed else "nothing"
        outcome = Outcome(status, self.rollout if self.changed else None, self.changed)
        outcome.seconds = time.monotonic() - self.begun
        return outcome

    def _is_whole(self) -> bool:
        """Whether nobody can be owed a reaction: all that changed, and all that might react, went through now."""
        went_through = {receipts.COMPONENT, *(root.name for root in self.done)}
        declared = {root.name for root in self.model.roots_of(self.host)}
        might_react = self.receipts.roots(self.environment, declared)
        return not self.options.components and self.journal.ledger.roots | might_react <= went_through

    def _failed(self, errors: list[DeplError]) -> Outcome:
        if not self.journal.exists:
            undone = Undone()
        elif self.options.on_failure == "stop":
            undone = Undone(unknown=steps_of_unknown_effect(self.journal.records))
            undone.failed.append("left as it is, as wanted")
        else:
            data = {"reason": errors[0].message}
            self.emit(Event(What.REVERSING, data=data))
            self.journal.begin = None
            reverse = reverse_by(lambda: self.model, self.host)
            try:
                patience = self.stop.again()
                undone = go_back(
                    self.target, self.journal, self.rollout, self.options, self.emit, "stop", reverse, patience
                )
            except JournalError as error:
                undone = Undone(failed=[str(error)])
        stopped = self.journal.exists and self.options.on_failure == "stop"
        status = "stopped" if stopped else "reversed" if undone.whole else "blocked"
        outcome = outcome_of(status, self.rollout, undone, self.begun)
        outcome.error, outcome.errors, outcome.changed = errors[0], errors, self.changed
        outcome.interrupted = isinstance(errors[0], Interrupted) or (
            self.stop.terminated and isinstance(errors[0], CmdExecutionError)
        )
        return outcome
