"""In whose name depl changes what it keeps for itself on a host, beside what components declare."""

from __future__ import annotations

RECEIPTS = "receipts"
PROJECT = ".project"  # the link to the project; no root component can be called so
COLLECTED = ".gc"  # the task under which what is no longer declared is removed; likewise

OWN = frozenset((RECEIPTS, PROJECT))
