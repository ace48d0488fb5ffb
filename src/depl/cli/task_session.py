"""The session of one task of a rollout: what it would print becomes events, as somebody else tells what happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from depl.cli.session import Session
from depl.errors import DeplError, Interrupted
from depl.events import Emit, Event, What

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.deploy.stop import Stop
    from depl.report.lines import Line, Printer
    from depl.secrets.identities import Identities

ALONE = RLock()
PATIENCE = 0.2  # seconds after which a wish to stop is looked at


@contextmanager
def alone(stop: Stop | None = None) -> Iterator[None]:
    """While components' code runs in this process: it works in directories of its own, and there is one for a process.

    stop: ends the wait for others. Errors: Interrupted.
    """
    while not ALONE.acquire(timeout=PATIENCE):
        if stop is not None and stop.aborted:
            raise Interrupted("asked to end before it began")
    try:
        yield
    finally:
        ALONE.release()


class TaskSession(Session):
    """For one task of a rollout: the project, the filter and the keys are those of the command's session.

    Secrets are read anew, as they may have changed while the rollout waited. overrides: see Environment.load. stop:
    ends the wait for others whose components' code runs in this process.
    """

    def __init__(
        self, outer: Session, emit: Emit, stop: Stop | None = None, overrides: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self._outer, self._emit, self.stop, self._overrides = outer, emit, stop, overrides
        self.as_json, self.quiet = outer.as_json, True

    @property
    def base(self) -> str:
        """The project."""
        return self._outer.base

    @property
    def command(self) -> str:
        """How depl is called."""
        return self._outer.command

    @property
    def printer(self) -> Printer:
        """Its filter is meant; nothing is printed."""
        return self._outer.printer

    @property
    def identities(self) -> Identities:
        """The keys of whoever called."""
        return self._outer.identities

    def filter_prints(self) -> None:
        """The streams are those of the whole process."""
        self._outer.filter_prints()

    def model(
        self, name: str, platform: str | None = None, timeout: int | None = None, *, on_hosts: bool | None = False
    ) -> Model:
        """The model of an environment, with the overrides."""
        from depl.cli.model_making import made

        with alone(self.stop):
            model = made(self, name, platform, timeout, on_hosts=on_hosts, overrides=self._overrides)
        self.tell_of(model)
        return model

    def tell_of(self, model: Model) -> None:
        """What configuring it had to say."""
        self.complain_of_warnings(model.warnings)
        for log in model.logs:
            self._say(What.LOG, log.text, component=log.component, host=log.root.host.name)

    def complain_of_warnings(self, warnings: Iterable[object]) -> None:
        """Warnings."""
        for warning in warnings:
            self._say(What.WARNING, warning.message if isinstance(warning, DeplError) else str(warning))

    def _say(self, what: What, text: str, **where: str) -> None:
        self._emit(Event(what, data={"text": self.printer.redact(text)}, **where))

    def show(self, lines: Iterable[Line]) -> None:
        """Nobody looks."""
