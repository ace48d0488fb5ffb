"""A rollout on many hosts: deploy, and go back everywhere where one of them fails; or only look."""

from __future__ import annotations

import time
from typing import Optional

from depl.deploy.books import COLLECTED
from depl.deploy.stop import Stop
from depl.errors import DeplError, Interrupted, Locked
from depl.events import Emit, Event, What
from depl.protocol.failures import error_from_json
from depl.protocol.replies import Collected
from depl.protocol.replies import Planned as PlannedTask
from depl.rollout.back import back, on
from depl.rollout.dispatch import Dispatch
from depl.rollout.drive import Course, collect, collecting, stopping
from depl.rollout.ending import finish, refuse, settle, tell_blocked
from depl.rollout.graph import NONE, Plan
from depl.rollout.hearing import Hosts
from depl.rollout.options import Options, Outcome, over
from depl.rollout.planning import Planned
from depl.rollout.record import Recorder
from depl.rollout.remote_undo import undo_all, undo_plan_all
from depl.rollout.runner import JOBS, Runner
from depl.rollout.signals import Signals
from depl.rollout.staged import Staged, tell_stages
from depl.rollout.stages import Staging
from depl.rollout.states import RolloutState
from depl.rollout.wishes import heard

__all__ = ["plan_all", "realise_all", "undo_all", "undo_plan_all"]

ALL_AT_ONCE = Staging()


def realise_all(
    plan: Plan,
    runner: Runner,
    options: Options,
    emit: Emit,
    stop: Optional[Stop] = None,
    *,
    record_directory: Optional[str],
    rollout: str,
    environment: str,
    jobs: int = JOBS,
    rollback_jobs: Optional[int] = None,
    staging: Staging = ALL_AT_ONCE,
    signals: Optional[Signals] = None,
    command: str = "depl",
    approve: str = "",
) -> Outcome:
    """Deploy the tasks of a plan; on failure put everything back, on all hosts. Errors: Locked.

    jobs: at how many hosts to work at the same time; rollback_jobs: likewise on the way back. signals: what people wish
    meanwhile, by default from beside the record. command: how depl is called, for what people are told; approve: what
    opens a gate, by default the command for this rollout.
    record_directory: the project's `.depl`, whose `rollouts` gets the events; None: whoever calls keeps them.
    """
    recorder = Recorder(record_directory, rollout, emit, options.redact, options.keep)
    try:
        listening = heard(
            stop or Stop(), recorder.path, recorder, lambda: options.keeps_on_failure, signals, options.redact
        )
        hosts, approve = Hosts(runner, recorder), approve or f"{command} rollout approve {rollout}"
        back_jobs = rollback_jobs or jobs
        staged = Staged(plan, staging, hosts, jobs, back_jobs, listening, approve)
        return _Rollout(staged, options, rollout, environment).run()
    finally:
        runner.close()
        recorder.close()


class _Rollout:
    """One realise_all(), from the first connection to the outcome."""

    def __init__(self, staged: Staged, options: Options, rollout: str, environment: str) -> None:
        self.staged, self.options, self.rollout = staged, options, rollout
        self.plan, self.hosts, self.heard = staged.plan, staged.hosts, staged.heard
        self.runner, self.emit = self.hosts.runner, self.hosts.emit
        self.last = collecting(self.plan, self.runner.hosts if options.gc else ())
        self.head = {"rollout": rollout, "environment": environment, "host": None, "hosts": list(self.runner.hosts)}
        self.begun = time.monotonic()

    def run(self) -> Outcome:
        in_the_way = self.runner.open()
        if any(isinstance(error, Locked) for error in in_the_way):
            refuse(in_the_way, self.emit)
        self.emit(Event(What.STARTED, data={**self.head, "tasks": len(self.plan)}))
        if in_the_way:
            outcome = Outcome("reversed", self.rollout, error=in_the_way[0], errors=list(in_the_way))
            outcome.interrupted = self.heard.aborted or isinstance(in_the_way[0], Interrupted)
            stopping(self.hosts, self.heard, Course(), in_the_way[0].message)
        else:
            tell_ignored(self.plan, self.emit)
            staged, course = self.staged, self.staged.run()
            if self.options.gc and not course.errors:
                last = self.last.only({f"{COLLECTED}@{host}" for host in staged.left})
                course = collect(last, self.hosts, staged.jobs, self.heard, course)
            staged.soak()
            outcome = self._failed(course) if course.errors else self._succeeded(course)
        outcome.seconds = time.monotonic() - self.begun
        self.emit(over(outcome))
        return outcome

    def _succeeded(self, course: Course) -> Outcome:
        borne = self.staged.borne
        if borne.hosts:
            return self._partly_succeeded(course)
        errors, sentences = settle(self.hosts, self.runner.hosts, "succeeded", whole=not self.options.components)
        status = "blocked" if errors else "succeeded" if course.changed else "nothing"
        outcome = Outcome(status, self.rollout if course.changed or errors else None, course.changed)
        outcome.errors, outcome.conflicts = errors, sentences
        outcome.error = errors[0] if errors else None
        if errors:
            tell_blocked(outcome, self.emit)
        return outcome

    def _partly_succeeded(self, course: Course) -> Outcome:
        """Some hosts failed, as many as may; they are put back already, and the others stay as they are now."""
        borne = self.staged.borne
        errors, sentences = settle(self.hosts, self.staged.left, "succeeded", whole=not self.options.components)
        status = "partly reversed" if course.changed else "reversed"
        outcome = Outcome(status, self.rollout, course.changed, errors=[*borne.errors, *errors])
        outcome.error, outcome.failed = outcome.errors[0], sorted(borne.hosts)
        finish(borne.way, self.plan.only(borne.began), self.hosts, (), outcome)
        outcome.conflicts += sentences
        return outcome

    def _failed(self, course: Course) -> Outcome:
        outcome = Outcome("reversed", self.rollout, course.changed, error=course.errors[0], errors=course.errors)
        outcome.interrupted = course.interrupted
        if course.began and self.heard.keeps:
            outcome.status = "stopped"
            outcome.conflicts = ["left as it is, as wanted"]
            return outcome
        if course.began:
            self.emit(Event(What.REVERSING, data={"reason": course.errors[0].message}))
            self.heard.moved(RolloutState.REVERSING)
        tasks, after = {**self.plan.tasks, **self.last.tasks}, {**self.plan.after, **self.last.after}
        began = Plan(tasks, after).only(course.began)
        paused = self.heard.waits_back
        insisted = self.heard.stop.again()
        way = back(began, self.hosts, self.staged.back_jobs, "stop", insisted, lambda: False, paused=paused)
        borne = self.staged.borne
        way += borne.way
        outcome.errors += borne.errors
        finish(way, Plan(tasks, after).only(course.began | borne.began), self.hosts, self.staged.left, outcome)
        return outcome


