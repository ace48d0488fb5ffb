"""What was made on a host for components that its model does not declare any more.

Judged by the whole model of the host, never by a selection. What a component of the model claims, touches or produces,
or looked at while it was verified, is still wanted, whatever it was called when it was made.
"""

from __future__ import annotations

import os
from typing import Iterable, Iterator, Mapping, Optional

from depl.change.ledger import root_of
from depl.change.nodes import Path
from depl.component import Component, RootComponent
from depl.deploy.causes import preorder
from depl.deploy.owning import Entry, parents
from depl.deploy.receipts import Receipts

Row = Mapping[str, str]  # what: a path; component: for which it was made


class Judgement:
    """What a model says about the receipts of an environment. roots: all root components of the host.

    elsewhere: the names of those of other hosts that may be deployed to the same directory; they are not judged.
    left: what is no longer declared, once settle() was called. ids: of all components of each root component, where it
    was worth to look at them.
    """

    def __init__(
        self, receipts: Receipts, environment: str, roots: Iterable[RootComponent], elsewhere: Iterable[str] = ()
    ) -> None:
        self.roots = list(roots)
        self.left: dict[Path, Entry] = {}
        self.ids: dict[str, list[str]] = {}
        self._elsewhere = set(elsewhere) - {root.name for root in self.roots}
        self._others: Iterable[Path] = ()
        self._real: dict[Path, Path] = {}
        owned = receipts.owned(environment)
        self._candidates = dict(self._not_declared(owned)) if owned else {}
        if self._candidates:
            self._others = receipts.of_others(environment)

    @property
    def names(self) -> set[str]:
        """The names of the root components that are declared."""
        return {root.name for root in self.roots} | self._elsewhere

    @property
    def must_watch(self) -> bool:
        """Whether it matters what is looked at."""
        return bool(self._candidates)

    def settle(self, owned: Mapping[Path, Entry], seen: Mapping[Path, str]) -> dict[Path, Entry]:
        """Judge what is owned now: what is still wanted belongs to whoever wants it, what is not there to nobody.

        seen: what components looked at, and who. Returns what is owned then.
        """
        settled = dict(owned)
        waiting = {path for path, entry in self._candidates.items() if _same(owned.get(path), entry)}
        wanted = self._wanted(waiting, owned, seen) if waiting else {}
        self.left = {}
        for path in sorted(waiting):
            entry, by = owned[path], wanted.get(path)
            if by is not None:
                settled[path] = {**entry, "component": by or entry["component"]}
            elif not is_there(path):
                del settled[path]
            else:
                self.left[path] = entry
        return settled

    def rows(self) -> list[Row]:
        """What is no longer declared, as others are told."""
        return [{"what": path, "component": entry["component"]} for path, entry in sorted(self.left.items())]

    # -- what may not be declared any more -----------------------------------------------------------

    def _not_declared(self, owned: Mapping[Path, Entry]) -> Iterator[tuple[Path, Entry]]:
        ignored = {root.name for root in self.roots if root.ignore} | self._elsewhere
        components: dict[str, Component] = {}
        for root in self.roots:
            if not root.ignore:
                mine = {one.id: one for one in preorder(root.component)}
                self.ids[root.name] = list(mine)
                components.update(mine)
        claimed: dict[str, set[Path]] = {}
        for path, entry in owned.items():
            id = entry["component"]
            if root_of(id) in ignored:
                continue
            component = components.get(id)
            if component is not None and not _claims(component):
                continue
            if component is not None and id not in claimed:
                claimed[id] = {path for path, _, _ in component.claims()}  # type: ignore[attr-defined]
            if component is None or not self._is_covered(path, claimed[id]):
                yield path, entry

    def _is_covered(self, path: Path, claimed: set[Path]) -> bool:
        """Whether a path is claimed, or something below it."""
        if path in claimed:
            return True
        return any(one == path or one.startswith(path + "/") for one in (*claimed, *map(self._resolved, claimed)))

    def _resolved(self, path: Path) -> Path:
        """A path with the links among its parents followed, as journals have it."""
        directory, name = os.path.split(path)
        if directory not in self._real:
            self._real[directory] = os.path.realpath(directory)
        return os.path.join(self._real[directory], name)

    # -- what is wanted all the same -----------------------------------------------------------------

    def _wanted(self, waiting: set[Path], owned: Mapping[Path, Entry], seen: Mapping[Path, str]) -> dict[Path, str]:
        """Those that wait and are wanted, and by whom; by nobody of this model where they are others'."""
        claimed = {self._resolved(path): id for path, id in self._claimed()}
        looked = {self._resolved(path): id for path, id in seen.items()}
        mine = {path: entry["component"] for path, entry in owned.items() if path not in waiting}
        wanted: dict[Path, str] = {}
        for users in (claimed, looked):
            wanted.update((path, id) for path, id in users.items() if path in waiting and path not in wanted)
        for users in (claimed, looked, mine, dict.fromkeys(self._others, "")):
            for path, id in users.items():
                for above in (path, *parents(path)):
                    if above in waiting:
                        wanted.setdefault(above, id)
        return wanted

    def _claimed(self) -> Iterator[tuple[Path, str]]:
        """All paths that components of the model speak of, the more definite ones last."""
        for root in self.roots:
            if root.component is None:
                continue
            yield root.workdir, root.component.id
            for component in preorder(root.component):
                yield from ((component.map(path), component.id) for path in component.touches or ())
                if _claims(component):
                    yield from ((path, component.id) for path, _, _ in component.claims())  # type: ignore[attr-defined]


def is_there(path: Path) -> bool:
    """Whether something is at a path, or may be."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _claims(component: Component) -> bool:
    return callable(getattr(type(component), "claims", None))


def _same(now: Optional[Entry], then: Entry) -> bool:
    """Whether something still belongs to the one that it belonged to."""
    return now is not None and now["component"] == then["component"]
