"""What could be undone on a host: its journals, each a chain of rollouts that are taken back together."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

from depl.change.changes import Move, Put
from depl.change.folds import ChainState
from depl.change.ledger import root_of
from depl.deploy.books import OWN
from depl.deploy.target import Target
from depl.errors import NothingToUndo


def chains(target: Target) -> list[Mapping[str, Any]]:
    """All journals of a host as facts for others, the one that was written to last first."""
    return [_facts(state) for _, state in target.journals.states()]


def open_chain(target: Target, environment: str, rollout: Optional[str] = None) -> tuple[str, ChainState]:
    """The journal to take back: that of a rollout; else an unsettled one, else the newest that still stands.

    Errors: NothingToUndo.
    """
    states = list(target.journals.states())
    wanted = [
        (path, state)
        for path, state in states
        if environment in state.environments
        and (rollout in (*state.rollouts, *state.undos) if rollout else _stands(state))
    ]
    # One that was cut off comes first, be it an old one whose undo did not get to its end.
    for path, state in sorted(wanted, key=lambda one: one[1].settled):
        newer = states[: states.index((path, state))]
        return path, _only_if_free(state, rollout or state.rollouts[-1], [one for _, one in newer])
    if rollout is not None:
        raise NothingToUndo(
            f"no rollout {rollout} of {environment} is recorded in {target.records}",
            hint="`depl undo` without a rollout takes back the newest one.",
        )
    raise NothingToUndo(f"there is no rollout of {environment} to undo", hint=f"Looked in {target.records}.")


def tasks_of(state: ChainState) -> list[dict[str, Any]]:
    """The root components that a journal has changes of, in the order in which that was done."""
    begun = [{"root": one.task, "order": one.order, "after": list(one.after)} for one in state.begun]
    known = {one["root"] for one in begun}
    others = dict.fromkeys(root_of(did.component) for did in reversed(state.standing) if did.component not in OWN)
    return [*({"root": root, "order": 0, "after": []} for root in others if root not in known), *begun]


def _facts(state: ChainState) -> dict[str, Any]:
    last = state.begun[-1] if state.begun else None
    return {
        "rollouts": list(state.rollouts),
        "undos": list(state.undos),
        "environments": list(state.environments),
        "host": state.host,
        "who": last.who if last else "",
        "at": last.at if last else "",
        "unsettled": state.unsettled,
        "outcome": state.outcome,
        "stands": _stands(state),
        "tasks": tasks_of(state),
    }


def _only_if_free(state: ChainState, rollout: str, newer: Sequence[ChainState]) -> ChainState:
    """An older journal may be taken back alone only if none of its paths was changed later."""
    if rollout in state.undos:
        raise NothingToUndo(f"{rollout} is itself an undo", hint="Deploy again to go forward.")
    if not _stands(state):
        raise NothingToUndo(f"rollout {rollout} is taken back already")
    later = [other.rollouts[-1] for other in newer if other.rollouts and _overlap(state, other)]
    if later:
        raise NothingToUndo(
            f"rollout {rollout} cannot be taken back before {', '.join(later)}, which changed the same things later",
            hint="Undo the newer ones first, newest first.",
        )
    return state


def _stands(state: ChainState) -> bool:
    return state.unsettled or state.outcome == "succeeded"


def _overlap(older: ChainState, newer: ChainState) -> bool:
    """Whether both changed the same path, or one of them something in a tree that the other one moved or built."""
    paths, trees = _paths(older)
    newer_paths, newer_trees = _paths(newer)
    return bool(paths & newer_paths) or _reach(trees, newer_paths) or _reach(newer_trees, paths)


def _reach(trees: set[str], paths: set[str]) -> bool:
    return any(path.startswith(tree + "/") for tree in trees for path in paths)


def _paths(state: ChainState) -> tuple[set[str], set[str]]:
    """The paths that still stand changed, and those of them that are whole trees."""
    paths: set[str] = set()
    trees: set[str] = set()
    for did in state.standing:
        if isinstance(did.change, Put) and did.component not in OWN:
            paths.add(did.change.path)
        elif isinstance(did.change, Move):
            trees.update((did.change.path, did.change.to))
    return paths | trees, trees
