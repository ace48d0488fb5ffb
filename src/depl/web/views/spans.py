"""When which task was at work, and the chain of tasks that made a rollout take as long as it did. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from depl.rollout.folding import State
from depl.rollout.outline import around
from depl.rollout.states import TaskState
from depl.rollout.task_status import TaskStatus
from depl.rollout.tree import Tree
from depl.rollout.wording import moment
from depl.web.views.states import Look, look_of_task

AT_WORK = (TaskState.DISPATCHED, TaskState.REVERSING)


@dataclass(frozen=True)
class Span:
    """A task at work. began, ended: seconds since 1970; ended None: it still is."""

    id: str
    began: float
    ended: float | None
    look: Look
    is_backward: bool = False


def spans_of(state: State) -> list[Span]:
    """Of each task its last way forth, and its last way back."""
    return [span for id, status in state.tasks.items() for span in _of_task(id, status)]


def critical_path(
    state: State, spans: Sequence[Span], now: float, edges: Mapping[str, Collection[str]] | None = None
) -> list[str]:
    """From the task that ended last, each time to what it waited for that ended last; the first one first.

    edges: by task those it waits for, where that is known. Else the order of the plan says, and at last the times do.
    """
    last = {span.id: span for span in spans if not span.is_backward}
    parts = {around(id) for id in last} if state.plan is not None else set()
    known = {id: (span.began, now if span.ended is None else span.ended) for id, span in last.items()}
    atoms = {id: times for id, times in known.items() if id not in parts}  # what is done inside stands for the whole
    if not atoms:
        return []
    by_end = sorted(atoms, key=lambda one: (atoms[one][1], one))
    ends = [atoms[id][1] for id in by_end]
    chain, seen, place = [by_end[-1]], {by_end[-1]}, len(by_end)
    tree = state.plan.tree if state.plan is not None else Tree({})
    previous = _previous(tree)
    while True:
        id = chain[-1]
        known_before = edges[id] if edges and id in edges else _leaves_before(tree, id, previous)
        waited = [one for one in known_before if one in atoms and one not in seen]
        before = max(waited, key=lambda one: (atoms[one][1], one), default=None)
        if before is None:
            place = min(place, bisect_right(ends, atoms[id][0]))
            while place and by_end[place - 1] in seen:
                place -= 1
            if not place:
                return chain[::-1]
            before = by_end[place - 1]
        seen.add(before)
        chain.append(before)


def _of_task(id: str, status: TaskStatus) -> Iterator[Span]:
    if status.forth is not None:
        yield from _span(id, *status.forth)
    yield from _span(id, status.state, status.began, status.ended, is_backward=status.forth is not None)


def _span(id: str, after: TaskState, began: str, ended: str, *, is_backward: bool = False) -> Iterator[Span]:
    start, end = moment(began), moment(ended)
    if start is not None:
        over = None if after in AT_WORK else max(start, end if end is not None else start)
        yield Span(id, start, over, look_of_task(after), is_backward)


def _leaves_before(tree: Tree, id: str, previous: Mapping[str, str]) -> Iterator[str]:
    """The tasks right before one in the order of the plan. previous: by member of a group the one before it."""
    around_it = [id, *(group.id for group in tree.ways_up(id))]
    before = next((previous[one] for one in around_it if one in previous), None)
    if before is not None:
        yield from tree.leaves_in(before)


def _previous(tree: Tree) -> dict[str, str]:
    chains = [group.members for group in tree.groups.values() if not group.parallel]
    return {after: before for members in chains for before, after in pairwise(members)}
