"""Telling people who are not looking how a deployment or an undo ended."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from depl.cli.session import Session
from depl.rollout.states import RolloutState

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.notices import Notifier
    from depl.rollout.options import Outcome

KINDS = {"succeeded": "end", "reversed": "end", "redone": "end", "blocked": "blocked", "stopped": "failure"}


def notify_end(session: Session, environment: str, outcome: Outcome) -> None:
    """Tell of the end of a run that is recorded, if `[notify]` says whom. What cannot be told becomes a warning."""
    kind = "failure" if outcome.status == "reversed" and outcome.error else KINDS.get(outcome.status)
    notifier = notifier_of(session) if kind is not None and outcome.rollout is not None else None
    if notifier is None or kind is None:
        return
    from depl.deploy.begin import who

    reason = outcome.error.message if outcome.error else ""
    notifier.tell(
        kind,
        {
            "rollout": outcome.rollout,
            "name": environment,
            "environments": [environment],
            "who": who(),
            "state": outcome.status,
            "reason": reason or "; ".join(outcome.conflicts),
            "changed": outcome.changed,
        },
    )
    session.complain_of_warnings(notifier.close())


def notify_of(notifier: Notifier | None, state: State) -> None:
    """Tell how a rollout by hand stands, where it is over, blocked, or waits for an answer."""
    if notifier is None:
        return
    if state.state.is_over:
        well = state.state is RolloutState.SUCCEEDED or (state.state is RolloutState.REVERSED and state.undoes)
        kind = "end" if well else "failure"
    elif state.state is RolloutState.BLOCKED:
        kind = "blocked"
    elif state.open_gates:
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
            "reason": state.reason or str((state.error or {}).get("message") or ""),
        },
    )


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
