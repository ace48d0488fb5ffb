"""Telling people who are not looking how a deployment or an undo ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from depl.cli.session import Session
from depl.events import Emit, Event, Output, What
from depl.rollout.states import Hold, RolloutState

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.notices import Notifier
    from depl.rollout.options import Outcome

KINDS = {
    "succeeded": "end",
    "reversed": "end",
    "redone": "end",
    "blocked": "blocked",
    "stopped": "failure",
    "partly reversed": "failure",
}


class Notices:
    """What is told of a deployment or an undo, if `[notify]` says whom: that it waits at a gate, and how it ended."""

    def __init__(self, session: Session, environment: str) -> None:
        self._session, self._environment = session, environment
        self._rollout = ""
        self._notifier: Notifier | None = None

    def __call__(self, event: Event) -> None:
        """Take what happens."""
        if event.what is What.STARTED:
            self._rollout = str(event.data.get("rollout") or "")
        elif event.what is What.HELD and event.data.get("hold") == Hold.APPROVAL:
            facts = {"rollout": self._rollout, "state": Hold.APPROVAL.value, "reason": event.data.get("reason") or ""}
            self._tell("gate", facts)

    def end(self, outcome: Outcome) -> None:
        """Tell of the end of a run that is recorded. What could not be told becomes a warning."""
        kind = "failure" if outcome.status == "reversed" and outcome.error else KINDS.get(outcome.status)
        if kind is not None and outcome.rollout is not None:
            reason = outcome.error.message if outcome.error else ""
            facts = {"rollout": outcome.rollout, "state": outcome.status, "changed": outcome.changed}
            self._tell(kind, {**facts, "reason": reason or "; ".join(outcome.conflicts)})
        if self._notifier is not None:
            self._session.complain_of_warnings(self._notifier.close())

    def _tell(self, kind: str, facts: Mapping[str, object]) -> None:
        from depl.deploy.begin import who

        self._notifier = self._notifier or notifier_of(self._session)
        if self._notifier is not None:
            about = {"name": self._environment, "environments": [self._environment], "who": who()}
            self._notifier.tell(kind, {**about, **facts})


def notify_of(notifier: Notifier | None, state: State) -> None:
    """Tell how a rollout by hand stands, where it is over, blocked, or waits for an answer."""
    if notifier is None:
        return
    if state.state.is_over:
        well = state.state is RolloutState.SUCCEEDED or (state.state is RolloutState.REVERSED and state.undoes)
        kind = "end" if well else "failure"
    elif state.state is RolloutState.BLOCKED:
        kind = "blocked"
    elif state.unanswered:
        kind = "gate"
    else:
        return
    notifier.tell(
        kind,
        {
            "rollout": state.rollout,
            "name": state.name,
            "environments": state.environments,
            "who": state.who,
            "state": state.state.value,
            "reason": "" if kind == "end" else state.reason or str((state.error or {}).get("message") or ""),
        },
    )


def is_question(event: Event) -> bool:
    """Whether a rollout by hand waits for people from now on."""
    return bool(event.data.get("gate")) or (event.what is What.HELD and bool(event.task))


def heeding(show: Emit, ask: Callable[[], None], *, shows_all: bool) -> Emit:
    """What takes the events where nobody looks on: warnings are shown, or all.

    ask: called where a deployment waits between its stages, as the rollout is not put aside for that.
    """

    def take(event: Event | Output) -> None:
        if shows_all or (isinstance(event, Event) and event.what is What.WARNING):
            show(event)
        if isinstance(event, Event) and event.what is What.HELD and event.task:
            ask()

    return take


def notifier_of(session: Session) -> Notifier | None:
    """Who tells people, if the project's settings name anybody."""
    is_set = os.path.exists(os.path.join(session.base, "depl.cfg")) or "DEPL_NOTIFY_TARGETS" in os.environ
    if not is_set:
        return None
    from depl.project import ProjectSettings

    settings = ProjectSettings.load(session.base).notify
    if not settings.targets:
        return None
    from depl.rollout.notices import Notifier

    return Notifier(settings, session.printer.redact, session.base)
