"""Undo over hosts of what only a component's own code can take back: the hosts get the model, as in a deployment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from depl.cli.fleet import Crew
from depl.errors import ConfigurationError, DeplError

Step = Mapping[str, Any]
Needs = Mapping[str, Sequence[Mapping[str, str]]]

if TYPE_CHECKING:
    from depl.cli.session import Session
    from depl.rollout.choosing import Chosen


def crew_with_code(crew: Crew, chosen: Chosen, on_conflict: str) -> Crew | None:
    """The hosts of a rollout, where it is needed with the model; None where that cannot be had and need not be.

    Errors: ConfigurationError, before any host is touched.
    """
    from depl.cli.deploying import transfer
    from depl.remote.requirements import Requirements

    session = crew.session
    try:
        model = session.model(crew.environment.name, on_hosts=True)
        made = Crew(
            session,
            model.environment,
            [host for host in crew.hosts if host.name in chosen.hosts],
            model=model,
            transfer=transfer(session, model, dirty=True),
            requirements=Requirements(session.base),
            jobs=crew.jobs,
            wait=crew.wait,
            code_on=frozenset(chosen.needs_code),
        )
    except DeplError as error:
        refusal = _without_model(crew.environment.name, chosen, error)
        if on_conflict != "keep":
            raise refusal from error
        session.complain_of_warnings([refusal.message])
        return None
    made.answers = crew.answers
    return made


def with_lacking_code(
    session: Session, name: str, needs: Needs, found: Mapping[str, Sequence[Step]], on_conflict: str, *, on_hosts: bool
) -> dict[str, Sequence[Step]]:
    """The steps of an undo by host; those that need a component's own code, which is not at hand, say so.

    on_hosts: on those of the environment, rather than here.
    """
    from depl.deploy.own_code import where_it_is

    lacking = {
        (host, one["component"]): f"{why}. {where_it_is(one)}"
        for host, one, why in _lacking(session, name, needs, on_hosts)
    }

    def told(host: str, step: Step) -> Step:
        why = lacking.get((host, step["component"]))
        if why is None or step["shown"].get("verb") != "call" or "stands" in step:
            return step
        return {**step, "held" if on_conflict == "keep" else "conflict": why}

    return {host: [told(host, step) for step in steps] for host, steps in found.items()}


def _lacking(session: Session, name: str, needs: Needs, on_hosts: bool) -> Iterator[tuple[str, Mapping[str, str], str]]:
    """What only its own code can take back that is not at hand: host, facts and why."""
    from depl.deploy.causes import preorder
    from depl.deploy.own_code import no_model
    from depl.homes import TOKEN

    def is_it(made: str, id: str) -> bool:  # where the hosts' homes are not known here, any will do
        return made == id or bool(re.fullmatch(".*".join(map(re.escape, TOKEN.split(made)[::2])), id))

    try:
        model = session.model(name, on_hosts=on_hosts)
    except DeplError as error:
        why = f"it must be reversed by its own code, and {no_model(name, error)}"
        yield from ((host, one, why) for host, facts in needs.items() for one in facts)
        return
    for host, facts in needs.items():
        made = [one.id for root in model.roots_of(host) for one in preorder(root.component) if hasattr(one, "reverse")]
        for one in facts:
            if not any(is_it(id, one["component"]) for id in made):
                yield host, one, "it must be reversed by its own code, and the model has it no more"


def _without_model(environment: str, chosen: Chosen, error: DeplError) -> ConfigurationError:
    from depl.deploy.own_code import no_model, where_it_is

    host, facts = next(iter(chosen.needs_code.items()))
    return ConfigurationError(
        f"{facts[0]['component']} on {host} must be reversed by its own code, and {no_model(environment, error)}",
        hint=where_it_is(facts[0]),
    )
