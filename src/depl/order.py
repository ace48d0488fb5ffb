"""Order in graphs: pure, and the same for the same graph on each run. Nodes are numbers from 0, in order of listing."""

from __future__ import annotations

import heapq
from typing import List, Mapping, Optional, Sequence

Successors = Sequence[Mapping[int, object]]  # for each node those that come after it


def topological(successors: Successors) -> List[int]:
    """All nodes, earlier ones first, else in order of listing; those in or behind a cycle come last."""
    waiting = [0] * len(successors)
    for followers in successors:
        for follower in followers:
            waiting[follower] += 1
    ready = [node for node, count in enumerate(waiting) if not count]
    order: List[int] = []
    while ready:
        node = heapq.heappop(ready)
        order.append(node)
        for follower in successors[node]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    if len(order) < len(successors):
        done = set(order)
        order.extend(node for node in range(len(successors)) if node not in done)
    return order


def shortest_cycles(successors: Successors) -> List[List[int]]:
    """The shortest cycle of each knot (strongly connected component) of the graph, each beginning at its least node."""
    cycles = []
    for knot in _knots(successors):
        inside = set(knot)
        best: Optional[List[int]] = None
        for start in sorted(knot):
            found = _cycle_through(start, successors, inside, len(best) if best else len(knot) + 1)
            best = found or best
        if best:
            least = best.index(min(best))
            cycles.append(best[least:] + best[:least])
    return sorted(cycles)


def _cycle_through(start: int, successors: Successors, inside: set[int], limit: int) -> Optional[List[int]]:
    """The shortest cycle through a node with less than `limit` nodes, by a search in breadth."""
    came_from = {start: start}
    level, length = [start], 1
    while level and length < limit:
        following = []
        for node in level:
            for follower in sorted(successors[node]):
                if follower == start:
                    return _path(came_from, start, node)
                if follower in inside and follower not in came_from:
                    came_from[follower] = node
                    following.append(follower)
        level, length = following, length + 1
    return None


def _path(came_from: Mapping[int, int], start: int, end: int) -> List[int]:
    path = [end]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[::-1]


def _knots(successors: Successors) -> List[List[int]]:
    """The strongly connected components of more than one node (Tarjan 1972, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: List[int] = []
    on_stack: set[int] = set()
    knots: List[List[int]] = []
    for root in range(len(successors)):
        if root in index:
            continue
        work = [(root, iter(successors[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, followers = work[-1]
            for follower in followers:
                if follower not in index:
                    index[follower] = low[follower] = len(index)
                    stack.append(follower)
                    on_stack.add(follower)
                    work.append((follower, iter(successors[follower])))
                    break
                if follower in on_stack:
                    low[node] = min(low[node], index[follower])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    knots.append(_pop_until(node, stack, on_stack))
    return [knot for knot in knots if len(knot) > 1]


def _pop_until(node: int, stack: List[int], on_stack: set[int]) -> List[int]:
    knot: List[int] = []
    while not knot or knot[-1] != node:
        knot.append(stack.pop())
        on_stack.discard(knot[-1])
    return knot
