"""The end of a rollout on many hosts: the last word, what was not put back, and what was in the way at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn, Optional

from depl.deploy.undone import Undone
from depl.errors import DeplError, Locked, TakenOver
from depl.events import Emit, Event, What
from depl.protocol.failures import error_from_json
from depl.protocol.replies import Settled
from depl.rollout.back import WayBack, on
from depl.rollout.graph import Plan
from depl.rollout.hearing import Hosts
from depl.rollout.options import Outcome
from depl.rollout.states import Block


def settle(hosts: Hosts, which: Iterable[str], outcome: str, *, whole: bool) -> tuple[list[DeplError], list[str]]:
    """Let some hosts write the last word; what is wrong with that, as errors and as sentences."""
    lost = set(hosts.lost)
    answers = hosts.gather(which, lambda host: hosts.runner.settle(host, outcome, whole), Settled)
    errors = [hosts.lost[host] for host in hosts.lost if host not in lost]
    sentences = [
        _left(host, why, "the last word on this rollout is missing")
        for host, why in hosts.lost.items()
        if host not in lost
    ]
    for host, settled in answers.items():
        wrong = [error_from_json(facts) for facts in settled.errors]
        errors += wrong
        sentences += on(host, [error.message for error in wrong])
    return errors, sentences


def finish(way: WayBack, plan: Plan, hosts: Hosts, which: Iterable[str], outcome: Outcome) -> None:
    """After the way back: the last word where all is as before; what was not put back, into the outcome."""
    good = [host for host in which if host not in way.bad]
    gone = {host: why for host, why in hosts.lost.items() if host in plan.by_host}
    errors, sentences = settle(hosts, good, "reversed", whole=False)
    outcome.errors += [why for why in gone.values() if not any(why is error for error in outcome.errors)]
    outcome.errors += errors
    outcome.kept, outcome.unknown = list(way.kept), list(way.unknown)
    outcome.pivots, outcome.standing, outcome.put_back = list(way.pivots), list(way.standing), way.reversed
    outcome.conflicts = [
        *way.conflicts,
        *(_left(host, why, "lost, and what was changed there is not put back") for host, why in gone.items()),
        *sentences,
    ]
    if way.bad or gone or errors:
        outcome.status = "blocked"
        by_pivot = way.pivots and not way.conflicts
        block = Block.UNREACHABLE if gone else Block.PIVOT if by_pivot else Block.CONFLICT if way.clash else None
        tell_blocked(outcome, hosts.emit, block)


def tell_blocked(outcome: Outcome, emit: Emit, block: Optional[Block] = None) -> None:
    """Say that somebody has to go on from here, and why."""
    reason = next(iter([*outcome.conflicts, *outcome.pivots, *outcome.standing]), "")
    emit(Event(What.BLOCKED, data={"block": (block or Block.REVERSAL_FAILED).value, "reason": reason}))


def block_of(undone: Undone) -> Block:
    """Why somebody has to go on after a way back."""
    if undone.pivots and not undone.conflicts and not undone.failed:
        return Block.PIVOT
    return Block.CONFLICT if undone.conflicts and not undone.failed else Block.REVERSAL_FAILED


def _left(host: str, why: DeplError, otherwise: str) -> str:
    """How a host stands that does not listen any more."""
    return f"{host}: {f'left to {why.who}, who took over' if isinstance(why, TakenOver) else otherwise}"


def refuse(errors: Sequence[DeplError], emit: Emit) -> NoReturn:
    """Raise one error, a Locked if there is one, and tell the others."""
    first = next((error for error in errors if isinstance(error, Locked)), errors[0])
    for error in errors:
        if error is not first:
            emit(Event(What.WARNING, data={"text": error.message}))
    raise first
