"""What a run came to, host by host, counted from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from depl.events import Event, Output, What
from depl.rollout.change_words import UNSAFE

ENDS = (What.TASK_DONE, What.TASK_UNCHANGED, What.TASK_FAILED, What.TASK_SKIPPED)


class Step(NamedTuple):
    """A change of a component on a host; where nothing could be foreseen, why. host: empty where there is just one."""

    host: str
    component: str
    change: Mapping[str, Any] | None
    reason: str = ""


class Timed(NamedTuple):
    """A root component's task and how long it took. task: `web@web1`."""

    task: str
    seconds: float


class Tally:
    """Takes the events of a run and counts.

    changes: by host, as events carry them. components: how many changed, by host. seconds: by task that has ended.
    changed: the tasks with something to change. at_work: the hosts that had something to do. unsafe: the steps that
    nobody can promise to undo; unforeseen: those that failed.
    """

    def __init__(self) -> None:
        self.changes: dict[str, list[Any]] = {}
        self.components: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        self.changed: set[str] = set()
        self.at_work: dict[str, None] = {}
        self.unsafe: list[Step] = []
        self.unforeseen: list[Step] = []

    def __call__(self, event: Event | Output) -> None:
        """Take an event."""
        if isinstance(event, Output):
            return
        host = event.host or ""
        if event.task and event.what in (What.TASK_STARTED, What.TASK_DONE, What.TASK_UNCHANGED):
            self.at_work.setdefault(host)
        if event.what is What.CHANGED:
            self.changes.setdefault(host, []).extend(event.data.get("changes", ()))
            self.components[host] = self.components.get(host, 0) + 1
            self.changed.add(f"{event.task}@{host}")
            self._note_unsafe(event)
        elif event.what is What.TASK_FAILED:
            self.failed.add(host)
            self.unforeseen.append(Step(host, _name(event), None, str(event.data.get("error") or "")))
        if event.what in ENDS:
            self.seconds[f"{event.task}@{host}"] = float(event.data.get("seconds") or 0)

    def _note_unsafe(self, event: Event) -> None:
        for change in event.data.get("changes", ()):
            if change.get("way_back") in UNSAFE:
                self.unsafe.append(Step(event.host or "", _name(event), change))

    @property
    def all_changes(self) -> list[Any]:
        """The changes of all hosts."""
        return [change for changes in self.changes.values() for change in changes]

    @property
    def unchanged(self) -> list[str]:
        """The hosts that needed nothing."""
        return sorted(host for host in self.at_work if host not in self.components and host not in self.failed)


def _name(event: Event) -> str:
    return event.component or event.task or ""


def critical_path(seconds: Mapping[str, float], after: Mapping[str, Iterable[str]]) -> Sequence[Timed]:
    """The chain of tasks, each after the one before, that took longest together.

    seconds: by task. after: by task those that had to end before it could begin; no cycles.
    """
    from graphlib import TopologicalSorter

    graph = {task: [one for one in after.get(task, ()) if one in seconds] for task in seconds}
    longest: dict[str, float] = {}  # of the chains that end with a task
    before: dict[str, str] = {}
    for task in TopologicalSorter(graph).static_order():
        if graph[task]:
            before[task] = max(graph[task], key=lambda one: longest[one])
        longest[task] = seconds[task] + (longest[before[task]] if task in before else 0)
    chain = [max(longest, key=lambda one: longest[one])] if longest else []
    while chain and chain[-1] in before:
        chain.append(before[chain[-1]])
    return [Timed(task, seconds[task]) for task in reversed(chain)]
