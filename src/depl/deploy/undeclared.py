"""What was made on a host for components that its model does not declare any more.

Judged by the whole model of the host, never by a selection. What a component of the model claims, touches or produces,
or looked at while it was verified, is still wanted, whatever it was called when it was made. What authors' code made
may be wanted by authors' code that looks by itself; nobody can know that.
"""

from __future__ import annotations

import os
from typing import Iterable, Iterator, Mapping, Optional

from depl.change.ledger import root_of
from depl.change.nodes import Path
from depl.claims import has_claims
from depl.component import Component, RootComponent
from depl.deploy.causes import preorder
from depl.deploy.insight import claims_all, looks_by_itself
from depl.deploy.owning import RAW, Entry, marked, parents
from depl.deploy.receipts import THINGS, Receipts
from depl.deploy.things import ThingsJudgement

DOUBT = "doubt"  # of what is left: a component that may work with it

Row = Mapping[str, str]  # what: a path, or what is none; component: for which it was made


class Judgement:
    """What a model says about the receipts of an environment. roots: all root components of the host.

    elsewhere: the names of those of other hosts that may be deployed to the same directory; they are not judged.
    left: what is no longer declared, once settle() was called; things: the same of what is no path. ids: of all
    components of each root component, where it was worth to look at them.
    """

    def __init__(
        self, receipts: Receipts, environment: str, roots: Iterable[RootComponent], elsewhere: Iterable[str] = ()
    ) -> None:
        self.roots = list(roots)
        self.left: dict[Path, Entry] = {}
        self.ids: dict[str, list[str]] = {}
        self._elsewhere = set(elsewhere) - {root.name for root in self.roots}
        self._ignored = {root.name for root in self.roots if root.ignore} | self._elsewhere
        self._others = receipts.of_others(environment)
        self._real: dict[Path, Path] = {}
        owned, things = receipts.owned(environment), receipts.owned(environment, THINGS)
        self._candidates = dict(self._not_declared(owned)) if owned or things else {}
        self.things = ThingsJudgement(things, receipts.of_others(environment, THINGS), self._is_gone)

    @property
    def names(self) -> set[str]:
        """The names of the root components that are declared."""
        return {root.name for root in self.roots} | self._elsewhere

    @property
    def must_watch(self) -> bool:
        """Whether it matters what is looked at."""
        return bool(self._candidates or self._others or self.things.is_needed)

    def settle(self, owned: Mapping[Path, Entry], seen: Mapping[Path, str]) -> dict[Path, Entry]:
        """Judge what is owned now: what is still wanted belongs to whoever wants it, what is not there to nobody.

        What others made belongs to us as well if we want it, and to them alone if we do not any more. seen: what
        components looked at, and who. Returns what is owned then.
        """
        settled = dict(owned)
        waiting = {path for path, entry in self._candidates.items() if _same(owned.get(path), entry)}
        theirs = {path for path in self._others if path not in owned}
        wanted = self._wanted(waiting | theirs, owned, seen) if waiting or theirs else {}
        blind = (
            [component.id for component in self.present() if looks_by_itself(component)] if wanted or waiting else []
        )
        for path in theirs:
            if wanted.get(path):
                settled[path] = marked(self._others[path], wanted[path], wanted[path] in blind)
        self.left = {}
        for path in sorted(waiting):
            entry, by = owned[path], wanted.get(path)
            if by:
                settled[path] = marked(entry, by, by in blind)
            elif path in self._others or (by is None and not is_there(path)):
                del settled[path]
            elif by is None:
                self.left[path] = {**entry, DOUBT: blind[0]} if blind and entry.get(RAW) else entry
        return settled

    def rows(self) -> list[Row]:
        """What is no longer declared, as others are told."""
        left = (*sorted(self.things.left.items()), *sorted(self.left.items()))
        return [{"what": what, "component": entry["component"]} for what, entry in left]

    def present(self) -> Iterator[Component]:
        """All components that are declared."""
        for root in self.roots:
            if root.component is not None:
                yield from preorder(root.component)

    # -- what may not be declared any more -----------------------------------------------------------

    def _not_declared(self, owned: Mapping[Path, Entry]) -> Iterator[tuple[Path, Entry]]:
        covered: dict[str, set[Path]] = {}  # made only where a path is not claimed as it is written
        for path, entry, claimed in self._not_claimed(owned):
            id = entry["component"]
            if id not in covered:
                covered[id] = self._covered(claimed)
            if path not in covered[id]:
                yield path, entry

    def _not_claimed(self, owned: Mapping[Path, Entry]) -> Iterator[tuple[Path, Entry, set[Path]]]:
        """What is not claimed as it is written, and all that its component claims (nothing, if that is gone)."""
        components = self._components()
        claimed: dict[str, set[Path]] = {}
        for path, entry in owned.items():
            id = entry["component"]
            component = components.get(id)
            if root_of(id) in self._ignored or (component is not None and not claims_all(component)):
                continue
            if id not in claimed:
                claimed[id] = _claimed_by(component)
            if path not in claimed[id]:
                yield path, entry, claimed[id]

    def _components(self) -> dict[str, Component]:
        """All components of the roots that are looked at, by their ids; noted for each root, too."""
        found: dict[str, Component] = {}
        for root in self.roots:
            if not root.ignore:
                mine = {one.id: one for one in preorder(root.component)}
                self.ids[root.name] = list(mine)
                found.update(mine)
        return found

    def _is_gone(self, id: str) -> bool:
        return root_of(id) not in self._ignored and id not in self.ids.get(root_of(id), ())

    def _covered(self, claimed: set[Path]) -> set[Path]:
        """What is claimed, as written and as journals have it, and all directories that it lies in."""
        found: set[Path] = set()
        for path in (*claimed, *map(self._resolved, claimed)):
            found.update((path, *parents(path)))
        return found

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
        for path, id in self._owned_workdirs():
            below = (one for one in waiting if one.startswith(path + "/") and owned.get(one, {}).get(RAW))
            wanted.update((one, id) for one in below if one not in wanted)
        passed: set[Path] = set()
        for pairs in (self._claimed(), seen.items(), mine.items(), dict.fromkeys(self._others, "").items()):
            for path, id in pairs:
                for one in _way_to(path, passed):
                    if one in waiting:
                        wanted.setdefault(one, id)
        return wanted

    def _owned_workdirs(self) -> Iterator[tuple[Path, str]]:
        """The workdirs that an update owns: what raw code made there belongs to it, whatever it was called then."""
        for component in self.present():
            if component.owns_workdir:
                yield os.path.realpath(component.root.workdir), component.id

    def _claimed(self) -> Iterator[tuple[Path, str]]:
        """All paths that components of the model speak of, the more definite ones last."""
        for root in self.roots:
            if root.component is None:
                continue
            yield root.workdir, root.component.id
            for component in preorder(root.component):
                yield from ((component.map(path), component.id) for path in component.touches or ())
                if has_claims(component):
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


def _way_to(path: Path, passed: set[Path]) -> Iterator[Path]:
    """A path, all directories above it, and the same of all that links among them lead to. passed: leave out these."""
    waiting = [path]
    while waiting:
        path = waiting.pop()
        for one in (path, *parents(path)):
            if one in passed:
                break
            passed.add(one)
            yield one
            if os.path.islink(one):
                waiting.append(os.path.normpath(os.path.join(os.path.dirname(one), os.readlink(one))))


def _claimed_by(component: Optional[Component]) -> set[Path]:
    return set() if component is None else {path for path, _, _ in component.claims()}  # type: ignore[attr-defined]


def _same(now: Optional[Entry], then: Entry) -> bool:
    """Whether something still belongs to the one that it belonged to."""
    return now is not None and now["component"] == then["component"]
