"""The loop forwards: sends what may be sent, hears what comes of it. One thread, whatever the runner does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional, Union

from depl.deploy.books import COLLECTED
from depl.deploy.failure import facts_of_failure
from depl.errors import DeplError, Interrupted
from depl.events import Event, What
from depl.protocol.failures import error_from_json
from depl.protocol.replies import Collected, TaskOver
from depl.rollout.dispatch import Dispatch
from depl.rollout.graph import NONE, Plan, Task
from depl.rollout.hearing import Hosts, Wishes
from depl.rollout.states import RolloutState
from depl.rollout.wishes import Heard

Bears = Callable[["Course"], bool]


@dataclass
class Course:
    """How it went forward. began: the tasks that may have changed something; through: those that went well.

    errors: first the cause; failed: the hosts where they happened. changes: how many by host. really_after: by task
    those of other hosts that it came after.
    """

    began: set[str] = field(default_factory=set)
    through: set[str] = field(default_factory=set)
    changes: Counter[str] = field(default_factory=Counter)
    errors: list[DeplError] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    interrupted: bool = False
    stopping: bool = False  # and that is told
    really_after: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many components changed."""
        return self.changes.total()


def forward(
    plan: Plan,
    hosts: Hosts,
    jobs: int,
    heard: Heard,
    course: Optional[Course] = None,
    whole: Optional[Plan] = None,
    bears: Bears = lambda course: False,
) -> Course:
    """Deploy the tasks of a plan; after the first failure nothing more is sent, and what runs comes to its end.

    course: how it went until now, which this goes on with. whole: the plan of which this is a part. bears: whether what
    failed until now ends the run, so that what was sent already does not begin.
    """
    return _Forward(plan, hosts, jobs, heard, course or Course(), whole, bears).run()


def collect(plan: Plan, hosts: Hosts, jobs: int, heard: Heard, course: Course) -> Course:
    """Remove what is no longer declared, where all went through. plan: see collecting(); course: how that went."""
    return _Collect(plan, hosts, jobs, heard, course).run()


def collecting(plan: Plan, hosts: Sequence[str]) -> Plan:
    """One more task for each host, after all those of a plan: what is no longer declared."""
    order = max((task.order for task in plan.tasks.values()), default=0) + 1
    tasks = {id: Task(id, host, COLLECTED, order) for host in hosts for id in [f"{COLLECTED}@{host}"]}
    return Plan(tasks, dict.fromkeys(tasks, NONE))


def stopping(hosts: Hosts, heard: Heard, course: Course, reason: str, cause: str = "") -> None:
    """Nothing more begins, and that is told once."""
    if not course.stopping:
        course.stopping = True
        heard.moved(RolloutState.STOPPING)
        hosts.emit(Event(What.STOPPING, data={"reason": reason, "cause": cause}))


class _Forward:
    kind: type[Any] = TaskOver

    def __init__(
        self,
        plan: Plan,
        hosts: Hosts,
        jobs: int,
        heard: Heard,
        course: Course,
        whole: Optional[Plan] = None,
        bears: Bears = lambda course: False,
    ) -> None:
        self.plan, self.hosts, self.heard, self.course = plan, hosts, heard, course
        self.whole, self.bears = whole or plan, bears
        self.dispatch = Dispatch(plan, jobs)
        self.wishes = Wishes(hosts.runner)
        self.through = 0  # tasks that came to their end

    def run(self) -> Course:
        while True:
            self._heed()
            paused = self.heard.paused
            for host, tasks in {} if paused else self.dispatch.batches().items():
                self.dispatch.sent(host, tasks)
                self._send(host, tasks)
            if not self.dispatch.at_work and not (paused and self.dispatch.batches()):
                break
            answer = self.hosts.next(self.kind)
            if answer is not None:
                self._take(*answer)
        if self.heard.aborted and not self.course.errors and self.through < len(self.plan):
            self._note([Interrupted(self.heard.interruption)])
        self.course.interrupted |= any(isinstance(error, Interrupted) for error in self.course.errors[:1])
        return self.course

    def _send(self, host: str, tasks: Sequence[Task]) -> None:
        told = [replace(task, after=tuple(sorted(self._really_after(task)))) for task in tasks]
        self.hosts.runner.start(host, told, not self.dispatch.has_more(host))

    def _heed(self) -> None:
        if self.course.errors or self.heard.aborted:
            self.dispatch.stop()
            how = "terminate" if self.heard.terminated else "abort" if self.heard.aborted else "hold"
            if how != "hold" or not self.bears(self.course):
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
        self.course.changes[host] += over.changed
        errors = [error_from_json(facts) for facts in over.errors]
        if not over.dropped:
            self.through += 1
            if not errors:
                self.course.through.add(id)
            self.hosts.emit.ended(over.task, host, over.changed, errors[0].message if errors else "")
        self._note(errors, over.interrupted, host, id)
        self.dispatch.ended(id, host)

    def _lost(self, host: str, error: DeplError) -> None:
        unanswered = self.dispatch.drop(host)
        self.course.began.update(task.id for task in unanswered)  # nobody knows
        if unanswered and unanswered[0].root != COLLECTED:
            self.hosts.emit(Event(What.TASK_FAILED, unanswered[0].root, None, facts_of_failure(error), host))
        else:
            self.hosts.emit(Event(What.WARNING, data={"text": error.message}, host=host))
        for task in unanswered[1:]:
            self.hosts.emit.ended(task.root, host, 0, error.message)
        self._note([error], host=host, cause=unanswered[0].id if unanswered else "")

    def _note(self, errors: Sequence[DeplError], interrupted: bool = False, host: str = "", cause: str = "") -> None:
        """Note what went wrong. Whatever goes wrong first after somebody wanted the run to end is an interruption."""
        if errors and not self.course.errors:
            self.course.interrupted = interrupted or self.heard.aborted
        self.course.errors += errors
        self.course.failed.update([host] if errors and host else [])
        if errors and (self.heard.aborted or not self.bears(self.course)):
            stopping(self.hosts, self.heard, self.course, errors[0].message, cause)

    def _really_after(self, task: Task) -> frozenset[str]:
        """The tasks of other hosts that did something and that this one comes after, through others that did not."""
        direct, beyond = [], []
        for id in self.whole.after[task.id]:
            if id in self.course.began:
                if self.whole.tasks[id].host != task.host:  # its own ones it does in order anyway
                    direct.append(id)
            elif behind := self.course.really_after.get(id):
                beyond.append(behind)
        found = beyond[0] if len(beyond) == 1 and not direct else NONE.union(direct, *beyond)
        self.course.really_after[task.id] = found
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
