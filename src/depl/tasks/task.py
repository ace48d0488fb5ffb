"""The smallest piece of a rollout by hand: what it does, and how that is undone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from enum import Enum
from typing import Any, Final, Self

from depl.change.process import Result
from depl.change.spawning import Command
from depl.errors import DeplError, Interrupted
from depl.events import What
from depl.tasks.arguments import mistaken, plain, taken
from depl.tasks.commands import run
from depl.tasks.working import Working

PATIENCE = 8.0  # seconds for which a task that is told to end now is waited for


class Ending(Enum):
    """What run() may return."""

    UNCHANGED = "unchanged"


class Conflict(DeplError):
    """A task is not taken back, as somebody else changed the same since."""


class Task:
    """What is done in `run()` and undone in `reverse()`; both keep what they need in `self.state`.

    It is made again from its class and its arguments, which are data, whenever the rollout goes on: whatever reverse()
    needs besides is in `self.state`, a dictionary of data that is saved at each `save()` and before run() ends, also
    where that fails. run() may be called again after a failure or a crash, and reverse() after a run that failed.

    title: a sentence. irreversible: why there is no way back. changes_nothing: there is nothing to undo. repeatable: it
    may simply run again where nobody knows how it ended. retries: how often it is tried again; timeout: seconds for
    a try. way_back: what reverse() is, compensating or exact. environments: what it works on, locked meanwhile.
    patience: seconds after which it counts as failed where it was told to end now and did not; None: for ever.
    """

    UNCHANGED: Final = Ending.UNCHANGED

    title: str = ""
    irreversible: str = ""
    changes_nothing: bool = False
    repeatable: bool = False
    retries: int = 0
    timeout: float | None = None
    way_back: str = "compensating"
    environments: Sequence[str] = ()
    gate: str = ""
    patience: float | None = PATIENCE

    arguments: Mapping[str, Any]
    state: dict[str, Any]
    working: Working
    _arguments: Mapping[str, Any]  # a class may use the other name for its own
    _saved: str

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        self.arguments = self._arguments = self._taken(args, kwargs)
        self.state, self._saved, self.working = {}, "{}", Working()
        return self

    def __init__(self) -> None:
        """Without arguments, unless a class says otherwise."""

    def run(self) -> Ending | None:
        """Do it. UNCHANGED: all was as wanted already. Errors of any kind: it failed."""
        raise NotImplementedError

    def reverse(self) -> None:
        """Undo it, as far as it was done; it may be called again. Errors: Conflict, or any other."""
        raise NotImplementedError

    @property
    def can_reverse(self) -> bool:
        """Whether there is something to call on the way back."""
        return type(self).reverse is not Task.reverse

    def assert_sound(self, base: str) -> None:
        """Look at what can be known before the rollout starts. base: the project. Errors: ConfigurationError."""

    @property
    def attempt(self) -> int:
        """Which try it is, from 1."""
        return self.working.attempt

    @property
    def stopping(self) -> bool:
        """Whether it should end early, by itself: what takes long looks at it."""
        return self.working.stop.aborted

    @property
    def terminating(self) -> bool:
        """Whether it should end now; commands are ended by force."""
        return self.working.stop.terminated

    def wait(self, seconds: float) -> bool:
        """Wait, but not when the task should end; whether it should."""
        return self.working.stop.wished.wait(seconds)

    def assert_going_on(self) -> None:
        """Errors: Interrupted, where the task should end."""
        if self.stopping:
            raise Interrupted("it was ended early, as was wished")

    def log(self, text: object) -> None:
        """Say something to whoever reads along."""
        self.working.event(What.LOG, {"text": str(text)})

    def warn(self, text: object) -> None:
        """Say something that people should know."""
        self.working.event(What.WARNING, {"text": str(text)})

    def progress(self, done: float, total: float) -> None:
        """Say how far it is."""
        self.working.progress(done, total)

    def save(self) -> None:
        """Write the state down, now; what is not data in it is a ConfigurationError. Secrets in it are masked."""
        self._save(wait=True)

    def subprocess(
        self,
        command: Command,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        input: str | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Run a command, a text for the shell or a list: its status and output, which is told line by line.

        cwd: relative to the project, which is the default. env: added to the environment. timeout: seconds. It leads a
        process group of its own, which is ended on terminate: by TERM, and by KILL after 5 seconds. Errors:
        CmdExecutionError if it fails (not if check is False) or takes too long; Interrupted if it was ended.
        """
        return run(self.working, command, cwd=cwd, env=env, check=check, input=input, timeout=timeout)

    def _save(self, *, wait: bool) -> None:
        state = self._plain_state()
        text = json.dumps(state, sort_keys=True)
        if text == self._saved:
            return
        told = self.working.redact.data(state)
        if told != state:
            self.warn("its state has a secret in it, which is not kept: after a crash it would be missing there")
        self.working.state(told, wait)
        self._saved = text

    def _take_up(self, saved: Mapping[str, Any]) -> None:
        """Go on from a state that was saved."""
        self.state = deepcopy(dict(saved))
        self._saved = json.dumps(self._plain_state(), sort_keys=True)

    def _plain_state(self) -> Any:
        what = f"The state of {type(self).__name__}"
        if not isinstance(self.state, Mapping):
            raise mistaken(f"{what} is {self.state!r}, which is no dictionary", "Write self.state['name'] = value.")
        return plain(self.state, what)

    @classmethod
    def _taken(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return taken(cls, args, kwargs)
