"""A command that drives a rollout by itself, as all who share the store hear of it.

It writes its own record, and goes on when the server vanishes; once a second a thread has the store take in what was
added, says that we live, and fetches what others wish of the rollout.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from depl.errors import DeplError
from depl.rollout.log import Fenced
from depl.rollout.records import SIGNALS, directory_of, path_of
from depl.rollout.signals import SignalFile
from depl.rollout.states import RolloutState

if TYPE_CHECKING:
    from depl.store.direct import Place
    from depl.store.leases import Claim
    from depl.store.locks import Lock
    from depl.store.store import Store

EVERY = 1.0  # seconds
IS_OVER, WAITS, IS_INTERRUPTED = "over", "waits", "interrupted"  # see Direct.end


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
        with self._alone:
            if self._owned:
                self._become(self._owned)
            if not self._is_lost and not self._store.direct.beat(self._claim, self._signals.post):
                self._lose()
            self._store.take_in(directory_of(self._directory), only=self._claim.rollout)

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
            self.bring()
        except (DeplError, OSError) as error:
            if not self._is_away:
                self._said.append(f"{error}; what happens is recorded here, and brought to the store later")
            self._is_away = True
            return False
        self._is_away = False
        return True

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
