"""The tree of a rollout's tasks as text: what comes after what, and how each stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from depl.report.lines import Line, counted, seconds
from depl.report.rollouts import age
from depl.rollout.folding import State
from depl.rollout.states import TaskState
from depl.rollout.task_status import TaskStatus
from depl.rollout.tree import NOTHING, Group, Leaf, Tree

SURE = ("exact", "compensating", NOTHING)


def plan_tree_lines(tree: Tree) -> list[Line]:
    """A plan: every task with its id, its title, and how it can be taken back where that is not sure."""
    return [
        Line(
            f"{indent}{name(tree, id)}{_way_back(tree.leaves[id]) if id in tree.leaves else ''}",
            _style_of_way(tree, id),
        )
        for indent, id in walk(tree, tree.root)
    ]


def task_tree_lines(state: State, *, inside: bool = True) -> list[Line]:
    """A rollout: every task with how it stands; inside: also what a deployment does in it."""
    if state.plan is None:
        return [_status_line("", id, status) for id, status in state.tasks.items()]
    waiting = state.unanswered
    tree = state.plan.tree
    of = _inside(state) if inside else {}
    lines = []
    for indent, id in walk(tree, tree.root):
        if id not in tree.leaves:
            lines.append(Line(f"{indent}{name(tree, id)}", "dim"))
            continue
        lines.append(_status_line(indent, name(tree, id), state.tasks[id], waits=id in waiting))
        lines += [_status_line(f"{indent}    ", one.removeprefix(f"{id}/"), status) for one, status in of.get(id, ())]
    return lines


def walk(tree: Tree, id: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """The tasks and groups in their order, each with its indentation; a group of one is not worth a line."""
    if id not in tree.groups:
        yield "  " * depth, id
        return
    group = tree.groups[id]
    shown = id != tree.root or group.parallel or bool(group.title)
    if shown:
        yield "  " * depth, id
    for member in group.members:
        yield from walk(tree, member, depth + shown)


def name(tree: Tree, id: str) -> str:
    """A task by its id and title, a group by how it goes about what is in it."""
    if id in tree.leaves:
        return f"{id}  {tree.leaves[id].title or tree.leaves[id].task}"
    group = tree.groups[id]
    return f"{id}  {group.title or _how(group)}" if id not in ("", tree.root) else group.title or _how(group)


def took(status: TaskStatus) -> str:
    """How long a task took, from its times: `4 s`; nothing where it did not begin."""
    began = age(status.began) if status.began else None
    if began is None:
        return ""
    ended = age(status.ended) if status.ended else 0.0
    whole = round(max(0.0, began - (ended or 0.0)))  # records have no parts of seconds
    return seconds(whole) if whole >= 10 else f"{whole} s" if whole else ""


def task_style(state: TaskState) -> str:
    """The style for how a task stands."""
    return _STYLES.get(state, "")


def _how(group: Group) -> str:
    if not group.parallel:
        return "one after the other"
    return f"side by side, {group.limit} at a time" if group.limit else "side by side"


def _status_line(indent: str, title: str, status: TaskStatus, *, waits: bool = False) -> Line:
    facts = ["waiting" if waits else "at work" if status.state is TaskState.DISPATCHED else status.state.value]
    if status.state in (TaskState.DISPATCHED, TaskState.REVERSING) and status.total:
        facts.append(f"{status.done:.0f} of {status.total:.0f}")
    facts += [word for word in (took(status), _attempts(status)) if word]
    text = f"{indent}{title}: {', '.join(facts)}"
    return Line(f"{text}  ({status.reason})" if status.reason else text, task_style(status.state))


def _attempts(status: TaskStatus) -> str:
    count = status.attempt if status.attempt > 1 else status.reversal if status.reversal > 1 else 0
    return counted(count, "attempt") if count else ""


def _inside(state: State) -> Mapping[str, list[tuple[str, Any]]]:
    """What tasks do inside, by task."""
    leaves = state.plan.tree.leaves if state.plan is not None else {}
    found: dict[str, list[tuple[str, Any]]] = {}
    for id, status in state.tasks.items():
        if id not in leaves:
            found.setdefault(id.rpartition("/")[0], []).append((id, status))
    return found


def _way_back(leaf: Leaf) -> str:
    if leaf.way_back in SURE:
        return ""
    return f"  [{leaf.way_back}: {leaf.reason}]" if leaf.reason else f"  [{leaf.way_back}]"


def _style_of_way(tree: Tree, id: str) -> str:
    if id not in tree.leaves:
        return "dim"
    return "" if tree.leaves[id].way_back in SURE else "yellow"


_T = TaskState
_STYLES = {
    _T.PENDING: "dim",
    _T.CANCELLED: "dim",
    _T.DISPATCHED: "bold",
    _T.DONE: "green",
    _T.FAILED: "red",
    _T.UNKNOWN: "red",
    _T.SKIPPED: "yellow",
    _T.REVERSING: "bold",
    _T.REVERSED: "dim",
    _T.REVERSE_FAILED: "red",
    _T.CONFLICT: "red",
    _T.REVERSE_SKIPPED: "yellow",
    _T.KEPT: "yellow",
}
