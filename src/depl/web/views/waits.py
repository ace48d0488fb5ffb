"""Which component of a deployment waited for which, as far as the graph of its environment says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from depl.rollout.folding import State
from depl.rollout.outline import around
from depl.web.views.tree import host_of


def waits(state: State, published: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """By task those that it waited for: what it needs, and what its host did before. published: by environment."""
    providers = {name: _providers(found) for name, found in published.items()}
    found: dict[str, list[str]] = {}
    for above, environments in _deployments(state):
        begins = f"{above}/" if above else ""
        ids = [id for id in state.tasks if "@" in id and around(id) == above]
        for id in ids:
            needed = [one for name in environments for one in providers.get(name, {}).get(id.removeprefix(begins), ())]
            found.setdefault(id, []).extend(begins + one for one in needed)
        last: dict[str, str] = {}
        for id in sorted((one for one in ids if state.tasks[one].began), key=lambda one: state.tasks[one].began):
            if host_of(id) in last:
                found[id].append(last[host_of(id)])
            last[host_of(id)] = id
    return {id: before for id, before in found.items() if before}


def _deployments(state: State) -> Iterator[tuple[str, list[str]]]:
    """Each with its environments; nothing is the one that the rollout is itself."""
    if state.plan is None:
        yield "", state.environments
        return
    inside = {around(id) for id in state.tasks}
    for id, leaf in state.plan.tree.leaves.items():
        if id in inside:
            yield id, list(leaf.environments)


def _providers(published: Mapping[str, Any]) -> dict[str, list[str]]:
    """By component those that provide what it needs."""
    found: dict[str, list[str]] = {}
    for start, end, _key in published.get("edges") or ():
        found.setdefault(str(end), []).append(str(start))
    return found
