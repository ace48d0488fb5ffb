"""Which rollout an undo takes back, from what the journals of all hosts tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from depl.deploy.gone import no_longer, nothing_left
from depl.errors import NothingToUndo

Journal = tuple[str, Mapping[str, Any]]  # with its host
NONE: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True)
class Chosen:
    """A rollout, and the hosts on which something of it stands (or was undone, where that is to be taken back).

    needs_code: by host what only its component's own code can take back there (see depl.deploy.chains). others: where
    an undo is taken back, the undo of the same rollout on each host that knows it by another name.
    """

    rollout: str
    hosts: Sequence[str]
    needs_code: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


def choose(
    environment: str,
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    rollout: Optional[str] = None,
    purged: Mapping[str, Sequence[str]] = NONE,
    forgotten: Mapping[str, Sequence[str]] = NONE,
) -> Chosen:
    """The rollout to take back: the one that is named; else one that was cut off; else the newest that stands.

    One that is itself an undo is chosen where it can be redone.

    found: by host the facts of its journals (see depl.deploy.chains). purged: by host the rollouts that can no longer
    be taken back there; such a one is taken back nowhere, unless it was cut off. forgotten: likewise the undos, and the
    rollouts that had been taken back already. Errors: NothingToUndo.
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
    undone = [(host, journal) for host, journal in journals if rollout in journal.get("undone", ())]
    hosts |= dict.fromkeys(host for host, _ in undone)
    gone = [host for host, names in purged.items() if rollout in names]
    if undone or not hosts:
        gone += [host for host, names in forgotten.items() if rollout in names]
    if gone and not any(journal.get("unsettled") for _, journal in standing if rollout in journal["rollouts"]):
        raise no_longer(rollout, gone)
    if not hosts:
        raise _why_not(environment, rollout, [journal for _, journal in journals], found)
    standing_here = [(host, journal) for host, journal in standing if rollout in journal["rollouts"]]
    needs_code = {host: journal["needs_code"] for host, journal in standing_here if journal.get("needs_code")}
    return Chosen(rollout, list(hosts), needs_code, _others(undone, journals))


def _others(undone: Sequence[Journal], journals: Sequence[Journal]) -> Mapping[str, str]:
    """By host the other undo that took the same rollouts back there."""
    rollouts = {name for _, journal in undone for name in journal["rollouts"]}
    here = {host for host, _ in undone}
    return {
        host: journal["undone"][-1]
        for host, journal in journals
        if host not in here and journal.get("undone") and rollouts & set(journal["rollouts"])
    }


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
