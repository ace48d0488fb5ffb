"""The environment that a command is about, for itself: nobody holds it, and nobody else works on it from here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from depl.cli.project_store import holds_of, needed
from depl.cli.session import Session
from depl.cli.store_sharing import sharing
from depl.errors import Locked
from depl.events import Emit, Event, Output, What
from depl.rollout.holds import assert_not_held
from depl.rollout.locks import EnvironmentLocks, Held
from depl.rollout.log import LogFailed
from depl.rollout.record import is_recorded

if TYPE_CHECKING:
    from depl.cli.running import Running
    from depl.deploy.stop import Stop
    from depl.store.shared_run import SharedRun


def heed_hold(session: Session, environment: str, *, planning: bool = False) -> None:
    """Refuse to touch an environment that somebody holds; plans only say so. Errors: Locked."""
    try:
        with needed():
            assert_not_held(holds_of(session), [environment])
    except Locked as held:
        if not planning:
            raise
        session.complain_of_warnings([f"{held.message}; until it is released nothing can be changed there"])
    except LogFailed as away:
        if not planning:
            raise
        session.complain_of_warnings([f"{away.message}; until it is back nothing can be changed there"])


@contextmanager
def claimed(running: Running, command: str, stop: Stop, *, wait: bool, take_over: bool = False) -> Iterator[Emit]:
    """While this lasts, the environment of a run is ours; what happens is told to what comes back. Errors: Locked.

    command: local, remote or undo, for those who have to wait.
    """
    from depl.deploy.begin import who

    session, environment, emit = running.session, running.environment, running.emit
    directory = os.path.join(session.base, ".depl")
    patience = None if wait else 0.0

    def tell(sentence: str) -> None:
        emit(Event(What.WARNING, data={"text": sentence}))

    with (
        EnvironmentLocks(directory).take(
            [environment],
            "",
            who(),
            patience,
            lambda: stop.aborted,
            lambda rollout: _is_over(session, directory, rollout),
            command=f"depl {command} {environment}",
            tell=tell,
            take_over=take_over,
        ) as held,
        sharing(
            session,
            [environment],
            alone=held.names,
            wait=patience,
            stopped=lambda: stop.aborted,
            tell=tell,
            take_over=take_over,
        ) as shared,
    ):
        heed_hold(session, environment)
        if held.taken_over:
            from depl.cli.taken_over import end_taken_over

            end_taken_over(session, held.taken_over)
        yield _Owning(session, held, emit, shared)


def _is_over(session: Session, directory: str, rollout: str) -> bool:
    """Whether a rollout that waited came to its end since, as its record says, or the store."""
    from depl.rollout.records import first_and_last, path_of

    ends = first_and_last(path_of(directory, rollout))
    if ends is not None:
        return ends[1].get("what") == What.OVER.value
    from depl.cli.project_store import is_over

    return is_over(session, rollout)


class _Owning:
    """Passes events on; the first one that is recorded makes the lock say whose it is, as a no-op writes nothing."""

    def __init__(self, session: Session, held: Held, emit: Emit, shared: SharedRun | None) -> None:
        self._session, self._held, self._emit, self._shared = session, held, emit, shared
        self._rollout = ""

    def __call__(self, event: Event | Output) -> None:
        if self._shared is not None:
            self._shared.tell()
        self._emit(event)
        if isinstance(event, Output):
            return
        if event.what is What.STARTED:
            self._rollout = str(event.data.get("rollout") or "")
        elif self._rollout and is_recorded(event):
            self._held.own(self._rollout)
            if self._shared is not None:
                self._shared.own(self._rollout)
            if self._held.taken_over:
                from depl.cli.taken_over import write_last_words

                write_last_words(self._session, self._held.taken_over, self._rollout)
            self._rollout = ""
