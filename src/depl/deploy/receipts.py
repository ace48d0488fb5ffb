"""What each root component has on a host, as of the last run that went through: kept beside the journal.

A reaction is repeated on the way back only if its component was on the host before, and that is read here.
"""

from __future__ import annotations

import json
import os
from typing import Any, Iterable, Mapping, Optional

from depl.change.changes import Put
from depl.change.journal import make_private
from depl.change.looks import Staged
from depl.change.nodes import Absent
from depl.change.refusal import failing
from depl.component import RootComponent
from depl.deploy.books import RECEIPTS
from depl.deploy.causes import preorder


class Receipts:
    """The receipts of a target directory. content: environment -> root -> ids of components."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, "receipts.json")
        self.content: Mapping[str, Mapping[str, Any]] = {}
        try:
            with open(self.path, "rb") as file:
                content = json.loads(file.read())
            self.content = content if isinstance(content, dict) else {}
        except (OSError, ValueError):  # losing them is harmless to convergence
            pass

    def known(self) -> frozenset[str]:
        """The ids of all components that were on the host before, whichever environment brought them."""
        return frozenset(
            one for roots in self.content.values() for root in roots.values() for one in root.get("components", ())
        )

    def roots(self, environment: str, declared: Iterable[str]) -> set[str]:
        """The root components that are on the host, but for those that an environment does not declare any more."""
        listed = set(declared)
        return {root for name, roots in self.content.items() for root in roots if name != environment or root in listed}

    def updated(self, environment: str, roots: Iterable[RootComponent]) -> Optional[bytes]:
        """The new content, where some roots went through; None if it is the same."""
        content = {name: dict(one) for name, one in self.content.items()}
        mine = content.setdefault(environment, {})
        for root in roots:
            mine[root.name] = {"components": [one.id for one in preorder(root.component)]}
        if content == self.content:
            return None
        return json.dumps(content, indent=0, sort_keys=True).encode() + b"\n"

    def write(self, content: bytes) -> None:
        """Write new content where no rollout is under way, because nothing was changed. Errors: ChangeFailed."""
        temporary = self.path + ".new"
        with failing(Staged(Put(self.path, Absent(), None), RECEIPTS)):
            make_private(os.path.dirname(self.path))
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.rename(temporary, self.path)
