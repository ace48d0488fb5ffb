"""The tree of a rollout's tasks in the order and the words in which people read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from depl.rollout.folding import State
from depl.rollout.task_status import TaskStatus
from depl.rollout.tree import NOTHING, Group, Leaf, Tree

SURE = ("exact", "compensating", NOTHING)  # ways back that need no word


def walk(tree: Tree, id: str, depth: int = 0) -> Iterator[tuple[int, str]]:
    """The tasks and groups in their order, each with its depth; a group of one is not worth a line."""
    if id not in tree.groups:
        yield depth, id
        return
    group = tree.groups[id]
    shown = id != tree.root or group.parallel or bool(group.title)
    if shown:
        yield depth, id
    for member in group.members:
        yield from walk(tree, member, depth + shown)


def title_of(tree: Tree, id: str) -> str:
    """A task by its title, a group by its own or by how it goes about what is in it."""
    if id in tree.leaves:
        return tree.leaves[id].title or tree.leaves[id].task
    return tree.groups[id].title or _how(tree.groups[id])


def name(tree: Tree, id: str) -> str:
    """The same after its id."""
    return title_of(tree, id) if id in ("", tree.root) and id in tree.groups else f"{id}  {title_of(tree, id)}"


def inside_of(state: State) -> Mapping[str, list[tuple[str, TaskStatus]]]:
    """What tasks do inside, by task."""
    leaves = state.plan.tree.leaves if state.plan is not None else {}
    found: dict[str, list[tuple[str, TaskStatus]]] = {}
    for id, status in state.tasks.items():
        if id not in leaves:
            found.setdefault(around(id), []).append((id, status))
    return found


def around(id: str) -> str:
    """The task that something is done inside of, by its id; nothing for what is done by itself."""
    return id.rpartition("/")[0]


def unsure_way_back(leaf: Leaf) -> str:
    """How a task can be taken back, where that is not sure, and why; else nothing."""
    if leaf.way_back in SURE:
        return ""
    return f"{leaf.way_back}: {leaf.reason}" if leaf.reason else leaf.way_back


def attempts(status: TaskStatus) -> int:
    """How often a task was tried, forward or else backward, where that is more than once; else 0."""
    return status.attempt if status.attempt > 1 else status.reversal if status.reversal > 1 else 0


def _how(group: Group) -> str:
    if not group.parallel:
        return "one after the other"
    return f"side by side, {group.limit} at a time" if group.limit else "side by side"
