"""Which rollout an undo takes back, from what the journals of all hosts tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from depl.errors import NothingToUndo


@dataclass(frozen=True)
class Chosen:
    """A rollout, and the hosts on which something of it stands."""

    rollout: str
    hosts: Sequence[str]


def choose(environment: str, found: Mapping[str, Sequence[Mapping[str, Any]]], rollout: Optional[str] = None) -> Chosen:
    """The rollout to take back: the one that is named; else one that was cut off; else the newest that stands.

    found: by host the facts of its journals (see depl.deploy.chains). Errors: NothingToUndo.
    """
    journals = [
        (host, journal)
        for host, journals in found.items()
        for journal in journals
        if environment in journal.get("environments", ()) and journal.get("rollouts")
    ]
    standing = [(host, journal) for host, journal in journals if _stands(journal)]
    if rollout is None:
        unsettled = [(host, journal) for host, journal in standing if journal.get("unsettled")]
        names = [journal["rollouts"][-1] for _, journal in unsettled or standing]
        if not names:
            raise NothingToUndo(f"there is no rollout of {environment} to undo", hint=_looked_on(found))
        rollout = max(names)  # they sort by time
    hosts = dict.fromkeys(host for host, journal in standing if rollout in journal["rollouts"])
    if not hosts:
        raise _why_not(environment, rollout, [journal for _, journal in journals], found)
    return Chosen(rollout, list(hosts))


def _stands(journal: Mapping[str, Any]) -> bool:
    return bool(journal.get("unsettled")) or journal.get("outcome") == "succeeded"


def _why_not(
    environment: str, rollout: str, journals: Sequence[Mapping[str, Any]], found: Mapping[str, Any]
) -> NothingToUndo:
    if any(rollout in journal["rollouts"] for journal in journals):
        return NothingToUndo(f"rollout {rollout} is taken back already")
    if any(rollout in journal.get("undos", ()) for journal in journals):
        return NothingToUndo(f"{rollout} is itself an undo", hint="Deploy again to go forward.")
    return NothingToUndo(f"no rollout {rollout} of {environment} is recorded on its hosts", hint=_looked_on(found))


def _looked_on(found: Mapping[str, Any]) -> str:
    shown = list(found)[:5]
    return f"Looked on {', '.join(shown)}{' and others' if len(found) > len(shown) else ''}."
