"""What the store keeps of an environment's rollouts: by the same rules as records and the ways back on the hosts."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Row, select

from depl.rollout.keeping import DAY
from depl.rollout.records import forget as forget_record
from depl.rollout.records import is_driven
from depl.rollout.states import RolloutState
from depl.store import schema
from depl.store.database import Database
from depl.store.inquiries import Inquiries
from depl.store.schema import rollouts
from depl.store.schema_web import inquiries
from depl.store.sessions import Sessions


def forget(database: Database, environment: str, keep_rollouts: int, keep_days: int) -> Sequence[str]:
    """See Store.forget.

    The newest ones that went through are kept, and as many of the others, with those that took back what is kept, and
    all that are not over. One of a command that did not come to its end, and at which nobody is at work, goes as soon
    as one that is over. A rollout of several environments goes with the first of them.
    Inquiries that are old and sessions that are over go, too; what the audit tells is kept.
    """
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - keep_days * DAY))
    with database.reading() as connection:
        query = select(rollouts).where(rollouts.c.environment == environment)
        rows = connection.execute(query.order_by(rollouts.c.made.desc(), rollouts.c.id.desc())).all()
    live = {row.id for row in rows if _may_go_on(row)}
    kept = live | {row.id for row in rows if (row.ended or row.started or row.made) >= before}
    for through in (True, False):
        group = [
            row.id for row in rows if row.id not in live and (row.state == RolloutState.SUCCEEDED.value) is through
        ]
        kept.update(group[:keep_rollouts])
    gone = [row for row in rows if row.id not in kept and row.undoes not in kept]
    for row in gone:
        _remove(database, row)
    Inquiries(database, 0).forget()
    Sessions(database).forget_sessions()
    return [row.id for row in gone]


def _may_go_on(row: Row[Any]) -> bool:
    if row.taken_from:
        recent = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - DAY))
        return is_driven(row.taken_from) or (not row.ended and row.made >= recent)
    return not RolloutState(row.state).is_over


def _remove(database: Database, row: Row[Any]) -> None:
    """The record first: what is still there of one would be taken in again."""
    with suppress(FileNotFoundError):
        if row.taken_from and os.path.exists(row.taken_from):
            forget_record(row.taken_from)
    with database.writing() as connection:
        for table in (schema.events, schema.output, schema.signals, schema.parts):
            connection.execute(table.delete().where(table.c.rollout == row.id))
        connection.execute(inquiries.delete().where(inquiries.c.rollout == row.id))
        connection.execute(rollouts.delete().where(rollouts.c.id == row.id))
