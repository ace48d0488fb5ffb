"""Cancelling what has not begun: that needs nobody who hears."""

from __future__ import annotations

from depl.events import Event, What
from depl.rollout.folding import State, fold
from depl.rollout.log import Log
from depl.rollout.possible import NOT_BEGUN
from depl.rollout.signals import Signal
from depl.rollout.states import IllegalSignal, RolloutState


def cancelled(rollout: str, log: Log, wish: Signal) -> State:
    """How a rollout stands that somebody wished to end before its beginning. log: open for writing; it is closed.

    Errors: IllegalSignal, where somebody was quicker; LogFailed.
    """
    try:
        state = fold(log.read())
        if state.state not in NOT_BEGUN:
            raise IllegalSignal(f"rollout {rollout} is {state.state.value} by now", hint=f"See `depl show {rollout}`.")
        facts = {"number": 0, "name": wish.name, "who": wish.who, "reason": wish.reason}
        over = Event(What.OVER, data={"outcome": RolloutState.CANCELLED.value})
        for one in log.append([Event(What.SIGNALLED, data=facts), over], durable=True):
            state.add(one)
    finally:
        log.close()
    return state
