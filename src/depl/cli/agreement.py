"""Whether a run may begin: what has to be asked is asked first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from depl.cli.consent import Consent
from depl.cli.session import Session
from depl.cli.status import DONE, PENDING
from depl.errors import ConfigurationError
from depl.report.lines import Line, counted

if TYPE_CHECKING:
    from depl.environment import Environment

ShowPlan = Callable[[], tuple[int, list[Line]]]  # how many components would change; steps without a sure way back


def only_planned(session: Session, show_plan: ShowPlan, *, exit_code: bool) -> None:
    """Show the plan and stop. exit_code: with a status of its own where something would change."""
    changes, _ = show_plan()
    if changes and exit_code and session.status == DONE:
        session.status = PENDING


def agreed(
    session: Session, environment: Environment, consent: Consent, *, ask: bool, where: str, show_plan: ShowPlan
) -> bool:
    """Whether the run may begin. where: `web1`. Errors: ConfigurationError where it cannot be undone but must be."""
    settings = environment.settings
    if settings.confirm and not consent.to_name():
        return session.declined()
    if not ask and settings.reversibility == "allow":
        return True
    if ask or settings.reversibility == "ask":
        consent.assert_possible()
    changes, unsafe = show_plan()
    if session.status != DONE:
        return False
    if unsafe and settings.reversibility == "required":
        raise ConfigurationError(
            f"{counted(len(unsafe), 'step')} cannot be promised to be undone, and the environment "
            f"{environment.name} wants that of all of them (`reversibility = required`)",
            hint="Declare their way back (`touches`, `reverse_cmd`, `reverse`), or change the setting.",
        )
    must_ask = ask or (unsafe and settings.reversibility == "ask")
    if changes and must_ask and not consent.to(f"Do this to {where}?"):
        return session.declined()
    return True
