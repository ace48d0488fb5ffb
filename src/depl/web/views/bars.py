"""A history as small bars: how long each took, and how it ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depl.rollout.wording import seconds
from depl.web.views.states import Look, look_of

if TYPE_CHECKING:
    from depl.store.headers import Header

WIDTH, HEIGHT = 1000, 100
FEWEST = 24  # bars that the width is for, so that a few of them are no walls


@dataclass(frozen=True)
class HistoryBar:
    """x, width: in 0..1000; height: 1 to 100, of the longest."""

    rollout: str
    x: int
    width: int
    height: int
    look: Look
    title: str


def history_bars(headers: Iterable[Header]) -> list[HistoryBar]:
    """headers: the newest first; the bars: the oldest first. What has not begun has none."""
    begun = [one for one in headers if one.started or one.ended][:WIDTH]
    begun.reverse()
    longest = max((one.seconds for one in begun), default=0.0) or 1.0
    step = WIDTH // max(FEWEST, len(begun), 1)
    first = WIDTH - step * len(begun)  # the newest always stands at the same place
    return [
        HistoryBar(
            one.id,
            first + place * step,
            max(1, step * 4 // 5),
            max(1, round(HEIGHT * min(1.0, max(0.0, one.seconds) / longest))) if one.ended else HEIGHT,
            look_of(one),
            _title(one),
        )
        for place, one in enumerate(begun)
    ]


def _title(header: Header) -> str:
    name = header.title or header.name or ", ".join(header.environments)
    after = f" in {seconds(header.seconds)}" if header.ended else ""
    return f"{name}: {look_of(header).word}{after}, {header.made or header.started}"
