"""The tree of a rollout's tasks as text: what comes after what, and how each stands."""

from __future__ import annotations

from depl.report.lines import Line
from depl.rollout.folding import State
from depl.rollout.outline import SURE, attempts, inside_of, name, unsure_way_back, walk
from depl.rollout.states import TaskState
from depl.rollout.task_status import TaskStatus
from depl.rollout.tree import Leaf, Tree
from depl.rollout.wording import counted, took


def plan_tree_lines(tree: Tree) -> list[Line]:
    """A plan: every task with its id, its title, and how it can be taken back where that is not sure."""
    return [
        Line(
            f"{_indent(depth)}{name(tree, id)}{_way_back(tree.leaves[id]) if id in tree.leaves else ''}",
            _style_of_way(tree, id),
        )
        for depth, id in walk(tree, tree.root)
    ]


def task_tree_lines(state: State, *, inside: bool = True) -> list[Line]:
    """A rollout: every task with how it stands; inside: also what a deployment does in it."""
    if state.plan is None:
        return [_status_line("", id, status) for id, status in state.tasks.items()]
    waiting = state.unanswered
    tree = state.plan.tree
    of = inside_of(state) if inside else {}
    lines = []
    for depth, id in walk(tree, tree.root):
        if id not in tree.leaves:
            lines.append(Line(f"{_indent(depth)}{name(tree, id)}", "dim"))
            continue
        lines.append(_status_line(_indent(depth), name(tree, id), state.tasks[id], waits=id in waiting))
        lines += [
            _status_line(f"{_indent(depth)}    ", one.removeprefix(f"{id}/"), status) for one, status in of.get(id, ())
        ]
    return lines


def task_style(state: TaskState) -> str:
    """The style for how a task stands."""
    return _STYLES.get(state, "")


def _indent(depth: int) -> str:
    return "  " * depth


def _status_line(indent: str, title: str, status: TaskStatus, *, waits: bool = False) -> Line:
    facts = ["waiting" if waits else "at work" if status.state is TaskState.DISPATCHED else status.state.value]
    if status.state in (TaskState.DISPATCHED, TaskState.REVERSING) and status.total:
        facts.append(f"{status.done:.0f} of {status.total:.0f}")
    tries = attempts(status)
    facts += [word for word in (took(status.began, status.ended), counted(tries, "attempt") if tries else "") if word]
    text = f"{indent}{title}: {', '.join(facts)}"
    return Line(f"{text}  ({status.reason})" if status.reason else text, task_style(status.state))


def _way_back(leaf: Leaf) -> str:
    told = unsure_way_back(leaf)
    return f"  [{told}]" if told else ""


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
