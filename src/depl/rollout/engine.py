"""The loop that drives a rollout by hand: it obeys decide, writes down what happens before anything follows from it."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from depl.events import Emit, Event, Output, What
from depl.rollout.actions import Action, End, Reverse, Say, Start, event_of
from depl.rollout.asking import refusal, tasks_of
from depl.rollout.decide import Decider
from depl.rollout.folding import State
from depl.rollout.hands import Hands, Happened
from depl.rollout.log import Log, LogFailed
from depl.rollout.monitors import Watch
from depl.rollout.plan import RolloutPlan
from depl.rollout.signals import Signal, Signals
from depl.rollout.states import RolloutState

POLL = 0.5  # seconds after which signals are heard, at the latest
DURABLE = frozenset({What.PLANNED, What.TASK_STARTED, What.TASK_REVERSING, What.TASK_SAVED, What.OVER})


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def wall(self) -> float:
        """Seconds since 1970, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


def drive(
    plan: RolloutPlan,
    state: State,
    log: Log,
    hands: Hands,
    signals: Signals,
    *,
    emit: Emit = lambda _: None,
    clock: Clock | None = None,
    monitors: Mapping[str, Callable[[], None]] | None = None,
    may_put_aside: bool = False,
    stay_blocked: bool = True,
    leaving: Callable[[], bool] = lambda: False,
) -> State:
    """Drive a rollout until it is over; from any state, also one that somebody else left. Errors: Fenced, LogFailed.

    Where a task was at work when somebody was gone, that is settled before (see depl.rollout.recovery).
    may_put_aside: end as soon as it only waits for people, too. stay_blocked: wait for signals where it is blocked.
    leaving: whether whoever drives has to go: nothing new begins, and it ends as soon as nothing is at work.
    While the log cannot be written nothing new begins; what runs comes to its end, and waits to be written down.
    """
    watch = Watch(monitors or {}, plan.interval)
    try:
        return _Drive(plan, state, log, hands, signals, emit, clock or RealClock(), watch).run(
            may_put_aside, stay_blocked, leaving
        )
    finally:
        watch.close()
        hands.close()


