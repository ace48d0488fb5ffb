"""A plan before it runs: what each task would change, and how it can be taken back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depl.rollout.backward import is_pivot
from depl.rollout.outline import SURE, title_of, walk
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import TaskState
from depl.rollout.summaries import message_of
from depl.rollout.task_status import TaskStatus
from depl.rollout.tree import Leaf
from depl.rollout.wording import counted, moment, utc_of
from depl.web.views.changes import ComponentChanges, changes_of, counted_ways
from depl.web.views.tree import anchor


@dataclass(frozen=True)
class PlannedTask:
    """A group or a task. kind: group or task. count: of the components that would change, None: nobody knows.

    is_pivot: from here on not everything can be taken back; reason: why.
    """

    id: str
    anchor: str
    depth: int
    title: str
    kind: str
    way_back: str = ""
    reason: str = ""
    is_sure: bool = True
    is_pivot: bool = False
    gate: str = ""
    environments: Sequence[str] = ()
    count: int | None = None
    changes: Sequence[ComponentChanges] = ()


@dataclass(frozen=True)
class PlanView:
    """All of it. until: UTC, until when it may be started; summary: one line. error: why changes are not known."""

    tasks: Sequence[PlannedTask]
    summary: str
    until: str
    is_valid: bool
    pivot: PlannedTask | None
    unsafe: Sequence[str]
    reversibility: str
    error: str
    error_hint: str
    is_known: bool


def plan_view(plan: RolloutPlan, answer: Mapping[str, Any] | None = None, *, now: float) -> PlanView:
    """answer: of the inquiry that made it, see store.inquiries; None: not there (any more)."""
    found = answer or {}
    known, error = found.get("changes") or {}, found.get("error")
    counts = found.get("counts") or {}
    by_task = {id: changes_of(known.get(id) or ()) for id in plan.tree.leaves}
    pivot = next((id for id, leaf in plan.tree.leaves.items() if _pivot(leaf, by_task[id]) is not None), None)
    tasks = [
        _task(plan, id, depth, by_task[id], counts.get(id), id == pivot)
        if id in plan.tree.leaves
        else _group(plan, id, depth)
        for depth, id in walk(plan.tree, plan.tree.root)
    ]
    made = moment(plan.made)
    return PlanView(
        tasks,
        _summary(plan, by_task, is_known=answer is not None and not error),
        utc_of(made + plan.valid) if made is not None else "",
        made is not None and abs(now - made) <= plan.valid,
        next((task for task in tasks if task.is_pivot), None),
        [str(one) for one in found.get("unsafe") or ()],
        str(found.get("reversibility") or "allow"),
        message_of(error),
        str(error.get("hint") or "") if isinstance(error, Mapping) else "",
        answer is not None and not error,
    )


def _group(plan: RolloutPlan, id: str, depth: int) -> PlannedTask:
    return PlannedTask(id, anchor(id), depth, title_of(plan.tree, id), "group")


def _task(
    plan: RolloutPlan, id: str, depth: int, changes: Sequence[ComponentChanges], count: int | None, is_pivot: bool
) -> PlannedTask:
    leaf = plan.tree.leaves[id]
    reason = _pivot(leaf, changes) or leaf.reason if is_pivot else leaf.reason
    return PlannedTask(
        id,
        anchor(id),
        depth,
        title_of(plan.tree, id),
        "task",
        leaf.way_back,
        reason,
        leaf.way_back in SURE and all(change.is_sure for one in changes for change in one.changes),
        is_pivot,
        leaf.gate,
        leaf.environments,
        count,
        changes,
    )


def _pivot(leaf: Leaf, changes: Sequence[ComponentChanges]) -> str | None:
    """Why it cannot be taken back once it is done; None: it can be."""
    if is_pivot(leaf, TaskStatus(TaskState.DONE)):
        return leaf.reason
    steps = [change for one in changes for change in one.changes if change.way_back == "irreversible"]
    return f"{steps[0].sentence}: {steps[0].reason}" if steps else None


def _summary(plan: RolloutPlan, by_task: Mapping[str, Sequence[ComponentChanges]], *, is_known: bool) -> str:
    """`3 tasks on 2 hosts, 4 changes (all exact)`."""
    told = counted(len(plan.tree.leaves), "task")
    if not is_known:
        return f"{told}, nobody knows what would change"
    all_found = [one for found in by_task.values() for one in found]
    hosts = {one.host for one in all_found if one.host and one.changes}
    where = f" on {counted(len(hosts), 'host')}" if hosts else ""
    ways = counted_ways(change for one in all_found for change in one.changes)
    return f"{told}{where}, {ways}" if ways else f"{told}, nothing to change that can be foreseen"
