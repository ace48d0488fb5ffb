"""Which tasks may be sent now: no barrier but the graph. Pure, and the same for the same course of things."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping

from depl.rollout.graph import Plan, Task


class Dispatch:
    """Hands out the tasks of a plan host by host, as those end that they wait for.

    A host does its own tasks in order, so they are sent as many at a time as possible: in one message where nothing on
    other hosts is in between. jobs: how many hosts may be at work at the same time. backwards: last ones first.
    """

    def __init__(self, plan: Plan, jobs: int, *, backwards: bool = False) -> None:
        self._jobs = max(1, jobs)
        self._stopped = False
        self._left = {
            host: deque(reversed(tasks) if backwards else tasks) for host, tasks in plan.by_host.items()
        }  # what was not sent
        self._sent: dict[str, OrderedDict[str, Task]] = {}  # hosts at work: what was sent and has not ended
        self._unsent = set(plan.after)
        self._left_out: set[str] = set()
        self._gone: set[str] = set()  # hosts
        self._missing = dict.fromkeys(plan.after, 0)  # how many tasks of other hosts have not ended
        self._behind: dict[str, list[Task]] = {}  # the tasks that wait for one
        for before, task in _edges(plan, backwards):
            self._missing[task.id] += before.host != task.host
            self._behind.setdefault(before.id, []).append(task)
        self._free: OrderedDict[str, None] = OrderedDict()  # hosts at work whose next task may be sent
        self._waiting: OrderedDict[str, None] = OrderedDict()  # hosts that are not, likewise
        for host in self._left:
            self._consider(host)

    def batches(self) -> dict[str, tuple[Task, ...]]:
        """What may be sent now: by host its next tasks, as many as need not wait for another host."""
        if self._stopped:
            return {}
        places = self._jobs - len(self._sent)
        hosts = [*self._free, *(host for host, _ in zip(self._waiting, range(places), strict=False))]
        return {host: tuple(self._batch(host)) for host in hosts}

    def sent(self, host: str, tasks: Iterable[Task]) -> None:
        """These were sent to a host: the next ones of it."""
        at_work = self._sent.setdefault(host, OrderedDict())
        for task in tasks:
            assert self._left[host][0] is task
            at_work[task.id] = self._left[host].popleft()
            self._unsent.remove(task.id)
        self._consider(host)

    def ended(self, id: str, host: str) -> None:
        """A task that was sent came to its end: others need not wait for it any more."""
        at_work = self._sent[host]
        task = at_work.pop(id)
        if not at_work:
            del self._sent[host]
            self._consider(host)
        self._release(task)

    def drop(self, host: str) -> list[Task]:
        """A host is gone. What was sent to it and did not end.

        The rest of its tasks count as ended as soon as they might have been sent, so that others still wait for what
        those waited for.
        """
        lost = list(self._sent.pop(host, {}).values())
        self._gone.add(host)
        self._left.setdefault(host, deque())
        for task in lost:
            self._release(task)
        self._consider(host)
        return lost

    def leave_out(self, id: str) -> list[Task]:
        """Never send what waits for a task, nor what waits for that; all of these."""
        left_out, hosts, reached = [], set(), [id]
        while reached:
            for task in self._behind.get(reached.pop(), ()):
                if task.id in self._unsent and task.id not in self._left_out:
                    self._left_out.add(task.id)
                    left_out.append(task)
                    hosts.add(task.host)
                    reached.append(task.id)
        for host in sorted(hosts):
            self._consider(host)
        return left_out

    def stop(self) -> None:
        """Send no more."""
        self._stopped = True

    @property
    def at_work(self) -> Mapping[str, Mapping[str, Task]]:
        """The hosts at work, with what was sent to them and has not ended."""
        return self._sent

    def has_more(self, host: str) -> bool:
        """Whether something was not yet sent to a host."""
        return bool(self._left[host])

    def _batch(self, host: str) -> Iterator[Task]:
        for task in self._left[host]:
            if self._missing[task.id] or task.id in self._left_out:
                return
            yield task

    def _release(self, ended: Task) -> None:
        reached = [ended]
        while reached:
            before = reached.pop()
            for task in self._behind.get(before.id, ()):
                if task.host == before.host:
                    continue
                self._missing[task.id] -= 1
                left = self._left[task.host]
                if left and left[0] is task:
                    reached += self._pass(task.host)
                    self._place(task.host)

    def _consider(self, host: str) -> None:
        for task in self._pass(host):
            self._release(task)
        self._place(host)

    def _pass(self, host: str) -> list[Task]:
        """Take what is not sent any more from what is left; those that count as ended."""
        left, ended = self._left[host], []
        while left and (left[0].id in self._left_out or (host in self._gone and not self._missing[left[0].id])):
            task = left.popleft()
            if task.id not in self._left_out:
                ended.append(task)
        return ended

    def _place(self, host: str) -> None:
        """Put a host among those that may be sent something, or not."""
        self._free.pop(host, None)
        left = self._left[host]
        if not left or self._missing[left[0].id] or host in self._gone:
            self._waiting.pop(host, None)
        elif host in self._sent:
            self._waiting.pop(host, None)
            self._free[host] = None
        elif host not in self._waiting:
            self._waiting[host] = None


def _edges(plan: Plan, backwards: bool) -> Iterator[tuple[Task, Task]]:
    """Pairs of tasks: the first one has to end before the second one is sent."""
    for id, earlier in plan.after.items():
        for one in sorted(earlier):
            pair = plan.tasks[one], plan.tasks[id]
            yield pair if not backwards else pair[::-1]
