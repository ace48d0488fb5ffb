"""Changes that only their component's own code can take back."""

from __future__ import annotations

from typing import Any, Callable, Iterable

from depl.change.changes import Call
from depl.component import RootComponent
from depl.deploy.causes import preorder
from depl.deploy.undo import Reverse
from depl.errors import DeplError


def reverse_by(roots: Callable[[], Iterable[RootComponent]]) -> Reverse:
    """Calls an author's reverse() on the component that some root components have under the same id."""

    def reverse(system: Any, call: Call) -> None:
        component: Any = None
        for root in roots():
            for one in preorder(root.component):
                if one.id == call.component:
                    component = one
                    root.system = system
        if component is None:
            raise DeplError(f"{call.component} must be reversed by its own code, and the model has it no more")
        component.reverse(system.captured(call))

    return reverse
