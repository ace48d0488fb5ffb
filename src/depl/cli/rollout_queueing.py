"""Putting a rollout into the store, for a worker to take up."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from depl.cli.fleet import records
from depl.cli.session import Session
from depl.report.lines import Line
from depl.rollout.plan import common_queue
from depl.rollout.records import forget, path_of
from depl.rollout.states import RolloutState

if TYPE_CHECKING:
    from depl.rollout.plan import RolloutPlan


def queue(session: Session, plan: RolloutPlan) -> None:
    """Queue a plan that may start now; where it was planned before, its record moves.

    Errors: Locked, LogFailed, ConfigurationError.
    """
    from depl.cli.project_store import open_project_store, records_of
    from depl.cli.rollout_starting import startable
    from depl.rollout.folding import fold

    name = _queue_of(plan, session.base)
    store, path = open_project_store(session), path_of(records(session), plan.rollout)
    if os.path.exists(path):
        with closing(records_of(session).log(plan.rollout)) as log:
            startable(session, fold(log.read()), None)  # nobody was quicker
            store.create(plan, RolloutState.QUEUED, queue=name, redact=session.printer.redact)
            forget(path)
    else:
        store.create(plan, RolloutState.QUEUED, queue=name, redact=session.printer.redact)
    if session.as_json:
        session.json(rollout=plan.rollout).print("queued")
    follow = f"{session.command} rollout follow {plan.rollout}"
    session.show([Line(f"rollout {plan.rollout} is queued; a `depl worker` takes it up: {follow}")])


def _queue_of(plan: RolloutPlan, base: str) -> str:
    """The one that its environments name. Errors: ConfigurationError where they differ."""
    from depl.cli.hosts import declared

    return common_queue(plan.name, {name: declared(name, base).settings.queue or "" for name in plan.environments})
