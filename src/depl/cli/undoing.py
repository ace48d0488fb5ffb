"""Undo: of what was done in the project's own directory, or on the hosts of an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from depl.cli.environment_claim import claimed
from depl.cli.fleet import Crew, records
from depl.cli.names import kept
from depl.cli.running import Running, run_options
from depl.cli.session import Session
from depl.cli.signals import heeded
from depl.cli.status import DONE, LEFT
from depl.events import Emit
from depl.report.undo import undo_lines, undo_plan_lines, would_be_done
from depl.rollout.masking import masked

if TYPE_CHECKING:
    from depl.deploy.stop import Stop
    from depl.environment import Environment
    from depl.remote.fleet import Fleet
    from depl.rollout.choosing import Chosen
    from depl.rollout.options import Outcome


@dataclass(frozen=True)
class Preview:
    """What an undo would put back. steps: by host, see depl.deploy.preview; again: it is an undo that is taken back."""

    rollouts: Sequence[str]
    steps: Mapping[str, Sequence[Mapping[str, Any]]]
    unknown: Sequence[str]
    again: bool


class Place(Protocol):
    """Where a rollout can be taken back. Errors: NothingToUndo, Locked."""

    def preview(self, rollout: str | None, on_conflict: str, emit: Emit) -> Preview:
        """What would be put back, and which of it others have changed since; nothing is touched."""

    def show_plan(self, rollout: str | None, on_conflict: str) -> None:
        """Show what would be put back, and which of it others have changed since."""

    def put_back(self, rollout: str | None, on_conflict: str) -> None:
        """Undo a rollout and tell what became of it."""

    def undo(self, rollout: str | None, on_conflict: str, emit: Emit, stop: Stop) -> Outcome:
        """Undo a rollout."""


class Here:
    """What `depl local` did in the project's own directory."""

    def __init__(self, session: Session, name: str, wait: bool, recorded: bool = True) -> None:
        self.session, self.name = session, name
        self.how = run_options(session, wait=wait, keep=kept(name, session.base), recorded=recorded)

    def preview(self, rollout: str | None, on_conflict: str, emit: Emit) -> Preview:
        """What would be put back."""
        from depl.rollout.local import undo_plan

        found = undo_plan(self.name, self.how, rollout, on_conflict)
        steps, again = {found.host: found.steps}, found.again
        if found.needs_code:
            from depl.cli.own_code import with_lacking_code

            needs = {found.host: found.needs_code}
            steps = with_lacking_code(self.session, self.name, needs, steps, on_conflict, on_hosts=False)
        return Preview(found.rollouts, steps, found.unknown, again)

    def show_plan(self, rollout: str | None, on_conflict: str) -> None:
        """Show what would be put back."""
        found = self.preview(rollout, on_conflict, lambda _: None)
        _show_plan(self.session, self.name, found, prefixed=False)

    def put_back(self, rollout: str | None, on_conflict: str) -> None:
        """Undo a rollout."""
        from depl.deploy.stop import Stop

        session, name, stop = self.session, self.name, Stop()
        with (
            session.at_work(),
            Running(session, name) as running,
            heeded(stop),
            claimed(running, "undo", stop, wait=self.how.wait) as emit,
        ):
            outcome = self.undo(rollout, on_conflict, emit, stop)
        _tell(running, outcome, name, rollout)

    def undo(self, rollout: str | None, on_conflict: str, emit: Emit, stop: Stop) -> Outcome:
        """Undo a rollout."""
        from depl.rollout.local import undo

        return undo(self.name, self.how, emit, rollout, on_conflict, lambda: self.session.model(self.name), stop)


