"""`depl check`: whether the configuration is sound and, on request, the services are well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from depl.cli import options
from depl.cli.hosts import assert_is_here, chosen_host
from depl.cli.running import Running
from depl.cli.session import Session, refuse
from depl.cli.status import DONE, FAILED
from depl.errors import ConfigurationError, Mistakes
from depl.report.lines import Line
from depl.rollout.wording import counted, seconds

if TYPE_CHECKING:
    from depl.configure import Model


@click.command(
    epilog=options.examples(
        "depl check dev",
        "depl check production --json",
        "depl check dev --live",
    )
)
@options.environment_argument
@options.host_argument
@click.option("--live", is_flag=True, help="Also run the components' own checks of HOST, on this machine.")
@click.option("--here", is_flag=True, help="With --live: even if this machine is not the one that HOST names.")
@options.platform_option
@options.timeout_option
@options.json_option
@options.quiet_option
@options.verbose_option
@click.pass_obj
def check(
    session: Session,
    /,
    environment: str,
    host: str | None,
    live: bool,
    here: bool,
    platform: str | None,
    timeout: int | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Build and check the model of ENV, as its hosts will get it; all mistakes are reported together.

    No host is contacted and nothing is changed. With --live the components of a host are asked whether they are well.
    """
    session.begin(as_json=as_json, quiet=quiet, verbose=verbose)
    if not live and (host or here):
        refuse("HOST and --here go with --live")
    model = session.model(environment, platform, timeout, on_hosts=False if live else None)
    if not live:
        assert_deployable(model)
    if live:
        ask_components(session, model, host, here)
    elif as_json:
        session.json(environment=model.environment.name).print("sound", hosts=_hosts(model), exit_status=0)
    elif not quiet:
        session.show(summary(model, session.took))


def assert_deployable(model: Model) -> None:
    """See to it that every host has its stage, and can be told what it has to know. Errors: Mistakes."""
    from depl.layout import environment_file
    from depl.rollout.stages import stage_mistakes
    from depl.slices import slice_of

    environment = model.environment
    mistakes = stage_mistakes(model, environment_file(environment.name, environment.base_dir))
    for host in environment.hosts.values() if environment.settings.connect_method != "local" else ():
        try:
            if not host.ignore:
                slice_of(model, host.name)
        except ConfigurationError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise Mistakes(mistakes)


def summary(model: Model, took: float) -> list[Line]:
    """What there is in a sound model."""
    hosts, roots = len(model.environment.hosts), len(model.roots)
    size = f"{counted(hosts, 'host')}, {counted(roots, 'root component')}"
    return [Line(f"{model.environment.name}: sound ({size}, {seconds(took)})")]


def ask_components(session: Session, model: Model, host: str | None, here: bool) -> None:
    """Run the checks of a host's components."""
    from depl.rollout.local import check_live

    chosen = chosen_host(model.environment, host)
    if not here:
        assert_is_here(model.environment, chosen, f"{session.command} check --live")
    with Running(session, model.environment.name, chosen.name) as running:
        failed = check_live(model, chosen.name, running.emit)
    session.status = FAILED if failed else DONE
    running.tell_errors(failed)
    if running.json is not None:
        running.json.print("checked", failed=failed, exit_status=session.status)
    word = f"{counted(len(failed), 'check')} failed" if failed else "all checks are content"
    session.show([Line(f"{running.label}: {word} ({seconds(session.took)})", "red" if failed else "")])


def _hosts(model: Model) -> dict[str, list[str]]:
    return {name: [root.name for root in model.roots_of(name)] for name in model.environment.hosts}
