"""Asking the components of a host whether they are well, once or for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence

from depl.change.predicting import PredictingSystem
from depl.configure import Model
from depl.deploy import checks
from depl.deploy.failure import facts_of_failure
from depl.deploy.target import Target
from depl.deploy.work import Work
from depl.errors import DeplError, Interrupted
from depl.events import Emit, Event, What
from depl.rollout.stages import FIRST_PAUSE, LONGEST_PAUSE
from depl.rollout.wishes import Heard, wait_while


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


def soaked(work: Work, seconds: float, listening: Heard, emit: Emit) -> list[DeplError]:
    """Watch for a while whether what was deployed stays well, if anything changed; what does not."""
    if not seconds or not work.changed:
        return []
    emit(Event(What.LOG, data={"text": f"soaking for {seconds:g} s: {len(work.done)} components are watched"}))
    until, pause = time.monotonic() + seconds, FIRST_PAUSE
    while (left := until - time.monotonic()) > 0:
        again, pause = time.monotonic() + min(left, pause), min(pause * 2, LONGEST_PAUSE)
        wait_while(lambda again=again: time.monotonic() < again and not listening.aborted)  # type: ignore[misc]
        if listening.aborted:
            return [Interrupted(listening.interruption)]
        for root in work.done:
            errors = work.check(root)
            if errors:
                text = "its check has turned red, so everything is put back"
                emit(Event(What.LOG, root.name, data={"text": text}))
                return errors
    return []
