"""What each root component has on a host, as of the last run that went through: kept beside the journal.

A reaction is repeated on the way back only if its component was on the host before, and that is read here. So is what
depl made on the host, and for whom: what nobody declares any more is found by it (see depl.deploy.undeclared).
"""

from __future__ import annotations

import json
import os
from typing import Any, Collection, Iterable, Mapping, Optional

from depl.change.changes import Put
from depl.change.ledger import root_of
from depl.change.looks import Staged
from depl.change.nodes import Absent, Path
from depl.change.private import make_private, replace_file
from depl.change.refusal import failing
from depl.deploy.books import RECEIPTS
from depl.deploy.things import Thing, made_by

SCHEMA = 2
OWNED, THINGS = "owned", "things"
ANYBODY = ""  # whose receipts were written before they named their project

Owned = Mapping[Path, Mapping[str, Any]]  # of each path: component, kind, digest of a file, to of a link, raw


class Receipts:
    """The receipts of a target directory. project: the name of the one that is at work.

    content: project -> environment -> root -> components (their ids), owned (see Owned), things (see deploy.things).
    """

    def __init__(self, directory: str, project: str = ANYBODY) -> None:
        self.path = os.path.join(directory, "receipts.json")
        self.project = project
        self.content: Mapping[str, Mapping[str, Mapping[str, Any]]] = {}
        self.is_newer = False  # written by a newer depl: not judged, and left as it is
        try:
            with open(self.path, "rb") as file:
                self._take(json.loads(file.read()))
        except (OSError, ValueError):  # losing them is harmless to convergence
            pass

    def _take(self, content: Any) -> None:
        if not isinstance(content, dict):
            return
        schema = content.get("schema")
        if isinstance(schema, int):
            self.is_newer = schema > SCHEMA
            self.content = {} if self.is_newer else content.get("projects", {})
        else:
            self.content = {ANYBODY: content}

    def known(self) -> frozenset[str]:
        """The ids of all components that were on the host before, whichever environment brought them."""
        return frozenset(
            one
            for environments in self.content.values()
            for roots in environments.values()
            for root in roots.values()
            for one in root.get("components", ())
        )

    def roots(self, environment: str, declared: Iterable[str]) -> set[str]:
        """The root components that are on the host, but for those that an environment does not declare any more."""
        here = {root for name, found in self._others(environment) for root in found}
        return here | (set(self._mine(environment)) & set(declared))

    def owned(self, environment: str, kind: str = OWNED) -> dict[str, Mapping[str, Any]]:
        """What was made for an environment of this project: the paths, or what is none."""
        return {name: one for root in self._mine(environment).values() for name, one in root.get(kind, {}).items()}

    def of_others(self, environment: str, kind: str = OWNED) -> dict[str, Mapping[str, Any]]:
        """What was made for all others."""
        found = (root for _, roots in self._others(environment) for root in roots.values())
        return {name: one for root in found for name, one in root.get(kind, {}).items()}

    def updated(
        self,
        environment: str,
        components: Mapping[str, Iterable[str]],
        owned: Owned,
        things: Mapping[str, Thing],
        declared: Optional[Collection[str]] = None,
    ) -> Optional[bytes]:
        """The new content; None if it is the same.

        components: of the roots that went through. declared: no others are kept, unless they own something.
        """
        if self.is_newer:
            return None
        mine = {name: {"components": root.get("components", [])} for name, root in self._mine(environment).items()}
        mine.update({name: {"components": list(ids)} for name, ids in components.items()})
        if declared is not None:
            mine = {name: root for name, root in mine.items() if name in declared}
        for kind, ones in ((OWNED, owned), (THINGS, things)):
            for name, one in ones.items():
                root = mine.setdefault(root_of(one["component"]), {"components": []})
                root.setdefault(kind, {})[name] = one
        if mine == self._mine(environment):
            return None
        content = {name: dict(one) for name, one in self.content.items()}
        content.get(ANYBODY, {}).pop(environment, None)
        content.setdefault(self.project, {})[environment] = mine
        self.content = content
        return self._written()

    def without(self, environment: str, paths: Collection[Path], changes: Collection[int]) -> Optional[bytes]:
        """The content if some paths were made for no project's environment of this name; None if they were not.

        changes: the same of what is no path, and was made by these.
        """
        found = False
        for environments in self.content.values():
            roots: Any = environments.get(environment, {})
            for name, root in list(roots.items()):
                gone = [(OWNED, path) for path in root.get(OWNED, ()) if path in paths]
                gone += [(THINGS, thing) for thing in made_by(root.get(THINGS, {}), changes)]
                found |= bool(gone)
                for kind, one in gone:
                    del root[kind][one]
                if gone and not root.get(OWNED) and not root.get(THINGS):
                    del roots[name]
        return self._written() if found else None

    def _written(self) -> bytes:
        return json.dumps({"schema": SCHEMA, "projects": self.content}, indent=0, sort_keys=True).encode() + b"\n"

    def write(self, content: bytes) -> None:
        """Write new content where no rollout is under way, because nothing was changed. Errors: ChangeFailed."""
        with failing(Staged(Put(self.path, Absent(), None), RECEIPTS)):
            make_private(os.path.dirname(self.path))
            replace_file(self.path, content, durable=False)

    def _mine(self, environment: str) -> Mapping[str, Any]:
        """Of this project; what nobody wrote goes over to the first one that writes the same environment."""
        return {
            **self.content.get(ANYBODY, {}).get(environment, {}),
            **self.content.get(self.project, {}).get(environment, {}),
        }

    def _others(self, environment: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
        for project, environments in self.content.items():
            for name, roots in environments.items():
                if name != environment or project not in (self.project, ANYBODY):
                    yield name, roots
