"""How things stand, as a word, a tone and a shape: never a colour alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from depl.rollout.states import Block, Hold, RolloutState, TaskState

_R, _T = RolloutState, TaskState


@dataclass(frozen=True)
class Look:
    """How something is shown. tone: off, busy, good, warn, bad or back. shape: an icon of icons.svg."""

    word: str
    tone: str
    shape: str


class Standing(Protocol):
    """A rollout as depl.rollout.folding.State, depl.rollout.summaries.Summary and the store's Header know it."""

    @property
    def state(self) -> RolloutState: ...
    @property
    def holds(self) -> Collection[str]: ...


def look_of(one: Standing, *, interrupted: bool | None = None) -> Look:
    """That of a rollout. interrupted: nobody is at work on it; None: as it says itself, if it does."""
    if interrupted is None:
        interrupted = bool(getattr(one, "is_interrupted", getattr(one, "interrupted", False)))
    if one.state is _R.REVERSED and bool(getattr(one, "undoes", False)):
        return TAKEN_BACK
    return look_of_rollout(one.state, one.holds, getattr(one, "block", None), interrupted=interrupted)


def look_of_rollout(
    state: RolloutState, holds: Collection[str] = (), block: str | None = None, *, interrupted: bool = False
) -> Look:
    """That of a rollout in a state. holds, block: as texts or as they are."""
    if state is _R.BLOCKED:
        return BLOCKS[Block(block)] if block else ROLLOUTS[state]
    if interrupted:
        return Look(f"{state.value}, nobody is at work", "bad", "interrupted")
    held = next((hold for hold in HOLDS if hold.value in set(map(str, holds))), None)
    if held is None or state.is_over:
        return ROLLOUTS[state]
    return WANTED if state is _R.PLANNED else HOLDS[held]


def look_of_task(state: TaskState, *, waits: bool = False) -> Look:
    """That of a task. waits: for people."""
    return WAITS if waits else TASKS[state]


def look_of_inquiry(state: str) -> Look:
    """That of a question to the workers: asked, at work, answered or failed."""
    return INQUIRIES[state]


def worst(looks: Iterable[Look]) -> Look | None:
    """The one of those of tasks that people should see first."""
    return min(looks, key=lambda look: _PLACES.get(look, len(_PLACES)), default=None)


TASKS = {
    _T.PENDING: Look("pending", "off", "pending"),
    _T.DISPATCHED: Look("at work", "busy", "busy"),
    _T.UNCHANGED: Look("unchanged", "good", "unchanged"),
    _T.DONE: Look("done", "good", "done"),
    _T.FAILED: Look("failed", "bad", "failed"),
    _T.UNKNOWN: Look("unknown", "bad", "unknown"),
    _T.CANCELLED: Look("cancelled", "off", "cancelled"),
    _T.SKIPPED: Look("skipped", "warn", "skipped"),
    _T.REVERSING: Look("reversing", "back", "reversing"),
    _T.REVERSED: Look("reversed", "back", "reversed"),
    _T.REVERSE_FAILED: Look("reverse failed", "bad", "reverse-failed"),
    _T.CONFLICT: Look("conflict", "bad", "conflict"),
    _T.REVERSE_SKIPPED: Look("reverse skipped", "warn", "reverse-skipped"),
    _T.KEPT: Look("kept", "warn", "kept"),
}
WAITS = Look("waiting", "warn", "waiting")
ROLLOUTS = {
    _R.DRAFT: Look("draft", "off", "pending"),
    _R.PLANNED: Look("planned", "off", "planned"),
    _R.QUEUED: Look("queued", "off", "queued"),
    _R.RUNNING: Look("running", "busy", "busy"),
    _R.STOPPING: Look("stopping", "warn", "stopping"),
    _R.REVERSING: Look("reversing", "back", "reversing"),
    _R.BLOCKED: Look("blocked", "bad", "blocked"),
    _R.SUCCEEDED: Look("succeeded", "good", "done"),
    _R.REVERSED: Look("reversed", "back", "reversed"),
    _R.PARTLY_REVERSED: Look("partly reversed", "warn", "partly"),
    _R.KEPT: Look("kept", "warn", "kept"),
    _R.CANCELLED: Look("cancelled", "off", "cancelled"),
}
TAKEN_BACK = Look("taken back", "good", "undo")  # an undo that went well
HOLDS = {  # what is to be done about first stands first
    Hold.APPROVAL: Look("waiting for approval", "warn", "waiting"),
    Hold.GATE: Look("waiting for its checklist", "warn", "checklist"),
    Hold.PAUSED: Look("paused", "warn", "paused"),
    Hold.PAUSED_REVERSAL: Look("reversal paused", "warn", "paused"),
}
WANTED = Look("its start waits for approval", "warn", "waiting")
BLOCKS = {
    Block.REVERSAL_FAILED: Look("blocked: reversal failed", "bad", "reverse-failed"),
    Block.CONFLICT: Look("blocked: conflict", "bad", "conflict"),
    Block.UNREACHABLE: Look("blocked: host unreachable", "bad", "unreachable"),
    Block.PIVOT: Look("blocked: pivot passed", "bad", "pivot"),
    Block.FAILED: Look("blocked: failed", "bad", "failed"),
    Block.INTERRUPTED: Look("blocked: interrupted", "bad", "interrupted"),
}
INQUIRIES = {
    "asked": Look("waiting for a worker", "off", "queued"),
    "at work": Look("at work", "busy", "busy"),
    "answered": Look("answered", "good", "done"),
    "failed": Look("failed", "bad", "failed"),
}
_PLACES = {
    look: place
    for place, look in enumerate(
        [
            *(TASKS[state] for state in (_T.CONFLICT, _T.REVERSE_FAILED, _T.FAILED, _T.UNKNOWN)),
            WAITS,
            *(TASKS[state] for state in (_T.REVERSING, _T.DISPATCHED, _T.KEPT, _T.REVERSE_SKIPPED, _T.SKIPPED)),
            *(TASKS[state] for state in (_T.REVERSED, _T.PENDING, _T.CANCELLED, _T.DONE, _T.UNCHANGED)),
        ]
    )
}
_ALL = (TASKS, ROLLOUTS, HOLDS, BLOCKS, INQUIRIES)
SHAPES = frozenset(look.shape for looks in _ALL for look in looks.values()) | {WAITS.shape, TAKEN_BACK.shape}
