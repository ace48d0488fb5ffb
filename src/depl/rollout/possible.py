"""What people can do about a rollout now, and what each of it does; the same for pages and commands. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from depl.rollout.backward import needs_reversal
from depl.rollout.folding import State
from depl.rollout.states import FORWARD, RolloutState, signals_in

_R = RolloutState
DOES: Mapping[str, str] = {
    "pause": "begin nothing new for now",
    "resume": "go on after a pause",
    "abort": "stop after what runs now, and put everything back",
    "terminate": "end what runs by force, and put everything back",
    "keep": "leave everything as it is where it stops",
    "unkeep": "put everything back where it stops after all",
    "approve": "approve it",
    "reject": "reject it",
    "retry": "try again what failed",
    "skip": "pass over a task",
    "force": "put back even what others changed since",
    "pause_rollback": "put nothing more back for now",
}
NOT_BEGUN = (_R.PLANNED, _R.QUEUED)
LASTING = ("keep", "unkeep", "skip", "force")  # they are worth saying where nobody hears them before they go on


def useful_signals(state: State, *, heard: bool) -> list[str]:
    """The signals that are legal and change something. heard: somebody is, or comes, who hears them."""
    pointless = {"keep" if state.keep else "unkeep", *(["force"] if state.block in FORWARD else [])}
    legal = [name for name in signals_in(state.state, state.holds, state.block) if name not in pointless]
    return legal if heard or state.state in NOT_BEGUN else [name for name in legal if name in LASTING]


def can_go_back(state: State) -> bool:
    """Whether something is left of one that is over which another rollout can take back."""
    if not state.state.is_over:
        return False
    if state.plan is None:
        return state.state in (_R.SUCCEEDED, _R.KEPT, _R.PARTLY_REVERSED)
    left = any(needs_reversal(leaf, state.tasks[id]) for id, leaf in state.plan.tree.leaves.items())
    return left and not state.undoes
