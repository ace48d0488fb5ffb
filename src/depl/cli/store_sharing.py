"""What all who share a store hear of a command of ours that drives a rollout by itself.

It writes its own record, and goes on when the server vanishes; once a second a thread has the store take in what was
added, says that we live, and fetches what others wish of the rollout.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from depl.cli.project_store import needed, shared_store
from depl.errors import DeplError, Interrupted, Locked
from depl.rollout.log import Fenced
from depl.rollout.records import SIGNALS, directory_of, path_of
from depl.rollout.signals import SignalFile
from depl.rollout.states import RolloutState

if TYPE_CHECKING:
    from depl.cli.session import Session
    from depl.store.direct import Place
    from depl.store.leases import Claim
    from depl.store.locks import Lock
    from depl.store.store import Store

EVERY = 1.0  # seconds
AGAIN = 0.2
GRACE = 1.0  # seconds in which somebody who only looks lets go again
IS_OVER, WAITS, IS_INTERRUPTED = "over", "waits", "interrupted"  # see Direct.end


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


class SharedRun:
    """What the others hear of a run of ours, which never waits for the server before its end.

    left: what was taken over. state: how it stands where nobody says so, see Direct.end.
    """

    def __init__(
        self,
        store: Store,
        place: Place,
        claim: Claim,
        left: Sequence[Lock],
        directory: str,
        tell: Callable[[str], None],
        state: str,
    ) -> None:
        self._left, self._state = left, state
        self._store, self._place, self._claim, self._directory, self._tell = store, place, claim, directory, tell
        self._owned = ""  # the rollout that the store has still to hear of
        self._is_away = self._is_lost = False
        self._said: list[str] = []
        self._alone = threading.Lock()
        self._is_over, self._wake = False, threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="store", daemon=True)

    def own(self, rollout: str) -> None:
        """From now on it is about that rollout, which has changed something."""
        self._owned = rollout
        self._wake.set()

    def bring(self) -> None:
        """Let the others know at once. Errors: LogFailed."""
        with needed():
            self._bring()

    def leaving(self) -> bool:
        """Whether nothing new may begin. Errors: Fenced."""
        self.tell()
        if self._is_lost:
            raise Fenced(f"Rollout {self._claim.rollout} was taken over by somebody else; nothing more is done here")
        return False

    def stands(self, state: RolloutState) -> None:
        """How it is left: over, blocked, or in the middle."""
        self._state = IS_OVER if state.is_over else WAITS if state is RolloutState.BLOCKED else IS_INTERRUPTED

    def start(self) -> None:
        """Go on beside the run."""
        self._thread.start()

    def tell(self) -> None:
        """Pass on what there is to say: to be called by the thread that prints."""
        while self._said:
            self._tell(self._said.pop(0))

    def finish(self) -> None:
        """Have the rest taken in, and let go."""
        self._is_over = True
        self._wake.set()
        self._thread.join()
        try:
            if self._once():
                self._store.take_in(directory_of(self._directory))  # also what was left when the server was away
                self._store.direct.end(self._claim, self._left, self._state)
        except DeplError as error:
            self._said.append(error.message)
        self.tell()

    def _go_on(self) -> None:
        while not self._is_over:
            self._wake.wait(EVERY)
            self._wake.clear()
            self._once()

    def _once(self) -> bool:
        """Bring the store up to date; whether it could be reached."""
        try:
            self._bring()
        except (DeplError, OSError) as error:
            if not self._is_away:
                self._said.append(f"{error}; what happens is recorded here, and brought to the store later")
            self._is_away = True
            return False
        self._is_away = False
        return True

    def _bring(self) -> None:
        with self._alone:
            if self._owned:
                self._become(self._owned)
            if not self._is_lost and not self._store.direct.beat(self._claim, self._signals.post):
                self._lose()
            self._store.take_in(directory_of(self._directory), only=self._claim.rollout)

    def _become(self, rollout: str) -> None:
        direct = self._store.direct
        try:
            if rollout != self._claim.rollout:
                self._claim = direct.own(self._claim, rollout, path_of(self._directory, rollout))
            if self._left:
                direct.write_last_words(self._left, rollout, self._place)
        except Fenced:
            self._lose()
        self._owned = ""

    def _lose(self) -> None:
        self._is_lost = True
        self._said.append("somebody took the environment over in the store, as that did not hear of us for a while")

    @property
    def _signals(self) -> SignalFile:
        return SignalFile(path_of(self._directory, self._claim.rollout, SIGNALS))


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
