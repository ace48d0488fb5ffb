"""The first error of a rollout, and what happens now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depl.rollout.folding import State
from depl.rollout.outline import around
from depl.rollout.states import FORWARD, RolloutState
from depl.rollout.summaries import message_of
from depl.web.views.tree import anchor, host_of, title

LINES = 20
_R = RolloutState


@dataclass(frozen=True)
class Failure:
    """What went wrong first. task: its id; lines: the last ones that it printed; now: a sentence.

    around, within: id and title of the task that it was done inside of, if there is one.
    """

    task: str
    anchor: str
    title: str
    host: str
    around: str
    within: str
    message: str
    hint: str
    place: str
    lines: Sequence[str]
    now: str


def failure(state: State, lines: Sequence[str] = ()) -> Failure | None:
    """None: nothing failed. lines: the last ones that the task printed; without them those that its error brings."""
    if not state.error and not state.failed:
        return None
    id, facts = _innermost(state), _facts(state)
    leaf = state.plan.tree.leaves.get(id) if state.plan is not None else None
    outer = around(id) if leaf is None and state.plan is not None else ""
    message = message_of(state.error) or "It failed without a word."
    last = [str(line) for line in lines or facts.get("output") or ()][-LINES:]
    hint = str(facts.get("hint") or "")
    name, host = title(state, id), host_of(id, leaf)
    name = name if leaf is not None or name == host else name.removesuffix(f" on {host}")
    known = (id, anchor(id), name, "" if name == host else host, outer, title(state, outer) if outer else "")
    return Failure(*known, message, hint, _place(facts), last, _now(state))


def _innermost(state: State) -> str:
    """What failed first, or what failed inside of it."""
    failed = state.failed
    inside = (id for id in state.tasks if id.startswith(f"{failed}/") and state.tasks[id].error is not None)
    return next(inside, failed) if state.plan is not None and failed in state.plan.tree.leaves else failed


def _facts(state: State) -> Mapping[str, Any]:
    """Its error as facts; what it does not tell, the task that it is a part of does."""
    above = state.tasks.get(around(state.failed))
    found: dict[str, Any] = {}
    for error in (above.error if above is not None else None, state.error):
        found |= error if isinstance(error, Mapping) else {}
    return found


def _place(facts: Mapping[str, Any]) -> str:
    if facts.get("place"):
        return str(facts["place"])
    return ":".join(str(facts[name]) for name in ("file", "line") if facts.get(name)) if facts.get("file") else ""


def _now(state: State) -> str:
    if state.state is _R.BLOCKED:
        reason = f": {state.reason}" if state.reason else ""
        if state.block in FORWARD:
            return f"It waits for somebody to decide how to go on{reason}."
        return f"Not everything could be put back, and it waits for somebody to decide{reason}."
    if state.state is _R.STOPPING and state.keep:
        return "What runs now comes to its end; then everything is left as it is."
    return _NOW.get(state.state, "")


_NOW = {
    _R.RUNNING: "The rollout goes on: this failure is tolerated, or what runs beside it comes to its end.",
    _R.STOPPING: "What runs now comes to its end; then what was done is put back.",
    _R.REVERSING: "What was done is being put back.",
    _R.REVERSED: "What was done was put back.",
    _R.PARTLY_REVERSED: "What was done was put back, but not all of it.",
    _R.KEPT: "Everything was left as it is where it stopped.",
    _R.SUCCEEDED: "The rollout succeeded all the same.",
    _R.CANCELLED: "The rollout was cancelled.",
}
