"""Updates that may act by any means: bracketed in the journal, with what is known of their effects captured."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Optional

from depl.change import trees
from depl.change.acting import ActingSystem
from depl.change.changes import Call, Run, WayBack
from depl.change.journal import Journal
from depl.change.owned import Became
from depl.change.records import Began, Did, Ended, Failed, Record
from depl.change.shown import Shown, show_change
from depl.component import Component, RootComponent
from depl.deploy.appeared import Names, appeared, listing
from depl.deploy.captured import captured_by
from depl.deploy.causes import Causes
from depl.deploy.company import keep_names
from depl.deploy.promise import answered_for, assert_promised, declared_way_back, says_its_way_back
from depl.deploy.touching import lies_in, told_of_directories, touched
from depl.errors import DeplError
from depl.facts import Facts

SHOWN = 50  # changes of one update


class RawUpdates:
    """The raw updates of a root component. known: the components that were on the host before.

    appeared: what is new in the workdir since the last one began, and known to no change.
    """

    def __init__(
        self, root: RootComponent, system: ActingSystem, journal: Journal, causes: Causes, known: frozenset[str]
    ) -> None:
        self.appeared: Sequence[str] = ()
        self._root = root
        self._system = system
        self._journal = journal
        self._causes = causes
        self._known = known
        self._captured: Optional[list[str]] = None  # by the update that runs, if it may act by any means
        self._owned = ""  # the directory that it owns
        self._names: Optional[Names] = None  # in the workdir before it
        self._seen = -1  # the number that the journal had then

    def product(self, path: str) -> None:
        """A path that the update that runs is about to write."""
        if self._captured is not None and path not in self._captured and not lies_in(path, self._owned):
            self._captured += self._system.capture(path)

    def run(self, component: Component, facts: Facts, update: Callable[[Component], None]) -> None:
        """Let a component act, with a record of its beginning and of its end."""
        system, journal = self._system, self._journal
        system.commit()
        causes = self._causes.of(component)
        strict, new = system.reversible_only, component.id not in self._known
        if strict and not facts.predictable:
            assert_promised(component, list(self._causes.products), bool(causes), new)
        began = self._begin(component, facts, causes)
        before, well = journal.number, False
        answered = None
        if not facts.predictable and not self._owned:
            answered = answered_for(component, list(self._causes.products))
        system.of_update(reacting=bool(causes), new=new, owning=bool(self._owned), answered=answered)
        system.at_once = not facts.predictable  # what it does by other means must see what its verbs did
        system.reversible_only = strict and facts.predictable  # else its author answers for its commands
        try:
            update(component)
            system.commit()
            well = True
        finally:
            if not well:
                system.staged.clear()  # it failed before that was made
            system.of_update()
            system.at_once = False
            system.reversible_only = strict
            captured, self._captured = self._captured, None
            if captured == [] and journal.number == before and not says_its_way_back(component):
                # It acted without a trace, to its end or half way: at least that is on record.
                self._note(Run("", f"update() of {component.id}", WayBack.UNKNOWN))
            if not well:
                self._close(began)
        self._end(began, captured, self._causes.of(component))

    def _begin(self, component: Component, facts: Facts, causes: Sequence[str]) -> Began:
        self._owned, self.appeared = "", ()
        paths = [] if facts.predictable else touched(component, self._causes.products)
        if component.owns_workdir and not facts.predictable:
            self._owned = os.path.realpath(self._root.workdir)
        elif facts.predictable:
            self._names = None
        elif self._names is None or self._seen != self._journal.number:  # else it is as the last one left it
            self._names = listing(self._root.workdir)
        known, tops = component.id in self._known, tuple(dict.fromkeys(map(os.path.realpath, paths)))
        began = Began(0, component.id, causes, known, verbs=facts.predictable, workdir=self._owned, tops=tops)
        (written,) = self._journal.append(began, durable=True)
        assert isinstance(written, Began)
        self._captured = None if facts.predictable else self._capture(component, paths)
        return written

    def _close(self, began: Began) -> None:
        """Put on record what an update made that failed."""
        with suppress(DeplError, OSError):  # what failed is told; whoever comes next looks again
            if began.workdir or began.tops:
                self._system.became(began)
        self._look_around(began)
        if began.workdir or began.tops or self.appeared:
            with suppress(DeplError, OSError):
                self._system.close(began, self.appeared)

    def _end(self, began: Began, captured: Optional[Sequence[str]], causes: Sequence[str]) -> None:
        system = self._system
        found = Became() if captured is None else system.became(began)
        self._look_around(began)
        after = {path: system.look(path, content=True) for path in captured or ()}
        if system.durability == "full":
            trees.sync_written(list({**after, **found.after}))
        records: list[Record] = [Failed(0, found.unchanged)] if found.unchanged else []
        names = keep_names(system.blobs, self._journal.records, began.n, os.path.join(system.directory, "trash"))
        ended = Ended(0, began.component, {**after, **found.after}, causes, self.appeared, names)
        self._journal.append(*records, ended, durable=bool(began.workdir))
        self._seen = self._journal.number
        if began.workdir:
            self._names = None
        system.forget(found)
        self._show(found)
        said = told_of_directories(began.tops)
        if said:
            system.warn.tell(began.component, said)

    def _show(self, found: Became) -> None:
        changed = sorted(found.changed, key=lambda put: not put.lost)
        self._system.shown += [show_change(put) for put in changed[:SHOWN]]
        if len(changed) > SHOWN:
            what = f"{len(changed) - SHOWN} more paths"
            self._system.shown.append(Shown("change", "", "", what, WayBack.EXACT.value))

    def _look_around(self, began: Began) -> None:
        """Find out what appeared in the workdir."""
        if self._names is None or self._owned:
            return
        now = listing(self._root.workdir)
        since = [record for record in self._journal.records if record.n > began.n]
        found = appeared(self._names, now, since)
        self.appeared = tuple(map(self._system.redact, found))
        self._names = now

    def _capture(self, component: Component, paths: Sequence[str]) -> list[str]:
        if self._owned:
            self._system.capture_tree(self._owned)
        paths = [kept for path in paths for kept in self._system.capture(path)]
        declared = declared_way_back(component)
        if hasattr(component, "capture"):
            call = Call(component.id, self._system.kept(captured_by(component)))
            self._system.note(Did(0, component.id, call))
            if declared is None:
                what = f"update() of {component._breadcrumb}"
                self._system.shown.append(Shown("call", "", "", what, call.way_back.value))
        if declared is not None:
            way_back, undo, reason = declared
            kept = None if undo is None else self._system.keep_undo(undo)
            shown = "" if undo is None else self._system.shown_text(undo)
            run = Run("", f"update() of {component.id}", way_back, kept, shown, self._system.shown_text(reason))
            self._note(run)
        return paths if paths or not self._owned else [self._owned]

    def _note(self, run: Run) -> None:
        """Put on record, and show, what is known of an update that acts by itself."""
        self._system.note(Did(0, self._system.component, run))
        self._system.shown.append(show_change(run))
