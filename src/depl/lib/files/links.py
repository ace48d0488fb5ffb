"""Symbolic links, and what is removed by pattern."""

from __future__ import annotations

import fnmatch
import os
import re
from typing import Any, Iterator

from depl.change import nodes
from depl.change.system import System
from depl.component import Component
from depl.errors import UpdateNeeded
from depl.lib.files.places import follow, make_room, mistake

MAGIC = re.compile(r"[*?[]")


class Symlink(Component):
    """A symbolic link at `target` that leads to `source` (both relative to the workdir). One change, undone exactly.

    A file or another link is replaced. replace: may a directory be moved away? leading: make missing directories above.

        self += Symlink("current", source="releases/7")
    """

    namevar = "target"
    target: str
    source: Any = ""
    replace = False
    leading = False

    staged = True
    predictable = True
    verify_after_update = True

    def configure(self) -> None:
        if not self.source:
            raise mistake(self, f"the link {self.target} leads nowhere", hint="Say where with source=.")
        self.target = self.map(self.target)
        self.source = self.map(self.source)

    def verify(self) -> None:
        needs_link(self, self.target, self.source)

    def update(self) -> None:
        make_link(self, self.target, self.source, replace=self.replace, leading=self.leading)

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        yield self.target, "kind", "link"
        yield self.target, "link", self.source


class Purge(Component):
    """Nothing is at the paths that match a pattern: files, links and whole trees are removed. Undone exactly.

    pattern: as for glob, relative to the workdir; `*` and `?` do not match a leading dot. Links are not followed.

        self += Purge("conf.d/*.conf.old")
    """

    namevar = "pattern"
    pattern: str

    staged = True
    predictable = True
    verify_after_update = True

    def configure(self) -> None:
        self.pattern = self.map(self.pattern)

    def verify(self) -> None:
        found = matches(self.system, self.pattern)
        if found:
            others = f" and {len(found) - 1} more" if len(found) > 1 else ""
            raise UpdateNeeded(f"{found[0]}{others} should not be there")

    def update(self) -> None:
        for path in matches(self.system, self.pattern):
            self.system.remove(path)


def needs_link(component: Component, path: str, to: str) -> None:
    """Raise UpdateNeeded unless a link at a path leads to just this."""
    node = component.system.look(path)
    if not isinstance(node, nodes.Link):
        raise UpdateNeeded(f"there is {nodes.describe(node)}, not a link")
    if node.to != to:
        raise UpdateNeeded(f"it leads to {node.to}, not to {to}")


def make_link(component: Component, path: str, to: str, *, replace: bool, leading: bool) -> None:
    """Make a link. Errors: ChangeFailed."""
    make_room(component, path, "a link", replace=replace, leading=leading)
    component.system.link(path, to)


def matches(system: System, pattern: str) -> list[str]:
    """The paths that match a pattern, sorted; staged changes count."""
    found = ["/"]
    for part in pattern.strip("/").split("/"):
        if MAGIC.search(part):
            found = [
                os.path.join(path, name)
                for path in found
                for name in system.names(follow(system, path))
                if fnmatch.fnmatchcase(name, part) and (part[0] == "." or name[0] != ".")
            ]
        else:
            found = [os.path.join(path, part) for path in found]
    return [path for path in found if not isinstance(system.look(path), nodes.Absent)]


def ensure_path_nonexistent(path: str) -> None:
    """Remove whatever is at a path, at once and for good: for updates that act by themselves (see `touches`).

    Components that act through the system say `self.system.remove(path)`, which can be undone.
    """
    if not os.path.lexists(path):
        return
    import shutil

    # Out of the way first, so that nobody ever sees half of a tree.
    aside = os.path.join(os.path.dirname(os.path.abspath(path)), f".depl-{os.getpid()}-{os.path.basename(path)}")
    os.rename(path, aside)
    if os.path.isdir(aside) and not os.path.islink(aside):
        shutil.rmtree(aside)
    else:
        os.unlink(aside)
