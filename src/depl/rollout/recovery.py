"""Going on with a rollout that nobody drives any more: what is known is settled, then its policy says where to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from depl.events import Emit, Event, What
from depl.rollout.actions import event
from depl.rollout.folding import State
from depl.rollout.log import Log
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import Block, RolloutState, TaskState
from depl.rollout.tree import Leaf

Look = Callable[[Leaf, dict[str, Any]], str]
"""What became of a task that was at work, told by hosts' journals: one of these, or empty: unknown."""

NOT_STARTED, DONE, HALF_DONE, REVERSED = "not started", "done", "half done", "reversed"

NO_WAY_BACK = ("unknown", "irreversible")


def take_up(
    plan: RolloutPlan,
    state: State,
    log: Log,
    look: Look,
    *,
    who: str,
    policy: str = "",
    epoch: int = 0,
    emit: Emit = lambda _: None,
) -> State:
    """Settle what is left half done, so that the rollout can be driven again. Errors: LogFailed, Fenced, Unreachable.

    policy: reverse, ask or resume, empty for the plan's own. Nothing is run by this; nothing that may have been done is
    run again but what is repeatable or knows how to go on.
    """
    taking = _TakeUp(plan, state, log, emit)
    taking.write([Event(What.TAKEN_UP, data={"who": who, **({"epoch": epoch} if epoch else {})})])
    taking.write(_settled(plan, state, look))
    if state.state is RolloutState.RUNNING:
        taking.write(_on(policy or plan.on_interrupt, plan, state))
    return state


class _TakeUp:
    def __init__(self, plan: RolloutPlan, state: State, log: Log, emit: Emit) -> None:
        self.state, self.log, self.emit = state, log, emit

    def write(self, events: Sequence[Event]) -> None:
        for recorded in self.log.append(events, durable=True) if events else ():
            self.state.add(recorded)
            self.emit(recorded.event)


def _settled(plan: RolloutPlan, state: State, look: Look) -> list[Event]:
    """For each task that was at work forward: how it stands. What was being put back is put back again anyway."""
    found = []
    for id, leaf in plan.tree.leaves.items():
        status = state.tasks[id]
        if status.state is TaskState.DISPATCHED and not leaf.gate:
            verdict = look(leaf, dict(status.saved))
            if verdict == NOT_STARTED:
                found.append(event(What.TASK_NOT_STARTED, id))
            elif verdict == DONE:
                found.append(event(What.TASK_DONE, id, reason="found to be done"))
            else:
                found.append(event(What.TASK_UNKNOWN, id, reason=verdict or "nobody heard how it ended"))
    return found


def _on(policy: str, plan: RolloutPlan, state: State) -> list[Event]:
    unknown = [leaf for id, leaf in plan.tree.leaves.items() if state.tasks[id].state is TaskState.UNKNOWN]
    reason = "it was interrupted: nobody drove it any more"
    if policy == "resume":
        unsure = [leaf for leaf in unknown if leaf.way_back in NO_WAY_BACK and not leaf.repeatable]
        if not unsure:
            retry = {"number": 0, "name": "retry", "who": "depl", "reason": reason}
            return [Event(What.SIGNALLED, leaf.id, data=retry) for leaf in unknown]
        reason = f"it was interrupted, and nobody knows what {unsure[0].title or unsure[0].id} has done"
    elif policy == "ask":
        return [Event(What.BLOCKED, data={"block": Block.INTERRUPTED.value, "reason": reason})]
    return [Event(What.STOPPING, data={"reason": reason, "cause": ""})]
