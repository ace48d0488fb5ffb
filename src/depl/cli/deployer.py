"""Deploys and undoes environments for the tasks of rollouts (see depl.tasks.deployer), as the commands do it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from depl.cli.deploying import DeploymentHere, DeploymentOnHosts
from depl.cli.fleet import Answers, Crew, assert_reachable
from depl.cli.hosts import chosen_hosts, declared, deployed, narrowed
from depl.cli.model_digest import digest_of
from depl.cli.session import Session
from depl.cli.task_session import TaskSession, alone
from depl.cli.undo import know_secrets
from depl.cli.undo_places import first_that_has, may_have_something, places_to_look
from depl.cli.undoing import Here, Place, Preview
from depl.deploy.causes import preorder
from depl.deploy.stop import Stop
from depl.errors import ConfigurationError
from depl.events import Emit, Event, What
from depl.protocol.replies import Found
from depl.report.screening import Screened
from depl.rollout.ending import refuse
from depl.rollout.graph import plan_of
from depl.rollout.options import Outcome
from depl.rollout.recovery import DONE, HALF_DONE, NOT_STARTED, REVERSED
from depl.rollout.stages import staging_of
from depl.tasks.deployer import Foreseen, Gate, Part

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.environment import Environment
    from depl.host import Host


class ProjectDeployer:
    """Deploys the environments of a session's project. It keeps neither their locks nor records: its caller does.

    An environment with `connect_method = local` and one host is deployed here, by this process, one at a time; others
    by agents on their hosts, many at the same time. What is told is filtered.
    """

    def __init__(self, session: Session) -> None:
        self._session, self._answers = session, Answers(session)

    def foresee(self, part: Part) -> Foreseen:
        """Make and check the model; contacts no host. Errors: ConfigurationError, Mistakes."""
        with self._task_session(lambda _: None, None, part.overrides) as (session, _):
            model, hosts, components = self._chosen(session, part)
            if part.stages:
                names = [host.name for host in hosts]
                tasks = plan_of(model, names, components)
                staging_of(model.environment.settings, tasks, names, model.environment.hosts)
            roots = deployed(model, hosts, components)
            digest = digest_of(model, roots, _revision(model.environment))
        irreversible = [
            f"{component.id} on {root.host.name}: {component.irreversible}"
            for root in roots
            for component in preorder(root.component)
            if component.irreversible and not root.ignore
        ]
        return Foreseen(digest, [root.id for root in roots if not root.ignore], irreversible=irreversible)

    def changes(self, part: Part, emit: Emit) -> int:
        """What it would change, as events and counted. Errors: DeplError, what is in the way."""
        with self._task_session(emit, None, part.overrides) as (session, screened):
            deployment = self._deployment(session, part, screened)
            if deployment is None:
                return 0
            with _alone_if(isinstance(deployment, DeploymentHere)):
                planned = deployment.plan(screened)
            if planned.errors:
                refuse(planned.errors, screened)
            return planned.changes

    def deploy(
        self,
        part: Part,
        rollout: str,
        stop: Stop,
        emit: Emit,
        on_failure: Callable[[], str],
        gate: Gate | None = None,
    ) -> Outcome:
        """Deploy. rollout: the id for it. Errors: what is in the way before anything was changed."""
        with self._task_session(emit, stop, part.overrides) as (session, screened):
            deployment = self._deployment(session, part, screened, on_failure)
            if deployment is None:
                return Outcome("nothing")
            if gate is not None and isinstance(deployment, DeploymentOnHosts):
                approve = f"{self._session.command} rollout approve {gate.rollout} --task {gate.task}"
                deployment.gate = {"signals": gate.answers, "approve": approve}
            with _alone_if(isinstance(deployment, DeploymentHere), stop):
                return deployment.realise(screened, stop, rollout)

    def undo(self, environment: str, rollout: str | None, stop: Stop, emit: Emit, on_conflict: str = "stop") -> Outcome:
        """Take a rollout back, or the newest. Errors: NothingToUndo, Locked, Unreachable."""
        with self._task_session(emit, stop) as (session, _), alone(stop):
            places = places_to_look(session, environment, rollout, wait=True, recorded=False)
            know_secrets(session, environment)
        screened = Screened(session.printer.redact, emit, session.output_instead)

        def undo_at(place: Place) -> Outcome:
            with _alone_if(isinstance(place, Here), stop):
                return place.undo(rollout, on_conflict, screened, stop)

        try:
            return first_that_has(places, undo_at)
        finally:
            screened.end()

    def preview(self, environment: str, rollout: str, on_conflict: str, emit: Emit) -> Preview:
        """What an undo would put back. Errors: NothingToUndo, Unreachable."""
        with self._task_session(emit) as (session, screened), alone():
            places = places_to_look(session, environment, rollout, wait=True, recorded=False)
            know_secrets(session, environment)
            return first_that_has(places, lambda place: place.preview(rollout, on_conflict, screened))

    def look(self, environment: str, rollout: str) -> str:
        """What became of a rollout, from the journals of the project's own directory and of all hosts.

        One that changed nothing was not started, as far as journals know. Errors: Unreachable.
        """
        from depl.deploy.chains import chains_of
        from depl.deploy.target import Target
        from depl.environment import environment_names
        from depl.rollout.remote_undo import found_on_all

        found = [Found(*chains_of(Target(self._session.base), environment, rollout))]
        if environment not in environment_names(self._session.base):
            return _became(found, rollout)
        with self._task_session(lambda _: None) as (session, screened):
            with alone():
                known = declared(environment, session.base)
            if not _is_here(known) and may_have_something(known):
                hosts = [host for host in known.hosts.values() if not host.ignore]
                crew = Crew(session, known, hosts)
                crew.answers = self._answers
                found += found_on_all(crew.fleet("look", "", screened), rollout, screened).values()
        return _became(found, rollout)

    @contextmanager
    def _task_session(
        self, emit: Emit, stop: Stop | None = None, overrides: Mapping[str, str] | None = None
    ) -> Iterator[tuple[TaskSession, Emit]]:
        """What stands for the command's session while a task runs, and what it tells what happens."""
        screened = Screened(self._session.printer.redact, emit)
        try:
            yield TaskSession(self._session, emit, stop, overrides), screened
        finally:
            screened.end()

    def _chosen(self, session: TaskSession, part: Part) -> tuple[Model, list[Host], tuple[str, ...]]:
        """The model, the hosts that are meant, and the components, () for all."""
        with alone(session.stop):
            here = _is_here(declared(part.environment, session.base))
        model = session.model(part.environment, on_hosts=not here)
        assert_reachable(model.environment)
        if part.stages:
            _go_in_stages(model.environment, part.stages)
        hosts = [host for host in chosen_hosts(model.environment, part.hosts) if not host.ignore]
        return model, *narrowed(model, hosts, part.components, ", ".join(part.hosts) or part.environment)

    def _deployment(
        self, session: TaskSession, part: Part, emit: Emit, on_failure: Callable[[], str] | None = None
    ) -> DeploymentHere | DeploymentOnHosts | None:
        """What is to be deployed, ready to begin; None where the environment ignores all hosts that are meant."""
        model, hosts, components = self._chosen(session, part)
        for host in chosen_hosts(model.environment, part.hosts):
            if host.ignore:
                text = f"{host.name} is skipped, the environment ignores this host"
                emit(Event(What.LOG, data={"text": text}, host=host.name))
        if not hosts:
            return None
        if _is_here(model.environment):  # where another environment may be at work, which comes to its end
            how = {"components": components, "wait": True, "recorded": False}
            return DeploymentHere(session, model, hosts[0], on_failure, **how)
        deployment = DeploymentOnHosts(session, model, hosts, components, on_failure, recorded=False)
        deployment.crew.answers = self._answers
        return deployment


