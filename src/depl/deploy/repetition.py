"""Running a reaction again on the way back, from its recorded commands: no project code is needed."""

from __future__ import annotations

from depl.change.acting import ActingSystem
from depl.change.changes import Run
from depl.change.ledger import Repetition, root_of
from depl.change.records import Began, Ended
from depl.change.shown import show_change
from depl.deploy.patience import patiently
from depl.errors import DeplError
from depl.events import Emit, Event, What


def repeat(repetition: Repetition, system: ActingSystem, emit: Emit, keep: bool = False) -> list[str]:
    """Run the commands of a reaction once more; what went wrong, as sentences. keep: then it is left so, as wanted."""
    component, root = repetition.component, root_of(repetition.component)
    system.journal.append(Began(0, component, repetition.causes, known=repetition.known, again=True))
    for run in repetition.commands:
        try:
            _run(run, component, system)
        except DeplError as error:
            if keep:
                emit(
                    Event(What.KEPT, root, component, {"path": run.shown, "reason": f"it cannot be repeated: {error}"})
                )
                return []
            emit(Event(What.CONFLICT, root, component, {"change": show_change(run).as_json(), "reason": str(error)}))
            return [f"{component}: `{run.shown}` could not be repeated: {error}"]
        emit(Event(What.REPEATED, root, component, {"command": run.shown}))
    system.journal.append(Ended(0, component, {}, repetition.causes))
    return []


def _run(run: Run, component: str, system: ActingSystem) -> None:
    patiently(lambda: system.run_recorded(run, component, None))
