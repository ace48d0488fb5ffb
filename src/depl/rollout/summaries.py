"""What is said of a rollout in one line of a list, from its record or from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depl.rollout.folding import OUTCOMES, State
from depl.rollout.log import Recorded
from depl.rollout.states import ACTIVE, RolloutState


@dataclass(frozen=True)
class Summary:
    """A rollout in short. name: of one by hand, else of its environment. at: UTC, when it was planned or began.

    interrupted: it is active, and nobody is at work on it. seconds: how long it took, None where it is not over.
    """

    rollout: str
    name: str
    state: RolloutState
    holds: Sequence[str] = ()
    interrupted: bool = False
    environments: Sequence[str] = ()
    who: str = ""
    at: str = ""
    seconds: float | None = None
    undoes: str = ""
    reason: str = ""
    changed: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """All of it, for programs."""
        facts = dict(vars(self))
        facts["began"] = facts.pop("at")
        return facts


def summary_of(state: State, driven: bool) -> Summary:
    """A rollout in short that is known as far as its record goes. driven: somebody is at work on it."""
    return Summary(
        rollout=state.rollout,
        name=state.name or ", ".join(state.environments),
        state=state.state,
        holds=sorted(hold.value for hold in state.holds),
        interrupted=is_interrupted(state.state, driven),
        environments=state.environments,
        who=state.who,
        at=state.made or state.started,
        seconds=state.seconds if state.ended else None,
        undoes=state.undoes,
        reason=state.reason or message_of(state.error),
        changed=state.changed,
    )


def summary_of_ends(first: Recorded, last: Recorded) -> Summary:
    """The same from the first and the last event of one that is over, without looking at what lies between."""
    state = State()
    state.add(first)
    data = last.event.data
    outcome = str(data["outcome"])
    state.state = OUTCOMES.get(outcome) or RolloutState(outcome)
    state.who = str(data.get("who") or first.event.data.get("who") or state.who)
    state.seconds, state.changed = float(data.get("seconds") or 0), int(data.get("changed") or 0)
    state.ended = last.at
    return summary_of(state, driven=False)


def message_of(error: object) -> str:
    """An error of a record in a sentence; those of deployments are recorded as one."""
    return str(error.get("message") or "") if isinstance(error, Mapping) else str(error or "")


def is_interrupted(state: RolloutState, driven: bool) -> bool:
    """Whether a rollout is active, and nobody is there to go on with it; one that is blocked waits for people."""
    return state in ACTIVE and state is not RolloutState.BLOCKED and not driven
