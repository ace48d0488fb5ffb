"""The loop backwards: takes back what some tasks did, last ones first, then repeats the reactions that are owed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from depl.deploy.books import COLLECTED
from depl.errors import DeplError
from depl.protocol.replies import Repeated, TasksReversed
from depl.rollout.dispatch import Dispatch
from depl.rollout.graph import NONE, Plan, Task
from depl.rollout.hearing import Hosts, Wishes
from depl.rollout.telling import Telling

Sentences = dict[str, None]  # in the order in which they were told
INTERRUPTED = "interrupted: the rest is not put back yet"


@dataclass
class WayBack:
    """How it went back: sentences, each once. bad: the hosts with something that was not put back.

    pivots: the steps across which nothing was undone; standing: what was done before them, on any host.
    """

    reversed: int = 0
    kept: Sentences = field(default_factory=dict)
    conflicts: Sentences = field(default_factory=dict)
    unknown: Sentences = field(default_factory=dict)
    pivots: Sentences = field(default_factory=dict)
    standing: Sentences = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    clash: bool = False  # others wrote what was to be put back

    def __iadd__(self, other: WayBack) -> WayBack:
        """Both of them."""
        self.reversed += other.reversed
        self.bad |= other.bad
        self.clash |= other.clash
        for name in ("kept", "conflicts", "unknown", "pivots", "standing"):
            getattr(self, name).update(getattr(other, name))
        return self


def back(
    plan: Plan,
    hosts: Hosts,
    jobs: int,
    on_conflict: str,
    terminated: Callable[[], bool],
    aborted: Callable[[], bool],
    again: bool = False,
    paused: Callable[[], bool] = lambda: False,
) -> WayBack:
    """Take back what the tasks of a plan did, last ones first; then repeat the reactions that are owed.

    terminated: ends commands that hang; aborted: nothing more is sent. again: it is their undo that is taken back, so
    the first ones come first. paused: nothing more is sent for now.
    """
    return _Back(plan, hosts, jobs, on_conflict, terminated, aborted, again, paused).run()


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
        paused: Callable[[], bool],
    ) -> None:
        self.again, self.paused = again, paused
        self.tell = Telling(lambda event: None) if again else hosts.emit  # its own events are of the way forward
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

        for part in self._parts():
            self._all(part, reverse, TasksReversed, backwards=not self.again)
        self._all(self._plan_of_owed(), runner.repeat, Repeated, backwards=False)
        return self.result

    def _parts(self) -> list[Plan]:
        """What was removed, as it was no longer declared, comes back on all hosts before all else, as it went last."""
        last = {id for id, task in self.plan.tasks.items() if task.root == COLLECTED}
        if not last:
            return [self.plan]
        parts = [self.plan.only(last), self.plan.only(self.plan.tasks.keys() - last)]
        return parts[::-1] if self.again else parts

    def _plan_of_owed(self) -> Plan:
        owed = {f"{root}@{host}": (host, root) for host, roots in self.owed.items() for root in roots}
        known = self.plan.only(owed)
        others = {id: Task(id, *owed[id], 0) for id in owed if id not in known.tasks}  # of a rollout before
        return Plan({**others, **known.tasks}, {**dict.fromkeys(others, NONE), **known.after})

    def _all(self, plan: Plan, ask: Callable[[str, list[str]], None], kind: type[Any], *, backwards: bool) -> None:
        """Ask for all tasks of a plan in their order, and take in what comes of it."""
        dispatch, strict = Dispatch(plan, self.jobs, backwards=backwards), kind is TasksReversed
        for host in self.hosts.lost:
            self._gone(dispatch, host, strict=strict)
        while True:
            self._heed(dispatch)
            waits = self.paused()
            for host, tasks in {} if waits else dispatch.batches().items():
                dispatch.sent(host, tasks)
                roots = [task.root for task in tasks]
                for task in tasks if strict else ():
                    self._goes_back(task)
                self.asked.setdefault(host, deque()).append(roots)
                self.wishes.sent(host)
                ask(host, roots)
            if not dispatch.at_work and not (waits and dispatch.batches()):
                break
            answer = self.hosts.next(kind)
            if answer is not None:
                self._answered(dispatch, *answer, strict=strict)
        left = [host for host in plan.by_host if dispatch.has_more(host)]
        self.result.bad.update(left)
        if left:
            self.result.conflicts[INTERRUPTED] = None

    def _answered(self, dispatch: Dispatch, host: str, reply: Any, *, strict: bool) -> None:
        if not isinstance(reply, DeplError) and sorted(reply.tasks) != self._oldest(host):
            reply = self.hosts.refuse(host, "it did not answer for just what it was asked")
        if isinstance(reply, DeplError):
            self._gone(dispatch, host, strict=strict)
            return
        failed = self._take(host, reply)
        if strict:
            self._tell(host, reply)
        left = set(reply.tasks).intersection(reply.left) if strict else ()
        stuck = (left or reply.tasks) if strict and failed else ()
        for root in reply.tasks:
            id = f"{root}@{host}"
            if root in stuck:
                self._left(dispatch.leave_out(id), id, by_pivot=not reply.failed)
        for root in reply.tasks:
            dispatch.ended(f"{root}@{host}", host)

    def _gone(self, dispatch: Dispatch, host: str, *, strict: bool) -> None:
        """A host is lost: what its last step that cannot be undone came after must stand, as far as that is known."""
        tasks = list(self.plan.by_host.get(host, ()))
        while tasks and tasks[-1].id not in self.hosts.pivots:
            tasks.pop()
        for task in tasks if strict and self.on_conflict != "keep" else ():
            self._left(dispatch.leave_out(task.id), task.id, by_pivot=True)
        for task in self.plan.by_host.get(host, ()) if strict else ():
            self.tell.left(task.root, host, self.hosts.lost[host].message)
        dispatch.drop(host)

    def _goes_back(self, task: Task) -> None:
        if task.id not in self.hosts.pivots or self.on_conflict == "keep":
            self.tell.goes_back(task.root, task.host)

    def _tell(self, host: str, reply: TasksReversed) -> None:
        """Say of each task what became of it."""
        wrong = [*reply.conflicts, *reply.failed, *reply.pivots]
        left = set(reply.left) or (set(reply.tasks) if wrong else set())
        for root in reply.tasks:
            if root not in left:
                self.tell.put_back(root, host)
            elif reply.pivots:
                self.tell.kept(root, host, "; ".join(wrong))
            else:
                self.tell.left(root, host, "; ".join(wrong), clash=not reply.failed)

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
        result, stopped = self.result, bool(reply.failed)
        if isinstance(reply, TasksReversed):
            stopped |= bool(reply.pivots)
            result.reversed += reply.reversed
            result.kept |= on(host, reply.kept)
            result.unknown |= on(host, reply.unknown)
            result.conflicts |= on(host, reply.conflicts)
            result.pivots |= on(host, reply.pivots)
            result.clash |= bool(reply.conflicts)
            result.standing |= on(host, reply.standing)
            self.owed[host] = reply.owed
        result.conflicts |= on(host, reply.failed)
        if stopped or (isinstance(reply, TasksReversed) and reply.conflicts):
            result.bad.add(host)
        return stopped

    def _left(self, tasks: Sequence[Task], cause: str, *, by_pivot: bool) -> None:
        why = f"it needs {cause}, which is not as it was" if self.again else f"{cause} needs it and is not put back"
        for task in tasks:
            self.result.bad.add(task.host)
            if by_pivot:
                self.result.standing[f"{task.host}: {task.root}, because {why}"] = None
                self.tell.kept(task.root, task.host, why)
            else:
                self.tell.left(task.root, task.host, why)
                self.result.conflicts[f"{task.id}: left as it is, because {why}"] = None


def on(host: str, sentences: Iterable[str]) -> Sentences:
    """The sentences, each with the host that they are about."""
    return {f"{host}: {sentence}": None for sentence in sentences}
