"""Looking at the tree of a root component and acting where it is not as declared."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Optional

from depl.change.acting import ActingSystem
from depl.change.changes import Call, Run, WayBack
from depl.change.journal import Journal
from depl.change.records import Began, Did, Ended
from depl.change.shown import show_change
from depl.component import Attempt, Component, RootComponent
from depl.deploy.causes import Causes
from depl.deploy.failure import alone, in_component
from depl.errors import DeploymentError, Interrupted
from depl.events import Emit, Event, What
from depl.facts import Facts, facts_of


class Walk:
    """One root component on its way to its declared state; what its components see as their attempt.

    known: the components that were on the host before. aborted: says that somebody wants the run to end.
    """

    predicting = False

    def __init__(
        self,
        root: RootComponent,
        system: ActingSystem,
        journal: Journal,
        known: frozenset[str],
        emit: Emit,
        aborted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.root = root
        self.updating = False
        self.updated = 0
        self.system = system
        self._journal = journal
        self._known = known
        self._emit = emit
        self._aborted = aborted
        self._causes = Causes(root)
        self._in_workdir = False
        self._captured: Optional[list[str]] = None  # by the update that runs, if it may act by any means

    def deploy(self) -> int:
        """Verify and update the whole tree, children first; how many components were updated.

        Errors: DeploymentError naming the component and the place in its file; Interrupted at the next component.
        """
        start = os.getcwd()
        self.root.system, self.root.attempt = self.system, self
        self.root.environment.attempt = self
        try:
            self._make_workdir()
            self._visit(self.root.component)
            with in_component(self.root.component, self.system.component):
                self.system.commit()
            if self._aborted():
                raise Interrupted("the run was interrupted", self.root.component.id)
            return self.updated
        finally:
            os.chdir(start)
            self.root.attempt = self.root.environment.attempt = None

    # -- what components ask ------------------------------------------------------------------------

    def changed(self, asked: Component) -> bool:
        """Whether something in a component's tree changed since the one that is asking last succeeded."""
        if asked.root.host is not self.root.host:
            return False  # what happens there is not known here
        asker = self._causes.asked(asked.id)
        return self._journal.ledger.differs(asker, asked.id)

    def product(self, path: str) -> None:
        """A path that the component's update writes."""
        if self.updating and self._captured is not None and path not in self._captured:
            self._captured += self.system.capture(path)
        self._causes.products[path] = None

    def log(self, component: Component, text: str) -> None:
        """A line of the author's."""
        self._emit(Event(What.LOG, self.root.name, component.id, {"text": text}))

    # -- the walk -----------------------------------------------------------------------------------

    def _make_workdir(self) -> None:
        self.system.component = self.root.component.id
        with in_component(self.root.component):
            for path in (os.path.dirname(self.root.workdir), self.root.workdir):
                if not os.path.isdir(path):  # where it is a link to a directory, that is somebody's wish
                    self.system.make_dir(path)

    def _visit(self, component: Component) -> None:
        for child in component.sub_components:
            self._visit(child)
        if self._aborted():
            raise Interrupted("the run was interrupted", component.id)
        facts = facts_of(type(component))
        if facts.verifier is None and facts.updater is None:
            return
        staged = component.__dict__.get("staged", facts.staged)
        self.system.component = component.id
        self._causes.asks(component)
        with in_component(component):
            if not staged:
                self._enter_workdir()
            if facts.enters:
                with component:
                    self._look_and_act(component, facts, staged)
            else:
                self._look_and_act(component, facts, staged)

    def _look_and_act(self, component: Component, facts: Facts, staged: bool) -> None:
        reason = reason_to_update(component, facts, self)
        if reason is None or facts.updater is None:
            if reason is not None:
                self.updated += 1  # without an update, what verify said is all there is to do
            return
        begun = time.monotonic()
        self._tell_handlers(component)
        self.system.component = component.id
        self.system.shown.clear()
        if staged:
            self._update(component)
        else:
            self._update_journalled(component, facts)
        if facts.verify_after_update:
            self._verify_again(component, facts)
        self.updated += 1
        self._report(component, reason, time.monotonic() - begun)

    def _update(self, component: Component) -> None:
        self.updating = True
        try:
            with alone():
                component.update()
        finally:
            self.updating = False

    def _update_journalled(self, component: Component, facts: Facts) -> None:
        """An update that may act by any means: bracketed in the journal, with what is known of its effects captured."""
        system, journal = self.system, self._journal
        system.commit()
        causes = self._causes.of(component)
        known = component.id in self._known
        journal.append(Began(0, component.id, causes, known, verbs=facts.predictable), durable=True)
        self._captured = None if facts.predictable else self._capture(component)
        before = journal.number
        system.reacting = bool(causes)
        try:
            self._update(component)
            system.commit()
        except BaseException:
            system.staged.clear()  # it failed before that was made
            raise
        finally:
            system.reacting = False
            captured, self._captured = self._captured, None
            if captured == [] and journal.number == before and not declared_way_back(component):
                # It acted without a trace, to its end or half way: at least that is on record.
                self._note(Run("", f"update() of {component.id}", WayBack.UNKNOWN))
        after = {path: system.look(path, content=True) for path in captured or ()}
        journal.append(Ended(0, component.id, after, self._causes.of(component)))

    def _capture(self, component: Component) -> list[str]:
        paths = [component.map(path) for path in component.touches or ()]
        paths += [path for path in self._causes.products if path not in paths]
        for path in paths:
            if os.path.isdir(path) and os.listdir(path):
                raise DeploymentError(
                    f"its update() touches {path}, a directory with something in it",
                    component.id,
                    hint="Name the files in it that the update changes: a whole directory cannot be captured.",
                )
        paths = [kept for path in paths for kept in self.system.capture(path)]
        capture = getattr(component, "capture", None)
        if capture is not None:
            self.system.note(Did(0, component.id, Call(component.id, self.system.kept(capture()))))
        declared = declared_way_back(component)
        if declared is not None:
            way_back, undo, reason = declared
            kept = None if undo is None else self.system.keep_undo(undo)
            shown = "" if undo is None else self.system.shown_text(undo)
            run = Run("", f"update() of {component.id}", way_back, kept, shown, self.system.shown_text(reason))
            self._note(run)
        return paths

    def _note(self, run: Run) -> None:
        """Put on record, and show, what is known of an update that acts by itself."""
        self.system.note(Did(0, self.system.component, run))
        self.system.shown.append(show_change(run))

    def _verify_again(self, component: Component, facts: Facts) -> None:
        try:
            verify(component, facts, predicting=False)
        except AssertionError as still:
            raise RuntimeError(f"it was updated, but is still not as declared: {still}") from None

    def _tell_handlers(self, updating: Component) -> None:
        for handler, call in self._causes.handlers("before-update", updating):
            self._enter_workdir()
            self.system.component = handler.id
            self.updating = True
            try:
                with in_component(handler):
                    call(updating)
            finally:
                self.updating = False

    def _enter_workdir(self) -> None:
        self.system.commit()
        if not self._in_workdir:
            os.chdir(self.root.workdir)
            self._in_workdir = True

    def _report(self, component: Component, reason: str, seconds: float) -> None:
        changes: list[dict[str, Any]] = [shown.as_json() for shown in self.system.shown]
        self.system.shown.clear()
        data = {"changes": changes, "reason": reason, "seconds": round(seconds, 3)}
        self._emit(Event(What.CHANGED, self.root.name, component.id, data))


def reason_to_update(component: Component, facts: Facts, attempt: Attempt) -> Optional[str]:
    """Why a component must be updated; None if it is as declared."""
    for cause in component.reacts_to or ():
        if attempt.changed(cause):
            return f"{cause._breadcrumb} changed"
    if facts.verifier is None:
        return None if component.reacts_to else "it has no verify()"
    try:
        verify(component, facts, attempt.predicting)
    except AssertionError as wanted:
        return str(wanted) or "it is not as declared"
    return None


def verify(component: Component, facts: Facts, predicting: bool) -> None:
    """Let a component look, with the flag where it takes it."""
    if facts.takes_predicting:
        component.verify(predicting=predicting)  # type: ignore[call-arg]
    else:
        component.verify()


def declared_way_back(component: Component) -> Optional[tuple[WayBack, Optional[str], str]]:
    """What the author says on the way back of an update that acts by itself: class, undo command, reason."""
    if component.irreversible:
        return WayBack.IRREVERSIBLE, None, str(component.irreversible)
    if component.reverse_cmd:
        return WayBack.COMPENSATING, component.expand(component.reverse_cmd), ""
    return None
