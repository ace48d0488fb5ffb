"""Where there may be something to undo: in the project's own directory, or on the hosts of an environment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from depl.cli.fleet import UNSUPPORTED, Crew, records
from depl.cli.hosts import declared
from depl.cli.names import kept
from depl.cli.running import Running, run_options
from depl.cli.session import Session
from depl.cli.signals import heeded
from depl.cli.status import DONE, LEFT
from depl.errors import NothingToUndo
from depl.report.undo import undo_lines, undo_plan_lines, would_be_done
from depl.rollout.masking import masked

if TYPE_CHECKING:
    from depl.environment import Environment
    from depl.remote.fleet import Fleet
    from depl.rollout.choosing import Chosen
    from depl.rollout.options import Outcome


class Place(Protocol):
    """Where a rollout can be taken back. Errors: NothingToUndo, Locked."""

    def show_plan(self, rollout: str | None, on_conflict: str) -> None:
        """Show what would be put back, and which of it others have changed since."""

    def put_back(self, rollout: str | None, on_conflict: str) -> None:
        """Undo a rollout and tell what became of it."""


def places_to_look(session: Session, name: str, rollout: str | None, wait: bool) -> Sequence[Place]:
    """Where to look for what is to be undone, in this order; at least one. Errors: NothingToUndo."""
    from depl.deploy.chains import open_chain
    from depl.deploy.target import Target
    from depl.environment import environment_names

    here = Here(session, name, wait)
    target = Target(session.base)
    try:
        _, state = open_chain(target, name, rollout)
    except NothingToUndo:
        if _is_recorded(target, name, rollout) or name not in environment_names(session.base):
            raise
        environment = declared(name, session.base)
        if not may_have_something(environment):
            raise
        return [OnHosts(session, environment, wait)]
    newest = max(_standing_on_hosts(records(session), name), default="")
    if (
        rollout is not None
        or state.unsettled
        or newest < state.rollouts[-1]
        or name not in environment_names(session.base)
    ):
        return [here]
    return [OnHosts(session, declared(name, session.base), wait), here]


def may_have_something(environment: Environment) -> bool:
    """Whether it is worth asking the hosts of an environment; of this machine it is known."""
    if environment.settings.connect_method in UNSUPPORTED:
        return False
    if environment.settings.connect_method != "local":
        return True
    return any(
        host.service_user or os.path.isdir(os.path.join(os.path.expanduser(host.target_directory), ".depl"))
        for host in environment.hosts.values()
    )


class Here:
    """What `depl local` did in the project's own directory."""

    def __init__(self, session: Session, name: str, wait: bool) -> None:
        self.session, self.name = session, name
        self.how = run_options(session, wait=wait, keep=kept(name, session.base))

    def show_plan(self, rollout: str | None, on_conflict: str) -> None:
        """Show what would be put back."""
        from depl.rollout.local import undo_plan

        found = undo_plan(self.name, self.how, rollout, on_conflict)
        steps, again = {found.host: found.steps}, found.again
        if found.needs_code:
            from depl.cli.own_code import with_lacking_code

            needs = {found.host: found.needs_code}
            steps = with_lacking_code(self.session, self.name, needs, steps, on_conflict, on_hosts=False)
        _show_plan(self.session, self.name, found.rollouts, steps, found.unknown, prefixed=False, again=again)

    def put_back(self, rollout: str | None, on_conflict: str) -> None:
        """Undo a rollout."""
        from depl.deploy.stop import Stop
        from depl.rollout.local import undo

        session, name, stop = self.session, self.name, Stop()
        with session.at_work(), Running(session, name) as running, heeded(stop):
            outcome = undo(name, self.how, running.emit, rollout, on_conflict, lambda: session.model(name), stop)
        _tell(running, outcome, name, rollout)