class _Drive:
    def __init__(
        self,
        plan: RolloutPlan,
        state: State,
        log: Log,
        hands: Hands,
        signals: Signals,
        emit: Emit,
        clock: Clock,
        watch: Watch,
    ) -> None:
        self.plan, self.state, self.log, self.hands, self.signals = plan, state, log, hands, signals
        self.emit, self.clock, self.watch = emit, clock, watch
        now, wall = clock.monotonic(), clock.wall()
        since = {id: now - max(0.0, wall - _seconds(state.tasks[id].began)) for id in state.waiting_gates}
        self.decider = Decider(plan, state, since)
        self.begun = now - max(0.0, wall - _seconds(state.started)) if state.started else now
        self.heard = float("-inf")  # when signals were last asked for

    def run(self, may_put_aside: bool, stay_blocked: bool, leaving: Callable[[], bool]) -> State:
        if self.state.state in (RolloutState.PLANNED, RolloutState.QUEUED):
            self._write([Event(What.STARTED, data=self._head())])
        while not self.state.state.is_over:
            self._hear()
            actions = self.decider(self.clock.monotonic())
            if leaving():
                actions = [action for action in actions if not isinstance(action, (Start, Reverse))]
            if actions and _turns(actions[-1]) and self._hear(at_once=True):
                continue  # what was wished before is heard before
            if actions:
                self._obey(actions)
            elif self._is_to_leave(may_put_aside, stay_blocked, leaving()):
                break
            else:
                self._wait()
        return self.state

    def _is_to_leave(self, may_put_aside: bool, stay_blocked: bool, leaving: bool) -> bool:
        if leaving:
            return not self.decider.at_work
        if self.state.state is RolloutState.BLOCKED:
            return not stay_blocked
        return may_put_aside and self.decider.waits_for_people

    # -- what is to be done ----------------------------------------------------------------------------------

    def _obey(self, actions: Sequence[Action]) -> None:
        events = [event for action in actions if (event := event_of(action, self.state)) is not None]
        self._write([self._timed(event) for event in events])
        for action in actions:
            if isinstance(action, End):
                self.decider.told(action)
                self.hands.stop(action.id, action.how)
            elif isinstance(action, (Start, Reverse)):
                self._begin(action)

    def _begin(self, action: Start | Reverse) -> None:
        leaf, status = self.plan.tree.leaves[action.id], self.state.tasks[action.id]
        if isinstance(action, Start):
            self.hands.start(leaf, status.attempt, status.saved)
        else:
            self.hands.reverse(leaf, status.reversal, status.saved, force=action.force)

    # -- what happens ----------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Until something happens, or a signal may have come."""
        happened = self.hands.next(POLL)
        found: list[Happened] = []
        while happened is not None:
            found.append(happened)
            happened = self.hands.next(0) if len(found) < 500 else None
        outputs = [one.what for one in found if isinstance(one.what, Output)]
        for output in outputs:  # before the end of its task, which may be among them
            self.emit(output)
        if outputs:
            self._patiently(lambda: self.log.output(outputs))
        self._take([one for one in found if isinstance(one.what, Event)])

    def _take(self, found: Sequence[Happened]) -> None:
        self._write([one.what for one in found if isinstance(one.what, Event)])
        for one in found:
            one.heard()

    def _hear(self, *, at_once: bool = False) -> bool:
        """Take in what people and monitors said since; whether there was anything. Else only every now and then."""
        now = self.clock.monotonic()
        if now - self.heard < POLL and not at_once:
            return False
        self.heard = now
        before = self.state.number
        for signal in self._posted():
            self._heed(signal)
        tripped = self.watch.tripped() if self.state.state is RolloutState.RUNNING else ""
        if tripped:
            self._write([Event(What.STOPPING, data={"reason": tripped, "cause": ""})])
        return self.state.number > before

    def _posted(self) -> Sequence[Signal]:
        try:
            return self.signals.new(self.state.last_signal)
        except LogFailed:  # later; whatever is to be written tells of it
            return ()

    def _heed(self, signal: Signal) -> None:
        data: dict[str, Any] = {**signal.data, "number": signal.number, "name": signal.name, "who": signal.who}
        if signal.reason:
            data["reason"] = signal.reason
        refused = refusal(self.state, signal.name, signal.task, signal.reason)
        if refused:
            self._write([Event(What.SIGNALLED, signal.task or None, data={**data, "refused": refused})])
            return
        tasks = tasks_of(self.state, signal.name, signal.task)
        about: list[str | None] = [*tasks] or [None]
        self._write([Event(What.SIGNALLED, task, data=data) for task in about])
        for task in tasks if signal.name in ("approve", "reject") else ():
            self.hands.answer(task, signal)

    # -- what is written down --------------------------------------------------------------------------------

    def _write(self, events: Sequence[Event]) -> None:
        if not events:
            return
        durable = any(event.what in DURABLE for event in events)
        for recorded in self._patiently(lambda: self.log.append(events, durable=durable)):
            self.state.add(recorded)
            self.decider.add(recorded.event, self.clock.monotonic())
            self.emit(recorded.event)

    def _patiently(self, write: Callable[[], Any]) -> Any:
        """Write, as soon as that is possible: what is at work goes on meanwhile, and nothing else begins."""
        told = False
        while True:
            try:
                found = write()
                if told:
                    self.emit(Event(What.WARNING, data={"text": "the record can be written again; going on"}))
                return found
            except LogFailed as error:
                if not told:
                    text = f"{error.message}; nothing new begins until the record can be written again"
                    self.emit(Event(What.WARNING, data={"text": text}))
                told = True
                self.clock.sleep(1)

    def _head(self) -> dict[str, Any]:
        return {
            "rollout": self.plan.rollout,
            "environments": self.plan.environments,
            "who": self.plan.who,
            "tasks": len(self.plan.tree.leaves),
            **({"undoes": self.plan.undoes} if self.plan.undoes else {}),
        }

    def _timed(self, event: Event) -> Event:
        if event.what is not What.OVER:
            return event
        told: dict[str, Any] = {"seconds": round(self.clock.monotonic() - self.begun, 3), "who": self.state.who}
        told |= {"changed": self.state.changed} if self.state.changed else {}
        return Event(event.what, data={"reason": self.state.reason, **event.data, **told})  # lists read no more


def _turns(action: Action) -> bool:
    """Whether nothing of what was done before can be wished otherwise afterwards."""
    return isinstance(action, Say) and action.event.what in (What.OVER, What.REVERSING)


class RealClock:
    """The machine's own."""

    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
    sleep = staticmethod(time.sleep)


def _seconds(at: str) -> float:
    """A time of a record in seconds since 1970."""
    try:
        return float(calendar.timegm(time.strptime(at, "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return 0.0
