"""Root components for tests of what is no longer declared, and what is told of it."""

from __future__ import annotations

import json
from typing import Any

from depl.component import Component
from depl.events import What
from depl.lib.file import File


def root(name: str, *parts: Any) -> type[Component]:
    """A root component with some parts, each made anew."""

    def configure(self: Any) -> None:
        for part in parts:
            self += part()

    return type(name, (Component,), {"configure": configure})


def file(path: str, content: str = "x\n", **how: Any) -> Any:
    return lambda: File(path, content=content, **how)


def told(world: Any) -> list[list[str]]:
    """What each event said of things that are no longer declared, as paths below the base."""
    found = [event.data["things"] for event in world.said(What.UNDECLARED)]
    world.events.clear()
    return [[thing["what"].removeprefix(f"{world.base}/") for thing in things] for things in found]


def receipts(world: Any) -> Any:
    return json.loads((world.base / ".depl/receipts.json").read_text())


def mine(world: Any) -> Any:
    """The receipts of this environment."""
    return receipts(world)["projects"][world.base.name]["test"]


def kept(world: Any) -> dict[str, str]:
    """What was kept, by paths below the base, and why."""
    found = world.said(What.KEPT)
    world.events.clear()
    return {event.data["path"].removeprefix(f"{world.base}/"): event.data["reason"] for event in found}


class Venv(Component):
    """Builds a tree by raw commands, as a virtual environment or an archive is built."""

    predictable = True

    def configure(self):
        self.path = self.map("tree")

    def verify(self):
        assert self.system.names(self.path)

    def update(self):
        self.system.build(self.path)
        self.system.run(f"mkdir -p {self.path}/lib && echo x > {self.path}/lib/x && chmod 600 {self.path}/lib/x")
        if not self.system.predicting:
            self.system.write(f"{self.path}/marker", b"1")
