"""Taking back a rollout by hand that is over, as a rollout of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from depl.deploy.begin import new_id, utc, who
from depl.errors import ConfigurationError, DeplError, NothingToUndo
from depl.rollout.backward import is_pivot, needs_reversal
from depl.rollout.folding import State
from depl.rollout.lookup import Records
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import NOT_PUT_BACK, RolloutState, TaskState
from depl.rollout.summaries import is_interrupted

_R = RolloutState


def undo_plan(records: Records, state: State, but: str = "") -> RolloutPlan:
    """The plan that takes a rollout back. Errors: NothingToUndo, ConfigurationError.

    but: of those that took something back already, the one that does not count.
    """
    plan, id = state.plan, state.rollout
    if plan is None:
        raise not_by_hand(state)
    if state.undoes:
        raise NothingToUndo(
            f"rollout {id} took back {state.undoes}", hint=f"`depl rollout start {state.name}` does it anew."
        )
    if not state.state.is_over:
        raise _not_over(state, is_interrupted(state.state, records.is_driven(id) or records.is_queued(id)))
    carried = _left_standing(plan, _as_left(records, state, but))
    if not carried:
        raise NothingToUndo(f"rollout {id} did nothing that could be taken back")
    return replace(plan, rollout=new_id(), undoes=id, carried=carried, made=utc(), who=who(), monitors=())


def assert_still_there(records: Records, plan: RolloutPlan) -> None:
    """Errors: NothingToUndo, where somebody was quicker and took back what this plan is to take back."""
    left = undo_plan(records, records.state(plan.undoes), plan.rollout)
    if left.carried.keys() != plan.carried.keys():
        raise NothingToUndo(f"a part of rollout {plan.undoes} was taken back since the plan was made")


def _not_over(state: State, interrupted: bool) -> DeplError:
    """The error for one of which it is not settled yet what is left of it."""
    id, stands = state.rollout, f"is {state.state.value}"
    hint = f"`depl rollout resume {id} --backward` puts back what it did."
    if state.state in (_R.PLANNED, _R.QUEUED):
        hint = f"`depl rollout signal {id} abort` cancels it."
    elif interrupted:
        stands = f"was interrupted while it was {state.state.value}"
        goes_forward = state.state is _R.RUNNING
        hint += f" `depl rollout resume {id} --forward` goes on with it." if goes_forward else ""
    return NothingToUndo(f"rollout {id} {stands}, so there is nothing to take back yet", hint=hint)


def _as_left(records: Records, state: State, but: str) -> State:
    """A rollout, or what took a part of it back. Errors: NothingToUndo, where nothing of it is left."""
    for other in records.ids():
        summary = records.summary(other) if other > state.rollout and other != but else None
        if summary is None or summary.undoes != state.rollout or summary.state in (_R.CANCELLED, _R.PLANNED):
            continue
        if summary.state in (_R.PARTLY_REVERSED, _R.KEPT):
            return records.state(other)
        again = f"`depl show {other}` tells how it stands."
        said = f"rollout {state.rollout} was taken back by {other}, which is {summary.state.value}"
        raise NothingToUndo(said, hint=again)
    return state


def _left_standing(plan: RolloutPlan, state: State) -> dict[str, dict[str, Any]]:
    """What is to be put back, and before it what cannot be; nothing where there is only that."""
    found, is_any = {}, False
    for task, leaf in plan.tree.leaves.items():
        status = state.tasks[task]
        stands = needs_reversal(leaf, status)
        is_any = is_any or stands
        if stands or is_pivot(leaf, status):
            is_tried = status.state in (TaskState.REVERSING, *NOT_PUT_BACK)  # it is tried anew
            told = TaskState.UNKNOWN if is_tried else status.state
            found[task] = {"state": told.value, "saved": dict(status.saved), "error": status.error}
    return found if is_any else {}


def not_by_hand(state: State) -> DeplError:
    """The error for what cannot be done with a rollout that was made from a model."""
    environment = state.environments[0] if state.environments else "ENV"
    return ConfigurationError(
        f"rollout {state.rollout} deployed {environment} and was not written by hand",
        hint=f"`depl show {state.rollout}` tells of it, `depl undo {environment} {state.rollout}` takes it back.",
    )
