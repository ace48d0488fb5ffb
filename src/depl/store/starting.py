"""The start of what is planned: at once, or when somebody else agrees. Each is an event, for the caller to write.

Who may start, and where somebody else has to agree, others have decided.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from depl.events import Event, What
from depl.rollout.states import Hold, IllegalSignal, RolloutState
from depl.store.writing import lock_line


def started(connection: Connection, rollout: str, who: str, approved_by: str, number: int | None) -> Event:
    """It is queued. who: empty for those who wanted it. Errors: IllegalSignal, NothingRecorded."""
    row = _planned(connection, rollout, "started")
    assert_seen(rollout, row.number, number)
    if _waits(row) and not approved_by:
        message = f"Rollout {rollout} waits for somebody who agrees to its start, which {_wanted_by(row)} wants"
        raise IllegalSignal(message, hint="Somebody else, who may approve, has to start it.")
    return Event(What.QUEUED, data={"who": who or _wanted_by(row), "approved_by": approved_by})


def wanted(connection: Connection, rollout: str, who: str) -> Event:
    """It waits for somebody who agrees. Errors: IllegalSignal, NothingRecorded."""
    row = _planned(connection, rollout, "started")
    if _waits(row):
        raise IllegalSignal(f"{_wanted_by(row)} wants rollout {rollout} to start already", hint="Wait for an answer.")
    return Event(What.HELD, data={"hold": Hold.APPROVAL.value, "who": who})


def refused(connection: Connection, rollout: str, who: str, reason: str) -> Event:
    """It waits no more. Errors: IllegalSignal, NothingRecorded."""
    row = _planned(connection, rollout, "refused")
    if not _waits(row):
        raise IllegalSignal(f"Nobody wants rollout {rollout} to start", hint="It may have been refused already.")
    return Event(What.RELEASED, data={"hold": Hold.APPROVAL.value, "who": who, "reason": reason})


def assert_seen(rollout: str, number: int, seen: int | None) -> None:
    """That they who want it to start have seen it as it is. number, seen: of its last event. Errors: IllegalSignal."""
    if seen is not None and number != seen:
        message = f"Rollout {rollout} is not what it was when you looked: it was planned, asked for or refused since"
        raise IllegalSignal(message, hint="Look at it again, then start it.")


def _planned(connection: Connection, rollout: str, wish: str) -> Row[Any]:
    """Its line, for us alone."""
    row = lock_line(connection, rollout)
    if row.state != RolloutState.PLANNED.value:
        message = f"Rollout {rollout} is {row.state} and can be {wish} only while it is planned"
        raise IllegalSignal(message, hint=f"See `depl show {rollout}`.")
    if row.owner:
        raise IllegalSignal(f"{row.owner} is at work on rollout {rollout}", hint="Wait until that has ended.")
    return row


def _waits(row: Row[Any]) -> bool:
    return Hold.APPROVAL.value in row.holds


def _wanted_by(row: Row[Any]) -> str:
    return str(row.data.get("wanted_by") or "somebody")
