"""Rollouts that were interrupted, when something else goes on in their environments: they end as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from depl.cli.project_store import records_of
from depl.cli.session import Session
from depl.errors import DeplError, Locked
from depl.rollout.last_words import last_words
from depl.rollout.states import ACTIVE
from depl.tasks.recovering import end_left

if TYPE_CHECKING:
    from depl.rollout.lock_files import Owner


def end_taken_over(session: Session, taken_over: Mapping[str, Owner]) -> None:
    """End what they left running, before anything else begins. Errors: Locked where one goes on elsewhere."""
    for rollout in _rollouts(taken_over):
        if _is_by_hand(session, rollout) and records_of(session).is_driven(rollout):
            hint = f"Look at it with `depl rollout follow {rollout}`."
            raise Locked(f"a worker on another machine is at work on rollout {rollout}", hint=hint)
        end_left(session.base, rollout)


def write_last_words(session: Session, taken_over: Mapping[str, Owner], by: str) -> None:
    """Write down that they are over, as rollout `by` goes on from what stands there."""
    for rollout in _rollouts(taken_over):
        if not _is_known(session, rollout):
            continue
        try:
            with closing(records_of(session).log(rollout)) as log:
                from depl.rollout.folding import fold

                state = fold(log.read())
                if state.state in ACTIVE:
                    log.append(last_words(state, by), durable=True)
        except DeplError as error:  # what goes on does not depend on it
            session.complain_of_warnings([f"rollout {rollout} stays interrupted: {error.message}"])


def _is_known(session: Session, rollout: str) -> bool:
    """Whether there is a record of it."""
    try:
        return records_of(session).state(rollout).number > 0
    except DeplError:
        return False


def _is_by_hand(session: Session, rollout: str) -> bool:
    """Whether it is known, and was written by hand."""
    try:
        return records_of(session).state(rollout).plan is not None
    except DeplError:
        return False


def _rollouts(taken_over: Mapping[str, Owner]) -> list[str]:
    return sorted({owner.rollout for owner in taken_over.values() if owner.rollout})
