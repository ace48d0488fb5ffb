"""Who asked about whom while a tree is walked, and who wants to hear of updates."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Optional

from depl.component import Component, RootComponent
from depl.facts import facts_of

Handler = Callable[[Component], Any]


class Causes:
    """The questions of the component that is being looked at. products: the paths that its update writes."""

    def __init__(self, root: RootComponent) -> None:
        self._root = root
        self._asker = ""
        self._asked: dict[str, None] = {}
        self._handlers: Optional[list[tuple[Component, str, str, Handler]]] = None
        self._positions: dict[int, int] = {}
        self.products: dict[str, None] = {}

    def asks(self, component: Component) -> None:
        """The next one is looked at."""
        self._asker = component.id
        if self._asked:
            self._asked = {}
        if self.products:
            self.products = {}

    def asked(self, subtree: str) -> str:
        """Note that the asker wants to know of a subtree; the asker."""
        self._asked[subtree] = None
        return self._asker

    def of(self, component: Component) -> tuple[str, ...]:
        """The subtrees that a component reacts to: declared, or asked for while it was looked at."""
        declared = dict.fromkeys(one.id for one in component.reacts_to or ())
        return tuple(sorted({**declared, **self._asked}))

    def handlers(self, event: str, updating: Component) -> Iterator[tuple[Component, Handler]]:
        """Who wants to hear that a component is about to be updated; looked for once per root."""
        if self._handlers is None:
            self._handlers = self._find_handlers()
        for component, wanted, scope, call in self._handlers:
            if wanted != event or component is updating:
                continue
            if scope == "precursor" and self._position(component) < self._position(updating):
                continue
            yield component, call

    def _find_handlers(self) -> list[tuple[Component, str, str, Handler]]:
        found: list[tuple[Component, str, str, Handler]] = []
        for component in preorder(self._root.component):
            found += [
                (component, handler.event, handler.scope, getattr(component, handler.method))
                for handler in facts_of(type(component)).handlers
            ]
        return found

    def _position(self, component: Component) -> int:
        if not self._positions:
            self._positions = {id(one): index for index, one in enumerate(preorder(self._root.component))}
        return self._positions[id(component)]


def preorder(component: Component) -> Iterator[Component]:
    """A component and all in its tree, parents first."""
    waiting = [component]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(one.sub_components))
