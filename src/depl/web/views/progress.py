"""How far a rollout is, and when it will be through. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from depl.rollout.backward import needs_reversal
from depl.rollout.folding import State
from depl.rollout.outline import inside_of
from depl.rollout.states import NOT_PUT_BACK, RolloutState, TaskState
from depl.rollout.task_status import TaskStatus
from depl.rollout.wording import counted, moment, seconds, utc_of

_R, _T = RolloutState, TaskState
PHASES = {
    **dict.fromkeys((_R.DRAFT, _R.PLANNED, _R.QUEUED), "before"),
    **dict.fromkeys((_R.RUNNING, _R.STOPPING), "forward"),
    _R.REVERSING: "back",
    _R.BLOCKED: "blocked",
}
UNTOUCHED = frozenset({_T.PENDING, _T.UNCHANGED, _T.CANCELLED, _T.SKIPPED})
BACK = frozenset({_T.REVERSED, _T.REVERSE_SKIPPED, _T.KEPT})  # dealt with
FORTH = frozenset({_T.UNCHANGED, _T.DONE, _T.FAILED, _T.UNKNOWN, _T.SKIPPED, _T.CANCELLED})


@dataclass(frozen=True)
class Progress:
    """How far it is. phase: before, forward, back, blocked or over. share: 0 to 1. left: seconds, None: nobody knows.

    end: UTC, when it will be through, or empty. text: one line.
    """

    phase: str
    share: float
    done: int
    total: int
    left: float | None
    end: str
    text: str


def progress(state: State, past: Sequence[float] = (), *, now: float) -> Progress:
    """past: seconds that the same took before; now: seconds since 1970."""
    phase = PHASES.get(state.state, "over")
    ids = list(state.plan.tree.leaves) if state.plan is not None else list(state.tasks)
    tasks = [state.tasks[id] for id in ids]
    if phase == "back" or (phase in ("blocked", "over") and any(one.reversal for one in tasks)):
        return _back(phase, [state.tasks[id] for id in ids if _is_for_the_way_back(state, id)])
    done = sum(one.state in FORTH for one in tasks)
    total = len(tasks)
    share = (done + sum(_parts(state, ids))) / total if total else 1.0
    left = _left(state, past, now) if phase == "forward" and not state.holds else None
    told = f"{done} of {counted(total, 'task')}" if phase != "before" else counted(total, "task")
    told = _with_components(state, ids, told)
    if state.state is _R.STOPPING:
        left, told = None, f"stopping: {told}"
    if left is not None and left <= 0:
        left, told = None, f"{told}, longer than the usual {seconds(median(past))}"
    end = utc_of(now + left) if left is not None else ""
    return Progress(phase, min(1.0, share), done, total, left, end, told)


def _with_components(state: State, ids: Sequence[str], told: str) -> str:
    """With how many components are through, of the only task or else of the deployments at work, as far as is known."""
    inside = inside_of(state) if state.plan is not None else {}
    counts = [
        (sum(one.state in FORTH | BACK for _, one in inside[id]), max(int(state.tasks[id].total), len(inside[id])))
        for id in ids
        if id in inside and (len(ids) == 1 or state.tasks[id].state is _T.DISPATCHED)
    ]
    if not counts:
        return told
    done, total = (sum(each) for each in zip(*counts, strict=True))
    if all(state.tasks[id].total for id in ids if id in inside):
        far = f"{done} of {counted(total, 'component')}"
        return far if len(ids) == 1 else f"{told}, {far}"
    return f"{told}, {counted(done, 'component')} so far"


def _back(phase: str, tasks: Sequence[TaskStatus]) -> Progress:
    done, total = sum(one.state in BACK for one in tasks), len(tasks)
    stuck = sum(one.state in NOT_PUT_BACK for one in tasks)
    told = f"putting back: {done} of {total}" if phase == "back" else f"{done} of {total} put back"
    told += f", {stuck} not possible so far" if stuck else ""
    return Progress(phase, done / total if total else 1.0, done, total, None, "", told)


def _is_for_the_way_back(state: State, id: str) -> bool:
    status = state.tasks[id]
    if status.state in BACK:
        return True
    return status.state not in UNTOUCHED if state.plan is None else needs_reversal(state.plan.tree.leaves[id], status)


def _parts(state: State, ids: Sequence[str]) -> list[float]:
    """What is done of those at work: as they say themselves, or as what they do inside."""
    inside = inside_of(state) if state.plan is not None else {}
    return [_part(state.tasks[id], [one for _, one in inside.get(id, ())]) for id in ids]


def _part(status: TaskStatus, inside: Sequence[TaskStatus]) -> float:
    if status.state is not _T.DISPATCHED:
        return 0.0
    if status.total > 0:
        return max(0.0, min(1.0, status.done / status.total))
    over = sum(one.state in FORTH for one in inside)
    return over / (len(inside) + 1)


def _left(state: State, past: Sequence[float], now: float) -> float | None:
    """From how long it took before."""
    began = moment(state.started)
    return None if began is None or not past else median(past) - max(0.0, now - began)
