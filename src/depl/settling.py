"""The configuration of all roots of an environment, repeated until nothing changes any more.

One pass configures all of them in order of listing. Who was then told something that has changed since is configured
again, providers before those who require from them, so that a chain of n roots costs some 2 n calls in any order of
listing. Roots that fail come before others: they may only lack what was not there yet.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from depl.order import topological
from depl.resources import same

if TYPE_CHECKING:
    from depl.resources import Resources
    from depl.root import RootComponent

Failure = BaseException

PATIENCE = 20  # calls of one root without any progress elsewhere


class Settling:
    """The state of a configuration. failures: what the last configure() of a root raised, by root."""

    def __init__(self, roots: Sequence[RootComponent], resources: Resources) -> None:
        self._roots = roots
        self._resources = resources
        self._number = {root: number for number, root in enumerate(roots)}
        self.failures: Dict[RootComponent, Failure] = {}
        self.restless: List[RootComponent] = []  # those that would go on for ever
        self._told_wrong: Dict[RootComponent, None] = {}
        self._calls: Dict[RootComponent, int] = {}  # since the last progress
        self._total = 0
        self._outcomes = 0
        self._tried_at: Dict[RootComponent, int] = {}
        self._seen: set[Tuple[RootComponent, Any]] = set()  # every root that once succeeded, every key it provided
        self._changed_keys: Dict[RootComponent, Dict[Any, None]] = {}

    def settle(self) -> None:
        """Configure until stable, or until patience is at its end."""
        for root in self._roots:
            self._configure(root)
        while not self.restless:
            if self._told_wrong:
                self._pass()
            elif not self._retry_failures():
                return

    def keys_of(self, root: RootComponent) -> List[str]:
        """The keys whose values a restless root changed."""
        return sorted(str(key) for key in self._changed_keys.get(root, ()))

    def _pass(self) -> None:
        """Configure the candidates in order of the graph as far as it is known; those that turn up behind wait."""
        failed = [root for root in self._told_wrong if root in self.failures]
        candidates = failed or list(self._told_wrong)
        rank = self._ranks() if len(candidates) > 1 else self._number
        ahead = [(rank[root], self._number[root]) for root in candidates]
        heapq.heapify(ahead)
        queued = set(candidates)
        while ahead and not self.restless:
            here, number = heapq.heappop(ahead)
            root = self._roots[number]
            self._told_wrong.pop(root, None)
            if not self._resources.is_outdated(root):
                continue
            for other in self._configure(root):
                if other not in queued and rank[other] > here and (not failed or other in self.failures):
                    queued.add(other)
                    heapq.heappush(ahead, (rank[other], self._number[other]))

    def _retry_failures(self) -> bool:
        """Configure the failed roots once more if anything has happened since they failed."""
        failed = [root for root in self._roots if root in self.failures and self._tried_at[root] < self._outcomes]
        for root in failed:
            if not self.restless:
                self._configure(root)
        return bool(failed)

    def _ranks(self) -> Mapping[RootComponent, int]:
        order = topological(successors(self._roots, self._resources))
        return {self._roots[number]: rank for rank, number in enumerate(order)}

    def _configure(self, root: RootComponent) -> Iterable[RootComponent]:
        """Configure a root; returns those whose answers may have changed."""
        before = {
            key: [provision.value for provision in provisions]
            for key, provisions in self._resources.provided_by(root).items()
        }
        failure = _attempt(root)
        changed = self._changes(before, root)
        self._take_note(root, failure, changed)
        told_wrong: Dict[RootComponent, None] = {}
        for key in changed:
            told_wrong.update(dict.fromkeys(self._resources.asking(key)))
        self._told_wrong.update(told_wrong)
        return told_wrong

    def _changes(self, before: Mapping[Any, Sequence[Any]], root: RootComponent) -> Dict[Any, None]:
        now = self._resources.provided_by(root)
        changed = dict.fromkeys(key for key in before if key not in now)
        for key, provisions in now.items():
            if key not in before or not same(before[key], [provision.value for provision in provisions]):
                changed[key] = None
        return changed

    def _take_note(self, root: RootComponent, failure: Optional[Failure], changed: Mapping[Any, None]) -> None:
        if changed or (failure is None) != (root not in self.failures) or root not in self._tried_at:
            self._outcomes += 1
        self._tried_at[root] = self._outcomes
        if failure is None:
            self.failures.pop(root, None)
        else:
            self.failures[root] = failure
        reached: set[Tuple[RootComponent, Any]] = {(root, key) for key in self._resources.provided_by(root)}
        if failure is None:
            reached.add((root, None))
        if not reached <= self._seen:
            self._seen |= reached
            self._calls.clear()
        self._changed_keys[root] = dict(changed)
        self._calls[root] = self._calls.get(root, 0) + 1
        self._total += 1
        if self._calls[root] > PATIENCE or self._total > 10 * PATIENCE + PATIENCE * len(self._roots):
            often = max(self._calls.values()) // 2
            self.restless = [one for one in self._roots if self._calls.get(one, 0) >= often]


def successors(roots: Sequence[RootComponent], resources: Resources) -> List[Dict[int, List[str]]]:
    """The graph that requirements make: for each root those that come after it, with the keys that say so."""
    number = {root: position for position, root in enumerate(roots)}
    graph: List[Dict[int, List[str]]] = [{} for _ in roots]
    for root in roots:
        for earlier, later, key in resources.edges(root):
            keys = graph[number[earlier]].setdefault(number[later], [])
            if key not in keys:
                keys.append(key)
    return graph


def _attempt(root: RootComponent) -> Optional[Failure]:
    try:
        root.prepare()
    except (Exception, SystemExit) as failure:  # noqa: BLE001  (configure() is the author's)
        return failure
    return None
