"""A rollout on many hosts: deploy, and go back everywhere where one of them fails; or only look."""

from __future__ import annotations

import time
from typing import Optional

from depl.deploy.stop import Stop
from depl.errors import DeplError, Interrupted, Locked
from depl.events import Emit, Event, What
from depl.protocol.failures import error_from_json
from depl.protocol.replies import Collected
from depl.protocol.replies import Planned as PlannedTask
from depl.rollout.back import back, on
from depl.rollout.dispatch import Dispatch
from depl.rollout.drive import Course, collect, collecting, forward
from depl.rollout.ending import finish, refuse, settle
from depl.rollout.graph import NONE, Plan
from depl.rollout.hearing import Hosts
from depl.rollout.options import Options, Outcome, over
from depl.rollout.planning import Planned
from depl.rollout.record import Recorder
from depl.rollout.remote_undo import undo_all, undo_plan_all
from depl.rollout.runner import JOBS, Runner

__all__ = ["plan_all", "realise_all", "undo_all", "undo_plan_all"]


def realise_all(
    plan: Plan,
    runner: Runner,
    options: Options,
    emit: Emit,
    stop: Optional[Stop] = None,
    *,
    record_directory: str,
    rollout: str,
    environment: str,
    jobs: int = JOBS,
) -> Outcome:
    """Deploy the tasks of a plan; on failure put everything back, on all hosts. Errors: Locked.

    record_directory: the project's `.depl`, whose `rollouts` gets the events.
    """
    recorder = Recorder(record_directory, rollout, emit, options.redact, options.keep)
    try:
        return _Rollout(plan, runner, options, recorder, stop or Stop(), rollout, environment, jobs).run()
    finally:
        runner.close()
        recorder.close()


class _Rollout:
    """One realise_all(), from the first connection to the outcome."""

    def __init__(
        self,
        plan: Plan,
        runner: Runner,
        options: Options,
        emit: Emit,
        stop: Stop,
        rollout: str,
        environment: str,
        jobs: int,
    ) -> None:
        self.plan, self.runner, self.options, self.stop = plan, runner, options, stop
        self.emit, self.jobs = emit, jobs
        self.last = collecting(plan, runner.hosts if options.gc else ())
        self.head = {"rollout": rollout, "environment": environment, "host": None, "hosts": list(runner.hosts)}
        self.rollout = rollout
        self.hosts = Hosts(runner, emit)
        self.begun = time.monotonic()

    def run(self) -> Outcome:
        in_the_way = self.runner.open()
        if any(isinstance(error, Locked) for error in in_the_way):
            refuse(in_the_way, self.emit)
        self.emit(Event(What.STARTED, data={**self.head, "tasks": len(self.plan)}))
        if in_the_way:
            outcome = Outcome("reversed", self.rollout, error=in_the_way[0], errors=list(in_the_way))
            outcome.interrupted = self.stop.aborted or isinstance(in_the_way[0], Interrupted)
        else:
            tell_ignored(self.plan, self.emit)
            course = forward(self.plan, self.hosts, self.jobs, self.stop)
            if self.options.gc and not course.errors:
                course = collect(self.last, self.hosts, self.jobs, self.stop, course)
            outcome = self._failed(course) if course.errors else self._succeeded(course)
        outcome.seconds = time.monotonic() - self.begun
        self.emit(over(outcome))
        return outcome

    def _succeeded(self, course: Course) -> Outcome:
        errors, sentences = settle(self.hosts, self.runner.hosts, "succeeded", whole=not self.options.components)
        status = "blocked" if errors else "succeeded" if course.changed else "nothing"
        outcome = Outcome(status, self.rollout if course.changed or errors else None, course.changed)
        outcome.errors, outcome.conflicts = errors, sentences
        outcome.error = errors[0] if errors else None
        return outcome

    def _failed(self, course: Course) -> Outcome:
        outcome = Outcome("reversed", self.rollout, course.changed, error=course.errors[0], errors=course.errors)
        outcome.interrupted = course.interrupted
        if self.options.on_failure == "stop" and course.began:
            outcome.status = "stopped"
            outcome.conflicts = ["left as it is, as wanted"]
            return outcome
        if course.began:
            self.emit(Event(What.REVERSING, data={"reason": course.errors[0].message}))
        tasks, after = {**self.plan.tasks, **self.last.tasks}, {**self.plan.after, **self.last.after}
        began = Plan(tasks, after).only(course.began)
        way = back(began, self.hosts, self.jobs, "stop", self.stop.again(), lambda: False)
        finish(way, began, self.hosts, self.runner.hosts, outcome)
        return outcome


def plan_all(plan: Plan, runner: Runner, emit: Emit, *, environment: str = "", jobs: int = JOBS) -> Planned:
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
