"""What a rollout waits for although it could go on, and who wants it to start, in its state. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depl.events import Event
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import Hold, RolloutState

if TYPE_CHECKING:
    from depl.rollout.folding import State


def held(state: State, event: Event, _: str) -> None:
    """It waits from now on; while it is planned: for somebody who agrees to its start."""
    hold = Hold(event.data["hold"])
    if event.task:
        state.inside[event.task] = hold
    else:
        state.held.add(hold)
    if state.state is RolloutState.PLANNED:
        state.wanted_by = str(event.data.get("who") or "")


def released(state: State, event: Event, _: str) -> None:
    """It waits no more; while it is planned: somebody did not agree."""
    if event.task:
        state.inside.pop(event.task, None)
    else:
        state.held.discard(Hold(event.data["hold"]))
    if state.state is RolloutState.PLANNED:
        state.wanted_by = ""


def planned(state: State, plan: RolloutPlan) -> None:
    """There is a plan, before the state takes it in: a wish to start holds for the same plan only."""
    state.queued_by = state.approved_by = ""
    if Hold.APPROVAL not in state.held or state.plan is None or state.plan.digest != plan.digest:
        state.wanted_by = ""
        state.held.clear()


def queued(state: State, event: Event) -> None:
    """It is to start. approved_by: who agreed, where somebody has to."""
    state.held.discard(Hold.APPROVAL)
    state.queued_by, state.approved_by = (str(event.data.get(name) or "") for name in ("who", "approved_by"))
