"""The same for many things, a few at a time: one first, then some, then the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Any

from depl.tasks.arguments import mistaken
from depl.tasks.containers import Container, Parallel, counted, tasks_in
from depl.tasks.delay import Delay
from depl.tasks.task import Task

Size = int | str
HINT = "Write `one, half, all`, a number, a percentage such as `10%`, or a list of them."


class Batches(Container):
    """Tasks for some items in their order, side by side within a batch, batch after batch.

    task: called with an item, it returns the task for it. sizes: how many in each batch, see batched(). pause: between
    batches, a task or seconds. limit: how many at the same time. max_failures: how many of all may fail without ending
    the rollout.
    """

    def __init__(
        self,
        items: Iterable[Any],
        task: Callable[[Any], Task],
        sizes: Size | Sequence[Size] = "one, half, all",
        pause: Task | float | None = None,
        limit: int = 0,
        max_failures: int = 0,
    ) -> None:
        self.max_failures = counted(self, "max_failures", max_failures)
        batches = batched(list(items), sizes)
        groups: list[Task] = []
        for number, batch in enumerate(batches, 1):
            if number > 1 and pause is not None:
                groups.append(pause if isinstance(pause, Task) else Delay(seconds=pause))
            group = Parallel(*tasks_in(self, [task(item) for item in batch]), limit=limit)
            group.title = f"Batch {number} of {len(batches)}: {', '.join(map(str, batch))}"
            groups.append(group)
        self.children = tasks_in(self, groups)


def batched(items: Sequence[Any], sizes: Size | Sequence[Size]) -> list[list[Any]]:
    """Items in groups, in their order.

    A number or a percentage alone: so many each time. In a list such as `one, half, all` or `1, 10%, 50%, all`, a
    number is a size, and the others say how many of all had their turn by then. What is left goes in groups of the last
    size. Errors: ConfigurationError.
    """
    wanted = _sizes(sizes)
    batches: list[list[Any]] = []
    done = 0
    while done < len(items):
        size = wanted[min(len(batches), len(wanted) - 1)]
        alone = len(wanted) == 1 or len(batches) >= len(wanted)
        end = _end(size, done, len(items), alone=alone)
        batches.append(list(items[done:end]))
        done = end
    return [batch for batch in batches if batch]


def _sizes(given: Size | Sequence[Size]) -> list[Size]:
    listed = given.split(",") if isinstance(given, str) else [given] if isinstance(given, int) else given
    sizes = [_size(str(one).strip()) for one in listed]
    if not sizes:
        raise mistaken("sizes of Batches is empty", HINT)
    return sizes


def _size(text: str) -> Size:
    if text == "one":
        return 1
    if text == "half":
        return "50%"
    if text == "all":
        return "100%"
    if text.isdecimal() and int(text):
        return int(text)
    if (match := re.fullmatch(r"(\d+)\s*%", text)) and 0 < int(match[1]) <= 100:
        return f"{match[1]}%"
    raise mistaken(f"sizes of Batches has {text!r}, which is no size", HINT)


def _end(size: Size, done: int, count: int, *, alone: bool) -> int:
    """Up to where a batch goes. alone: a percentage is its size, rather than what is reached by it; at least one."""
    if isinstance(size, int):
        return min(done + size, count)
    share = int(size.removesuffix("%"))
    if alone:
        return min(done + max(1, ceil(count * share / 100)), count)
    return max(done, ceil(count * share / 100))
