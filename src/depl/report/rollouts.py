"""Rollouts as text, a line each, and the words for how they stand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from depl.report.lines import Line
from depl.rollout.states import RolloutState
from depl.rollout.wording import age, seconds

MOST = 40  # characters of a column that others are aligned to
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
    @property
    def changed(self) -> int: ...


T = TypeVar("T", bound=Listed)
HEADER = ("rollout", "what", "state", "by", "began", "took", "changed")


def rollout_lines(listed: Sequence[tuple[Listed, str]]) -> list[Line]:
    """Rollouts as a table, each with how it was undone: which, what, how it stands, who, when, how long, how many
    components it changed, and undos.
    """
    rows = [HEADER, *(_row(one, undone) for one, undone in listed)]
    widths = [min(MOST, max(map(len, column))) for column in zip(*(row[: len(HEADER)] for row in rows), strict=True)]
    styles = ["bold", *(_style_of(one, undone) for one, undone in listed)]
    return [Line(_aligned(row, widths), style) for row, style in zip(rows, styles, strict=True)]


def undone_by(listed: Iterable[T]) -> Iterator[tuple[T, str]]:
    """Rollouts, the newest first, each with what took it back: `undone by ID`, `partly undone by ID` or nothing."""
    undone: dict[str, str] = {}
    for one in listed:
        yield one, undone.get(one.rollout, "")
        word = _UNDOING.get(one.state)
        if one.undoes and word and one.rollout not in undone:
            undone.setdefault(one.undoes, f"{word} {one.rollout}")


def standing(state: RolloutState, holds: Collection[str] = (), *, interrupted: bool = False) -> str:
    """How a rollout stands: `running, waiting for approval`, `reversing, interrupted`."""
    words = [state.value, *(WAITING.get(hold, hold) for hold in holds)]
    return ", ".join([*words, "interrupted"] if interrupted else words)


def state_style(state: RolloutState, *, interrupted: bool = False) -> str:
    """The style for how a rollout stands."""
    return "yellow" if interrupted else _STYLES.get(state, "")


def _row(one: Listed, undone: str) -> tuple[str, ...]:
    took = one.seconds if one.seconds is not None else age(one.at) if one.state in _UNDER_WAY else None
    notes = [undone] if undone else []
    notes += [f"takes back {one.undoes}"] if one.undoes else []
    return (
        one.rollout,
        one.name or "-",
        standing(one.state, one.holds, interrupted=one.interrupted),
        one.who or "-",
        one.at or "-",
        "-" if took is None else seconds(took),
        str(one.changed or "-"),
        *notes,
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
    return "  ".join([*padded, *row[len(widths) :]]).rstrip()


def _style_of(one: Listed, undone: str) -> str:
    return "dim" if undone.startswith("undone") else state_style(one.state, interrupted=one.interrupted)


_R = RolloutState
_UNDOING = {_R.REVERSED: "undone by", _R.PARTLY_REVERSED: "partly undone by"}
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
