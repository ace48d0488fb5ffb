"""What people are told about rollouts whose way back was purged. Pure."""

from __future__ import annotations

from typing import Sequence

from depl.errors import NothingToUndo

WHY = "keep_rollouts and keep_days of its environment say how long they are kept."


def no_longer(rollout: str, hosts: Sequence[str] = ()) -> NothingToUndo:
    """The refusal to take back a rollout that was purged. hosts: where that is so, if not here."""
    shown = f" on {', '.join(hosts[:5])}{' and others' if len(hosts) > 5 else ''}" if hosts else ""
    return NothingToUndo(
        f"rollout {rollout} is no longer reversible{shown}: "
        "its records and what it replaced were purged after keep_rollouts/keep_days",
        hint=f"Deploy the revision of then to get there again; {WHY}",
    )


def nothing_left(environment: str, purged: int, hint: str) -> NothingToUndo:
    """There is nothing to take back. purged: how many rollouts there were that can no longer be."""
    message = f"there is no rollout of {environment} to undo"
    if purged:
        were = "older one was" if purged == 1 else "older ones were"
        message += f"; {purged} {were} purged after keep_rollouts/keep_days"
    return NothingToUndo(message, hint=hint)
