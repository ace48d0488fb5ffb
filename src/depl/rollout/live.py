"""Asking the components of a host whether they are well."""

from __future__ import annotations

from collections.abc import Sequence

from depl.change.predicting import PredictingSystem
from depl.configure import Model
from depl.deploy import checks
from depl.deploy.failure import facts_of_failure
from depl.deploy.target import Target
from depl.errors import DeplError
from depl.events import Emit, Event, What


def check_live(model: Model, host: str, emit: Emit, components: Sequence[str] = ()) -> list[DeplError]:
    """Call the checks of a host's components; what is not well."""
    found: list[DeplError] = []
    system = PredictingSystem(Target(model.environment.base_dir).records)  # only looks
    for root in model.roots_of(host):
        if root.ignore or (components and root.name not in components):
            continue
        emit(Event(What.TASK_STARTED, root.name))
        root.system = system
        errors = checks.check(root)
        for error in errors:
            emit(Event(What.TASK_FAILED, root.name, error.component, facts_of_failure(error)))
        if not errors:
            emit(Event(What.TASK_UNCHANGED, root.name))
        found.extend(errors)
    return found
