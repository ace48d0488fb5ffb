"""The loop forwards: sends what may be sent, hears what comes of it. One thread, whatever the runner does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Union

from depl.deploy.books import COLLECTED
from depl.deploy.failure import facts_of_failure
from depl.deploy.stop import Stop
from depl.errors import DeplError, Interrupted
from depl.events import Event, What
from depl.protocol.failures import error_from_json
from depl.protocol.replies import Collected, TaskOver
from depl.rollout.dispatch import Dispatch
from depl.rollout.graph import NONE, Plan, Task
from depl.rollout.hearing import Hosts, Wishes


@dataclass
class Course:
    """How it went forward. began: the tasks that may have changed something; errors: first the cause."""

    began: set[str] = field(default_factory=set)
    changed: int = 0
    errors: list[DeplError] = field(default_factory=list)
    interrupted: bool = False


def forward(plan: Plan, hosts: Hosts, jobs: int, stop: Stop) -> Course:
    """Deploy the tasks of a plan; after the first failure nothing more is sent, and what runs comes to its end."""
    return _Forward(plan, hosts, jobs, stop, Course()).run()


def collect(plan: Plan, hosts: Hosts, jobs: int, stop: Stop, course: Course) -> Course:
    """Remove what is no longer declared, where all went through. plan: see collecting(); course: how that went."""
    return _Collect(plan, hosts, jobs, stop, course).run()


def collecting(plan: Plan, hosts: Sequence[str]) -> Plan:
    """One more task for each host, after all those of a plan: what is no longer declared."""
    order = max((task.order for task in plan.tasks.values()), default=0) + 1
    tasks = {id: Task(id, host, COLLECTED, order) for host in hosts for id in [f"{COLLECTED}@{host}"]}
    return Plan(tasks, dict.fromkeys(tasks, NONE))


class _Forward:
    kind: type[Any] = TaskOver

    def __init__(self, plan: Plan, hosts: Hosts, jobs: int, stop: Stop, course: Course) -> None:
        self.plan, self.hosts, self.stop, self.course = plan, hosts, stop, course
        self.dispatch = Dispatch(plan, jobs)
        self.wishes = Wishes(hosts.runner)
        self.through = 0  # tasks that came to their end
        self.really_after: dict[str, frozenset[str]] = {}  # on other hosts

    def run(self) -> Course:
        while True:
            self._heed()
            for host, tasks in self.dispatch.batches().items():
                self.dispatch.sent(host, tasks)
                self._send(host, tasks)
            if not self.dispatch.at_work:
                break
            answer = self.hosts.next(self.kind)
            if answer is not None:
                self._take(*answer)
        if self.stop.aborted and not self.course.errors and self.through < len(self.plan):
            self.course.errors.append(Interrupted("the run was interrupted"))
        self.course.interrupted |= any(isinstance(error, Interrupted) for error in self.course.errors[:1])
        return self.course

    def _send(self, host: str, tasks: Sequence[Task]) -> None:
        told = [replace(task, after=tuple(sorted(self._really_after(task)))) for task in tasks]
        self.hosts.runner.start(host, told, not self.dispatch.has_more(host))

    def _heed(self) -> None:
        if self.course.errors or self.stop.aborted:
            self.dispatch.stop()
            how = "terminate" if self.stop.terminated else "abort" if self.stop.aborted else "hold"
            self.wishes.tell(self.dispatch.at_work, how)

    def _take(self, host: str, reply: Union[TaskOver, DeplError]) -> None:
        id = "" if isinstance(reply, DeplError) else f"{reply.task}@{host}"
        if isinstance(reply, DeplError):
            self._lost(host, reply)
        elif id not in self.dispatch.at_work.get(host, ()):
            self._lost(host, self.hosts.refuse(host, f"it answered for {reply.task!r}, which it was not given"))
        else:
            self._over(host, id, reply)

    def _over(self, host: str, id: str, over: TaskOver) -> None:
        if over.began:
            self.course.began.add(id)
        self.course.changed += over.changed
        self._note([error_from_json(facts) for facts in over.errors], over.interrupted)
        self.through += not over.dropped
        self.dispatch.ended(id, host)

    def _lost(self, host: str, error: DeplError) -> None:
        unanswered = self.dispatch.drop(host)
        self.course.began.update(task.id for task in unanswered)  # nobody knows
        self._note([error])
        if unanswered and unanswered[0].root != COLLECTED:
            self.hosts.emit(Event(What.TASK_FAILED, unanswered[0].root, None, facts_of_failure(error), host))
        else:
            self.hosts.emit(Event(What.WARNING, data={"text": error.message}, host=host))

    def _note(self, errors: Sequence[DeplError], interrupted: bool = False) -> None:
        """Note what went wrong. Whatever goes wrong first after somebody wanted the run to end is an interruption."""
        if errors and not self.course.errors:
            self.course.interrupted = interrupted or self.stop.aborted
        self.course.errors += errors

    def _really_after(self, task: Task) -> frozenset[str]:
        """The tasks of other hosts that did something and that this one comes after, through others that did not."""
        direct, beyond = [], []
        for id in self.plan.after[task.id]:
            if id in self.course.began:
                if self.plan.tasks[id].host != task.host:  # its own ones it does in order anyway
                    direct.append(id)
            elif self.really_after[id]:
                beyond.append(self.really_after[id])
        found = beyond[0] if len(beyond) == 1 and not direct else NONE.union(direct, *beyond)
        self.really_after[task.id] = found
        return found


class _Collect(_Forward):
    kind = Collected

    def _send(self, host: str, tasks: Sequence[Task]) -> None:
        self.hosts.runner.collect(host)

    def _take(self, host: str, reply: Union[Collected, DeplError]) -> None:  # type: ignore[override]
        if isinstance(reply, Collected):
            over = TaskOver(0, COLLECTED, reply.changed, reply.errors, reply.began, reply.interrupted)
            super()._take(host, over)
        else:
            super()._take(host, reply)
