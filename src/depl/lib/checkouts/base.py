"""Checkouts: the new one is made beside, and changes places with the old one."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Any, Optional, Sequence

from depl.change import nodes, trees
from depl.component import Component
from depl.errors import DeploymentError, UpdateNeeded
from depl.lib import swap
from depl.lib.checkouts.address import address, shown
from depl.lib.files.places import follow, make_parent, mistake

FULL = re.compile(r"[0-9a-fA-F]{7,64}")


class Checkout(Component):
    """What the checkouts of git and Mercurial share; use the `Clone` of `depl.lib.git` or `depl.lib.mercurial`.

    from depl.lib.git import Clone
    self += Clone("https://example.com/app.git", branch="stable", target="app")
    """

    namevar = "url"
    url: Any = None
    revision: Any = None
    branch: Any = None
    target: Any = "."
    vcs_update = True
    clobber = False
    timeout: Any = 600.0
    retries: int = 2
    interval: float = 1.0

    verify_after_update = True
    predictable = True

    chosen_by: Sequence[str] = ("revision", "branch")
    own = ""  # the directory in which the program keeps its records

    def configure(self) -> None:
        self.url = os.fspath(self.url)
        try:
            self.address = address(self.url)
        except ValueError as problem:
            raise mistake(self, f"{shown(self.url)!r} {problem}") from None
        given = [name for name in self.chosen_by if getattr(self, name)]
        if len(given) != 1:
            names = ", ".join(self.chosen_by[:-1]) + " or " + self.chosen_by[-1]
            raise mistake(
                self,
                f"the checkout of {self.address.url} needs exactly one of {names}, not {' and '.join(given) or 'none'}",
            )
        wanted = str(getattr(self, given[0])).strip()
        setattr(self, given[0], wanted)
        if self.revision and not FULL.fullmatch(wanted):
            hint = f"A branch is given as branch=; {'a tag as tag=.' if 'tag' in self.chosen_by else 'tags are not.'}"
            raise mistake(self, f"the revision {wanted!r} is not the hash of a commit (7 digits or more)", hint=hint)
        if wanted.startswith("-") or re.search(r"[\0-\x20:~^?*\\\[]", wanted):
            raise mistake(self, f"{wanted!r} cannot be the name of a {given[0]}")
        self.target = self.map(self.target)
        if self.workdir.startswith(self.target.rstrip("/") + "/"):
            raise mistake(self, f"the checkout at {self.target} would take the place of the working directory")

    def verify(self) -> None:
        place = follow(self.system, self.target)
        if not self._is_checkout(place):
            self._refuse_others(place)
            raise UpdateNeeded(f"there is no checkout at {self.target}")
        reason = self.difference(place)
        if reason or self.vcs_update:
            changes = self.local_changes(place)
            if changes and not self.clobber:
                raise DeploymentError(
                    f"the checkout at {self.target} has local changes: {changes}",
                    self,
                    hint="Commit and push them, or remove them; clobber=True moves them to the trash (undo brings "
                    "them back).",
                )
            reason = reason or (f"it has local changes: {changes}" if changes else None)
        if reason:
            raise UpdateNeeded(reason)

    def update(self) -> None:
        place = follow(self.system, self.target)
        make_parent(self, place, leading=True)
        old = place if self._is_checkout(place) else None
        whole = place != follow(self.system, self.workdir)
        new = self.system.beside()
        try:
            self.make(new, old)
            if self.system.predicting:
                self._plan(place if whole else os.path.join(place, self.own))
                return
            self.system.commit()
            own = [self.own, *self.tracked(old)] if old else []
            kept = swap.kept(self, place, new, own, whole, self.clobber) if old or not whole else []
            if getattr(self.system, "durability", "") == "full":
                trees.sync_tree(new)
        except BaseException:
            with suppress(OSError):
                trees.clear(new)
            raise
        swap.swap(self, place, new, kept, own, whole)

    def _plan(self, path: str) -> None:
        """What can be said before the new checkout is there."""
        self.system.remove(path)
        self.system.build(path)

    @property
    def namevar_for_breadcrumb(self) -> Any:
        """The URL without user and password."""
        return shown(str(self._named))

    # -- what git and Mercurial differ in -----------------------------------------------------------

    def difference(self, place: str) -> Optional[str]:
        """Why a checkout is not the wanted one, if it is not. Errors: DeploymentError."""
        raise NotImplementedError

    def local_changes(self, place: str) -> str:
        """What somebody changed in a checkout, in words; not what was only added beside."""
        raise NotImplementedError

    def tracked(self, place: str) -> list[str]:
        """The relative paths of the files of a checkout."""
        raise NotImplementedError

    def make(self, new: str, old: Optional[str]) -> None:
        """A checkout as wanted in a place that is free. old: one from which what is there need not be fetched."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------

    def _is_checkout(self, place: str) -> bool:
        there = isinstance(self.system.look(os.path.join(place, self.own)), nodes.Directory)
        return there and os.path.isdir(place)  # not if it is planned only

    def _refuse_others(self, place: str) -> None:
        """Leave alone what somebody else has put there. Errors: DeploymentError."""
        node = self.system.look(place)
        if isinstance(node, nodes.Absent) or self.clobber or place == follow(self.system, self.workdir):
            return
        if not isinstance(node, nodes.Directory) or self.system.names(place):
            what = "it has something else in it" if isinstance(node, nodes.Directory) else nodes.describe(node)
            raise DeploymentError(
                f"{self.target} cannot become a checkout of {self.address.url}: {what}",
                self,
                hint="clobber=True moves that to the trash (undo brings it back); or choose another target.",
            )
