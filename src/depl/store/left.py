"""Locks of those who are gone without a word, and what is written down of their rollouts by whoever takes over."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Row, select

from depl.deploy.begin import utc
from depl.redact import Redactor
from depl.rollout.folding import fold
from depl.rollout.last_words import last_words
from depl.rollout.log import Recorded
from depl.rollout.states import ACTIVE, RolloutState
from depl.store.schema import rollouts
from depl.store.writing import Writer, lock_line, read_page


def line_of(connection: Connection, rollout: str) -> Row[tuple[object, ...]] | None:
    """The line of a rollout, for us alone; nothing where there is none, or somebody writes to it just now."""
    query = select(rollouts).where(rollouts.c.id == rollout).with_for_update(skip_locked=True)
    return connection.execute(query).one_or_none()


def is_silent(row: Row[tuple[object, ...]], expired: float) -> bool:
    """Whether somebody drove a rollout and does not answer any more."""
    return bool(row.owner) and row.heartbeat < expired


def fence(connection: Connection, gone: Iterable[str]) -> None:
    """From now on those who drove some rollouts write nothing more, should they still live."""
    raised = {"epoch": rollouts.c.epoch + 1}
    connection.execute(rollouts.update().where(rollouts.c.id.in_(sorted(set(gone)))).values(raised))


def write_last_words(connection: Connection, rollout: str, by: str) -> None:
    """Write down that a rollout that was taken over is over, if it is one by hand; else its hosts tell.

    From now on the store knows it best: its record elsewhere is no longer taken in.
    """
    row = lock_line(connection, rollout)
    if not row.number:
        connection.execute(rollouts.delete().where(rollouts.c.id == rollout))
        return
    state = fold(read_page(connection, rollout, 0, row.number))
    begun = state.state in ACTIVE or (row.queue is None and state.state is RolloutState.PLANNED)  # nothing came of it
    if state.plan is None or not begun:
        return
    at = utc()
    new = [Recorded(row.number + place, at, event) for place, event in enumerate(last_words(state, by), 1)]
    Writer(rollout, Redactor()).write(connection, row.number, new)
    connection.execute(rollouts.update().where(rollouts.c.id == rollout).values(taken_from=""))
