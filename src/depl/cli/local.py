"""`depl local`: realise one host of an environment on this machine."""

from __future__ import annotations

from typing import Any

import click

from depl.cli import options
from depl.cli.agreement import agreed, only_planned
from depl.cli.consent import Consent
from depl.cli.deploying import DeploymentHere
from depl.cli.environment_claim import claimed, heed_hold
from depl.cli.hosts import assert_is_here, chosen_host, count_components, deployed, provider_lines
from depl.cli.permitted import assert_permitted
from depl.cli.running import Running, status_of
from depl.cli.session import Session, refuse
from depl.cli.signals import heeded
from depl.cli.status import DONE, FAILED
from depl.report.lines import Line
from depl.report.pivots import pivots_of
from depl.report.run import end_lines
from depl.report.screening import Screened
from depl.report.tally import Tally


@click.command(
    epilog=options.examples(
        "depl local dev --plan",
        "depl local dev",
        "depl local production web1 --here --component nginx --ask",
    )
)
@options.environment_argument
@options.host_argument
@options.plan_option
@options.ask_option
@options.component_option
@options.gc_option
@options.on_failure_option
@click.option("--here", is_flag=True, help="On this machine, even if it is not the host that HOST names.")
@options.platform_option
@options.timeout_option
@options.wait_option
@options.yes_option
@options.confirm_option
@options.exit_code_option
@options.json_option
@options.quiet_option
@options.verbose_option
@click.pass_obj
def local(session: Session, /, environment: str, host: str | None, **wanted: Any) -> None:
    """Realise one host of ENV here.

    HOST may be left out where the environment has just one. What is changed lies in `work/` of the project and
    wherever its components say; `depl undo ENV` takes it back.
    """
    session.begin(as_json=wanted["as_json"], quiet=wanted["quiet"], verbose=wanted["verbose"])
    if wanted["exit_code"] and not wanted["planning"]:
        refuse("--exit-code goes with --plan")
    if wanted["gc"] and wanted["components"]:
        refuse("--gc judges by all components of a host, so it does not go with --component")
    consent = Consent(environment.removesuffix(".cfg"), wanted["yes"], wanted["confirm"])
    model = session.model(environment, wanted["platform"], wanted["timeout"])
    chosen = chosen_host(model.environment, host)
    if not wanted["here"]:
        assert_is_here(model.environment, chosen, f"{session.command} local", f"{session.command} remote")
    roots = [root.name for root in model.roots_of(chosen.name)]
    components = options.selected(wanted["components"], roots, f"component of {chosen.name}")
    if chosen.ignore:
        session.show([Line(f"{model.environment.name}/{chosen.name}: skipped, the environment ignores this host")])
        return
    if components and not session.quiet:
        session.show(provider_lines(model, deployed(model, [chosen], components)))
    how = {name: wanted[name] for name in ("on_failure", "wait", "gc")}
    deployment = DeploymentHere(session, model, chosen, components=components, **how)
    if not wanted["planning"]:
        assert_permitted(session, "start", [model.environment.name])
    heed_hold(session, model.environment.name, planning=wanted["planning"])

    def plan(shown: bool) -> tuple[int, Tally]:
        return (show_plan if shown else foresee)(session, deployment)

    if wanted["planning"]:
        only_planned(session, plan, exit_code=wanted["exit_code"])
    elif agreed(session, model.environment, consent, ask=wanted["ask"], where=chosen.name, plan=plan):
        run(session, deployment)


def show_plan(session: Session, deployment: DeploymentHere) -> tuple[int, Tally]:
    """Show what a run would change; how many components, and what was seen of it."""
    from depl.report.plan import plan_lines

    model, host = deployment.model, deployment.host
    with Running(session, model.environment.name, host.name, planning=True) as running:
        planned = deployment.plan(running.emit)
    session.status = FAILED if planned.errors else DONE
    running.tell_errors(planned.errors)
    if running.json is not None:
        pivots = pivots_of(running.tally, host=host.name)
        running.json.print("planned", planned=planned, pivots=pivots, exit_status=session.status)
    count = count_components(deployed(model, [host], deployment.how.components))
    session.show(plan_lines(planned, running.label, running.changes, count, session.took))
    return planned.changes, running.tally


def foresee(session: Session, deployment: DeploymentHere) -> tuple[int, Tally]:
    """The same, and nothing is shown."""
    seen = Tally()
    return deployment.plan(Screened(session.printer.redact, seen)).changes, seen


def run(session: Session, deployment: DeploymentHere) -> None:
    """Realise a host and tell what became of it."""
    from depl.deploy.stop import Stop

    model, host, stop = deployment.model, deployment.host, Stop()
    with (
        session.at_work(),
        Running(session, model.environment.name, host.name) as running,
        heeded(stop),
        claimed(running, "local", stop, wait=deployment.how.wait) as emit,
    ):
        outcome = deployment.realise(emit, stop)
    lines = end_lines(
        outcome,
        running.label,
        running.changes,
        components=count_components(deployed(model, [host], deployment.how.components)),
        took=session.took,
        undo=f"{session.command} undo {model.environment.name}",
    )
    running.tell_end(outcome, status_of(outcome), lines)
