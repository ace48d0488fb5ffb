"""What people wish of a run while it lasts: by Ctrl-C and the like, and by the signals that lie beside its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Optional

from depl.deploy.stop import Stop
from depl.events import Emit, Event, What
from depl.redact import Redactor
from depl.rollout.signals import Signal, SignalFile, Signals
from depl.rollout.states import NEED_REASON, Hold, RolloutState, signals_in

EVERY = 0.5  # seconds between two looks
STEP = 0.1
POINTLESS = ("retry", "skip", "force")  # this run ends where it is blocked, and whoever comes next goes on
HOLDS = {"pause": Hold.PAUSED, "pause_rollback": Hold.PAUSED_REVERSAL}


class Heard:
    """Hears the signals of a run, tells of each, and knows what is wished by now.

    signals: None: nobody can send any. keeps: whether it is left as it is where it fails, if nobody wishes otherwise.
    """

    def __init__(
        self,
        stop: Stop,
        signals: Optional[Signals],
        emit: Emit,
        keeps: Callable[[], bool] = lambda: False,
        every: float = EVERY,
    ) -> None:
        self.stop, self._signals, self._emit, self._keeps, self._every = stop, signals, emit, keeps, every
        self.state = RolloutState.RUNNING
        self._answer: Optional[Signal] = None
        self.interruption = "the run was interrupted"  # the sentence for it
        self._holds: set[Hold] = set()
        self._keep: Optional[bool] = None
        self._number = 0
        self._next = 0.0
        self._looking = False
        stop.look = self.look

    @property
    def can_be_heard(self) -> bool:
        """Whether anybody can send signals."""
        return self._signals is not None

    @property
    def aborted(self) -> bool:
        """Whether the run is to end after what runs."""
        return self.stop.aborted

    @property
    def terminated(self) -> bool:
        """Whether it is to end now."""
        return self.stop.terminated

    @property
    def paused(self) -> bool:
        """Whether nothing more is to begin for now."""
        self.look()
        return Hold.PAUSED in self._holds and not self.stop.aborted

    def waits_back(self) -> bool:
        """The same for the way back."""
        self.look()
        return Hold.PAUSED_REVERSAL in self._holds

    def waited_back(self) -> bool:
        """Wait as long as the way back is to; False, as nobody wants it to end."""
        wait_while(self.waits_back)
        return False

    @property
    def keeps(self) -> bool:
        """Whether it is left as it is where it fails or is ended."""
        self.look()
        return self._keeps() if self._keep is None else self._keep

    def look(self) -> None:
        """Take what came."""
        now = time.monotonic()
        if self._signals is None or self._looking or now < self._next:
            return
        self._next, self._looking = now + self._every, True
        try:
            for signal in self._signals.new(self._number):
                self._number = signal.number
                self._take(signal)
        finally:
            self._looking = False

    def answer(self) -> Optional[Signal]:
        """What somebody answered to the gate: approve or reject. It is heard once."""
        self.look()
        answer, self._answer = self._answer, None
        return answer

    def hold(self, hold: Hold, reason: str = "") -> None:
        """The run waits, and says so."""
        self._holds.add(hold)
        self._emit(Event(What.HELD, data={"hold": hold.value, "reason": reason}))

    def release(self, *holds: Hold) -> None:
        """It waits no longer for something."""
        for hold in holds:
            if hold in self._holds:
                self._holds.discard(hold)
                self._emit(Event(What.RELEASED, data={"hold": hold.value}))

    def moved(self, state: RolloutState) -> None:
        """The run stands otherwise now, so that other signals make sense."""
        self.look()
        self.state = state
        self.release(Hold.PAUSED, Hold.APPROVAL)

    # -- one signal ------------------------------------------------------------------------------------------------

    def _take(self, signal: Signal) -> None:
        why_not = self._why_not(signal)
        told = {"number": signal.number, "name": signal.name, "who": signal.who, "reason": signal.reason}
        if why_not:
            told["refused"] = why_not
            self._emit(Event(What.WARNING, data={"text": f"the signal {signal.name!r} of {signal.who} {why_not}"}))
        self._emit(Event(What.SIGNALLED, data=told))
        if not why_not:
            self._grant(signal)

    def _why_not(self, signal: Signal) -> str:
        if signal.name in POINTLESS or signal.task:
            return "makes no sense to a run that follows from a model"
        if signal.name not in signals_in(self.state, self._holds):
            return f"makes no sense while the run is {self.state}"
        return "gives no reason" if signal.name in NEED_REASON and not signal.reason else ""

    def _grant(self, signal: Signal) -> None:
        if signal.name in HOLDS:
            self.hold(HOLDS[signal.name], signal.reason)
        elif signal.name == "resume":
            self.release(*HOLDS.values())
        elif signal.name in ("keep", "unkeep"):
            self._keep = signal.name == "keep"
        elif signal.name in ("approve", "reject"):
            self._answer = signal
        else:
            self.interruption = f"{signal.who} interrupted the run{f': {signal.reason}' if signal.reason else ''}"
            self.stop.terminate() if signal.name == "terminate" else self.stop.abort()


def heard(
    stop: Stop,
    path: str,
    emit: Emit,
    keeps: Callable[[], bool] = lambda: False,
    signals: Optional[Signals] = None,
    redact: Optional[Redactor] = None,
) -> Heard:
    """Whoever hears the signals of a run. path: of its record, beside which they lie; empty: nobody can send any."""
    if signals is not None:
        return Heard(stop, signals, emit, keeps, 0.0)
    from depl.rollout.records import EVENTS, SIGNALS

    file = SignalFile(path.removesuffix(EVENTS) + SIGNALS, redact) if path else None
    return Heard(stop, file, emit, keeps)


def wait_while(condition: Callable[[], bool]) -> None:
    """Let time pass as long as something holds."""
    while condition():
        time.sleep(STEP)
