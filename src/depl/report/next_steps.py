"""What can be done about a rollout now, each with the command for it."""

from __future__ import annotations

from depl.rollout.folding import State
from depl.rollout.possible import DOES, can_go_back, useful_signals
from depl.rollout.states import FORWARD, NEED_REASON, RolloutState, signals_in

_R = RolloutState
OWN_COMMANDS = ("approve", "reject", "retry")


def next_steps(state: State, depl: str = "depl", *, driven: bool = True) -> list[tuple[str, str]]:
    """What is possible, and how it is said. driven: somebody is at work on it, who hears signals."""
    rollout = state.rollout
    if state.plan is None:
        return _of_a_model(state, depl, driven=driven)
    if state.state in (_R.PLANNED, _R.QUEUED):
        start = [("start it", f"{depl} rollout start {rollout}")] if state.state is _R.PLANNED else []
        return [*start, ("cancel it", f"{depl} rollout signal {rollout} abort")]
    if state.state.is_over:
        return [("take it back", f"{depl} rollout undo {rollout}")] if can_go_back(state) else []
    steps = [] if driven else _to_take_up(state, depl)
    return [*steps, *((DOES[name], _command(name, rollout, depl)) for name in useful_signals(state, heard=driven))]


def _to_take_up(state: State, depl: str) -> list[tuple[str, str]]:
    resume = f"{depl} rollout resume {state.rollout}"
    if state.state is _R.RUNNING or (state.state is _R.BLOCKED and state.block in FORWARD):
        return [("go on", f"{resume} --forward"), ("put everything back", f"{resume} --backward")]
    return [("go on putting back", resume)]


def _of_a_model(state: State, depl: str, *, driven: bool) -> list[tuple[str, str]]:
    environment = state.environments[0] if state.environments else "ENV"
    undo = f"{depl} undo {environment}"
    if state.state.is_over:
        return [("take it back", f"{undo} {state.rollout}")] if can_go_back(state) else []
    if not driven:
        again = "go on to what is declared now"
        return (
            [("put it back", undo)]
            if state.undoes
            else [(again, f"{depl} remote {environment}"), ("put it back", undo)]
        )
    return [
        (DOES[name], _command(name, state.rollout, depl)) for name in signals_in(state.state, state.holds, state.block)
    ]


def _command(name: str, rollout: str, depl: str) -> str:
    what = f"{name} {rollout}" if name in OWN_COMMANDS else f"signal {rollout} {name}"
    about = " --task T" if name in ("skip", "force") else ""
    return f"{depl} rollout {what}{about}" + (" --reason ..." if name in NEED_REASON else "")