class OnHosts:
    """What `depl remote` did on the hosts of an environment."""

    def __init__(self, session: Session, environment: Environment, wait: bool, recorded: bool = True) -> None:
        self.session, self.name, self.recorded = session, environment.name, recorded
        hosts = [host for host in environment.hosts.values() if not host.ignore]
        self.crew = Crew(session, environment, hosts, wait=wait)

    def preview(self, rollout: str | None, on_conflict: str, emit: Emit) -> Preview:
        """What would be put back."""
        from depl.rollout.remote_undo import undo_plan_all

        chosen, found = undo_plan_all(self.name, self.crew.fleet("look", "", emit), rollout, on_conflict, emit)
        steps: Mapping[str, Sequence[Mapping[str, Any]]] = {host: opened.steps for host, opened in found.items()}
        if chosen.needs_code:
            from depl.cli.own_code import with_lacking_code

            steps = with_lacking_code(self.session, self.name, chosen.needs_code, steps, on_conflict, on_hosts=True)
        unknown = [f"{host}: {step}" for host, opened in found.items() for step in opened.unknown]
        rollouts = list(dict.fromkeys(one for opened in found.values() for one in opened.rollouts)) or [chosen.rollout]
        return Preview(rollouts, steps, unknown, any(opened.again for opened in found.values()))

    def show_plan(self, rollout: str | None, on_conflict: str) -> None:
        """Show what would be put back."""
        with Running(self.session, self.name, tasks=0) as running:
            found = self.preview(rollout, on_conflict, running.emit)
        _show_plan(self.session, self.name, found, prefixed=True)

    def put_back(self, rollout: str | None, on_conflict: str) -> None:
        """Undo a rollout."""
        from depl.deploy.stop import Stop

        session, name, stop = self.session, self.name, Stop()
        with (
            session.at_work(),
            Running(session, name, tasks=0) as running,
            heeded(stop),
            claimed(running, "undo", stop, wait=self.crew.wait) as emit,
        ):
            outcome = self.undo(rollout, on_conflict, emit, stop)
        _tell(running, outcome, name, rollout)

    def undo(self, rollout: str | None, on_conflict: str, emit: Emit, stop: Stop) -> Outcome:
        """Undo a rollout."""
        from depl.deploy.begin import new_id
        from depl.rollout.remote_undo import undo_all

        session, id = self.session, new_id()

        def without_code() -> Fleet:
            return self.crew.fleet("undo", id, emit, stop)

        def with_code(chosen: Chosen) -> Fleet | None:
            from depl.cli.own_code import crew_with_code

            crew = crew_with_code(self.crew, chosen, on_conflict)
            return None if crew is None else crew.fleet("undo", id, emit, stop)

        return undo_all(
            self.name,
            without_code(),
            rollout,
            on_conflict,
            emit,
            stop,
            record_directory=records(session) if self.recorded else None,
            id=id,
            redact=session.printer.redact,
            jobs=self.crew.environment.settings.rollback_jobs or self.crew.jobs,
            keep=self.crew.keep,
            with_code=with_code,
            without_code=without_code,
        )


def facts_of(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step of an undo as data for programs."""
    told = {key: step[key] for key in ("conflict", "stands", "held", "goes_along") if key in step}
    return {"change": step["shown"], **told}


def _show_plan(session: Session, name: str, preview: Preview, *, prefixed: bool) -> None:
    """What would be put back, host by host."""
    found = {host: masked(list(steps), session.printer.redact) for host, steps in preview.steps.items()}
    rollouts, unknown, again = preview.rollouts, preview.unknown, preview.again
    if session.as_json:
        for host, steps in found.items():
            report = session.json(environment=name, host=host)
            for step in steps:
                data = facts_of(step)
                report.print("would_redo" if again else "would_undo", component=step["component"], data=data)
        changes = sum(would_be_done(steps) for steps in found.values())
        about = {"environment": name} if prefixed else {"environment": name, "host": next(iter(found))}
        session.json(**about).print(
            "planned", rollout=rollouts[-1], changes=changes, unknown=list(unknown), exit_status=DONE
        )
    shown = [
        {**step, "component": f"{host}: {step['component']}"} if prefixed else step
        for host, steps in found.items()
        for step in steps
    ]
    command = f"{session.command} undo {name}"
    session.show(undo_plan_lines(shown, name, rollouts, unknown, quiet=session.quiet, again=again, command=command))


def _tell(running: Running, outcome: Outcome, name: str, rollout: str | None) -> None:
    session = running.session
    status = DONE if outcome.status in ("reversed", "redone", "nothing") else LEFT
    command = f"{session.command} undo {name}"
    again = f"{command} {rollout}" if outcome.again else command  # without a name it would go back
    lines = undo_lines(outcome, running.label, session.took, again, redone=outcome.again)
    running.tell_end(outcome, status, lines)
