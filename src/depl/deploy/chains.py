"""What could be undone on a host: its journals, each a chain of rollouts that are taken back together."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

from depl.change.changes import Call
from depl.change.folds import ChainState
from depl.change.ledger import root_of
from depl.deploy.books import OWN
from depl.deploy.gone import no_longer, nothing_left
from depl.deploy.overlap import overlap
from depl.deploy.pivot import is_pivot
from depl.deploy.purged import purged
from depl.deploy.redoable import assert_redoable
from depl.deploy.target import Target
from depl.errors import NothingToUndo


def chains(target: Target) -> list[Mapping[str, Any]]:
    """All journals of a host as facts for others, the one that was written to last first."""
    return [_facts(state) for _, state in target.journals.states()]


def chains_of(
    target: Target, environment: str, rollout: Optional[str] = None
) -> tuple[list[Any], list[str], list[str]]:
    """What a host knows of an environment: its journals, the rollouts that were purged, and those besides by name.

    Those of a rollout that is named come first.
    """
    found = [chain for chain in chains(target) if environment in chain["environments"]]
    directory = target.journals.directory
    gone = purged(directory, environment)
    if rollout is None:
        return found, gone, []
    found.sort(key=lambda chain: rollout not in (*chain["rollouts"], *chain["undos"]))
    forgotten = [one for one in purged(directory, environment, all=True) if one == rollout and one not in gone]
    return found, gone, forgotten


def open_chain(target: Target, environment: str, rollout: Optional[str] = None) -> tuple[str, ChainState]:
    """The journal to take back: that of a rollout; else an unsettled one, else the newest that still stands.

    A rollout that is itself an undo is redone (see redoes). Errors: NothingToUndo.
    """
    states = list(target.journals.states())
    wanted = [
        (path, state)
        for path, state in states
        if environment in state.environments
        and (rollout in (*state.rollouts, *state.undos) if rollout else stands(state))
    ]
    # One that was cut off comes first, be it an old one whose undo did not get to its end.
    for path, state in sorted(wanted, key=lambda one: one[1].settled):
        newer = states[: states.index((path, state))]
        if rollout is not None and rollout in state.undos:
            assert_redoable(path, state, rollout, newer, stands(state))
            return path, state
        return path, _only_if_free(state, rollout or state.rollouts[-1], [one for _, one in newer])
    gone = purged(target.journals.directory, environment, all=rollout is not None)
    if rollout in gone:
        raise no_longer(rollout)
    if rollout is not None:
        raise NothingToUndo(
            f"no rollout {rollout} of {environment} is recorded in {target.records}",
            hint="`depl undo` without a rollout takes back the newest one.",
        )
    raise nothing_left(environment, len(gone), hint=f"Looked in {target.records}.")


def tasks_of(state: ChainState) -> list[dict[str, Any]]:
    """The root components that a journal has changes of, in the order in which that was done.

    pivot: something of it stands that cannot be undone.
    """
    pivots = {root_of(did.component) for did in state.standing if is_pivot(did)}
    begun = [
        {
            "root": one.task,
            "order": one.order,
            "after": list(one.after),
            **({"pivot": True} if one.task in pivots else {}),
        }
        for one in state.begun
    ]
    known = {one["root"] for one in begun}
    others = dict.fromkeys(root_of(did.component) for did in reversed(state.standing) if did.component not in OWN)
    return [*({"root": root, "order": 0, "after": []} for root in others if root not in known), *begun]


def needs_code(state: ChainState) -> list[Mapping[str, str]]:
    """What only its component's own code can take back: component, and the rollout and revision that deployed it."""
    found: dict[str, Mapping[str, str]] = {}
    for did in state.standing:
        if isinstance(did.change, Call):
            begun = [one for one in state.begun if one.n < did.n]
            last = max(begun or state.begun, key=lambda one: one.n, default=None)
            about = {"rollout": last.rollout, "revision": last.revision} if last is not None else {}
            found[did.component] = {"component": did.component, **about}
    return list(found.values())


def _facts(state: ChainState) -> dict[str, Any]:
    last = state.begun[-1] if state.begun else None
    return {
        "rollouts": list(state.rollouts),
        "undos": list(state.undos),
        "undone": list(state.undone),
        "environments": list(state.environments),
        "host": state.host,
        "who": last.who if last else "",
        "at": last.at if last else "",
        "unsettled": state.unsettled,
        "outcome": state.outcome,
        "stands": stands(state),
        "tasks": tasks_of(state),
        "needs_code": needs_code(state),
    }


def _only_if_free(state: ChainState, rollout: str, newer: Sequence[ChainState]) -> ChainState:
    """An older journal may be taken back alone only if none of its paths was changed later."""
    if not stands(state):
        raise NothingToUndo(f"rollout {rollout} is taken back already")
    later = [other.rollouts[-1] for other in newer if other.rollouts and overlap(state.standing, other.standing)]
    if later:
        raise NothingToUndo(
            f"rollout {rollout} cannot be taken back before {', '.join(later)}, which changed the same things later",
            hint="Undo the newer ones first, newest first.",
        )
    return state


def stands(state: ChainState) -> bool:
    """Whether there is something to take back."""
    return state.unsettled or state.outcome == "succeeded"
