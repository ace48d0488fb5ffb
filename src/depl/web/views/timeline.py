"""A rollout over time: what each host did when, and the chain of tasks that took longest. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from depl.rollout.folding import State
from depl.rollout.states import RolloutState
from depl.rollout.wording import counted, seconds
from depl.web.views.spans import Span, critical_path, spans_of
from depl.web.views.states import Look, worst
from depl.web.views.tree import anchor, host_of, title

WIDTH = 1000
LEAST = 3  # of a bar, so that it is seen
WORTH = 0.1  # seconds that are worth a word
MOST = 200  # bars of a lane
DEEPEST = 12  # rows of a lane
TICKS = 8
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
HERE, BY_HAND = "here", "tasks"
UNDER_WAY = (RolloutState.RUNNING, RolloutState.STOPPING, RolloutState.REVERSING)


@dataclass(frozen=True)
class Bar:
    """x, width: in 0..1000. row: in its lane, from 0. ids: more than one where neighbours are drawn as one."""

    ids: Sequence[str]
    anchor: str
    x: int
    width: int
    row: int
    title: str
    look: Look
    took: str
    is_critical: bool
    is_backward: bool


@dataclass(frozen=True)
class Lane:
    """What a host did. rows: how many bars lie above each other at most."""

    name: str
    rows: int
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Tick:
    x: int
    word: str


@dataclass(frozen=True)
class Timeline:
    """now: where that is, None where nothing goes on. critical: the ids of the chain; sentence: the same as text."""

    lanes: Sequence[Lane]
    ticks: Sequence[Tick]
    now: int | None
    critical: Sequence[str]
    sentence: str


def timeline(
    state: State,
    *,
    now: float,
    spans: Sequence[Span] | None = None,
    edges: Mapping[str, Collection[str]] | None = None,
) -> Timeline:
    """spans: None: those that the state knows. edges: by task those it waits for, where that is known."""
    known = spans_of(state) if spans is None else spans
    if not known:
        return Timeline((), (), None, (), "")
    is_on = state.state in UNDER_WAY
    ends = [_end(span, now) for span in known]
    scale = _Scale(min(span.began for span in known), max([*ends, now] if is_on else ends))
    critical = critical_path(state, known, now, edges)
    lanes: dict[str, list[Span]] = {}
    for span in sorted(known, key=lambda one: (one.began, one.id)):
        lanes.setdefault(_lane_of(state, span.id), []).append(span)
    drawing = _Drawing(state, now, scale, frozenset(critical))
    ordered = sorted(lanes, key=lambda name: (name != BY_HAND, name != HERE))  # the others as they came
    return Timeline(
        [drawing.lane(name, lanes[name]) for name in ordered],
        list(scale.ticks()),
        scale.x(now) if is_on else None,
        critical,
        _sentence(state, known, critical, now),
    )


@dataclass(frozen=True)
class _Scale:
    first: float
    last: float

    def x(self, at: float) -> int:
        """Where a time lies."""
        length = max(self.last - self.first, 1.0)
        return round(WIDTH * max(0.0, min(1.0, (at - self.first) / length)))

    def ticks(self) -> Iterator[Tick]:
        """At times that people count in."""
        length = max(self.last - self.first, 1.0)
        step = next((one for one in STEPS if length / one <= TICKS), STEPS[-1] * (1 + int(length / STEPS[-1] / TICKS)))
        for count in range(int(length / step) + 1):
            yield Tick(self.x(self.first + count * step), _word(count * step))


@dataclass
class _Drawn:
    """A bar that may still grow. ended: when the last task of it did."""

    spans: list[Span]
    x: int
    end: int
    ended: float

    def take(self, spans: Sequence[Span], end: int, ended: float) -> None:
        self.spans += spans
        self.end, self.ended = max(self.end, end), max(self.ended, ended)


@dataclass
class _Drawing:
    state: State
    now: float
    scale: _Scale
    critical: Collection[str]
    rows: list[list[_Drawn]] = field(default_factory=list)

    def lane(self, name: str, spans: Sequence[Span]) -> Lane:
        """The bars of one. spans: the first one first."""
        self.rows = []
        for span in spans:
            self._place(span)
        while sum(map(len, self.rows)) > MOST:
            self.rows = [_halved(row) for row in self.rows]
        bars = [self._bar(drawn, row) for row, found in enumerate(self.rows) for drawn in found]
        return Lane(name, len(self.rows), bars)

    def _place(self, span: Span) -> None:
        """In the first row that is free by then; bars that would lie on each other are drawn as one."""
        began, ended = span.began, _end(span, self.now)
        x = min(self.scale.x(began), WIDTH - LEAST)
        end = max(self.scale.x(ended), x + LEAST)
        row = next((row for row in self.rows if row[-1].ended <= began), None)
        if row is None and len(self.rows) >= DEEPEST:
            row = min(self.rows, key=lambda row: row[-1].ended)
        if row is None:
            self.rows.append([_Drawn([span], x, end, ended)])
            return
        x = max(x, row[-1].end)
        if x > WIDTH - LEAST or (end <= x and row[-1].end - row[-1].x <= LEAST) or row[-1].ended > began:
            row[-1].take([span], end, ended)
        else:
            row.append(_Drawn([span], x, max(end, x + LEAST), ended))

    def _bar(self, drawn: _Drawn, row: int) -> Bar:
        ids = list(dict.fromkeys(span.id for span in drawn.spans))
        began = min(span.began for span in drawn.spans)
        took = seconds(round(drawn.ended - began, 3)) if drawn.ended > began else ""
        look = worst(span.look for span in drawn.spans) or drawn.spans[0].look
        forth = [span for span in drawn.spans if not span.is_backward]
        return Bar(
            ids,
            anchor(ids[0]),
            drawn.x,
            drawn.end - drawn.x,
            row,
            self._title(ids),
            look,
            took,
            any(span.id in self.critical for span in forth),
            not forth,
        )

    def _title(self, ids: Sequence[str]) -> str:
        first, last = title(self.state, ids[0]), title(self.state, ids[-1])
        return first if len(ids) == 1 else f"{counted(len(ids), 'task')}: {first} to {last}"


def _halved(row: Sequence[_Drawn]) -> list[_Drawn]:
    """Each with its neighbour as one."""
    found: list[_Drawn] = []
    for place, drawn in enumerate(row):
        if place % 2:
            found[-1].take(drawn.spans, drawn.end, drawn.ended)
        else:
            found.append(drawn)
    return found


def _end(span: Span, now: float) -> float:
    return max(span.began, now if span.ended is None else span.ended)


def _lane_of(state: State, id: str) -> str:
    leaf = state.plan.tree.leaves.get(id) if state.plan is not None else None
    return host_of(id, leaf) or (HERE if state.plan is None or leaf is None else BY_HAND)


def _word(value: int) -> str:
    parts = [(value // 3600, "h"), (value % 3600 // 60, "min"), (value % 60, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0"


def _sentence(state: State, spans: Sequence[Span], critical: Sequence[str], now: float) -> str:
    """The chain in words, the ones that took longest by name."""
    took = {span.id: _end(span, now) - span.began for span in spans if not span.is_backward}
    longest = sorted((one for one in critical if took[one] >= WORTH), key=lambda one: -took[one])[:3]
    named = [f"{title(state, id)} ({seconds(round(took[id], 3))})" for id in critical if id in set(longest)]
    if not named:
        return ""
    if len(named) == 1:
        return f"{named[0]} took longest"
    return f"{counted(len(critical), 'task')} after each other took longest: {', then '.join(named)}"
