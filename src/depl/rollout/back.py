"""The loop backwards: takes back what some tasks did, last ones first, then repeats the reactions that are owed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from depl.errors import DeplError
from depl.protocol.replies import Repeated, TasksReversed
from depl.rollout.dispatch import Dispatch
from depl.rollout.graph import NONE, Plan, Task
from depl.rollout.hearing import Hosts, Wishes

Sentences = dict[str, None]  # in the order in which they were told
INTERRUPTED = "interrupted: the rest is not put back yet"


@dataclass
class WayBack:
    """How it went back: sentences, each once. bad: the hosts with something that was not put back."""

    reversed: int = 0
    kept: Sentences = field(default_factory=dict)
    conflicts: Sentences = field(default_factory=dict)
    unknown: Sentences = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)


def back(
    plan: Plan,
    hosts: Hosts,
    jobs: int,
    on_conflict: str,
    terminated: Callable[[], bool],
    aborted: Callable[[], bool],
    again: bool = False,
) -> WayBack:
    """Take back what the tasks of a plan did, last ones first; then repeat the reactions that are owed.

    terminated: ends commands that hang; aborted: nothing more is sent. again: it is their undo that is taken back, so
    the first ones come first.
    """
    return _Back(plan, hosts, jobs, on_conflict, terminated, aborted, again).run()


class _Back:
    def __init__(
        self,
        plan: Plan,
        hosts: Hosts,
        jobs: int,
        on_conflict: str,
        terminated: Callable[[], bool],
        aborted: Callable[[], bool],
        again: bool,
    ) -> None:
        self.again = again
        self.plan, self.hosts, self.jobs, self.on_conflict = plan, hosts, jobs, on_conflict
        self.terminated, self.aborted = terminated, aborted
        self.wishes = Wishes(hosts.runner)
        self.result = WayBack()
        self.owed: dict[str, Sequence[str]] = {}
        self.asked: dict[str, deque[list[str]]] = {}  # by host the roots of each request without an answer

    def run(self) -> WayBack:
        runner = self.hosts.runner

        def reverse(host: str, roots: list[str]) -> None:
            runner.reverse(host, roots, self.on_conflict)

        self._all(self.plan, reverse, TasksReversed, backwards=not self.again)
        self._all(self._plan_of_owed(), runner.repeat, Repeated, backwards=False)
        return self.result

    def _plan_of_owed(self) -> Plan:
        owed = {f"{root}@{host}": (host, root) for host, roots in self.owed.items() for root in roots}
        known = self.plan.only(owed)
        others = {id: Task(id, *owed[id], 0) for id in owed if id not in known.tasks}  # of a rollout before
        return Plan({**others, **known.tasks}, {**dict.fromkeys(others, NONE), **known.after})

    def _all(self, plan: Plan, ask: Callable[[str, list[str]], None], kind: type[Any], *, backwards: bool) -> None:
        """Ask for all tasks of a plan in their order, and take in what comes of it."""
        dispatch = Dispatch(plan, self.jobs, backwards=backwards)
        for host in self.hosts.lost:
            dispatch.drop(host)
        while True:
            self._heed(dispatch)
            for host, tasks in dispatch.batches().items():
                dispatch.sent(host, tasks)
                roots = [task.root for task in tasks]
                self.asked.setdefault(host, deque()).append(roots)
                self.wishes.sent(host)
                ask(host, roots)
            if not dispatch.at_work:
                break
            answer = self.hosts.next(kind)
            if answer is not None:
                self._answered(dispatch, *answer, strict=kind is TasksReversed)
        left = [host for host in plan.by_host if dispatch.has_more(host)]
        self.result.bad.update(left)
        if left:
            self.result.conflicts[INTERRUPTED] = None

    def _answered(self, dispatch: Dispatch, host: str, reply: Any, *, strict: bool) -> None:
        if not isinstance(reply, DeplError) and sorted(reply.tasks) != self._oldest(host):
            reply = self.hosts.refuse(host, "it did not answer for just what it was asked")
        if isinstance(reply, DeplError):
            dispatch.drop(host)
            return
        failed = self._take(host, reply)
        for id in (f"{root}@{host}" for root in reply.tasks):
            if failed and strict:
                self._left(dispatch.leave_out(id), id)
            dispatch.ended(id, host)

    def _oldest(self, host: str) -> Optional[list[str]]:
        """What the next answer of a host has to be about, sorted; None for a host that was asked nothing."""
        asked = self.asked.get(host)
        return sorted(asked.popleft()) if asked else None

    def _heed(self, dispatch: Dispatch) -> None:
        if self.aborted():
            dispatch.stop()
            self.wishes.tell(dispatch.at_work, "terminate" if self.terminated() else "abort")
        elif self.terminated():
            self.wishes.tell(dispatch.at_work, "terminate")

    def _take(self, host: str, reply: Union[TasksReversed, Repeated]) -> bool:
        """Take in what a host tells; whether something failed, so that what it needs must stay."""
        result = self.result
        if isinstance(reply, TasksReversed):
            result.reversed += reply.reversed
            result.kept |= on(host, reply.kept)
            result.unknown |= on(host, reply.unknown)
            result.conflicts |= on(host, reply.conflicts)
            self.owed[host] = reply.owed
        result.conflicts |= on(host, reply.failed)
        if reply.failed or (isinstance(reply, TasksReversed) and reply.conflicts):
            result.bad.add(host)
        return bool(reply.failed)

    def _left(self, tasks: Sequence[Task], cause: str) -> None:
        why = f"it needs {cause}, which is not as it was" if self.again else f"{cause} needs it and is not put back"
        for task in tasks:
            self.result.bad.add(task.host)
            self.result.conflicts[f"{task.id}: left as it is, because {why}"] = None


def on(host: str, sentences: Iterable[str]) -> Sentences:
    """The sentences, each with the host that they are about."""
    return {f"{host}: {sentence}": None for sentence in sentences}
