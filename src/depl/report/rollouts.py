"""Rollouts as text, a line each, and the words for how they stand."""

from __future__ import annotations

import time
from calendar import timegm
from collections.abc import Collection
from typing import Protocol

from depl.report.lines import Line, seconds
from depl.rollout.states import RolloutState

WAITING = {  # holds, in the words of a sentence
    "paused": "paused",
    "reversal paused": "reversal paused",
    "waiting for approval": "waiting for approval",
    "gate": "waiting for its checklist",
}


class Listed(Protocol):
    """A rollout in short; depl.rollout.summaries makes them."""

    @property
    def rollout(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def state(self) -> RolloutState: ...
    @property
    def holds(self) -> Collection[str]: ...
    @property
    def interrupted(self) -> bool: ...
    @property
    def who(self) -> str: ...
    @property
    def at(self) -> str: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def undoes(self) -> str: ...
    @property
    def reason(self) -> str: ...


def rollout_line(one: Listed) -> Line:
    """A rollout as a line: which, what it is, how it stands, who, when, how long."""
    took = one.seconds if one.seconds is not None else age(one.at) if one.state in _UNDER_WAY else None
    takes_back = f"  takes back {one.undoes}" if one.undoes else ""
    facts = [
        one.rollout,
        one.name or "-",
        standing(one.state, one.holds, interrupted=one.interrupted) + takes_back,
        one.who or "-",
        one.at or "-",
        "-" if took is None else seconds(took),
    ]
    return Line("  ".join(facts), state_style(one.state, interrupted=one.interrupted))


def standing(state: RolloutState, holds: Collection[str] = (), *, interrupted: bool = False) -> str:
    """How a rollout stands: `running, waiting for approval`, `reversing, interrupted`."""
    words = [state.value, *(WAITING.get(hold, hold) for hold in holds)]
    return ", ".join([*words, "interrupted"] if interrupted else words)


def state_style(state: RolloutState, *, interrupted: bool = False) -> str:
    """The style for how a rollout stands."""
    return "yellow" if interrupted else _STYLES.get(state, "")


def age(at: str) -> float | None:
    """Seconds since a time in a record; for people, as clocks may jump."""
    try:
        return max(0.0, time.time() - timegm(time.strptime(at, "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return None


_R = RolloutState
_UNDER_WAY = (_R.RUNNING, _R.STOPPING, _R.REVERSING)
_STYLES = {
    _R.RUNNING: "bold",
    _R.SUCCEEDED: "",
    _R.STOPPING: "yellow",
    _R.REVERSING: "yellow",
    _R.BLOCKED: "red",
    _R.REVERSED: "dim",
    _R.CANCELLED: "dim",
    _R.PARTLY_REVERSED: "red",
    _R.KEPT: "yellow",
}
