"""What the store knows of a rollout without reading its events: a line, brought up to date as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from depl.events import What
from depl.rollout.folding import State
from depl.rollout.log import Recorded
from depl.rollout.states import ACTIVE, RolloutState
from depl.store.schema import parts, rollouts


@dataclass(frozen=True)
class Header:
    """How a rollout stands.

    Times: UTC, as in records. holds: values of Hold; block: of Block, or empty. number: of its last event. is_direct: a
    command drives it by itself, and the store only reads its record, taken_from: whether somebody is at work on it, the
    record's lock says, or the lease where the store is shared. queue: where workers find it; nothing for those of
    commands. owner, epoch: who drives it now.
    is_driven: whoever has it is not silent for longer than a lease. is_interrupted: it is active, and they are.
    wanted_by, queued_by, approved_by, failed: see depl.rollout.folding.State. parameters: those of the plan, cut where
    long.
    """

    id: str
    name: str
    title: str
    environments: Sequence[str]
    who: str
    made: str
    started: str
    ended: str
    state: RolloutState
    holds: Sequence[str]
    block: str
    reason: str
    outcome: str
    undoes: str
    number: int
    queue: str | None
    owner: str
    epoch: int
    is_direct: bool
    is_interrupted: bool
    is_driven: bool
    hosts: Sequence[str] = ()
    taken_from: str = ""
    changed: int = 0
    seconds: float = 0.0
    error: Mapping[str, Any] | None = field(default=None, compare=False)
    wanted_by: str = ""
    queued_by: str = ""
    approved_by: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False)
    failed: str = ""


def header(connection: Connection, expired: float, id: str) -> Header | None:
    """That of one rollout, if it is known."""
    row = connection.execute(select(rollouts).where(rollouts.c.id == id)).one_or_none()
    return None if row is None else header_of(row, expired)


def header_of(row: Row[Any], expired: float) -> Header:
    """That of a line. expired: heartbeats before that are too old."""
    facts = row._mapping
    plain = {name: facts[name] for name in Header.__dataclass_fields__ if name in facts}
    state = RolloutState(facts["state"])
    silent = bool(facts["owner"]) and facts["heartbeat"] < expired
    return Header(
        **{**plain, **facts["data"], "state": state},
        is_direct=bool(facts["taken_from"]),
        is_interrupted=silent and state in ACTIVE,
        is_driven=bool(facts["owner"]) and not silent,
    )


def admit(connection: Connection, id: str, **columns: Any) -> None:
    """A line for a rollout of which nothing is known yet, if there is none."""
    if connection.execute(select(rollouts.c.id).where(rollouts.c.id == id)).first() is None:
        connection.execute(rollouts.insert().values(id=id, state=RolloutState.DRAFT.value, **columns))


def project(connection: Connection, id: str, state: State, new: Sequence[Recorded]) -> None:
    """Bring the line of a rollout up to date. state: after all its events; new: those that were not yet counted in."""
    columns: dict[str, Any] = {
        "who": state.who,
        "started": state.started,
        "ended": state.ended,
        "state": state.state.value,
        "holds": sorted(hold.value for hold in state.holds),
        "block": state.block.value if state.block else "",
        "reason": state.reason,
        "outcome": state.outcome,
        "undoes": state.undoes,
        "last_signal": state.last_signal,
        "data": _data(state),
    }
    for recorded in new:
        if recorded.event.what is What.PLANNED:
            columns |= {"name": state.name, "title": recorded.event.data.get("title") or "", "made": state.made}
        elif recorded.number == 1:
            columns["made"] = recorded.at
        if recorded.event.what in (What.PLANNED, What.STARTED):
            columns |= _environments(connection, id, state.environments)
    if state.state.is_over:
        columns |= {"owner": "", "wake": None}
    connection.execute(rollouts.update().where(rollouts.c.id == id).values(columns))


def _data(state: State) -> Mapping[str, Any]:
    names = ("hosts", "changed", "seconds", "wanted_by", "queued_by", "approved_by", "failed")
    parameters = in_short(state.plan.parameters) if state.plan is not None else {}
    error = state.error and {name: fact for name, fact in state.error.items() if name != "output"}
    return {**{name: getattr(state, name) for name in names}, "error": error, "parameters": parameters}


def in_short(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """As lists show them: this is written anew with every event."""

    def cut(value: Any) -> Any:
        return value[:200] if isinstance(value, str) else value

    return {
        name: [cut(one) for one in value[:20]] if isinstance(value, list) else cut(value)
        for name, value in parameters.items()
    }


def _environments(connection: Connection, id: str, environments: Sequence[str]) -> dict[str, Any]:
    connection.execute(parts.delete().where(parts.c.rollout == id))
    if environments:
        named = [{"environment": name, "rollout": id} for name in sorted(set(environments))]
        connection.execute(parts.insert(), named)
    return {"environment": next(iter(environments), ""), "environments": list(environments)}
