"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from depl.errors import ConfigurationError
from depl.settings import did_you_mean


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def complete_environments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The environments of the project."""
    from depl.cli import names

    return _offered(names.environments, incomplete)


def complete_hosts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The hosts of the environment that was typed."""
    from depl.cli import names

    return _offered(lambda: names.hosts(_given(ctx, "environment")), incomplete)


def _components(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from depl.cli import names

    return _offered(lambda: names.components(_given(ctx, "environment"), _given(ctx, "host")), incomplete)


def _given(ctx: click.Context, argument: str) -> str:
    """What was typed so far for ENV or HOST; click has not parsed it where an option waits for its value."""
    arguments = [word for word in ctx.args if not word.startswith("-")]
    position = ("environment", "host").index(argument)
    return ctx.params.get(argument) or (arguments[position] if position < len(arguments) else "")


def _offered(names: Callable[[], Iterable[str]], incomplete: str) -> list[CompletionItem]:
    try:
        return [CompletionItem(name) for name in names() if name.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - whoever presses TAB is not to be told anything
        return []


environment_argument = click.argument("environment", metavar="ENV", shell_complete=complete_environments)
host_argument = click.argument("host", metavar="[HOST]", required=False, shell_complete=complete_hosts)
hosts_option = click.option(
    "--host",
    "hosts",
    metavar="H",
    multiple=True,
    shell_complete=complete_hosts,
    help="Only this host (repeatable, may be a glob).",
)
component_option = click.option(
    "--component",
    "components",
    metavar="C",
    multiple=True,
    shell_complete=_components,
    help="Only this root component (repeatable, may be a glob).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One event a line, for programs.")
plan_option = click.option("--plan", "planning", is_flag=True, help="Show what would change, and touch nothing.")
ask_option = click.option("--ask", is_flag=True, help="Show the plan, then ask.")
exit_code_option = click.option(
    "--exit-code", is_flag=True, help="With --plan: end with status 6 where something would change."
)
on_failure_option = click.option(
    "--on-failure",
    type=click.Choice(["rollback", "stop"]),
    help="What to do when something fails, instead of what the environment says.",
)
gc_option = click.option("--gc", is_flag=True, help="Also remove what depl made here and nothing declares any more.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Only errors, warnings and the last line.")
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="Also what stays as it is, and what is in new files."
)
platform_option = click.option("--platform", metavar="NAME", help="Another platform than the environment's.")
timeout_option = click.option(
    "--timeout", metavar="SECONDS", type=click.IntRange(min=1), help="Another timeout than the environment's."
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Answer every question with yes.")
confirm_option = click.option("--confirm", metavar="ENV", help="Confirm by the environment's name, without a terminal.")
wait_option = click.option("--wait", is_flag=True, help="Wait while somebody else is at work there.")


def selected(patterns: Iterable[str], names: Iterable[str], what: str) -> tuple[str, ...]:
    """The names that some names or globs stand for, in the order of the names.

    what: `component of host web1`. Errors: ConfigurationError for one that stands for nothing, with close matches.
    """
    from fnmatch import fnmatchcase

    known = list(names)
    chosen = set()
    for pattern in patterns:
        matching = [name for name in known if fnmatchcase(name, pattern)]
        if not matching:
            raise unknown(what, pattern, known)
        chosen.update(matching)
    return tuple(name for name in known if name in chosen)


def unknown(what: str, name: str, known: Iterable[str]) -> ConfigurationError:
    """The error for a name that nothing has."""
    return ConfigurationError(f"there is no {what} named {name!r}", hint=did_you_mean(name, known))
