"""The way back of a rollout: what has to be put back, what is done next about it, and how it ends. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from depl.events import Event, What
from depl.rollout.actions import Action, Reverse, Say, blocked, event, reason_of
from depl.rollout.folding import State
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import NOT_PUT_BACK, Block, Hold, RolloutState, TaskState
from depl.rollout.task_status import TaskStatus
from depl.rollout.tree import NOTHING, Leaf

_T = TaskState


def reversals(plan: RolloutPlan, state: State, ready: Iterable[str], at_work: Collection[str]) -> Iterator[Action]:
    """What to do now. ready: the tasks whose turn it is; at_work: those that are being put back."""
    begun = False
    paused = Hold.PAUSED_REVERSAL in state.held
    found = (action for id in ready if (action := _next(plan.tree.leaves[id], state.tasks[id])) is not None)
    for action in () if paused else islice(found, max(plan.jobs - len(at_work), 0)):
        begun = True
        yield action
    if begun or at_work or paused:
        return
    stuck = [id for id in plan.tree.leaves if state.tasks[id].state in NOT_PUT_BACK]
    if not stuck:
        yield Say(Event(What.OVER, data={"outcome": _outcome(plan, state).value}))
        return
    block = Block.CONFLICT if state.tasks[stuck[0]].state is _T.CONFLICT else Block.REVERSAL_FAILED
    yield blocked(block, f"not put back: {', '.join(plan.tree.leaves[id].title or id for id in stuck[:3])}")


def needs_reversal(leaf: Leaf, status: TaskStatus) -> bool:
    """Whether a task did, or may have done, something that is not put back."""
    if status.state in (_T.REVERSING, *NOT_PUT_BACK):
        return True
    if leaf.way_back == NOTHING and not leaf.reverses:
        return False
    return status.state in (_T.DONE, _T.FAILED, _T.UNKNOWN) or (status.state is _T.SKIPPED and status.attempt > 0)


def is_pivot(leaf: Leaf, status: TaskStatus) -> bool:
    """Whether a task has done what cannot be undone; one that failed need not have."""
    done = status.state in (_T.DONE, _T.UNKNOWN) or (status.state is _T.KEPT and status.error is None)
    return leaf.way_back == "irreversible" and done


def pivot_of(plan: RolloutPlan, state: State) -> Leaf | None:
    """The step that was done and cannot be undone, if there is one."""
    return next((leaf for id, leaf in plan.tree.leaves.items() if is_pivot(leaf, state.tasks[id])), None)


def _next(leaf: Leaf, status: TaskStatus) -> Action | None:
    """What to do about a task whose turn it is; None: nothing, until somebody says how to go on."""
    if status.state in NOT_PUT_BACK:
        if "skip" in status.asked:
            return Say(event(What.REVERSAL_SKIPPED, leaf.id, reason=reason_of(status, "skip")))
        return Reverse(leaf.id, "force" in status.asked) if {"retry", "force"}.intersection(status.asked) else None
    if status.state is _T.KEPT:
        return None
    if leaf.way_back == "irreversible" or not leaf.reverses:
        return Say(event(What.TASK_KEPT, leaf.id, reason=leaf.reason or "nobody said how it is undone"))
    return Reverse(leaf.id)


def _outcome(plan: RolloutPlan, state: State) -> RolloutState:
    for id, leaf in plan.tree.leaves.items():
        status = state.tasks[id]
        if status.state in (_T.KEPT, _T.REVERSE_SKIPPED) or needs_reversal(leaf, status):
            return RolloutState.PARTLY_REVERSED
    return RolloutState.REVERSED
