"""The tables of the web interface, which the store has since its second schema."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, Table

from depl.store.columns import Facts, Words, metadata, number, words

# password: as depl.access.passwords keeps it; empty: they cannot sign in by one. disabled: since when.
users = Table(
    "users",
    metadata,
    Column("name", Words, primary_key=True),
    words("password"),
    words("made"),
    words("disabled"),
)

# environment: `*` for all.
grants = Table(
    "grants",
    metadata,
    Column("user", Words, primary_key=True),
    Column("environment", Words, primary_key=True),
    Column("role", Words, primary_key=True),
)

# id: a hash of what the cookie holds. user: empty for whoever came by the link that `depl serve` printed; then who is
# their name. expires, seen: seconds by the clock of the database.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Words, primary_key=True),
    words("user"),
    words("who"),
    words("made"),
    words("address"),
    words("agent"),
    Column("seen", Float, nullable=False, default=0.0),
    Column("expires", Float, nullable=False, default=0.0),
    Index("sessions_user", "user"),
)

# hash: of the token. scope: {environment: [roles]}, NULL for all that the user may. expires: seconds, NULL for never.
tokens = Table(
    "tokens",
    metadata,
    Column("id", Words, primary_key=True),
    words("hash"),
    words("user"),
    words("label"),
    Column("scope", Facts),
    words("made"),
    Column("expires", Float),
    words("used"),
    Index("tokens_hash", "hash", unique=True),
    Index("tokens_user", "user"),
)

# Only added to. what: `start`, `sign in`, ...; subject: the rollout, user or other thing that it is about; outcome:
# done, denied or failed; address: from where. when: seconds by the clock of the database.
audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    words("at"),
    Column("when", Float, nullable=False, default=0.0),
    words("who"),
    words("address"),
    words("what"),
    words("subject"),
    words("environment"),
    words("outcome"),
    words("reason"),
    Index("audit_what", "what", "when"),
    Index("audit_who", "who"),
)

# Who is there to carry out what is queued. heartbeat: seconds by the clock of the database. queues: NULL for all.
workers = Table(
    "workers",
    metadata,
    Column("name", Words, primary_key=True),
    words("since"),
    Column("heartbeat", Float, nullable=False, default=0.0),
    Column("queues", Facts),
    number("jobs"),
)

# What people want to know that only a worker can find out. state: asked, at work, answered or failed. asked: what for.
# when: seconds by the clock of the database; attempts: how many workers began with it.
inquiries = Table(
    "inquiries",
    metadata,
    Column("id", Words, primary_key=True),
    words("kind"),
    Column("asked", Facts, nullable=False, default=dict),
    Column("environments", Facts, nullable=False, default=list),
    words("queue"),
    words("who"),
    words("made"),
    Column("when", Float, nullable=False, default=0.0),
    words("state"),
    words("owner"),
    Column("heartbeat", Float, nullable=False, default=0.0),
    number("attempts"),
    words("ended"),
    words("rollout"),
    Column("answer", Facts),
    Column("error", Facts),
    Index("inquiries_state", "state", "when"),
    Index("inquiries_rollout", "rollout"),
)

# What workers found in the project: forms of rollouts, pictures of environments, drift. at: UTC; when: the same in
# seconds by the clock of the database.
published = Table(
    "published",
    metadata,
    Column("kind", Words, primary_key=True),
    Column("name", Words, primary_key=True),
    Column("data", Facts, nullable=False, default=dict),
    words("at"),
    Column("when", Float, nullable=False, default=0.0),
)
