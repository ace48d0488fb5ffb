"""Rollouts by hand for tests: trees in few words, driven with hands, log and signals that only remember."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from depl.events import Event, What
from depl.rollout.engine import drive
from depl.rollout.fake_hands import FakeHands, HandsScript
from depl.rollout.fake_log import FakeLog, FakeSignals
from depl.rollout.folding import State, fold
from depl.rollout.plan import RolloutPlan
from depl.rollout.signals import Signal
from depl.rollout.tree import Group, Leaf, Tree

Shape = str | tuple[Any, ...]


def one(*members: Shape, **more: Any) -> Shape:
    """One after the other."""
    return (False, members, more)


def side(*members: Shape, **more: Any) -> Shape:
    """Side by side."""
    return (True, members, more)


def tree(shape: Shape, **leaves: Mapping[str, Any]) -> Tree:
    """tree(one("a", side("b", "c")), a={"gate": "approval"}): the names of leaves are their ids."""
    groups: dict[str, Group] = {}
    known: dict[str, Leaf] = {}

    def lay(shape: Shape) -> str:
        if isinstance(shape, str):
            known[shape] = Leaf(shape, "tests:Task", **{"way_back": "compensating", **leaves.get(shape, {})})
            return shape
        parallel, members, more = shape
        id = f"g{len(groups)}"
        groups[id] = Group(id, ())
        groups[id] = Group(id, tuple(lay(member) for member in members), parallel, **more)
        return id

    root = lay(shape)
    found = Tree(known, groups, root)
    assert Tree.from_json(json.loads(json.dumps(found.as_json()))) == found
    return found


class TestClock:
    """Time that goes on as things happen."""

    __test__ = False

    def __init__(self) -> None:
        self.now = 1000.0
        self.on_sleep: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()


@dataclass
class Rehearsal:
    """A rollout by hand that can be driven, left and driven again."""

    plan: RolloutPlan
    script: HandsScript = field(default_factory=HandsScript)
    log: FakeLog = field(default_factory=FakeLog)
    signals: FakeSignals = field(default_factory=FakeSignals)
    clock: TestClock = field(default_factory=TestClock)
    world: dict[str, int] = field(default_factory=dict)
    shown: list[Any] = field(default_factory=list)
    when: list[tuple[Callable[[State], bool], Callable[[], Any]]] = field(default_factory=list)
    hands: FakeHands = field(default_factory=FakeHands)
    turns: int = 0

    def __post_init__(self) -> None:
        self.log.append([Event(What.PLANNED, data=json.loads(json.dumps(self.plan.as_json())))])

    def signal(self, name: str, task: str = "", reason: str = "", **data: Any) -> None:
        self.signals.post(Signal(name, "kim", reason=reason, task=task, data=data))

    def at(self, met: Callable[[State], bool], do: Callable[[], Any]) -> Rehearsal:
        """Do something once a state is met."""
        self.when.append((met, do))
        return self

    @property
    def state(self) -> State:
        return fold(self.log.read())

    def drive(self, **how: Any) -> State:
        state = self.state

        def between() -> None:
            self.turns += 1
            self.clock.now += 1
            assert self.turns < 100_000, "it never ends"
            for pair in list(self.when):
                if pair[0](state):
                    self.when.remove(pair)
                    pair[1]()

        self.hands = FakeHands(self.script, self.world, between)
        how.setdefault("stay_blocked", bool(self.when))
        drive(self.plan, state, self.log, self.hands, self.signals, emit=self.shown.append, clock=self.clock, **how)
        assert fold(self.log.read()) == state, "what is folded anew is the same"
        return state

    def did(self, what: str = "run") -> list[str]:
        """What hands began, in this order."""
        return [id for kind, id in self.hands.log if kind == what]

    def states(self) -> dict[str, str]:
        return {id: status.state.value for id, status in self.state.tasks.items()}


def rehearsal(
    shape: Shape, script: HandsScript | None = None, *, how: Mapping[str, Any] | None = None, **leaves: Any
) -> Rehearsal:
    """rehearsal(one("a", "b"), HandsScript(fails={"b": 1}), how={"on_failure": "ask"}, a={"retries": 2})."""
    plan = RolloutPlan("20260101-000000-abcd", "test", tree(shape, **leaves), **(how or {}))
    return Rehearsal(plan, script or HandsScript())


def driven(base: Path, task: Any, emit: Any = lambda _: None, store: str = "") -> State:
    """How a rollout of real tasks ends, as its record tells it, or a store. Signals are heard from `base/signals`."""
    from depl.redact import Redactor
    from depl.rollout.record_log import RecordLog
    from depl.rollout.signals import SignalFile
    from depl.store.store import open_store
    from depl.tasks.building import tree_of
    from depl.tasks.hands import TaskHands

    plan = RolloutPlan("20260101-000000-abcd", "release", tree_of(task))
    if store:
        opened = open_store(store, str(base))
        opened.create(plan)
        log: Any = opened.log(plan.rollout)
    else:
        log = RecordLog(str(base / ".depl"), plan.rollout, Redactor())
        log.append([Event(What.PLANNED, data=plan.as_json())])
    hands = TaskHands(None, None, Redactor(), str(base), rollout=plan.rollout)
    with closing(log):
        drive(plan, fold(log.read()), log, hands, SignalFile(str(base / "signals")), emit=emit, stay_blocked=False)
        return fold(log.read())


def told(state: State) -> str:
    """All that people are told of a rollout."""
    from depl.report.next_steps import next_steps
    from depl.report.rollout import end_lines, show_lines
    from depl.rollout.summaries import summary_of

    lines = [*show_lines(state, summary_of(state, driven=True), [], next_steps(state)), *end_lines(state, 1.0, [])]
    return "\n".join(line.text for line in lines)
