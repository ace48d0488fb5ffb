"""From each schema of the store to the next one, as the tables were then: what stands here is never changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Connection, Float, Integer, PrimaryKeyConstraint, Text, text

from depl.store.headers import in_short


def _to_2(connection: Connection) -> None:
    """The web interface: its tables, and what lists show and look for of rollouts."""
    op = _operations(connection)
    op.create_index("rollouts_name", "rollouts", ["name", "made"])
    op.create_index("rollouts_undoes", "rollouts", ["undoes"])
    op.create_index("events_task", "events", ["rollout", "task"])
    op.create_table("users", *_texts("name", "password", "made", "disabled"), PrimaryKeyConstraint("name"))
    grant = ("user", "environment", "role")
    op.create_table("grants", *_texts(*grant), PrimaryKeyConstraint(*grant))
    op.create_table(
        "sessions",
        *_texts("id", "user", "who", "made", "address", "agent"),
        *_floats("seen", "expires"),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("sessions_user", "sessions", ["user"])
    op.create_table(
        "tokens",
        *_texts("id", "hash", "user", "label"),
        Column("scope", Text),
        *_texts("made"),
        Column("expires", Float),
        *_texts("used"),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("tokens_hash", "tokens", ["hash"], unique=True)
    op.create_index("tokens_user", "tokens", ["user"])
    op.create_table(
        "audit",
        Column("number", Integer, primary_key=True, autoincrement=True),
        *_texts("at"),
        *_floats("when"),
        *_texts("who", "address", "what", "subject", "environment", "outcome", "reason"),
    )
    op.create_index("audit_what", "audit", ["what", "when"])
    op.create_index("audit_who", "audit", ["who"])
    op.create_table(
        "workers",
        *_texts("name", "since"),
        *_floats("heartbeat"),
        Column("queues", Text),
        Column("jobs", BigInteger, nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "inquiries",
        *_texts("id", "kind", "asked", "environments", "queue", "who", "made"),
        *_floats("when"),
        *_texts("state", "owner"),
        *_floats("heartbeat"),
        Column("attempts", BigInteger, nullable=False),
        *_texts("ended", "rollout"),
        Column("answer", Text),
        Column("error", Text),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("inquiries_state", "inquiries", ["state", "when"])
    op.create_index("inquiries_rollout", "inquiries", ["rollout"])
    op.create_table(
        "published",
        *_texts("kind", "name", "data", "at"),
        *_floats("when"),
        PrimaryKeyConstraint("kind", "name"),
    )
    _add_parameters(connection)


def _add_parameters(connection: Connection) -> None:
    """To what lists show of rollouts, from their newest plans."""
    query = text("SELECT data FROM events WHERE rollout = :id AND what = 'planned' ORDER BY number DESC LIMIT 1")
    for id, data in connection.execute(text("SELECT id, data FROM rollouts")).all():
        planned = connection.execute(query, {"id": id}).first()
        if planned is not None:
            parameters = in_short(json.loads(planned.data).get("parameters") or {})
            told = json.dumps({**json.loads(data), "parameters": parameters})
            connection.execute(text("UPDATE rollouts SET data = :data WHERE id = :id"), {"data": told, "id": id})


def _operations(connection: Connection) -> Operations:
    return Operations(MigrationContext.configure(connection))


def _texts(*names: str) -> list[Column[Any]]:
    return [Column(name, Text, nullable=False) for name in names]


def _floats(*names: str) -> list[Column[Any]]:
    return [Column(name, Float, nullable=False) for name in names]


TO: Mapping[int, Callable[[Connection], None]] = {2: _to_2}
NEW: Mapping[int, Collection[str]] = {
    2: ("users", "grants", "sessions", "tokens", "audit", "workers", "inquiries", "published")
}
