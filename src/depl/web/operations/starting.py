"""Whether a planned rollout may start now, and by whose word. What is refused says what to do instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depl.access.roles import Action, refusal
from depl.deploy.begin import utc
from depl.errors import ConfigurationError
from depl.rollout.folding import State
from depl.rollout.plan import RolloutPlan, common_queue
from depl.rollout.states import RolloutState
from depl.texts import words
from depl.web.ask import Ask
from depl.web.errors import Invalid, Refused
from depl.web.operations.known import Settings, four_eyes, protected
from depl.web.views.undo import undo_preview

ANEW = "Make the plan anew, look at it once more, then start it."
STRICT = ("allow", "ask", "required")


@dataclass(frozen=True)
class Foreseen:
    """What hosts said of a plan. known: whether they were asked; unsafe: what cannot be promised to be undone.

    is_open: they are being asked at this moment. error: why they could not be. conflicts: how many an undo has.
    """

    known: bool = False
    is_open: bool = False
    unsafe: Sequence[str] = ()
    changes: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
    reversibility: str = "allow"
    error: Mapping[str, Any] | None = None
    conflicts: int = 0


def foreseen(inquiry: Any) -> Foreseen:
    """From the newest inquiry about a rollout, or None."""
    if inquiry is None:
        return Foreseen()
    if inquiry.state in ("asked", "at work"):
        return Foreseen(is_open=True)
    answer = inquiry.answer if inquiry.state == "answered" else None
    if answer is None:
        return Foreseen(error=inquiry.error)
    about: dict[str, Any] = {name: answer.get(name) for name in ("changes", "error")}
    wanted = str(answer.get("reversibility") or "allow")
    about["conflicts"] = len(undo_preview(answer).conflicts)
    known = answer.get("changes") is not None and not answer.get("error")
    return Foreseen(known=known, unsafe=list(answer.get("unsafe") or ()), reversibility=wanted, **about)


def assert_planned(state: State) -> RolloutPlan:
    """Errors: Refused, where it is no plan that could start."""
    if state.plan is None:
        raise Refused(f"Rollout {state.rollout} was not planned here", hint="It runs by a command of its own.")
    if state.state is not RolloutState.PLANNED:
        raise Refused(f"Rollout {state.rollout} is {state.state.value} and cannot start", hint="Plan another one.")
    return state.plan


def assert_in_time(plan: RolloutPlan) -> None:
    """Errors: PlanOutdated."""
    plan.assert_in_time(utc(), ANEW)


def assert_known(state: State, settings: Settings) -> None:
    """Errors: Refused, where nobody knows what an environment wants of those who start something in it."""
    unknown = [name for name in state.environments if name not in settings]
    if unknown:
        message = f"Nothing is known of {', '.join(unknown)} yet, as no worker has told of it"
        raise Refused(message, hint="Start one by `depl worker`: it tells when it begins.")


def assert_confirmed(settings: Settings, confirm: str) -> None:
    """Errors: Invalid, where the name of a protected environment was not typed."""
    lacking = [name for name in protected(settings) if name not in words(confirm)]
    if lacking:
        listed = ", ".join(lacking)
        raise Invalid(f"{listed} is protected", hint="Type its name.", mistakes={"confirm": f"Type: {listed}"})


def assert_reversible(plan: RolloutPlan, settings: Settings, found: Foreseen, *, accept_unsafe: bool) -> None:
    """Errors: Refused, Invalid, where steps cannot be promised to be undone and that matters."""
    wanted = reversibility(settings, found)
    if plan.undoes or wanted == "allow":
        return
    if not found.known and (wanted == "required" or not accept_unsafe):
        why = "its hosts are being asked" if found.is_open else "its hosts were not asked, or did not answer"
        raise Refused(f"Nobody knows what it would change: {why}", hint=ANEW)
    if found.unsafe and wanted == "required":
        listed = "; ".join(found.unsafe[:5])
        message = f"Not all of it can be undone, which is required (`reversibility = required`): {listed}"
        raise Refused(message, hint="Declare the way back of these steps, or say `reversibility = ask`.")
    if found.unsafe and not accept_unsafe:
        message = "Not all of it can be promised to be undone"
        hint = "Tick that it may be done all the same."
        raise Invalid(message, hint=hint, mistakes={"accept_unsafe": hint})


def reversibility(settings: Settings, found: Foreseen) -> str:
    """The strictest that anybody wants: allow, ask or required."""
    named = [str(one.get("reversibility") or "allow") for one in settings.values()]
    return max([found.reversibility, *named], key=lambda one: STRICT.index(one) if one in STRICT else len(STRICT))


def starter(ask: Ask, state: State, settings: Settings) -> tuple[str, str]:
    """Who starts it, and who agreed to it: they who ask, or somebody else for whom they answer.

    Errors: Forbidden; Refused, where somebody else has to be asked first.
    """
    eyes, wanted, places = four_eyes(settings), state.wanted_by, state.environments
    if wanted and not refusal(ask.person, Action.APPROVE, places, begun_by=wanted, four_eyes=eyes):
        _assert_still(ask, wanted, places)
        return wanted, ask.person.name
    if wanted and eyes:
        ask.assert_may(Action.APPROVE, places, subject=state.rollout, begun_by=wanted, four_eyes=eyes)
    ask.assert_may(Action.START, places, subject=state.rollout)
    if eyes:
        listed = ", ".join(eyes)
        raise Refused(f"{listed} wants four eyes: somebody else has to start it", hint="Ask for approval.")
    return ask.person.name, ""


def _assert_still(ask: Ask, wanted: str, environments: Sequence[str]) -> None:
    """That whoever asked for a start may still start it. Errors: Refused."""
    people = ask.site.store.people
    person = people.person(wanted)
    if people.any() and (person is None or refusal(person, Action.START, environments)):
        raise Refused(f"{wanted} asked for it, and may not start it any more", hint="Refuse it.")


def queue_of(plan: RolloutPlan, settings: Settings) -> str:
    """Where a worker finds it. Errors: Refused."""
    try:
        queues = {name: str(settings.get(name, {}).get("queue") or "") for name in plan.environments}
        return common_queue(plan.name, queues)
    except ConfigurationError as error:
        raise Refused(error.message, hint=error.hint) from error
