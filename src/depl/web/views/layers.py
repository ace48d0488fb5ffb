"""Where things stand in a picture of what needs what: columns, hosts that are alike, rows of frames. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

FEW = 12  # hosts that are drawn one by one


@dataclass(frozen=True)
class Node:
    """A root component on a host. id: `web@web1`."""

    id: str
    root: str
    host: str
    is_ignored: bool = False


def nodes_of(published: Mapping[str, Any]) -> dict[str, Node]:
    """By id, in the order in which they were published."""
    found = {}
    for one in published.get("nodes") or ():
        id = str(one["id"])
        found[id] = Node(id, str(one.get("root") or id), str(one.get("host") or ""), bool(one.get("ignore")))
    return found


def layered(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """By id its column: one after the last of what it needs. What needs itself in a circle is cut open there."""
    needs: dict[str, dict[str, None]] = {id: {} for id in nodes}
    for start, end in edges:
        needs[end][start] = None
    layers: dict[str, int] = {}
    for id in _order(needs):
        layers[id] = max((layers[one] + 1 for one in needs[id]), default=0)
    return layers


def gathered(nodes: Mapping[str, Node], layers: Mapping[str, int], published: Mapping[str, Any]) -> list[list[str]]:
    """The hosts of each frame, from left to right: where there are many, those that are alike share one."""
    of: dict[str, list[Node]] = {str(host["name"]): [] for host in published.get("hosts") or ()}
    for node in nodes.values():
        of.setdefault(node.host, []).append(node)
    groups: dict[object, list[str]] = {}
    for host, found in of.items():
        alike = tuple(sorted((node.root, layers[node.id], node.is_ignored) for node in found))
        groups.setdefault(alike if len(of) > FEW else host, []).append(host)
    place = {host: place for place, host in enumerate(of)}

    def leftmost(hosts: Sequence[str]) -> tuple[int, int, int]:
        columns = [layers[node.id] for node in of[hosts[0]]]
        return min(columns, default=0), max(columns, default=0), place[hosts[0]]

    return sorted(groups.values(), key=leftmost)


def packed(spans: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Rows of what lies beside each other. spans: the first and the last column of each; each is put where it fits."""
    rows: list[list[int]] = []
    for place, (first, last) in enumerate(spans):
        fits = (row for row in rows if all(spans[one][1] < first or last < spans[one][0] for one in row))
        row = next(fits, None)
        if row is None:
            rows.append([place])
        else:
            row.append(place)
    return rows


def _order(needs: Mapping[str, dict[str, None]]) -> list[str]:
    """What is needed first. A need that closes a circle is dropped."""
    while True:
        try:
            return list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            before, after, *_ = error.args[1]
            needs[after].pop(before, None)
