"""`depl remote`: realise the hosts of an environment over SSH."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from depl.cli import options
from depl.cli.agreement import agreed, only_planned
from depl.cli.consent import Consent
from depl.cli.deploying import DeploymentOnHosts
from depl.cli.environment_claim import claimed, heed_hold
from depl.cli.fleet import assert_reachable
from depl.cli.hosts import chosen_hosts, count_components, deployed, narrowed, provider_lines
from depl.cli.permitted import assert_permitted
from depl.cli.running import Running, status_of
from depl.cli.session import Session, refuse
from depl.cli.signals import heeded
from depl.cli.status import DONE, FAILED
from depl.events import Event, What
from depl.report.fleet import fleet_end_lines, fleet_plan_lines, path_lines
from depl.report.lines import Line
from depl.report.pivots import pivots_of
from depl.report.screening import Screened
from depl.report.tally import Tally
from depl.rollout.wording import counted

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.host import Host
    from depl.root import RootComponent


@click.command(
    epilog=options.examples(
        "depl remote production --plan",
        "depl remote production",
        "depl remote production --host 'web*' --component nginx --ask",
        "depl remote production --yes --json",
    )
)
@options.environment_argument
@options.plan_option
@options.ask_option
@options.hosts_option
@options.component_option
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="At how many hosts to work at the same time.")
@options.gc_option
@options.on_failure_option
@options.platform_option
@options.timeout_option
@click.option(
    "--dirty",
    is_flag=True,
    help="Go on with changes that are not committed; git-bundle and hg-bundle deploy the last commit.",
)
@options.wait_option
@click.option("--take-over", is_flag=True, help="Ask whoever is at work there to leave.")
@options.yes_option
@options.confirm_option
@click.option("--timing", is_flag=True, help="At the end, say how long each component took.")
@options.exit_code_option
@options.json_option
@options.quiet_option
@options.verbose_option
@click.pass_obj
def remote(session: Session, /, environment: str, **wanted: Any) -> None:
    """Realise the hosts of ENV over SSH.

    All mistakes of the configuration are told before any host is contacted, and nothing is changed anywhere before
    all hosts are ready. If something fails, everything that this run changed is put back on all hosts.
    """
    session.begin(as_json=wanted["as_json"], quiet=wanted["quiet"], verbose=wanted["verbose"])
    if wanted["exit_code"] and not wanted["planning"]:
        refuse("--exit-code goes with --plan")
    if wanted["wait"] and wanted["take_over"]:
        refuse("--wait and --take-over exclude each other")
    if wanted["gc"] and wanted["components"]:
        refuse("--gc judges by all components of a host, so it does not go with --component")
    consent = Consent(environment.removesuffix(".cfg"), wanted["yes"], wanted["confirm"])
    model = session.model(environment, wanted["platform"], wanted["timeout"], on_hosts=True)
    assert_reachable(model.environment)
    hosts = left_hosts(session, model, chosen_hosts(model.environment, wanted["hosts"]))
    where = ", ".join(wanted["hosts"]) or model.environment.name
    hosts, components = narrowed(model, hosts, wanted["components"], where)
    roots = deployed(model, hosts, components)
    if not hosts:
        return
    if (components or wanted["hosts"]) and not session.quiet:
        session.show(provider_lines(model, roots))
    deployment = Deployment(session, model, hosts, roots, components, wanted)
    if not wanted["planning"]:
        assert_permitted(session, "start", [model.environment.name], alone=True)
    heed_hold(session, model.environment.name, planning=wanted["planning"])
    if wanted["planning"]:
        only_planned(session, deployment.foresee, exit_code=wanted["exit_code"])
    elif agreed(
        session,
        model.environment,
        consent,
        ask=wanted["ask"],
        where=hosts[0].name if len(hosts) == 1 else counted(len(hosts), "host"),
        plan=deployment.foresee,
    ):
        deployment.run()


def left_hosts(session: Session, model: Model, hosts: Sequence[Host]) -> list[Host]:
    """The hosts that the environment does not ignore; the others are named."""
    name = model.environment.name
    ignored, left = [host for host in hosts if host.ignore], [host for host in hosts if not host.ignore]
    if not session.quiet:
        session.show(Line(f"{name}/{host.name}: skipped, the environment ignores this host", "dim") for host in ignored)
    if not left:
        session.show([Line(f"{name}: no host is left to deploy to")])
    if session.as_json:
        report = session.json(environment=name)
        for host in ignored:
            report.print("host_skipped", host=host.name, data={"reason": "ignored in the environment"})
    return left


class Deployment:
    """What is to be deployed where, shown as a plan or done."""

    def __init__(
        self,
        session: Session,
        model: Model,
        hosts: Sequence[Host],
        roots: Sequence[RootComponent],
        components: Sequence[str],
        wanted: Mapping[str, Any],
    ) -> None:
        self.session, self.model, self.wanted = session, model, wanted
        self.name = model.environment.name
        self.size = {"hosts": len(hosts), "components": count_components(roots)}
        how = {name: wanted[name] for name in ("on_failure", "dirty", "jobs", "wait", "take_over", "gc")}
        self.deployment = DeploymentOnHosts(session, model, hosts, components, **how)
        self.tasks = self.deployment.tasks

    def foresee(self, shown: bool = True) -> tuple[int, Tally]:
        """What a run would change: how many components, and what was seen of it."""
        if shown:
            return self._show_plan()
        seen = Tally()
        return self.deployment.plan(Screened(self.session.printer.redact, seen)).changes, seen

    def _show_plan(self) -> tuple[int, Tally]:
        session = self.session
        with Running(session, self.name, planning=True, tasks=len(self.tasks)) as running:
            planned, fleet = self.deployment.plan_and_fleet(running.emit)
            for host in fleet.hosts:
                for text in [*fleet.differences(host), *learned(self.model, host)]:
                    running.emit(Event(What.LOG, data={"text": text}, host=host))
        session.status = FAILED if planned.errors else DONE
        running.tell_errors(planned.errors)
        pivots = pivots_of(running.tally, self._order())
        if running.json is not None:
            running.json.print("planned", planned=planned, pivots=pivots, exit_status=session.status)
        changes, errors = planned.changes, len(planned.errors)
        seen = running.tally
        session.show(fleet_plan_lines(changes, errors, self.name, seen, **self.size, took=session.took, pivots=pivots))
        return changes, running.tally

    def run(self) -> None:
        """Deploy, and tell what became of it."""
        from depl.deploy.stop import Stop

        session, stop = self.session, Stop()
        wait, take_over = self.wanted["wait"], self.wanted["take_over"]
        with (
            session.at_work(),
            Running(session, self.name, tasks=len(self.tasks)) as running,
            heeded(stop),
            claimed(running, "remote", stop, wait=wait, take_over=take_over) as emit,
        ):
            outcome = self.deployment.realise(emit, stop)
        lines = fleet_end_lines(
            outcome,
            self.name,
            running.tally,
            **self.size,
            took=session.took,
            undo=f"{session.command} undo {self.name}",
            times=path_lines(running.tally.seconds, self._order(), all=self.wanted["timing"]),
        )
        running.tell_end(outcome, status_of(outcome), lines)

    def _order(self) -> Mapping[str, set[str]]:
        """By task those that it came after, on its own host too."""
        after = {id: set(earlier) for id, earlier in self.tasks.after.items()}
        for tasks in self.tasks.by_host.values():
            for before, task in pairwise(tasks):
                after[task.id].add(before.id)
        return after


def learned(model: Model, host: str) -> list[str]:
    """What a host gets to know of root components that are not its own: those that come along, and secrets."""
    from depl.secret_values import secrets_in
    from depl.slices import live_roots, slice_of

    slice, sentences = slice_of(model, host), []
    for id in live_roots(slice):
        root = model.get(id)
        secrets = [name for name, one in root.overrides.items() if one.mark] + sorted(root.host.secret_keys)
        known = f", its secrets {', '.join(secrets)} too" if secrets else ""
        sentences.append(f"learns of {root.label} all that it is{known}")
    redact = model.environment.redact
    own = {mark for mark, _ in secrets_in([slice["roots"], slice["secret_files"], slice["hosts"][host]], redact)}
    given = sorted({mark for mark, _ in secrets_in(slice["given"], redact)} - own)
    if given:
        sentences.append(f"learns {', '.join(given)} from what it requires")
    return sentences