class OnHosts:
    """What `depl remote` did on the hosts of an environment."""

    def __init__(self, session: Session, environment: Environment, wait: bool) -> None:
        self.session, self.name = session, environment.name
        hosts = [host for host in environment.hosts.values() if not host.ignore]
        self.crew = Crew(session, environment, hosts, wait=wait)

    def show_plan(self, rollout: str | None, on_conflict: str) -> None:
        """Show what would be put back."""
        from depl.rollout.remote_undo import undo_plan_all

        with Running(self.session, self.name, tasks=0) as running:
            fleet = self.crew.fleet("look", "", running.emit)
            chosen, found = undo_plan_all(self.name, fleet, rollout, on_conflict, running.emit)
        steps = {host: opened.steps for host, opened in found.items()}
        if chosen.needs_code:
            from depl.cli.own_code import with_lacking_code

            steps = with_lacking_code(self.session, self.name, chosen.needs_code, steps, on_conflict, on_hosts=True)
        unknown = [f"{host}: {step}" for host, opened in found.items() for step in opened.unknown]
        rollouts = list(dict.fromkeys(one for opened in found.values() for one in opened.rollouts)) or [chosen.rollout]
        again = any(opened.again for opened in found.values())
        _show_plan(self.session, self.name, rollouts, steps, unknown, prefixed=True, again=again)

    def put_back(self, rollout: str | None, on_conflict: str) -> None:
        """Undo a rollout."""
        from depl.deploy.begin import new_id
        from depl.deploy.stop import Stop
        from depl.rollout.remote_undo import undo_all

        session, name, stop, id = self.session, self.name, Stop(), new_id()

        def without_code() -> Fleet:
            return self.crew.fleet("undo", id, running.emit, stop)

        def with_code(chosen: Chosen) -> Fleet | None:
            from depl.cli.own_code import crew_with_code

            crew = crew_with_code(self.crew, chosen, on_conflict)
            return None if crew is None else crew.fleet("undo", id, running.emit, stop)

        with session.at_work(), Running(session, name, tasks=0) as running, heeded(stop):
            outcome = undo_all(
                name,
                without_code(),
                rollout,
                on_conflict,
                running.emit,
                stop,
                record_directory=records(session),
                id=id,
                redact=session.printer.redact,
                jobs=self.crew.jobs,
                keep=self.crew.keep,
                with_code=with_code,
                without_code=without_code,
            )
        _tell(running, outcome, name, rollout)


def _show_plan(
    session: Session,
    name: str,
    rollouts: Sequence[str],
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    unknown: Sequence[str],
    *,
    prefixed: bool,
    again: bool,
) -> None:
    """What would be put back, host by host."""
    found = {host: masked(list(steps), session.printer.redact) for host, steps in found.items()}
    if session.as_json:
        for host, steps in found.items():
            report = session.json(environment=name, host=host)
            for step in steps:
                data = {
                    "change": step["shown"],
                    **{key: step[key] for key in ("conflict", "stands", "held", "goes_along") if key in step},
                }
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


def _is_recorded(target: Any, name: str, rollout: str | None) -> bool:
    """Whether the project's own directory knows a rollout, even if it cannot be taken back."""
    from depl.deploy.purged import purged

    return rollout is not None and (
        rollout in purged(target.journals.directory, name, all=True)
        or any(rollout in (*state.rollouts, *state.undos) for _, state in target.journals.states())
    )


def _standing_on_hosts(directory: str, name: str) -> set[str]:
    """The rollouts on hosts that this checkout knows of, without those that it knows to be taken back."""
    standing, gone = set(), set()
    for first, last in _recorded(os.path.join(directory, "rollouts")):
        if first.get("environment") != name or "hosts" not in first:
            continue
        undoes, outcome = first.get("undoes"), last.get("outcome")
        if undoes is None and outcome != "reversed":
            standing.add(str(first.get("rollout")))
        elif undoes is not None and outcome == "reversed":
            gone.add(str(undoes))
    return standing - gone


def _recorded(directory: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The data of the first and the last event of each rollout that was written down."""
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
        try:
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                lines = file.read().splitlines()
            first, last = (json.loads(line)["data"] for line in (lines[0], lines[-1]))
        except (OSError, ValueError, LookupError, TypeError):
            continue  # not ours, or cut off: the hosts' journals are the record
        yield first, last
