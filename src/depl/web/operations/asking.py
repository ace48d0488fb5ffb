"""What a worker is asked to find out or to plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from depl.access.roles import Action
from depl.errors import ConfigurationError
from depl.rollout.parameters import parameter_of
from depl.rollout.plan import common_queue
from depl.web.ask import Ask
from depl.web.errors import Invalid, NotFound, Refused, TooMany
from depl.web.operations.known import audited, settings_of
from depl.web.views.deploying import deploy_mistakes
from depl.web.views.forms import mistakes_in

if TYPE_CHECKING:
    from depl.store.inquiries import Inquiry

MOST = 20  # questions that somebody may have open


def plan(ask: Ask, name: str, parameters: Mapping[str, Any]) -> Inquiry:
    """Have a rollout planned, with the texts that were given for its parameters.

    Errors: NotFound, Forbidden, Invalid with mistakes by parameter.
    """
    with audited(ask, "plan", name):
        ask.assert_may(Action.PLAN, _within(ask), subject=name)
        found = ask.site.store.published.get("rollout", name)
        if found is None:
            raise NotFound(f"There is no rollout {name!r:.60}")
        if found.data.get("mistake"):
            raise Refused(f"{name} cannot be planned: {found.data['mistake'].get('message')}")
        asked = {"rollout": name, "parameters": _values(found.data.get("parameters") or (), parameters)}
        if within := _within(ask):
            asked["within"] = within
        return inquire(ask, "plan", asked, within, name=name)


def deploy(ask: Ask, environment: str, **part: str | Sequence[str]) -> Inquiry:
    """Have the deployment of an environment planned, or of some of it.

    part: hosts, components, stages, overrides and on_failure, as depl:deploy takes them. Errors: NotFound, Forbidden,
    Invalid with mistakes by their names.
    """
    known = ask.site.store.published.get("environment", environment)
    if known is None:
        raise NotFound("There is no such environment")
    if not ask.sees([environment]):
        raise ask.hidden("environment", environment, [environment])
    with audited(ask, "plan", f"deploy {environment}", [environment]):
        ask.assert_may(Action.PLAN, [environment], subject=environment)
        mistakes = deploy_mistakes(environment, known.data, part)
        if mistakes:
            raise Invalid(" ".join(mistakes.values()), mistakes=mistakes)
        asked = {"environment": environment, **{name: value for name, value in part.items() if value}}
        return inquire(ask, "deploy", asked, [environment], name=environment)


def inquire(
    ask: Ask, kind: str, asked: Mapping[str, Any], environments: Collection[str], *, rollout: str = "", name: str = ""
) -> Inquiry:
    """Ask a worker; where the same is being asked already, that is awaited. name: of what it is about, for errors."""
    inquiries = ask.site.store.inquiries
    theirs = [one for one in inquiries.open() if one.who == ask.person.name]
    for one in theirs:
        if one.kind == kind and dict(one.asked) == dict(asked):
            return one
    if len(theirs) >= MOST:  # workers answer a few at a time, the oldest first
        raise TooMany(f"{len(theirs)} questions of yours wait for an answer", hint="Wait until some are answered.")
    queues = {place: str(one.get("queue") or "") for place, one in settings_of(ask, environments).items()}
    if kind == "plan":
        queues = {}  # it is not known yet what it is about
    try:
        queue = common_queue(name, queues)
    except ConfigurationError as error:
        raise Refused(error.message, hint=error.hint) from error
    return inquiries.ask(kind, asked, who=ask.person.name, environments=environments, queue=queue, rollout=rollout)


def _within(ask: Ask) -> list[str]:
    """The environments to which a plan of theirs is limited; none: they may plan everywhere, or nowhere."""
    if ask.may(Action.PLAN):
        return []
    return sorted(name for name in ask.site.store.published.all("environment") if ask.may(Action.PLAN, [name]))


def _values(facts: Collection[Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, as it is meant. Errors: Invalid, with what is wrong by the name of a parameter."""
    known = {str(one["name"]): parameter_of(one) for one in facts}
    mistakes = {name: "There is no such parameter." for name in given if name not in known}
    mistakes |= mistakes_in(list(facts), given)
    if mistakes:
        listed = " ".join(f"{name}: {what}" for name, what in mistakes.items())
        raise Invalid(f"Not all parameters are right. {listed}", mistakes=mistakes)
    return {name: parameter.value(given[name]) for name, parameter in known.items() if name in given}
