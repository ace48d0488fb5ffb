"""The tasks of a rollout as rows: what comes after what, and how each stands. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from depl.rollout.folding import State
from depl.rollout.outline import around, attempts, inside_of, title_of, unsure_way_back, walk
from depl.rollout.states import GOOD, TaskState
from depl.rollout.summaries import message_of
from depl.rollout.task_status import TaskStatus
from depl.rollout.tree import Leaf
from depl.rollout.wording import moment, took, utc_of
from depl.web.views.states import TASKS, Look, look_of_task, worst

AT_WORK = (TaskState.DISPATCHED, TaskState.REVERSING)
WRONG = (TaskState.FAILED, TaskState.UNKNOWN, TaskState.REVERSE_FAILED, TaskState.CONFLICT)
DELAY = "depl.tasks.delay:Delay"
_OTHERS = re.compile("[^a-zA-Z0-9]")


@dataclass(frozen=True)
class Row:
    """A group, a task, or what a task does inside, as a row of a table.

    anchor: its id in a page; above: the anchor of what it lies in, or empty. kind: group, task or inside. counts: of a
    group, such as `3 of 8 done, 1 failed`. took: as text, empty while it is at work: then began counts. progress: 0 to
    1, or None. waits: for people. until: the end of a delay. Times: UTC, as in records. way_back: only where it is not
    sure. error: what is wrong now; reason: why it stands so, such as who passed over it, whatever was wrong before.
    """

    id: str
    anchor: str
    above: str
    depth: int
    title: str
    kind: str
    look: Look
    counts: str = ""
    took: str = ""
    began: str = ""
    attempt: int = 0
    progress: float | None = None
    reason: str = ""
    waits: bool = False
    until: str = ""
    way_back: str = ""
    host: str = ""
    error: str = ""


def rows(state: State) -> list[Row]:
    """All of them, in their order."""
    return _rows(state, list(_places(state)))


def touched_rows(state: State, ids: Collection[str]) -> list[Row]:
    """Those of some tasks, and of what they lie in, in their order."""
    wanted = {above for id in ids for above in (id, *_ways_up(state, id))}
    return _rows(state, [place for place in _places(state) if place[0] in wanted])


def anchor(id: str) -> str:
    """The id of a row in a page, which no other row has: `task-2-1`."""
    return "task-" + _OTHERS.sub(_plain, id)


def title(state: State, id: str) -> str:
    """A task as people know it: by its title, a component by its name and where that is."""
    if state.plan is not None and id in state.plan.tree.leaves:
        return title_of(state.plan.tree, id)
    component, _, host = id.rpartition("/")[2].rpartition("@")
    return f"{component} on {host}" if component else host


def host_of(id: str, leaf: Leaf | None = None) -> str:
    """Where a task is at work; nothing, where that is here."""
    if leaf is not None:
        return str(leaf.arguments.get("host") or "")
    return id.rpartition("@")[2] if "@" in id else ""


_Place = tuple[str, str, int, str]  # its id, what it lies in, how deep, which kind


def _places(state: State) -> Iterator[_Place]:
    if state.plan is None:
        yield from _places_by_host(state)
        return
    tree, inside = state.plan.tree, inside_of(state)
    path: list[str] = []
    for depth, id in walk(tree, tree.root):
        above = path[depth - 1] if depth else ""
        yield id, above, depth, "task" if id in tree.leaves else "group"
        path[depth:] = [id]
        for one, _ in inside.get(id, ()):
            yield one, id, depth + 1, "inside"


def _places_by_host(state: State) -> Iterator[_Place]:
    """Those of a deployment: each host is a group of its own, where there are several."""
    found: dict[str, list[str]] = {}
    for id in state.tasks:
        found.setdefault(host_of(id), []).append(id)
    for host, ids in found.items():
        is_group = len(found) > 1 and bool(host)
        if is_group:
            yield f"@{host}", "", 0, "group"
        for id in ids:
            yield id, f"@{host}" if is_group else "", int(is_group), "task"


def _ways_up(state: State, id: str) -> Iterator[str]:
    if state.plan is None:
        yield f"@{host_of(id)}"
        return
    if id not in state.plan.tree.leaves:
        id = around(id)
        yield id
    for group in state.plan.tree.ways_up(id):
        yield group.id


def _rows(state: State, places: Sequence[_Place]) -> list[Row]:
    waiting = frozenset(state.unanswered)
    counts = _counts(state, {id for id, _, _, kind in places if kind == "group"}, waiting)
    return [
        _group(state, place, counts[place[0]]) if place[3] == "group" else _row(state, place, waiting)
        for place in places
    ]


def _counts(state: State, groups: Collection[str], waiting: Collection[str]) -> Mapping[str, Counter[Look]]:
    """By group how its tasks stand."""
    found: dict[str, Counter[Look]] = {id: Counter() for id in groups}
    for id in state.plan.tree.leaves if state.plan is not None else state.tasks:
        look = look_of_task(state.tasks[id].state, waits=id in waiting)
        for above in _ways_up(state, id):
            if above in found:
                found[above][look] += 1
    return found


def _group(state: State, place: _Place, count: Counter[Look]) -> Row:
    id, above, depth, kind = place
    host = "" if state.plan is not None else id[1:]
    title = title_of(state.plan.tree, id) if state.plan is not None else host
    look = worst(count) or TASKS[TaskState.PENDING]
    over = anchor(above) if above else ""
    return Row(id, anchor(id), over, depth, title, kind, look, counts=_counted(count), host=host)


def _row(state: State, place: _Place, waiting: Collection[str]) -> Row:
    id, above, depth, kind = place
    leaf = state.plan.tree.leaves.get(id) if state.plan is not None and kind == "task" else None
    status, waits = state.tasks[id], id in waiting
    is_at_work = status.state in AT_WORK
    return Row(
        id,
        anchor(id),
        anchor(above) if above else "",
        depth,
        title_of(state.plan.tree, id) if state.plan is not None and leaf is not None else _title_inside(id, above),
        kind,
        look_of_task(status.state, waits=waits),
        took="" if is_at_work else took(status.began, status.ended) if status.ended else "",
        began=status.began,
        attempt=attempts(status),
        progress=min(1.0, status.done / status.total) if is_at_work and status.total > 0 else None,
        reason=status.reason,
        waits=waits,
        until=_until(leaf, status) if leaf is not None and is_at_work else "",
        way_back=unsure_way_back(leaf) if leaf is not None else "",
        host=host_of(id, leaf),
        error=message_of(status.error) if status.state in WRONG or not status.reason else "",
    )


def _title_inside(id: str, above: str) -> str:
    """Without what it lies in, which stands above, and without its host, which has a column of its own."""
    inside = id if not above or above.startswith("@") else id.removeprefix(f"{above}/")
    return inside.rpartition("@")[0] or inside


def _counted(counts: Counter[Look]) -> str:
    good = {TASKS[state] for state in GOOD}
    told = f"{sum(counts[look] for look in good)} of {counts.total()} done"
    others = [f"{count} {look.word}" for look, count in counts.items() if look not in good and look.word != "pending"]
    return ", ".join([told, *others])


def _until(leaf: Leaf, status: TaskStatus) -> str:
    """When a delay ends: as it wrote down itself, or from when it began."""
    if leaf.task != DELAY:
        return ""
    key = "until" if status.state is TaskState.DISPATCHED else "until on the way back"
    kept, began = status.saved.get(key), moment(status.began)
    if isinstance(kept, (int, float)):
        return utc_of(kept)
    given = [leaf.arguments.get(name) or 0 for name in ("seconds", "minutes")]
    if began is None or not all(isinstance(one, (int, float)) for one in given):
        return ""
    return utc_of(began + given[0] + 60 * given[1])


def _plain(found: re.Match[str]) -> str:
    return "-" if found[0] == "/" else f"_{ord(found[0]):x}_"
