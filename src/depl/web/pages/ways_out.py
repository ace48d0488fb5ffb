"""What happens next with a rollout that nobody is at work on, and what people can do about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from depl.rollout.folding import State
from depl.rollout.states import RolloutState
from depl.store.headers import Header

NEXT = {
    "reverse": "then it puts everything back (`on_interrupt = reverse`)",
    "ask": "then somebody has to say how it goes on (`on_interrupt = ask`)",
    "resume": "then it goes on where it was (`on_interrupt = resume`)",
}


@dataclass(frozen=True)
class WayOut:
    """sentences: how it is, and what comes. commands: what somebody can type on a machine of the project."""

    title: str
    sentences: Sequence[str]
    commands: Sequence[str] = ()
    is_bad: bool = False


def way_out(
    header: Header, state: State, *, at_work: bool, interrupted: bool, served: bool, others: Sequence[str]
) -> WayOut | None:
    """None: all is well, or it is over. served: a worker is there for it. others: what it waits for, as sentences."""
    if state.state.is_over or state.state is RolloutState.PLANNED or at_work:
        return None
    if header.queue is not None:
        return _of_workers(header, state, interrupted=interrupted, served=served, others=others)
    return _of_commands(state) if interrupted or state.state is RolloutState.BLOCKED else None


def _of_workers(
    header: Header, state: State, *, interrupted: bool, served: bool, others: Sequence[str]
) -> WayOut | None:
    queue = f" for the queue {header.queue}" if header.queue else ""
    start = f"depl worker --queue {header.queue}" if header.queue else "depl worker"
    comes = _next(state) if interrupted else ""
    if not served and state.state is RolloutState.BLOCKED:
        said = [f"No worker is there{queue}: what somebody decides is heard once one is there."]
        return WayOut("Nobody is at work on it", said, [start], is_bad=True)
    if not served:
        stands = "It was interrupted" if interrupted else "It waits for a worker"
        said = [f"{stands}, and no worker is there{queue}.", f"Once one is there, it takes it up{comes}."]
        return WayOut("Nobody is at work on it", said, [start], is_bad=True)
    if interrupted:
        worker = f" ({header.owner})" if header.owner else ""
        return WayOut(
            "Nobody is at work on it",
            [f"Its worker{worker} is silent. Another one takes it up by itself{comes}. Nothing has to be done."],
            is_bad=True,
        )
    if state.state is RolloutState.QUEUED:
        return WayOut("It waits for its turn", others or ["A worker takes it up as soon as it has room."])
    return None


def _of_commands(state: State) -> WayOut:
    rollout = state.rollout
    environment = state.environments[0] if state.environments else "ENV"
    said = ["The command that ran it is no more: it ended, or its machine did, without a last word."]
    if state.plan is None:
        undo = f"depl undo {environment}"
        commands = [undo] if state.undoes else [f"depl remote {environment}", undo]
        if state.state is RolloutState.BLOCKED:
            said = ["It is blocked, and its command has ended: not everything could be put back."]
        said.append("Deploy again to go on, or put it back.")
        return WayOut("Nobody is at work on it", said, commands, is_bad=True)
    if state.state is RolloutState.BLOCKED:
        said = ["It is blocked, and no command waits for an answer: whoever goes on with it hears what was said."]
    commands = [f"depl rollout resume {rollout}"]
    if state.state is RolloutState.RUNNING:
        commands = [f"depl rollout resume {rollout} --forward", f"depl rollout resume {rollout} --backward"]
    return WayOut("Nobody is at work on it", [*said, "Somebody has to go on with it."], commands, is_bad=True)


def _next(state: State) -> str:
    on_interrupt = state.plan.on_interrupt if state.plan is not None else ""
    if state.state is RolloutState.RUNNING and on_interrupt in NEXT:
        return f", finds out what became of the tasks that were at work, {NEXT[on_interrupt]}"
    return ", and goes on with putting back"