def _alone_if(here: bool, stop: Stop | None = None) -> AbstractContextManager[None]:
    return alone(stop) if here else nullcontext()


def _is_here(environment: Environment) -> bool:
    """Whether this process deploys it; several hosts have target directories of their own, and agents."""
    return environment.settings.connect_method == "local" and len(environment.hosts) == 1


def _go_in_stages(environment: Environment, stages: Sequence[str]) -> None:
    """Have it deployed in other stages than its file says. Errors: ConfigurationError where there are none."""
    if _is_here(environment):
        hint = "Leave `stages` out."
        raise ConfigurationError(f"{environment.name} is deployed here, on its only host: it has no stages", hint=hint)
    environment.settings = replace(environment.settings, stages=tuple(stages))


def _revision(environment: Environment) -> str:
    """What names the project as it travels, where that is not its files as they are."""
    from depl.remote.transfer import transfer_of

    if environment.settings.connect_method == "local" or environment.settings.update_method == "snapshot":
        return ""
    return transfer_of(environment).key


def _became(found: Iterable[Found], rollout: str) -> str:
    """What became of a rollout, as some journals tell: where they differ, it came to no end."""
    states = set()
    for one in found:
        for chain in one.chains:
            if rollout in (*chain["rollouts"], *chain["undos"]):
                stands = rollout in chain["undone"] or (
                    rollout in chain["rollouts"] and chain["outcome"] == "succeeded"
                )
                ended = DONE if stands else REVERSED
                states.add(HALF_DONE if chain["unsettled"] else ended)
        if rollout in one.purged:
            states.add(DONE)
        elif rollout in one.forgotten:
            states.add(REVERSED)
    if len(states) > 1:
        return HALF_DONE
    return states.pop() if states else NOT_STARTED
