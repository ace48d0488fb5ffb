"""Tasks that hold others: one after the other, or side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from depl.tasks.arguments import mistaken
from depl.tasks.task import Task

Child = Task | Sequence["Child"]


class Container(Task):
    """What holds tasks is no task of the plan itself: it says in which order those in it come."""

    parallel: bool = False
    limit: int = 0
    max_failures: int = 0
    children: Sequence[Task]

    @classmethod
    def _taken(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG003
        return {}


class Sequential(Container):
    """One after the other; undone the last one first. tasks: also lists of them."""

    def __init__(self, *tasks: Child) -> None:
        self.children = tasks_in(self, tasks)


class Parallel(Container):
    """Side by side; undone side by side, too.

    limit: how many at the same time, 0 for all. max_failures: how many may fail without ending the rollout.
    """

    parallel = True

    def __init__(self, *tasks: Child, limit: int = 0, max_failures: int = 0) -> None:
        self.children = tasks_in(self, tasks)
        self.limit = counted(self, "limit", limit)
        self.max_failures = counted(self, "max_failures", max_failures)


def tasks_in(container: Container, given: Iterable[Any]) -> Sequence[Task]:
    """All the tasks in some that may be lists. Errors: ConfigurationError, if there is none, or something else."""
    name = type(container).__name__
    tasks = list(_flat(name, given))
    if not tasks:
        raise mistaken(f"{name} has no tasks in it", "Give it at least one task.")
    return tasks


def counted(container: Container, name: str, value: Any) -> int:
    """A number of things. Errors: ConfigurationError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise mistaken(f"{name} of {type(container).__name__} is {value!r}, which is no number of tasks")
    return value


def _flat(name: str, given: Iterable[Any]) -> Iterator[Task]:
    for one in given:
        if isinstance(one, Task):
            yield one
        elif isinstance(one, Iterable) and not isinstance(one, (str, bytes, dict)):
            yield from _flat(name, one)
        elif isinstance(one, type) and issubclass(one, Task):
            raise mistaken(
                f"{name} holds the class {one.__name__}, which is no task yet", f"Write {one.__name__}(...)."
            )
        else:
            hint = "Children are tasks such as Command(...), or lists of them; a function is called by PythonCall."
            raise mistaken(f"{name} holds {one!r}, which is no task", hint)
