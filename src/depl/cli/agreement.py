"""Whether a run may begin: what has to be asked is asked first, what must not be done is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from depl.cli.consent import Consent
from depl.cli.session import Session
from depl.cli.status import DONE, PENDING
from depl.errors import ConfigurationError
from depl.report.changes import step_line
from depl.report.lines import Line
from depl.report.tally import Step, Tally
from depl.rollout.wording import counted

if TYPE_CHECKING:
    from depl.environment import Environment

Plan = Callable[[bool], tuple[int, Tally]]  # whether to show it -> how many components would change; what was seen


def only_planned(session: Session, plan: Plan, *, exit_code: bool) -> None:
    """Show the plan and stop. exit_code: with a status of its own where something would change."""
    changes, _ = plan(True)
    if changes and exit_code and session.status == DONE:
        session.status = PENDING


def agreed(session: Session, environment: Environment, consent: Consent, *, ask: bool, where: str, plan: Plan) -> bool:
    """Whether the run may begin. where: `web1`. Errors: ConfigurationError where it cannot be undone but must be.

    With `reversibility = allow` and unless somebody wants to be asked, nothing is planned.
    """
    wanted = environment.settings.reversibility
    if environment.settings.confirm and not consent.to_name():
        return session.declined()
    if not ask and wanted == "allow":
        return True
    if ask:
        consent.assert_possible()
    changes, seen = plan(ask)
    if session.status != DONE:
        return False
    assert_reversible(environment.name, wanted, seen, where)
    if ask:
        return not changes or consent.to(f"Do this to {where}?") or session.declined()
    return agreed_to_steps(session, consent, wanted, seen, where)


def assert_reversible(environment: str, wanted: str, seen: Tally, where: str) -> None:
    """Refuse what has no way back, where one is required; what could not be foreseen is refused by the run itself.

    wanted: as `reversibility` says. seen: of a plan. Errors: ConfigurationError.
    """
    if wanted == "required" and seen.unsafe:
        raise _not_reversible(environment, seen.unsafe, where)


def agreed_to_steps(session: Session, consent: Consent, wanted: str, seen: Tally, where: str) -> bool:
    """Whether somebody bears the steps of a plan that cannot be promised to be undone, if that has to be asked."""
    steps = [*seen.unsafe, *seen.unforeseen] if wanted == "ask" else []
    if not steps:
        return True
    title = Line("these cannot be promised to be undone:", "yellow")
    session.printer.complain([title, *(Line(f"  {line}", "yellow") for line in _told(steps, where))])
    return consent.to(f"Do this to {where} all the same?") or session.declined()


def _not_reversible(environment: str, steps: list[Step], where: str) -> ConfigurationError:
    told = "\n  ".join(_told(steps, where))
    return ConfigurationError(
        f"{counted(len(steps), 'step')} cannot be promised to be undone, and the environment {environment} wants that "
        f"of all of them (`reversibility = required`):\n  {told}",
        hint="Declare their way back (`touches`, `owns_workdir`, `reverse_cmd`, `capture()` and `reverse()`; `undo` of "
        "commands), or say `reversibility = ask` or `allow`.",
    )


def _told(steps: Iterable[Step], where: str) -> list[str]:
    return list(dict.fromkeys(step_line(step, where) for step in steps))
