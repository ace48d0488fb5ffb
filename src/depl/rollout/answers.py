"""What people answered, as actions: where a rollout waits for them, and where it is blocked. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from depl.events import Event, What
from depl.rollout.actions import Action, Say, event, failed, reason_of
from depl.rollout.folding import State
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import FORWARD, NOT_PUT_BACK, RolloutState, TaskState


def gate_answers(plan: RolloutPlan, state: State, gates: Iterable[str], late: Collection[str]) -> Iterator[Action]:
    """The gates that wait no more. late: those that nobody answered in time."""
    for id in list(gates):
        leaf, status = plan.tree.leaves[id], state.tasks[id]
        items = [str(item) for item in leaf.arguments.get("items") or ()]
        if rejected := status.asked.get("reject"):
            yield Say(failed(id, f"{rejected['who']} rejected it: {rejected.get('reason') or 'without a reason'}"))
        elif "approve" in status.asked or (items and set(items) <= set(status.ticked)):
            answer = status.asked.get("approve", {})
            yield Say(event(What.TASK_DONE, id, who=answer.get("who", ""), reason=answer.get("reason", "")))
        elif "skip" in status.asked:
            yield Say(event(What.TASK_SKIPPED, id, reason=reason_of(status, "skip")))
        elif id in late:
            yield Say(failed(id, f"nobody answered within {leaf.timeout:g} seconds"))


def unanswered(gates: Iterable[str]) -> Iterator[Action]:
    """Gates that nobody answered before it stopped: they wait again where it goes forward after all."""
    for id in gates:
        yield Say(event(What.TASK_NOT_STARTED, id, reason="the rollout stopped before anybody answered"))


def unblocked(state: State, gates: Iterable[str]) -> Iterator[Action]:
    """How a blocked rollout goes on; nothing as long as nobody said so."""
    forward = state.block in FORWARD
    waiting = (TaskState.FAILED, TaskState.UNKNOWN) if forward else NOT_PUT_BACK
    asked = {name for status in state.tasks.values() if status.state in waiting for name in status.asked}
    if state.keep:
        yield from unanswered(gates)
        yield Say(Event(What.OVER, data={"outcome": RolloutState.KEPT.value}))
    elif forward and state.wish not in ("", "retry"):
        yield from unanswered(gates)
        yield Say(Event(What.RESUMED, data={"direction": "backward"}))
    elif (forward and state.wish) or asked & {"retry", "skip", "force"}:
        yield Say(Event(What.RESUMED, data={"direction": "forward" if forward else "backward"}))
