"""A rollout by hand that was put aside: why nobody is at work on it, and when somebody is to look at it again."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from depl.rollout.states import ACTIVE, RolloutState, TaskState

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.plan import RolloutPlan

_R, _T = RolloutState, TaskState

WAITS = "waiting for a worker"
WATCHED = 30.0  # seconds between looks at monitors while a rollout waits for somebody, at least


def is_left(plan: RolloutPlan, state: State, *, lost: bool) -> bool:
    """Whether whoever drove it is gone without a word; who put it aside has left nothing at work.

    lost: a lease ran out.
    """
    if state.state not in ACTIVE:
        return False
    if lost and state.state is not _R.BLOCKED:
        return True
    gates = state.open_gates
    left = (id for id in plan.tree.leaves if state.tasks[id].state in (_T.DISPATCHED, _T.REVERSING))
    return any(id not in gates for id in left)


def waiting_for(state: State) -> str:
    """Why it keeps its environments although nobody is at work on it."""
    holds = sorted(hold.value for hold in state.holds)
    return state.state.value if state.state is _R.BLOCKED else (holds or [WAITS])[0]


def wake_of(plan: RolloutPlan, state: State) -> float | None:
    """Seconds until there is something to do even if nobody says anything."""
    found = [max(0.0, until - time.time()) for until in _deadlines(plan, state)]
    if plan.monitors and state.state is _R.RUNNING:
        found.append(max(WATCHED, plan.interval))
    return min(found, default=None)


def _deadlines(plan: RolloutPlan, state: State) -> Iterator[float]:
    """When those who are asked have had enough time; as seconds since 1970."""
    for id in state.open_gates:
        timeout = plan.tree.leaves[id].timeout
        if timeout is not None:
            began = calendar.timegm(time.strptime(state.tasks[id].began, "%Y-%m-%dT%H:%M:%SZ"))
            yield began + timeout
