"""`depl local`: realise one host of an environment on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from depl.cli import options
from depl.cli.consent import Consent
from depl.cli.hosts import assert_is_here, chosen_host
from depl.cli.running import Running, run_options, status_of
from depl.cli.session import DONE, FAILED, PENDING, Session, refuse
from depl.cli.signals import heeded
from depl.errors import ConfigurationError
from depl.report.changes import unsafe_lines
from depl.report.lines import Line, counted
from depl.report.run import end_lines

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.host import Host
    from depl.rollout.local import Options


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
@click.option("--ask", is_flag=True, help="Show the plan, then ask.")
@options.component_option
@click.option(
    "--on-failure",
    type=click.Choice(["rollback", "stop"]),
    help="What to do when something fails, instead of what the environment says.",
)
@click.option("--here", is_flag=True, help="On this machine, even if it is not the host that HOST names.")
@options.platform_option
@options.timeout_option
@options.wait_option
@options.yes_option
@options.confirm_option
@click.option("--exit-code", is_flag=True, help="With --plan: end with status 6 where something would change.")
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
    consent = Consent(environment.removesuffix(".cfg"), wanted["yes"], wanted["confirm"])
    model = session.model(environment, wanted["platform"], wanted["timeout"])
    chosen = chosen_host(model.environment, host)
    if not wanted["here"]:
        assert_is_here(model.environment, chosen, f"{session.command} local")
    roots = [root.name for root in model.roots_of(chosen.name)]
    components = options.selected(wanted["components"], roots, f"component of {chosen.name}")
    if chosen.ignore:
        session.show([Line(f"{model.environment.name}/{chosen.name}: skipped, the environment ignores this host")])
        return
    if components and not session.quiet:
        session.show(provider_lines(model, chosen, components))
    how = _options(session, model, components, wanted)
    if wanted["planning"]:
        changes, _ = show_plan(session, model, chosen, how)
        if changes and wanted["exit_code"] and session.status == DONE:
            session.status = PENDING
    elif agreed(session, model, chosen, how, consent, wanted["ask"]):
        run(session, model, chosen, how)


def show_plan(session: Session, model: Model, host: Host, how: Options) -> tuple[int, list[Line]]:
    """Show what a run would change; how many components, and the steps that cannot be promised to be undone."""
    from depl.report.plan import plan_lines
    from depl.rollout.local import plan

    with Running(session, model.environment.name, host.name, planning=True) as running:
        planned = plan(model, host.name, how, running.emit)
    session.status = FAILED if planned.errors else DONE
    running.tell_errors(planned.errors)
    if running.json is not None:
        running.json.print("planned", planned=planned, exit_status=session.status)
    session.show(plan_lines(planned, running.label, running.changes, count_components(model, host, how), session.took))
    return planned.changes, list(unsafe_lines(running.changes))


def agreed(session: Session, model: Model, host: Host, how: Options, consent: Consent, ask: bool) -> bool:
    """Whether the run may begin: what has to be asked was asked, and answered with yes."""
    settings = model.environment.settings
    if settings.confirm and not consent.to_name():
        return session.declined()
    if not ask and settings.reversibility == "allow":
        return True
    changes, unsafe = show_plan(session, model, host, how)
    if session.status != DONE:
        return False
    if unsafe and settings.reversibility == "required":
        raise ConfigurationError(
            f"{counted(len(unsafe), 'step')} cannot be promised to be undone, and the environment "
            f"{model.environment.name} wants that of all of them (`reversibility = required`)",
            hint="Declare their way back (`touches`, `reverse_cmd`, `reverse`), or change the setting.",
        )
    must_ask = ask or (unsafe and settings.reversibility == "ask")
    if changes and must_ask and not consent.to(f"Do this to {host.name}?"):
        return session.declined()
    return True


def run(session: Session, model: Model, host: Host, how: Options) -> None:
    """Realise a host and tell what became of it."""
    from depl.rollout.local import realise
    from depl.rollout.stop import Stop

    stop = Stop()
    with session.at_work(), Running(session, model.environment.name, host.name) as running, heeded(stop):
        outcome = realise(model, host.name, how, running.emit, stop)
    lines = end_lines(
        outcome,
        running.label,
        running.changes,
        components=count_components(model, host, how),
        took=session.took,
        undo=f"{session.command} undo {model.environment.name}",
    )
    running.tell_end(outcome, status_of(outcome), lines)


def provider_lines(model: Model, host: Host, components: Sequence[str]) -> list[Line]:
    """What the chosen components require from others, which are left as they are."""
    chosen = {root.id for root in model.roots_of(host.name) if root.name in components}
    required = [provider for root in model.roots if root.id in chosen for provider in model.providers[root.id]]
    left = [provider for provider in dict.fromkeys(required) if provider not in chosen]
    return [Line(f"required, but not deployed now: {', '.join(left)}", "dim")] if left else []


def count_components(model: Model, host: Host, how: Options) -> int:
    """How many components are looked at."""
    waiting = [
        root.component for root in model.roots_of(host.name) if not how.components or root.name in how.components
    ]
    count = 0
    while waiting:
        count += 1
        waiting.extend(waiting.pop().sub_components)
    return count


def _options(session: Session, model: Model, components: Sequence[str], wanted: Mapping[str, Any]) -> Options:
    settings = model.environment.settings
    return run_options(
        session,
        components=components,
        on_failure=wanted["on_failure"] or settings.on_failure,
        wait=wanted["wait"],
        durability=settings.durability,
        command_timeout=settings.command_timeout,
    )
