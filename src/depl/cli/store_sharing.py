"""Environments that are ours for all who share the store of a project, while a command is at work on them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from depl.cli.project_store import needed, shared_store
from depl.errors import Interrupted, Locked
from depl.rollout.records import path_of

if TYPE_CHECKING:
    from depl.cli.session import Session
    from depl.store.leases import Claim
    from depl.store.locks import Lock
    from depl.store.shared_run import SharedRun
    from depl.store.store import Store

AGAIN = 0.2
GRACE = 1.0  # seconds in which somebody who only looks lets go again


@contextmanager
def sharing(
    session: Session,
    environments: Collection[str],
    rollout: str = "",
    *,
    alone: Collection[str],
    wait: float | None = 0.0,
    stopped: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None],
    take_over: bool = False,
) -> Iterator[SharedRun | None]:
    """While this lasts, environments are ours for all who share the store; nothing where nobody does.

    rollout: whose they are; empty: see SharedRun.own. alone: of which the file lock is ours. wait: how many seconds;
    None: for ever. Errors: Locked, Interrupted, LogFailed.
    """
    with needed():
        store = shared_store(session)
        run = None
        if store is not None:
            run = _begun(session, store, environments, rollout, alone, wait, stopped, tell, take_over)
    if run is None:
        yield None
        return
    try:
        run.start()
        yield run
    finally:
        run.finish()


def _begun(
    session: Session,
    store: Store,
    environments: Collection[str],
    rollout: str,
    alone: Collection[str],
    wait: float | None,
    stopped: Callable[[], bool],
    tell: Callable[[str], None],
    take_over: bool,
) -> SharedRun:
    from depl.deploy.begin import new_id, who
    from depl.store.direct import Place, checkout_of
    from depl.store.shared_run import IS_INTERRUPTED, IS_OVER, SharedRun

    directory, id = os.path.join(session.base, ".depl"), rollout or new_id()
    place = Place(who(), checkout_of(session.base), os.getpid())

    def begin() -> tuple[Claim, Sequence[Lock]]:
        record = path_of(directory, id)
        return store.direct.begin(id, environments, place, record, alone=alone, take_over=take_over)

    claim, left = _insisting(begin, wait, stopped, tell)
    for lock in left:
        tell(f"{lock.who} did not come to an end on {lock.environment}; this run goes on from what stands there")
    run = SharedRun(store, place, claim, left, directory, tell, IS_INTERRUPTED if rollout else IS_OVER)
    if rollout:
        run.own(rollout)
    return run


def _insisting(
    begin: Callable[[], tuple[Claim, Sequence[Lock]]],
    wait: float | None,
    stopped: Callable[[], bool],
    tell: Callable[[str], None],
) -> tuple[Claim, Sequence[Lock]]:
    """What comes of it, tried again for a while. Errors: Locked, Interrupted."""
    until = None if wait is None else time.monotonic() + max(wait, GRACE)
    told = ""
    while True:
        try:
            return begin()
        except Locked as refused:
            if stopped():
                raise Interrupted(f"interrupted while waiting: {refused.message}") from None
            if until is not None and time.monotonic() >= until:
                raise
            if wait is None and told != refused.message:
                told = refused.message
                tell(f"waiting: {told}")
        time.sleep(AGAIN)
