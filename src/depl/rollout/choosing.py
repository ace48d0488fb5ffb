"""Which rollout an undo takes back, from what the journals of all hosts tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from depl.deploy.gone import no_longer, nothing_left
from depl.errors import NothingToUndo

NONE: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True)
class Chosen:
    """A rollout, and the hosts on which something of it stands."""

    rollout: str
    hosts: Sequence[str]


def choose(
    environment: str,
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    rollout: Optional[str] = None,
    purged: Mapping[str, Sequence[str]] = NONE,
) -> Chosen:
    """The rollout to take back: the one that is named; else one that was cut off; else the newest that stands.

    One that is itself an undo is chosen where it can be redone.

    found: by host the facts of its journals (see depl.deploy.chains). purged: by host the rollouts that can no longer
    be taken back there; such a one is taken back nowhere, unless it was cut off. Errors: NothingToUndo.
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
            raise nothing_left(environment, len(set().union(*purged.values())), _looked_on(found))
        rollout = max(names)  # they sort by time
    hosts = dict.fromkeys(host for host, journal in standing if rollout in journal["rollouts"])
    hosts |= dict.fromkeys(host for host, journal in journals if rollout in journal.get("undone", ()))
    gone = [host for host, names in purged.items() if rollout in names]
    if gone and not any(journal.get("unsettled") for _, journal in standing if rollout in journal["rollouts"]):
        raise no_longer(rollout, gone)
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
        return NothingToUndo(
            f"the undo {rollout} cannot be taken back: it was already, or what it undid had not come to its end",
            hint="Deploy again to go forward.",
        )
    return NothingToUndo(f"no rollout {rollout} of {environment} is recorded on its hosts", hint=_looked_on(found))


def _looked_on(found: Mapping[str, Any]) -> str:
    shown = list(found)[:5]
    return f"Looked on {', '.join(shown)}{' and others' if len(found) > len(shown) else ''}."
