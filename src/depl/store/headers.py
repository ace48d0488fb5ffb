"""What the store knows of a rollout without reading its events: a line, brought up to date as they are written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select

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


def headers(
    connection: Connection,
    expired: float,
    *,
    environment: str | None = None,
    states: Collection[RolloutState] | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Header]:
    """The newest first. expired: heartbeats before that are too old. before: only those older than that one."""
    query: Select[Any] = select(rollouts).order_by(rollouts.c.made.desc(), rollouts.c.id.desc()).limit(limit)
    query = query.where(rollouts.c.number > 0)  # of the others nothing is known yet
    if environment is not None:
        here = and_(parts.c.rollout == rollouts.c.id, parts.c.environment == environment)
        query = query.join(parts, here)
    if states is not None:
        query = query.where(rollouts.c.state.in_([state.value for state in states]))
    if before is not None:
        made = select(rollouts.c.made).where(rollouts.c.id == before).scalar_subquery()
        query = query.where(or_(rollouts.c.made < made, and_(rollouts.c.made == made, rollouts.c.id < before)))
    return [_header(row, expired) for row in connection.execute(query)]


def header(connection: Connection, expired: float, id: str) -> Header | None:
    """That of one rollout, if it is known."""
    row = connection.execute(select(rollouts).where(rollouts.c.id == id)).one_or_none()
    return None if row is None else _header(row, expired)


def _header(row: Row[Any], expired: float) -> Header:
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
        "data": {"hosts": state.hosts, "changed": state.changed, "seconds": state.seconds, "error": state.error},
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


def _environments(connection: Connection, id: str, environments: Sequence[str]) -> dict[str, Any]:
    connection.execute(parts.delete().where(parts.c.rollout == id))
    if environments:
        named = [{"environment": name, "rollout": id} for name in sorted(set(environments))]
        connection.execute(parts.insert(), named)
    return {"environment": next(iter(environments), ""), "environments": list(environments)}
