"""Rollouts as lists of people want them: by environment, state, who, name, time and parameter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, literal, select, tuple_

from depl.rollout.states import RolloutState
from depl.store.headers import Header, header_of
from depl.store.schema import parts, rollouts

AT_ONCE = 500  # lines that are looked at, where not all is for the database to compare


@dataclass(frozen=True)
class Wanted:
    """Which rollouts are looked for; see depl.store.looking.Looking.rollouts."""

    environment: str | None = None
    states: Collection[RolloutState] | None = None
    before: str | None = None
    limit: int = 50
    who: str = ""
    name: str = ""
    since: str = ""
    until: str = ""
    parameter: tuple[str, str] | None = None
    undoes: str = ""
    sees: Callable[[Sequence[str]], bool] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the database can compare all of it."""
        return not self.who and self.parameter is None and self.sees is None

    def fits(self, row: Row[Any]) -> bool:
        """What the database does not compare."""
        if self.sees is not None and not self.sees(row.environments):
            return False
        if self.who and not any(_contains(one, self.who) for one in _people(row)):
            return False
        return self.parameter is None or _has(row.data.get("parameters") or {}, *self.parameter)


def find(connection: Connection, expired: float, wanted: Wanted) -> list[Header]:
    """The newest first. expired: heartbeats before that are too old."""
    query = _query(wanted)
    if wanted.is_plain:
        return [header_of(row, expired) for row in connection.execute(query.limit(wanted.limit))]
    columns = (rollouts.c.id, rollouts.c.made, rollouts.c.who, rollouts.c.environments, rollouts.c.data)
    fitting = (row.id for row in _all(connection, query.with_only_columns(*columns)) if wanted.fits(row))
    query = _NEWEST.where(rollouts.c.id.in_(list(islice(fitting, wanted.limit))))
    return [header_of(row, expired) for row in connection.execute(query)]


_NEWEST: Select[Any] = select(rollouts).order_by(rollouts.c.made.desc(), rollouts.c.id.desc())


def _query(wanted: Wanted) -> Select[Any]:
    query = _NEWEST.where(rollouts.c.number > 0)  # of the others nothing is known yet
    if wanted.environment is not None:
        here = and_(parts.c.rollout == rollouts.c.id, parts.c.environment == wanted.environment)
        query = query.join(parts, here)
    if wanted.states is not None:
        query = query.where(rollouts.c.state.in_([state.value for state in wanted.states]))
    for column, text in ((rollouts.c.name, wanted.name), (rollouts.c.undoes, wanted.undoes)):
        query = query.where(column == text) if text else query
    query = query.where(rollouts.c.made >= wanted.since) if wanted.since else query
    query = query.where(rollouts.c.made < wanted.until) if wanted.until else query
    if wanted.before is not None:
        made = select(rollouts.c.made).where(rollouts.c.id == wanted.before).scalar_subquery()
        query = query.where(_older(made, wanted.before))
    return query


def _all(connection: Connection, query: Select[Any]) -> Iterator[Row[Any]]:
    """All that are found, so many at once."""
    page = query.limit(AT_ONCE)
    while True:
        rows = connection.execute(page).all()
        yield from rows
        if len(rows) < AT_ONCE:
            return
        page = query.limit(AT_ONCE).where(_older(rows[-1].made, rows[-1].id))


def _older(made: Any, id: str) -> ColumnElement[bool]:
    return tuple_(rollouts.c.made, rollouts.c.id) < tuple_(made, literal(id))


def _people(row: Row[Any]) -> Sequence[str]:
    return [row.who, *(row.data.get(name) or "" for name in ("wanted_by", "queued_by", "approved_by"))]


def _has(parameters: Mapping[str, Any], name: str, text: str) -> bool:
    """Whether a parameter contains a text; any, where the name is empty."""
    values = parameters.values() if not name else [parameters.get(name)]
    each = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return any(_contains(str(one), text) for one in each if one is not None)


def _contains(whole: str, part: str) -> bool:
    return part.lower() in whole.lower()
