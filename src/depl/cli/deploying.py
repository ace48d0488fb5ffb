"""A deployment that may begin: by a command, or as a task of a rollout. On this machine, or through agents on hosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from depl.cli.fleet import Crew, records
from depl.cli.running import run_options
from depl.cli.session import Session
from depl.events import Emit

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.deploy.stop import Stop
    from depl.host import Host
    from depl.remote.fleet import Fleet
    from depl.remote.transfer import Transfer
    from depl.rollout.options import Outcome
    from depl.rollout.planning import Planned

OnFailure = str | Callable[[], str]  # see Options


class Deployment(Protocol):
    """Some root components of a model, and where they are to be deployed."""

    def plan(self, emit: Emit) -> Planned:
        """What it would change, as events; nothing is touched."""

    def realise(self, emit: Emit, stop: Stop, rollout: str | None = None) -> Outcome:
        """Deploy; on failure put everything back. rollout: its name, a new one if there is none yet. Errors: Locked."""


class DeploymentHere:
    """One host of an environment, realised on this machine and by this process, which works in its directories.

    wanted: see Options. recorded: depl's own record is written.
    """

    def __init__(
        self, session: Session, model: Model, host: Host, on_failure: OnFailure | None = None, **wanted: Any
    ) -> None:
        settings = model.environment.settings
        self.model, self.host = model, host
        self.how = run_options(
            session,
            on_failure=on_failure or settings.on_failure,
            durability=settings.durability,
            change_limit=settings.change_limit,
            command_timeout=settings.command_timeout,
            reversible_only=settings.reversibility == "required",
            keep=(settings.keep_rollouts, settings.keep_days),
            **wanted,
        )

    def plan(self, emit: Emit) -> Planned:
        """What it would change."""
        from depl.rollout.local import plan

        return plan(self.model, self.host.name, self.how, emit)

    def realise(self, emit: Emit, stop: Stop, rollout: str | None = None) -> Outcome:
        """Deploy."""
        from depl.rollout.local import realise

        soak = float(self.model.environment.settings.soak)
        return realise(self.model, self.host.name, self.how, emit, stop, rollout=rollout, soak=soak)


class DeploymentOnHosts:
    """Hosts of an environment, realised by agents: over SSH, or on this machine.

    dirty: a working copy with changes is no error. recorded: depl's own record is written. wanted: see Crew. gate: how
    its gates are opened, where that is not the usual way (see realise_all).
    """

    def __init__(
        self,
        session: Session,
        model: Model,
        hosts: Sequence[Host],
        components: Sequence[str] = (),
        on_failure: OnFailure | None = None,
        *,
        dirty: bool = False,
        recorded: bool = True,
        **wanted: Any,
    ) -> None:
        from depl.layout import environment_file
        from depl.remote.requirements import Requirements
        from depl.rollout.graph import plan_of
        from depl.rollout.stages import staging_of

        self.session, self.model, self.components, self.recorded = session, model, components, recorded
        self.gate: dict[str, Any] = {}
        self.on_failure = on_failure or model.environment.settings.on_failure
        self.tasks = plan_of(model, [host.name for host in hosts], components)
        names = [host.name for host in hosts]
        file = environment_file(model.environment.name, session.base)
        self.staging = staging_of(model.environment.settings, self.tasks, names, model.environment.hosts, file)
        self.crew = Crew(
            session,
            model.environment,
            hosts,
            model=model,
            transfer=transfer(session, model, dirty),
            requirements=Requirements(session.base),
            selected=bool(components),
            **wanted,
        )

    def plan(self, emit: Emit) -> Planned:
        """What it would change."""
        return self.plan_and_fleet(emit)[0]

    def plan_and_fleet(self, emit: Emit) -> tuple[Planned, Fleet]:
        """What it would change, and the hosts that said so, which may have more to tell."""
        from depl.rollout.remote import plan_all

        fleet, name = self.crew.fleet("plan", "", emit), self.model.environment.name
        how: dict[str, Any] = {"environment": name, "jobs": self.crew.jobs, "staging": self.staging}
        return plan_all(self.tasks, fleet, emit, **how), fleet

    def realise(self, emit: Emit, stop: Stop, rollout: str | None = None) -> Outcome:
        """Deploy."""
        from depl.deploy.begin import new_id
        from depl.rollout.remote import realise_all

        session, environment, rollout = self.session, self.model.environment, rollout or new_id()
        how = run_options(session, components=self.components, on_failure=self.on_failure, **self.crew.of_options)
        outcome = realise_all(
            self.tasks,
            self.crew.fleet("act", rollout, emit, stop),
            how,
            emit,
            stop,
            record_directory=records(session) if self.recorded else None,
            rollout=rollout,
            environment=environment.name,
            jobs=self.crew.jobs,
            rollback_jobs=environment.settings.rollback_jobs,
            staging=self.staging,
            **self.gate,
            command=session.command,
        )
        if outcome.changed:  # as everywhere, caches are written only by runs that change something
            environment.template_engine.flush(session.printer.redact)
        return outcome


def transfer(session: Session, model: Model, dirty: bool) -> Transfer:
    """The project as it will travel; version control is looked at now. Errors: ConfigurationError."""
    from depl.remote.transfer import transfer_of

    environment = model.environment
    known = len(environment.warnings)
    made = transfer_of(environment, dirty)
    session.complain_of_warnings(environment.warnings[known:])
    return made
