"""Undo over hosts of what only a component's own code can take back: the hosts get the model, as in a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depl.cli.fleet import Crew
from depl.errors import ConfigurationError, DeplError, Mistakes

if TYPE_CHECKING:
    from depl.rollout.choosing import Chosen


def crew_with_code(crew: Crew, chosen: Chosen, on_conflict: str) -> Crew | None:
    """The hosts of a rollout, where it is needed with the model; None where that cannot be had and need not be.

    Errors: ConfigurationError, before any host is touched.
    """
    from depl.cli.remote import transfer
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


def _without_model(environment: str, chosen: Chosen, error: DeplError) -> ConfigurationError:
    from depl.deploy.own_code import where_it_is

    host, facts = next(iter(chosen.needs_code.items()))
    mistakes = error.mistakes if isinstance(error, Mistakes) else [error]
    why = ": ".join(filter(None, (mistakes[0].place, mistakes[0].message)))
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return ConfigurationError(
        f"{facts[0]['component']} on {host} must be reversed by its own code, and the model of {environment} cannot be "
        f"made here: {why}{more}",
        hint=where_it_is(facts[0]),
    )
