"""A run under way: its events shown as they come, its end told and turned into an exit status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from depl.cli.notifying import Notices
from depl.cli.session import Session
from depl.cli.status import DONE, FAILED, INTERRUPTED, LEFT
from depl.errors import DeplError
from depl.events import Event, Output
from depl.report.run import RunReport
from depl.report.screening import Screened
from depl.report.tally import Tally

if TYPE_CHECKING:
    from depl.report.fleet import FleetReport
    from depl.report.jsonlines import JsonReport
    from depl.report.lines import Line
    from depl.report.live import LiveLines
    from depl.rollout.local import Options, Outcome


class Running:
    """Shows what happens to one host or to many, to people or to programs.

    environment: its name. label: `dev/localhost`, or `dev` for many. planning: nothing is done, so everything is shown
    in full. tasks: of how many there are with many hosts. tally: what was seen so far; changes: all of them. emit:
    takes what happens.
    """

    def __init__(
        self, session: Session, environment: str, host: str = "", *, planning: bool = False, tasks: int | None = None
    ) -> None:
        self.session, self.environment = session, environment
        self.label = f"{environment}/{host}" if host else environment
        self.tally, self.notices = Tally(), Notices(session, environment)
        self.live: LiveLines | None = None
        if session.printer.interactive and not session.as_json and not session.quiet:
            from depl.report.live import LiveLines

            self.live = LiveLines(session.printer.out, self.label)
        self.report = self._report(planning, tasks)
        about = {"environment": environment, "host": host} if host else {"environment": environment}
        self.json: JsonReport | None = session.json(**about) if session.as_json else None
        self.emit = Screened(session.printer.redact, self._take, session.output_instead)

    @property
    def changes(self) -> list[Any]:
        """All changes that were seen."""
        return self.tally.all_changes

    def _take(self, event: Event | Output) -> None:
        self.tally(event)
        (self.json or self.report)(event)
        if isinstance(event, Event):
            self.notices(event)

    def __enter__(self) -> Running:
        if self.live is not None:
            self.session.printer.stage = self.live
            self.live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.emit.end()
        self.report.end()
        if self.live is not None:
            self.live.stop()
        self.session.printer.stage = None

    def _report(self, planning: bool, tasks: int | None) -> RunReport | FleetReport:
        session, live = self.session, self.live
        how: dict[str, Any] = {"quiet": session.quiet, "verbose": session.verbose, "planning": planning}
        if tasks is None:
            return RunReport(session.printer, session.base, **how, live=live.whole if live is not None else None)
        from depl.report.fleet import FleetReport

        return FleetReport(session.printer, session.base, **how, live=live, tasks=tasks)

    def tell_end(self, outcome: Outcome, status: int, lines: Sequence[Line]) -> None:
        """Print how a run ended, note its exit status, and tell those who are not looking."""
        self.session.status = status
        self.tell_errors(outcome.errors)
        if self.json is not None:
            self.json.print("end", outcome=outcome, exit_status=status)
        if not self.session.quiet or outcome.status != "nothing":
            self.session.show(lines)
        self.notices.end(outcome)

    def tell_errors(self, errors: Sequence[DeplError]) -> None:
        """Print what was not told while it happened."""
        for error in errors:
            if self.session.printer.redact(error.message) not in self.report.told:
                self.session.complain_of(error)


def status_of(outcome: Outcome) -> int:
    """The exit status of a run."""
    if outcome.status in ("nothing", "succeeded"):
        return DONE
    if outcome.status not in ("reversed", "partly reversed"):
        return LEFT
    return INTERRUPTED if outcome.interrupted else FAILED


def run_options(session: Session, **more: Any) -> Options:
    """How to run here: the target directory of local runs is the project's own."""
    from depl.rollout.local import Options

    return Options(target_directory=session.base, redact=session.printer.redact, **more)
