"""What a rollout by hand is to do: tasks as leaves of groups that say in which order. Frozen, JSON both ways. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

NOTHING = "none"  # a way back: there is nothing to put back


@dataclass(frozen=True)
class Leaf:
    """A task of a rollout: what it is made from again, wherever the rollout goes on.

    id: its place, such as "2/1". task: `module:Class` or `rollouts/file.py:Class`. title: a sentence. way_back: exact,
    compensating, irreversible, unknown (see depl.change.changes) or none; reason: why there is none. reverses: there is
    something to call on the way back. gate: approval or checklist, or empty: it waits for people, not for a machine.
    timeout: seconds. environments: those that it works on, which are locked. repeatable: it may simply run again.
    """

    id: str
    task: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    way_back: str = "unknown"
    reason: str = ""
    reverses: bool = True
    gate: str = ""
    retries: int = 0
    timeout: float | None = None
    environments: Sequence[str] = ()
    repeatable: bool = False


@dataclass(frozen=True)
class Group:
    """Tasks and groups, one after the other or side by side.

    limit: how many side by side, 0 for all. max_failures: how many of the tasks below it may fail without ending the
    rollout.
    """

    id: str
    members: Sequence[str]
    parallel: bool = False
    limit: int = 0
    max_failures: int = 0
    title: str = ""


@dataclass(frozen=True)
class Tree:
    """All of it, by ids in the order of the plan. root: the id of the one group or task that holds all others."""

    leaves: Mapping[str, Leaf]
    groups: Mapping[str, Group] = field(default_factory=dict)
    root: str = ""

    @cached_property
    def above(self) -> Mapping[str, str]:
        """By id the group that it lies in."""
        return {member: group.id for group in self.groups.values() for member in group.members}

    def ways_up(self, id: str) -> Iterator[Group]:
        """The groups around a task or group, the nearest first."""
        while id in self.above:
            id = self.above[id]
            yield self.groups[id]

    def leaves_in(self, id: str) -> Iterator[str]:
        """A task itself, or all those in a group, in their order."""
        if id in self.leaves:
            yield id
        else:
            for member in self.groups[id].members:
                yield from self.leaves_in(member)

    def leaves_after(self, id: str, within: str) -> Iterator[str]:
        """The tasks in a group around one that come after that one."""
        for group in self.ways_up(id):
            if group.id == within:
                return
            if not group.parallel:
                for member in group.members[group.members.index(id) + 1 :]:
                    yield from self.leaves_in(member)
            id = group.id

    @property
    def environments(self) -> list[str]:
        """What is to be locked, in the order in which locks are taken."""
        return sorted({name for leaf in self.leaves.values() for name in leaf.environments})

    def as_json(self) -> dict[str, Any]:
        """As it is recorded."""
        return {
            "root": self.root,
            "leaves": [asdict(leaf) for leaf in self.leaves.values()],
            "groups": [asdict(group) for group in self.groups.values()],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Tree:
        """As it was recorded; fields that a later version added are passed over."""
        return Tree(
            {leaf["id"]: Leaf(**_known(Leaf, leaf)) for leaf in data["leaves"]},
            {group["id"]: Group(**_known(Group, group)) for group in data["groups"]},
            data["root"],
        )


def _known(kind: type[Leaf] | type[Group], data: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in data.items() if name in kind.__dataclass_fields__}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
