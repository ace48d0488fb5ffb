"""A run under way: its events shown as they come, its end told and turned into an exit status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from depl.cli.session import DONE, FAILED, INTERRUPTED, LEFT, Session
from depl.errors import DeplError
from depl.events import Event, Output, What
from depl.report.run import RunReport

if TYPE_CHECKING:
    from depl.report.jsonlines import JsonReport
    from depl.report.lines import Line
    from depl.report.run import Outcome
    from depl.rollout.local import Options


class Running:
    """Shows what happens to one host, to people or to programs.

    label: `dev/localhost`. planning: nothing is done, so everything is shown in full. changes: all that were seen.
    """

    def __init__(self, session: Session, environment: str, host: str = "", *, planning: bool = False) -> None:
        self.session = session
        self.label = f"{environment}/{host}" if host else environment
        self.changes: list[Any] = []
        self.report = self._report(planning)
        about = {"environment": environment, "host": host} if host else {"environment": environment}
        self.json: JsonReport | None = session.json(**about) if session.as_json else None

    def emit(self, event: Event | Output) -> None:
        """Take what happens."""
        if isinstance(event, Event) and event.what is What.CHANGED:
            self.changes.extend(event.data.get("changes", ()))
        (self.json or self.report)(event)

    def __enter__(self) -> Running:
        live = self.report.live
        if live is not None:
            self.session.printer.stage = live
            live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.report.end()
        self.session.printer.stage = None

    def _report(self, planning: bool) -> RunReport:
        session = self.session
        live = None
        if session.printer.interactive and not session.as_json and not session.quiet:
            from depl.report.live import LiveLine

            live = LiveLine(session.printer.out, self.label)
        return RunReport(
            session.printer,
            session.base,
            quiet=session.quiet,
            verbose=session.verbose,
            planning=planning,
            live=live,
        )

    def tell_end(self, outcome: Outcome, status: int, lines: Sequence[Line]) -> None:
        """Print how a run ended, and note its exit status."""
        self.session.status = status
        self.tell_errors(outcome.errors)
        if self.json is not None:
            self.json.print("end", outcome=outcome, exit_status=status)
        if not self.session.quiet or outcome.status != "nothing":
            self.session.show(lines)

    def tell_errors(self, errors: Sequence[DeplError]) -> None:
        """Print what was not told while it happened."""
        from depl.report.errors import error_lines

        for error in errors:
            if error.message not in self.report.told:
                self.session.printer.complain(error_lines(error, self.session.base))


def status_of(outcome: Outcome) -> int:
    """The exit status of a run."""
    if outcome.status in ("nothing", "succeeded"):
        return DONE
    if outcome.status != "reversed":
        return LEFT
    return INTERRUPTED if outcome.interrupted else FAILED


def run_options(session: Session, **more: Any) -> Options:
    """How to run here: the target directory of local runs is the project's own."""
    from depl.rollout.local import Options

    return Options(target_directory=session.base, redact=session.printer.redact, **more)
