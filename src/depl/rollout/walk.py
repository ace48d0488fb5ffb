"""The order of a tree of tasks, forward or backward: which may begin now. Pure; a task costs as much as it is deep."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator

from depl.rollout.tree import Group, Tree


class Walk:
    """Hands out some tasks of a tree as those end that they come after.

    wanted: those that are to be done at all; the others are passed by. backwards: what comes after the others goes
    first; tasks side by side are taken back side by side, too. aside: those that wait for people: what comes after
    them waits with them, and nothing else.
    """

    def __init__(
        self, tree: Tree, wanted: Iterable[str], *, backwards: bool = False, aside: Collection[str] = ()
    ) -> None:
        self._tree = tree
        self._backwards = backwards
        self._aside = aside
        self._left: dict[str, int] = {}  # by task and group: how many wanted ones in it are not over
        for id in wanted:
            self._left[id] = 1
            for group in tree.ways_up(id):
                self._left[group.id] = self._left.get(group.id, 0) + 1
        self._queues: dict[str, deque[str]] = {}  # by open group: its members that are not open
        self._placed: set[str] = set()  # tasks that may begin or have begun, but for those aside
        self._busy: Counter[str] = Counter()  # by group: how many of its members take a place
        self._ready: dict[str, None] = {}
        if self._left.get(tree.root):
            self._open(tree.root)

    def ready(self) -> Iterator[str]:
        """The tasks that may begin now and have not, in their order."""
        return iter(self._ready)

    def begun(self, id: str) -> None:
        """A task is at work."""
        self._ready.pop(id, None)
        self._take_place(id)

    def again(self, id: str) -> None:
        """A task that was at work may begin again."""
        self._ready[id] = None

    def aside(self, id: str) -> None:
        """A task that was at work waits for people: its place is free."""
        self._ready[id] = None
        self._leave_place(id)
        self._go_on(id)

    def over(self, id: str) -> None:
        """A task came to its end: what waits for it may begin."""
        self._ready.pop(id, None)
        for group in self._tree.ways_up(id):
            self._left[group.id] -= 1
        self._left[id] = 0
        self._leave_place(id)
        self._go_on(id)

    @property
    def is_over(self) -> bool:
        """Whether all of them came to their end."""
        return not self._left.get(self._tree.root)

    def _open(self, id: str) -> None:
        if id not in self._tree.groups:
            self._ready[id] = None
            if id not in self._aside:
                self._take_place(id)
            return
        group = self._tree.groups[id]
        members = [member for member in group.members if self._left.get(member)]
        self._queues[id] = deque(reversed(members) if self._backwards else members)
        self._open_next(group)

    def _open_next(self, group: Group) -> None:
        """As many as there are places for."""
        queue = self._queues[group.id]
        while queue and not (group.limit and self._busy[group.id] >= group.limit):
            member = queue.popleft()
            if self._left[member]:
                self._open(member)
                if not group.parallel:
                    return

    def _go_on(self, id: str) -> None:
        """Where a place was let go of, the next one takes it."""
        for group in self._tree.ways_up(id):
            if group.id in self._queues and (group.parallel or not (self._left[id] or self._busy[group.id])):
                self._open_next(group)
            if self._busy[group.id]:
                return
            id = group.id

    def _take_place(self, id: str) -> None:
        if id not in self._placed:
            self._placed.add(id)
            self._count(id, 1)

    def _leave_place(self, id: str) -> None:
        if id in self._placed:
            self._placed.discard(id)
            self._count(id, -1)

    def _count(self, id: str, by: int) -> None:
        """A group takes a place itself as long as anything in it does."""
        for group in self._tree.ways_up(id):
            self._busy[group.id] += by
            if self._busy[group.id] != (by > 0):
                return
