"""What a run would do to one host, here."""

from __future__ import annotations

import time
from dataclasses import dataclass

from depl.change.changes import WayBack
from depl.change.predicting import PredictingSystem
from depl.configure import Model
from depl.deploy.begin import warnings
from depl.deploy.forecast import Forecast
from depl.deploy.predict import Prediction
from depl.deploy.target import Target, warning_to
from depl.errors import DeplError
from depl.events import Emit, Event, What
from depl.rollout.options import Options, elsewhere, selected


@dataclass
class Planned:
    """What a run would do: how many components would change, what would fail, which steps have no sure way back."""

    changes: int
    errors: list[DeplError]
    unknown: list[str]
    irreversible: list[str]
    seconds: float


def plan(model: Model, host: str, options: Options, emit: Emit) -> Planned:
    """What realise would do, as events; nothing is written and no lock is taken."""
    begun = time.monotonic()
    target = Target(options.target_directory)
    journal = target.journals.open("plan")
    system = PredictingSystem(
        target.records,
        change_limit=options.change_limit,
        command_timeout=options.command_timeout,
        redact=options.redact,
    )
    system.warn.tell = warning_to(emit)
    prediction = Prediction(system, journal.ledger, emit, target.receipts().known())
    forecast = None
    if not options.components:
        name, roots = model.environment.name, model.roots_of(host)
        receipts = target.receipts(model.environment.project_name)
        others = elsewhere(model, host)
        forecast = Forecast(receipts, name, roots, system, journal.records, options.gc, others)
    for text in warnings(journal):
        emit(Event(What.WARNING, data={"text": text}))
    emit(Event(What.STARTED, data={"environment": model.environment.name, "host": host, "rollout": None}))
    for root in selected(model, host, options):
        if root.ignore:
            emit(Event(What.TASK_SKIPPED, root.name, data={"reason": "ignored in the environment"}))
            continue
        emit(Event(What.TASK_STARTED, root.name))
        changed = prediction.predict(root)
        emit(Event(What.TASK_DONE if changed else What.TASK_UNCHANGED, root.name, data={"changed": changed}))
    if forecast is not None:
        forecast.tell(prediction, emit)
    steps = prediction.steps
    return Planned(
        prediction.changes,
        prediction.errors,
        steps.get(WayBack.UNKNOWN.value, []),
        steps.get(WayBack.IRREVERSIBLE.value, []),
        time.monotonic() - begun,
    )
