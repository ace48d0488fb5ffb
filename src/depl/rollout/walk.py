"""The order of a tree of tasks, forward or backward: which may begin now. Pure; a task costs as much as it is deep."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from depl.rollout.tree import Tree


class Walk:
    """Hands out some tasks of a tree as those end that they come after.

    wanted: those that are to be done at all; the others are passed by. backwards: what comes after the others goes
    first; tasks side by side are taken back side by side, too.
    """

    def __init__(self, tree: Tree, wanted: Iterable[str], *, backwards: bool = False) -> None:
        self._tree = tree
        self._backwards = backwards
        self._left: dict[str, int] = {}  # by task and group: how many wanted ones in it are not over
        for id in wanted:
            self._left[id] = 1
            for group in tree.ways_up(id):
                self._left[group.id] = self._left.get(group.id, 0) + 1
        self._queues: dict[str, deque[str]] = {}  # by open group: its members that are not open
        self._ready: dict[str, None] = {}
        self._open(tree.root)

    def ready(self) -> Iterator[str]:
        """The tasks that may begin now and have not, in their order."""
        return iter(self._ready)

    def begun(self, id: str) -> None:
        """A task is at work."""
        self._ready.pop(id, None)

    def again(self, id: str) -> None:
        """A task that was at work may begin again."""
        self._ready[id] = None

    def over(self, id: str) -> None:
        """A task came to its end: what waits for it may begin."""
        self._ready.pop(id, None)
        ended = id
        for group in self._tree.ways_up(id):
            self._left[group.id] -= 1
        self._left[id] = 0
        for group in self._tree.ways_up(id):
            if self._left[ended]:
                return
            self._open_next(group.id)
            ended = group.id

    @property
    def is_over(self) -> bool:
        """Whether all of them came to their end."""
        return not self._left.get(self._tree.root)

    def _open(self, id: str) -> None:
        if id not in self._tree.groups:
            if self._left.get(id):
                self._ready[id] = None
            return
        group = self._tree.groups[id]
        members = [member for member in group.members if self._left.get(member)]
        self._queues[id] = deque(reversed(members) if self._backwards else members)
        at_once = (group.limit or len(members)) if group.parallel else 1
        for _ in range(min(at_once, len(members))):
            self._open_next(id)

    def _open_next(self, id: str) -> None:
        if self._queues[id]:
            self._open(self._queues[id].popleft())
