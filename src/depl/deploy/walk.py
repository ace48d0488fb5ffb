"""Looking at the tree of a root component and acting where it is not as declared."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Optional

from depl.change.acting import ActingSystem
from depl.change.journal import Journal
from depl.change.shown import Shown
from depl.change.system import System
from depl.component import Attempt, Component, RootComponent
from depl.deploy.causes import Causes
from depl.deploy.failure import alone, in_component
from depl.deploy.raw import RawUpdates
from depl.errors import Interrupted
from depl.events import Emit, Event, What
from depl.facts import Facts, facts_of

NO_WORKDIR = "its working directory is missing"
HALF_DONE = "its last update was left half done"


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
        self._emit = emit
        self._aborted = aborted
        self._causes = Causes(root)
        self._has_workdir = self._in_workdir = False
        self._made: list[Shown] = []  # of it
        self._raw = RawUpdates(root, system, journal, self._causes, known)

    def deploy(self) -> int:
        """Verify and update the whole tree, children first; how many components were updated.

        Errors: DeploymentError naming the component and the place in its file; Interrupted at the next component.
        """
        start = os.getcwd()
        self.root.system, self.root.attempt = self.system, self
        self.root.environment.attempt = self
        try:
            self._visit(self.root.component)
            with in_component(self.root.component, self.system.component):
                self.system.commit()
            self._report_workdir()
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

    def is_half_done(self, component: Component) -> bool:
        """Whether a component's last update began and did not end."""
        return self._journal.ledger.is_half_done(component.id)

    def product(self, path: str) -> None:
        """A path that the component's update writes."""
        if self.updating:
            self._raw.product(path)
        self._causes.products[path] = None
        self.system.saw(path)

    def log(self, component: Component, text: str) -> None:
        """A line of the author's."""
        self._emit(Event(What.LOG, self.root.name, component.id, {"text": text}))

    # -- the walk -----------------------------------------------------------------------------------

    def _make_workdir(self) -> None:
        """Make it where something is to lie in it, or has to look from there."""
        if self._has_workdir:
            return
        self._has_workdir, before, self.system.component = True, self.system.component, self.root.component.id
        with in_component(self.root.component):
            self._made = make_workdir(self.root, self.system)
        self.system.component = before

    def _report_workdir(self) -> None:
        """Tell of it where it was made and nothing else was: that, too, is a change that an undo takes back."""
        if self._made and not self.updated:
            self.updated = 1
            data = {"changes": [shown.as_json() for shown in self._made], "reason": NO_WORKDIR, "seconds": 0.0}
            self._emit(Event(What.CHANGED, self.root.name, self.root.component.id, data))

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
        self._make_workdir()
        self._tell_handlers(component)
        self.system.component = component.id
        self.system.shown.clear()
        if staged:
            self._update(component)
        else:
            self._raw.run(component, facts, self._update)
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
        self._make_workdir()
        self.system.commit()
        if not self._in_workdir:
            os.chdir(self.root.workdir)
            self._in_workdir = True

    def _report(self, component: Component, reason: str, seconds: float) -> None:
        changes: list[dict[str, Any]] = [shown.as_json() for shown in self.system.shown]
        self.system.shown.clear()
        data: dict[str, Any] = {"changes": changes, "reason": reason, "seconds": round(seconds, 3)}
        if self._raw.appeared:
            data["appeared"], self._raw.appeared = list(self._raw.appeared), ()
        self._emit(Event(What.CHANGED, self.root.name, component.id, data))


def make_workdir(root: RootComponent, system: System) -> list[Shown]:
    """See to it that the working directory is there; what that changes."""
    before = len(system.shown)
    for path in (os.path.dirname(root.workdir), root.workdir):
        if not os.path.isdir(path):  # where it is a link to a directory, that is somebody's wish
            system.make_dir(path)
    made = system.shown[before:]
    del system.shown[before:]
    return made


def reason_to_update(component: Component, facts: Facts, attempt: Attempt) -> Optional[str]:
    """Why a component must be updated; None if it is as declared."""
    reason = _what_is_wrong(component, facts, attempt)
    if reason is None and facts.updater is not None and not is_exact(component, facts):
        return HALF_DONE if attempt.is_half_done(component) else None  # what it left may look well
    return reason


def is_exact(component: Component, facts: Facts) -> bool:
    """Whether a component acts through verbs alone, so that its verify() knows what is done."""
    return facts.predictable or component.__dict__.get("staged", facts.staged)


def _what_is_wrong(component: Component, facts: Facts, attempt: Attempt) -> Optional[str]:
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
