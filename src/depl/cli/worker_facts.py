"""What a worker found out, as data that may be shown: filtered once all secrets are known that it may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depl.cli.session import Session
from depl.errors import DeplError, Mistakes
from depl.events import Event, What
from depl.report.changes import step_line
from depl.report.errors import filtered, place_in
from depl.report.jsonlines import error_facts as plain_facts
from depl.report.jsonlines import plain
from depl.report.tally import Tally
from depl.rollout.masking import masked

OUTPUT = ("diff", "output", "stdout", "stderr")


def shown_facts(session: Session, facts: Mapping[str, Any], instead: str = "") -> dict[str, Any]:
    """Data as it may be written down. instead: of diffs and output; by default what the session says, if anything."""
    instead = instead or session.output_instead
    told: dict[str, Any] = masked(plain(facts), session.printer.redact)
    return _without_output(told, instead) if instead else told


def error_facts(session: Session, error: DeplError) -> dict[str, Any]:
    """An error as data; paths below the project are relative to it."""
    facts = plain_facts(filtered(error, session.printer.redact, output=session.output_instead))
    for one in (facts, *facts.get("mistakes", ())):
        one["file"] = place_in(session.base, one["file"]) if one.get("file") else None
    if not isinstance(error, Mistakes):
        facts["mistakes"] = []
    return shown_facts(session, facts)


class Seen(Tally):
    """Takes the events of a plan for an environment: what would change, host by host.

    changed: as a plan's answer has it. undeclared: what is there and declared no more. host: of events without one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.host = ""
        self.changed_components: list[dict[str, Any]] = []
        self.undeclared: list[dict[str, Any]] = []
        self.warnings: list[str] = []

    def __call__(self, event: Any) -> None:
        """Take what happens."""
        super().__call__(event)
        if not isinstance(event, Event):
            return
        where = event.host or self.host
        if event.what is What.STARTED:
            self.host = str(event.data.get("host") or "")
        elif event.what is What.CHANGED:
            told = {key: event.data[key] for key in ("changes", "reason") if key in event.data}
            self.changed_components.append({"host": where, "component": event.component or event.task, **told})
        elif event.what is What.UNDECLARED:
            self.undeclared.append({"host": where, **event.data})
        elif event.what is What.WARNING:
            self.warnings.append(str(event.data.get("text")))

    def unsafe_steps(self, environment: str) -> list[str]:
        """Sentences on what cannot be promised to be undone."""
        steps = [*self.unsafe, *self.unforeseen]
        return list(dict.fromkeys(step_line(step, self.host or environment) for step in steps))


def _without_output(value: Any, instead: str) -> Any:
    if isinstance(value, Mapping):
        return {key: instead if key in OUTPUT and one else _without_output(one, instead) for key, one in value.items()}
    return [_without_output(one, instead) for one in value] if isinstance(value, list) else value
