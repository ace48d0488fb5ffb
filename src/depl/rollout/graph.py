"""What a rollout is to do, and in which order: tasks, and for each of them those that come before it. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from depl.errors import ConfigurationError

if TYPE_CHECKING:
    from depl.configure import Model

NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Task:
    """A root component on a host. order: its place in the whole rollout, for the hosts' journals.

    after: the tasks of other hosts that it really came after, likewise for the journals; known once it is dispatched.
    """

    id: str
    host: str
    root: str
    order: int
    ignore: bool = False
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The tasks of a rollout by id, in their order, and for each that is to run the ids of those it has to wait for."""

    tasks: Mapping[str, Task]
    after: Mapping[str, frozenset[str]]

    @cached_property
    def by_host(self) -> Mapping[str, Sequence[Task]]:
        """What is to run on each host, in order."""
        found: dict[str, list[Task]] = {}
        for id in self.after:
            found.setdefault(self.tasks[id].host, []).append(self.tasks[id])
        return found

    @property
    def ignored(self) -> Sequence[Task]:
        """The tasks that the environment ignores."""
        return [task for task in self.tasks.values() if task.ignore]

    def only(self, ids: Container[str]) -> Plan:
        """The same order among some of the tasks; what one of them waits for through others stays."""
        return Plan({id: task for id, task in self.tasks.items() if id in ids}, _contracted(self.after, ids))

    def __len__(self) -> int:
        return len(self.after)


def plan_of(model: Model, hosts: Sequence[str], components: Sequence[str] = ()) -> Plan:
    """The plan that deploys the root components of some hosts. components: names, none for all."""
    wanted, names = set(hosts), set(components)
    tasks = {}
    for order, root in enumerate(model.roots, 1):
        if root.host.name in wanted and (not names or root.name in names):
            tasks[root.id] = Task(root.id, root.host.name, root.name, order, root.ignore)
    after = {root.id: model.providers[root.id] for root in model.roots}
    to_run = {id for id, task in tasks.items() if not task.ignore}
    return _checked(Plan(tasks, _contracted(after, to_run)))


def plan_from_chains(found: Mapping[str, Iterable[Mapping[str, Any]]]) -> Plan:
    """The plan that some hosts' journals tell of. found: by host its tasks, each {"root", "order", "after"}.

    Journals of several rollouts may contradict each other: then the order of the numbers counts.
    """
    tasks: dict[str, Task] = {}
    wanted: dict[str, Sequence[str]] = {}
    for host, facts in found.items():
        for fact in facts:
            id = f"{fact['root']}@{host}"
            tasks[id] = Task(id, host, str(fact["root"]), int(fact.get("order", 0)))
            wanted[id] = [str(one) for one in fact.get("after") or ()]
    place = {id: place for place, id in enumerate(sorted(tasks, key=lambda one: (tasks[one].order, one)))}
    after = {id: frozenset(one for one in wanted[id] if place.get(one, len(place)) < place[id]) for id in place}
    return _checked(Plan({id: tasks[id] for id in place}, after))


def _contracted(after: Mapping[str, Iterable[str]], kept: Container[str]) -> dict[str, frozenset[str]]:
    """What the kept ones wait for, where those in between are left out. after: earlier ones first."""
    through: dict[str, frozenset[str]] = {}
    for id, earlier in after.items():
        direct = frozenset(one for one in earlier if one in kept)
        beyond = [through[one] for one in earlier if one not in kept and through.get(one)]
        through[id] = beyond[0] if len(beyond) == 1 and not direct else direct.union(*beyond)
    return {id: earlier for id, earlier in through.items() if id in kept}


def _checked(plan: Plan) -> Plan:
    """The plan, if its tasks can be done at all: a host does its own one after the other, in their order."""
    graph: dict[str, set[str]] = {id: set(earlier) for id, earlier in plan.after.items()}
    for tasks in plan.by_host.values():
        for before, task in pairwise(tasks):
            graph[task.id].add(before.id)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise ConfigurationError(f"these wait for each other: {', '.join(dict.fromkeys(error.args[1]))}") from None
    return plan
