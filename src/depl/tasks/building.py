"""A tree of a plan from the tasks that somebody wrote, and a task again from its leaf."""

from __future__ import annotations

import re
from typing import Any

from depl.errors import ConfigurationError
from depl.places import place_of_class
from depl.rollout.tree import NOTHING, Group, Leaf, Tree
from depl.tasks.arguments import made
from depl.tasks.containers import Container
from depl.tasks.naming import find, named
from depl.tasks.task import Task

ROOT = "0"


def tree_of(task: Task, base: str = "") -> Tree:
    """The leaves and groups of a task: "0" is the root, what is in it "1", "2", in those "2/1".

    base: the project's directory, to look whether all that tasks name is there. Errors: ConfigurationError.
    """
    leaves: dict[str, Leaf] = {}
    groups: dict[str, Group] = {}
    _grow(task, ROOT, leaves, groups, base)
    return Tree(leaves, groups, ROOT)


def task_of(leaf: Leaf, base: str) -> Task:
    """The task of a leaf, made again. Errors: ConfigurationError, where its class is not what it was."""
    cls = find(base, leaf.task)
    if not isinstance(cls, type) or not issubclass(cls, Task):
        raise ConfigurationError(f"{leaf.task} is no task")
    task: Task = made(cls, leaf.arguments)
    return task


def leaf_of(task: Task, id: str) -> Leaf:
    """A task as it stands in a plan. Errors: ConfigurationError."""
    if type(task).run is Task.run and not task.gate:
        file, line = place_of_class(type(task)) or (None, None)
        hint = "Write a method run(self)."
        raise ConfigurationError(f"The task {type(task).__name__} does nothing", file=file, line=line, hint=hint)
    way_back, reason, reverses = way_back_of(task)
    return Leaf(
        id,
        named(type(task)),
        task._arguments,
        task.title or _title(task),
        way_back,
        reason,
        reverses,
        task.gate,
        task.retries,
        task.timeout,
        tuple(task.environments),
        task.repeatable,
    )


def way_back_of(task: Task) -> tuple[str, str, bool]:
    """How a task is undone, why it is not, and whether there is something to call."""
    if task.irreversible:
        return "irreversible", task.irreversible, False
    if task.changes_nothing:
        return NOTHING, "", task.can_reverse
    if task.can_reverse:
        return task.way_back, "", True
    return "unknown", "nobody said how it is undone", False


def _grow(task: Any, id: str, leaves: dict[str, Leaf], groups: dict[str, Group], base: str) -> None:
    if not isinstance(task, Task):
        hint = "plan() returns a task, or a container such as Sequential(...) with all of them."
        raise ConfigurationError(f"{task!r} is no task", hint=hint)
    if not isinstance(task, Container):
        leaves[id] = leaf_of(task, id)
        if base:
            task.assert_sound(base)
        return
    members = tuple(str(number) if id == ROOT else f"{id}/{number}" for number, _ in enumerate(task.children, 1))
    title = task.title or _caption(task)
    groups[id] = Group(id, members, task.parallel, task.limit, task.max_failures, title)
    for member, child in zip(members, task.children, strict=True):
        _grow(child, member, leaves, groups, base)


def _title(task: Task) -> str:
    """A class such as MigrateDatabase with its arguments: `Migrate database (version=5)`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", type(task).__name__)
    given = ", ".join(f"{name}={value!r}" for name, value in task._arguments.items())
    return f"{words[:1].upper()}{words[1:].lower()}{f' ({given})' if given else ''}"


def _caption(container: Container) -> str:
    if not container.parallel:
        return "One after the other"
    return f"Side by side, {container.limit} at a time" if container.limit else "Side by side"
