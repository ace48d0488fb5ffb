"""The same walk over a system that never commits: what would change, with its diffs, and what cannot be known."""

from __future__ import annotations

import os
from typing import Any, Optional

from depl.change.ledger import Ledger, root_of, subtrees
from depl.change.predicting import PredictingSystem
from depl.change.shown import Shown
from depl.change.trees import clear
from depl.component import Component, RootComponent
from depl.deploy.causes import Causes
from depl.deploy.failure import as_failure, facts_of_failure
from depl.deploy.promise import promised
from depl.deploy.touching import touched
from depl.deploy.walk import NO_WORKDIR, make_workdir, reason_to_update
from depl.errors import DeplError, DeploymentError
from depl.events import Emit, Event, What
from depl.facts import Facts, facts_of


class Prediction:
    """What a run would do to one host; what its components see as their attempt.

    ledger: of the reactions that are owed from before. errors: what would fail, and not for want of a planned change.
    steps: what would be done, by way back. known: the components that are on the host.
    """

    predicting = True
    updating = False

    def __init__(self, system: PredictingSystem, ledger: Ledger, emit: Emit, known: frozenset[str]) -> None:
        self.changes = 0
        self.errors: list[DeplError] = []
        self.steps: dict[str, list[str]] = {}
        self._system = system
        self._ledger = ledger
        self._emit = emit
        self._known = known
        self._planned: dict[str, str] = {}  # subtree -> the last component in it that would change
        self._writers: dict[str, str] = {}  # path -> the component that would change it
        self._last = ""
        self._told: set[str] = set()  # the components that are known to change, or to fail
        self._scratch: Optional[str] = None
        self._has_workdir = False
        self._made: list[Shown] = []  # of it

    def predict(self, root: RootComponent) -> int:
        """Look at the tree of a root component; how many of its components would be updated.

        Once more, where something else is planned since: then only what that brings about is told.
        """
        before, start = self.changes, os.getcwd()
        self._root, self._causes = root, Causes(root)
        root.system, root.attempt = self._system, self
        root.environment.attempt = self
        try:
            self._made, self._has_workdir = [], False
            try:
                os.chdir(root.workdir if os.path.isdir(root.workdir) else self._empty_directory())
                for component in children_first(root.component):
                    self._look(component)
            except (OSError, DeplError) as error:  # of the working directory
                self._fails(error, root.component)
            if self._made and self.changes == before:
                self.note(root.component.id, [shown.as_json() for shown in self._made], NO_WORKDIR)
            return self.changes - before
        finally:
            os.chdir(start)
            root.attempt = root.environment.attempt = None
            if self._scratch:
                clear(self._scratch)
                self._scratch = None

    def _make_workdir(self) -> None:
        if not self._has_workdir:
            self._has_workdir, before, self._system.component = True, self._system.component, self._root.component.id
            self._made = make_workdir(self._root, self._system)
            self._system.component = before

    def changed(self, asked: Component) -> bool:
        """Whether something in a component's tree would change, or changed since the asker last succeeded."""
        if asked.root.host is not self._root.host:
            return False
        asker = self._causes.asked(asked.id)
        return asked.id in self._planned or self._ledger.differs(asker, asked.id)

    def is_half_done(self, component: Component) -> bool:
        """Whether a component's last update began and did not end."""
        return self._ledger.is_half_done(component.id)

    def product(self, path: str) -> None:
        """A path that the component's update writes."""
        self._causes.products[path] = None
        self._system.saw(path)

    def log(self, component: Component, text: str) -> None:
        """A line of the author's."""
        self._emit(Event(What.LOG, self._root.name, component.id, {"text": text}))

    def _look(self, component: Component) -> None:
        facts = facts_of(type(component))
        if (facts.verifier is None and facts.updater is None) or component.id in self._told:
            return
        if not component.__dict__.get("staged", facts.staged):
            self._make_workdir()
        self._system.component = component.id
        self._system.shown.clear()
        self._causes.asks(component)
        try:
            reason = self._reason(component, facts)
        except (Exception, SystemExit) as error:  # noqa: BLE001 an author's code meets a state that is only planned
            depends = self._depends_on(error)
            if not depends:
                self._fails(error, component)
                return
            reason = f"depends on {depends}"
        if reason is not None and facts.updater is not None:
            self._would_update(component, facts, reason)

    def _reason(self, component: Component, facts: Facts) -> Optional[str]:
        if not facts.enters:
            return reason_to_update(component, facts, self)
        with component:
            return reason_to_update(component, facts, self)

    def _would_update(self, component: Component, facts: Facts, reason: str) -> None:
        staged, new = component.__dict__.get("staged", facts.staged), component.id not in self._known
        self._make_workdir()
        if staged or facts.predictable:
            self._system.of_update(reacting=bool(self._causes.of(component)), new=new)
            try:
                component.update()
            except (Exception, SystemExit) as error:  # noqa: BLE001 the same
                depends = self._depends_on(error)
                if not depends:
                    self._fails(error, component)
                reason = f"{reason}; depends on {depends}" if depends else f"{reason}; would fail: {error}"
            finally:
                self._system.of_update()
            changes = [shown.as_json() for shown in self._system.shown]
        else:
            try:
                touched(component, self._causes.products)
            except (DeploymentError, OSError) as error:
                self._fails(error, component)
                reason = f"{reason}; would fail: {error}"
            changes = [raw_update(component, list(self._causes.products), bool(self._causes.of(component)), new)]
        self.note(component.id, changes, reason)

    def note(self, component: str, changes: list[dict[str, Any]], reason: str) -> None:
        """Take in, and tell, what would be changed for a component."""
        self.changes += 1
        self._last = component
        self._told.add(component)
        for subtree in subtrees(component):
            self._planned[subtree] = component
        for change in changes:
            self._writers[change["path"]] = component
            self.steps.setdefault(change["way_back"], []).append(f"{component}: {change['path'] or change['after']}")
        data = {"changes": changes, "reason": reason, "seconds": 0.0}
        self._emit(Event(What.CHANGED, root_of(component), component, data))

    def _fails(self, error: BaseException, component: Component) -> None:
        """What would fail, and not for want of a planned change."""
        failure = as_failure(error, component)
        self.errors.append(failure)
        self._told.add(component.id)
        facts = facts_of_failure(failure, self._system.redact)
        self._emit(Event(What.TASK_FAILED, self._root.name, component.id, facts))

    def _depends_on(self, error: BaseException) -> str:
        """The component whose planned change is missing here, with the error where that is a guess; nothing if none."""
        path = getattr(error, "filename", None) or getattr(error, "path", None)
        if not isinstance(path, str) or not os.path.isabs(path):
            planned = self._planned.get(self._root.component.id, self._last)
            return f"{planned} ({error})" if planned else ""
        while path != os.path.dirname(path):
            if path in self._writers:
                return self._writers[path]
            path = os.path.dirname(path)
        return ""

    def _empty_directory(self) -> str:
        import tempfile

        self._scratch = tempfile.mkdtemp(prefix="depl-plan-")
        return self._scratch


def children_first(component: Component) -> list[Component]:
    """A component and all in its tree, in the order of deployment."""

    def visit(one: Component) -> None:
        for child in one.sub_components:
            visit(child)
        found.append(one)

    found: list[Component] = []
    visit(component)
    return found


def raw_update(component: Component, products: list[str], reaction: bool, new: bool) -> dict[str, Any]:
    """What can be said of an update that acts by itself, which a plan must not call."""
    way_back, reason = promised(component, products, reaction, new)
    return {
        "verb": "call",
        "path": "",
        "before": "",
        "after": f"update() of {component._breadcrumb}",
        "way_back": way_back.value,
        "reason": reason,
        "size": None,
        "diff": None,
    }
