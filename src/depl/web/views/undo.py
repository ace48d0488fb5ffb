"""What an undo would put back, in its order, with what stands in its way first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depl.rollout.folding import State
from depl.rollout.outline import SURE
from depl.rollout.plan import RolloutPlan
from depl.rollout.task_status import TaskStatus
from depl.rollout.tree import Tree
from depl.rollout.wording import counted, moment
from depl.web.views.changes import Change, change_of
from depl.web.views.tree import host_of


@dataclass(frozen=True)
class UndoStep:
    """conflict: why it is not possible now. stays: why it stays as it is. along: what others put there, that goes too.

    stands: what stays, as this cannot be undone and came after it; is_stop: this is such a step.
    """

    host: str
    component: str
    change: Change
    conflict: str = ""
    stays: str = ""
    along: Sequence[str] = ()
    stands: Sequence[str] = ()
    is_stop: bool = False


@dataclass(frozen=True)
class UndoTask:
    """A task of a rollout by hand. goes_back: else it stays, for a reason. is_sure: of its way back."""

    id: str
    title: str
    goes_back: bool
    way_back: str
    reason: str
    is_sure: bool


@dataclass(frozen=True)
class UndoView:
    """conflicts: steps that are not possible now, all hosts; hosts: by name all steps in their order.

    seconds: how long it may take, None: nobody knows.
    """

    summary: str
    conflicts: Sequence[UndoStep]
    hosts: Mapping[str, Sequence[UndoStep]]
    tasks: Sequence[UndoTask]
    unknown: Sequence[str]
    again: bool
    seconds: float | None = None


def undo_preview(answer: Mapping[str, Any]) -> UndoView:
    """Of a deployment, from an inquiry's answer."""
    hosts = {
        str(host): [_step(str(host), step) for step in steps] for host, steps in (answer.get("steps") or {}).items()
    }
    steps = [step for found in hosts.values() for step in found]
    conflicts = [step for step in steps if step.conflict and not step.is_stop]
    again = bool(answer.get("again"))
    possible = sum(not (step.conflict or step.stays or step.is_stop) for step in steps)
    told = [f"{counted(possible, 'change')} would be {'made again' if again else 'put back'}"]
    told += [counted(len(conflicts), "conflict")] if conflicts else []
    staying = sum(bool(step.stays) for step in steps) + sum(step.is_stop for step in steps)
    told += [f"{staying} {'stays as it is' if staying == 1 else 'stay as they are'}"] if staying else []
    unknown = [str(one) for one in answer.get("unknown") or ()]
    return UndoView(", ".join(told), conflicts, hosts, (), unknown, again)


def at_conflicts(count: int, on_conflict: str) -> str:
    """What becomes of so many conflicts when it is started; empty: there are none. on_conflict: stop, force or keep."""
    if not count:
        return ""
    them = "the conflict" if count == 1 else f"the {count} conflicts"
    return {
        "force": "What others changed since is overwritten.",
        "keep": "What others changed since is left as it is.",
    }.get(on_conflict, f"It stops at {them}: what stands in its way is not put back, and somebody has to decide.")


def undo_by_hand(plan: RolloutPlan) -> UndoView:
    """Of a rollout by hand, from the plan of its undo: the last task goes back first."""
    ids = [id for id in reversed(list(plan.tree.leaves)) if id in plan.carried]
    tasks = [_task(plan, id) for id in ids]
    back = sum(task.goes_back for task in tasks)
    told = [f"{counted(back, 'task')} would be put back"]
    told += [f"{counted(len(tasks) - back, 'task')} cannot be"] if back < len(tasks) else []
    return UndoView(", ".join(told), (), {}, tasks, (), again=False)


def seconds_back(original: State, view: UndoView) -> float | None:
    """About how long it takes, from how long what goes back took forth: by hand in its order, else host by host."""
    going = {task.id for task in view.tasks if task.goes_back}
    if original.plan is not None:
        took = {id: _seconds(original.tasks[id]) for id in going if id in original.tasks}
        return _after_each_other(original.plan.tree, original.plan.tree.root, took) if any(took.values()) else None
    hosts: dict[str, float] = {}
    for id, status in original.tasks.items():
        if host_of(id) in view.hosts or not host_of(id):
            hosts[host_of(id)] = hosts.get(host_of(id), 0.0) + _seconds(status)
    return max(hosts.values(), default=0.0) or None


def _after_each_other(tree: Tree, id: str, took: Mapping[str, float]) -> float:
    if id not in tree.groups:
        return took.get(id, 0.0)
    group = tree.groups[id]
    members = [_after_each_other(tree, one, took) for one in group.members]
    if not group.parallel:
        return sum(members)
    return max([*members, sum(members) / group.limit if group.limit else 0.0])


def _seconds(status: TaskStatus) -> float:
    """How long it took forth."""
    _, began, ended = status.forth or (status.state, status.began, status.ended)
    start, end = moment(began), moment(ended)
    return max(0.0, end - start) if start is not None and end is not None else 0.0


def _step(host: str, step: Mapping[str, Any]) -> UndoStep:
    return UndoStep(
        host,
        str(step.get("component") or ""),
        change_of(step.get("change") or step.get("shown") or {}),
        str(step.get("conflict") or ""),
        str(step.get("held") or ""),
        [str(one) for one in step.get("goes_along") or ()],
        [str(one) for one in step.get("stands") or ()],
        "stands" in step,
    )


def _task(plan: RolloutPlan, id: str) -> UndoTask:
    leaf = plan.tree.leaves[id]
    goes_back = leaf.reverses and leaf.way_back != "irreversible"
    reason = leaf.reason if goes_back else leaf.reason or "nobody said how it is undone"
    return UndoTask(id, leaf.title or leaf.task, goes_back, leaf.way_back, reason, leaf.way_back in SURE)
