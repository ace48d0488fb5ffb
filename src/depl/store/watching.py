"""What those who show rollouts ask again and again: whether anything is new, each in one cheap query."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Text, and_, cast, column, func, select, values

from depl.rollout.states import ACTIVE, OVER, RolloutState
from depl.store.database import Database
from depl.store.holding import lasting
from depl.store.inquiries import OPEN
from depl.store.schema import holds, locks, output, rollouts, signals
from depl.store.schema_web import inquiries, published, workers
from depl.store.workers import PRESENT

TASKS = 500  # that are asked about at once
SAMPLES = 20  # durations


@dataclass(frozen=True)
class Version:
    """How far a rollout is. posted: the number of the last signal, which was heard if last_signal is not smaller.

    silent: seconds since the heartbeat of whoever drives it. For the others see depl.store.headers.Header.
    """

    number: int
    state: RolloutState
    last_signal: int
    posted: int
    owner: str
    epoch: int
    heartbeat: float
    silent: float
    is_driven: bool
    is_interrupted: bool


def versions(connection: Connection, database: Database, lease: float, ids: Collection[str]) -> dict[str, Version]:
    """See depl.store.looking.Looking.versions."""
    posted = select(func.max(signals.c.number)).where(signals.c.rollout == rollouts.c.id).correlate(rollouts)
    names = ("id", "number", "state", "last_signal", "owner", "epoch", "heartbeat")
    columns = [rollouts.c[name] for name in names]
    query = select(*columns, posted.scalar_subquery().label("posted"), database.clock().label("now"))
    rows = connection.execute(query.where(rollouts.c.id.in_(list(ids)))).all()
    return {row.id: _version(row._mapping, row.now, lease) for row in rows}


def _version(row: Any, now: float, lease: float) -> Version:
    state, silent = RolloutState(row["state"]), bool(row["owner"]) and row["heartbeat"] < now - lease
    plain = {name: row[name] for name in Version.__dataclass_fields__ if name in row}
    return Version(
        **{**plain, "state": state, "posted": max(row["posted"] or 0, 0)},
        silent=max(0.0, now - (row["heartbeat"] or 0.0)),
        is_driven=bool(row["owner"]) and not silent,
        is_interrupted=silent and state in ACTIVE,
    )


def stamp(connection: Connection, database: Database, lease: float) -> str:
    """See depl.store.looking.Looking.stamp.

    What is over changes no more: it is counted. Of the others, which are few, all that lists show makes a difference.
    """
    now = database.clock()
    over, going = (rollouts.c.state.in_(states) for states in (sorted(OVER), sorted(set(RolloutState) - OVER)))
    silent = and_(rollouts.c.owner != "", rollouts.c.heartbeat < now - lease)
    signal = select(func.max(signals.c.number)).where(signals.c.rollout == rollouts.c.id).correlate(rollouts)
    live = (rollouts.c.id, rollouts.c.number, rollouts.c.epoch, rollouts.c.owner, silent, signal.scalar_subquery())
    lock = (locks.c.environment, locks.c.rollout, locks.c.since)
    hold = (holds.c.environment, holds.c.who, holds.c.since, holds.c.reason)
    inquiry = (inquiries.c.id, inquiries.c.state, inquiries.c.owner)
    worker = (workers.c.name, workers.c.since)
    found = connection.execute(
        select(
            select(func.count()).where(over).scalar_subquery(),
            _all(live, going),
            _all(lock),
            _all(hold, lasting()),
            select(func.count()).where(inquiries.c.state.not_in(OPEN)).scalar_subquery(),
            _all(inquiry, inquiries.c.state.in_(OPEN)),
            _all(worker, workers.c.heartbeat > now - PRESENT),
            select(func.max(published.c.when)).scalar_subquery(),
            select(func.count()).select_from(published).scalar_subquery(),
        )
    ).one()
    return hashlib.sha256(repr(tuple(found)).encode("utf-8", "replace")).hexdigest()[:16]


def _all(columns: Sequence[ColumnElement[Any]], *which: ColumnElement[bool]) -> ScalarSelect[Any]:
    """All rows of a table as one text."""
    row: ColumnElement[Any] = func.coalesce(cast(columns[0], Text), "")
    for one in columns[1:]:
        row = row.concat(" ").concat(func.coalesce(cast(one, Text), ""))
    return select(func.aggregate_strings(row, "\n")).where(*which).scalar_subquery()


def ends(connection: Connection, rollout: str, tasks: Sequence[str]) -> dict[str, int]:
    """See depl.store.looking.Looking.ends."""
    found: dict[str, int] = {}
    for start in range(0, len(tasks), TASKS):
        some = [(task,) for task in tasks[start : start + TASKS]]
        named = values(column("task", Text), name="named").data(some).cte()
        its = output.c.rollout == rollout, output.c.task == named.c.task
        last = select(output.c.offset + func.length(output.c.text)).where(*its).order_by(output.c.offset.desc())
        query = select(named.c.task, last.limit(1).correlate(named).scalar_subquery())
        found |= {task: end or 0 for task, end in connection.execute(query)}
    return found


def seconds_of(connection: Connection, name: str, environments: Sequence[str]) -> list[float]:
    """See depl.store.looking.Looking.seconds_of."""
    went = rollouts.c.state == RolloutState.SUCCEEDED.value, rollouts.c.undoes == "", rollouts.c.name == name
    query = select(rollouts.c.data).where(*went, rollouts.c.environments == sorted(environments))
    rows = connection.execute(query.order_by(rollouts.c.made.desc(), rollouts.c.id.desc()).limit(SAMPLES))
    return [float(row.data.get("seconds") or 0) for row in rows]