def plan_all(
    plan: Plan,
    runner: Runner,
    emit: Emit,
    *,
    environment: str = "",
    jobs: int = JOBS,
    staging: Staging = ALL_AT_ONCE,
) -> Planned:
    """What realise_all would do, as events; nothing is written, and no lock is taken."""
    begun = time.monotonic()
    planned = Planned(0, [], [], [], 0.0)
    try:
        planned.errors += runner.open()
        if not planned.errors:
            data = {"environment": environment, "host": None, "hosts": list(runner.hosts), "rollout": None}
            emit(Event(What.STARTED, data=data))
            tell_ignored(plan, emit)
            hosts = Hosts(runner, emit)
            tell_stages(staging, hosts)
            _predict(plan, hosts, planned, jobs)
            _look_at_the_idle(plan, hosts, planned)
    finally:
        runner.close()
    planned.seconds = time.monotonic() - begun
    return planned


def _predict(plan: Plan, hosts: Hosts, planned: Planned, jobs: int) -> None:
    """Ask all hosts; nothing has to wait for another one, as nothing is done."""
    dispatch = Dispatch(Plan(plan.tasks, dict.fromkeys(plan.after, NONE)), jobs)
    while True:
        for host, tasks in dispatch.batches().items():
            dispatch.sent(host, tasks)
            hosts.runner.plan(host, [task.root for task in tasks])
        if not dispatch.at_work:
            break
        answer = hosts.next(PlannedTask)
        if answer is None:
            continue
        host, reply = answer
        id = "" if isinstance(reply, DeplError) else f"{reply.task}@{host}"
        if not isinstance(reply, DeplError) and id not in dispatch.at_work.get(host, ()):
            reply = hosts.refuse(host, f"it answered for {reply.task!r}, which it was not asked")
        if isinstance(reply, DeplError):
            planned.errors.append(reply)
            dispatch.drop(host)
            continue
        planned.changes += reply.changed
        planned.errors += [error_from_json(facts) for facts in reply.errors]
        planned.unknown += on(host, reply.unknown)
        planned.irreversible += on(host, reply.irreversible)
        dispatch.ended(id, host)


def _look_at_the_idle(plan: Plan, hosts: Hosts, planned: Planned) -> None:
    """Those with tasks tell with their last one what is no longer declared; the others have to be asked."""
    lost = set(hosts.lost)
    idle = [host for host in hosts.runner.hosts if host not in plan.by_host]
    for collected in hosts.gather(idle, hosts.runner.collect, Collected).values():
        planned.changes += collected.changed
        planned.errors += [error_from_json(facts) for facts in collected.errors]
    planned.errors += [why for host, why in hosts.lost.items() if host not in lost]


def tell_ignored(plan: Plan, emit: Emit) -> None:
    """Say which tasks are left out."""
    for task in plan.ignored:
        emit(Event(What.TASK_SKIPPED, task.root, data={"reason": "ignored in the environment"}, host=task.host))
