"""Arguments and options that the commands about rollouts share."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from depl.cli.session import refuse

if TYPE_CHECKING:
    from depl.rollout.byhand import Rollout


def complete_rollouts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The rollouts that are recorded here, the newest first."""
    return [CompletionItem(id) for id in ["latest", *_ids()] if id.startswith(incomplete)]


def complete_both(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of what can be started, and what is recorded."""
    named = [CompletionItem(name) for name in _names() if name.startswith(incomplete)]
    return [*named, *complete_rollouts(ctx, param, incomplete)]


rollout_argument = click.argument("rollout", metavar="ROLLOUT", shell_complete=complete_rollouts)
name_argument = click.argument("name", metavar="NAME", shell_complete=complete_both)
either_argument = click.argument("name", metavar="NAME|ROLLOUT", shell_complete=complete_both)
set_option = click.option(
    "--set", "given", metavar="KEY=VALUE", multiple=True, help="The value of a parameter (repeatable)."
)
queue_option = click.option("--queue", is_flag=True, help="Leave it to a `depl worker`, through the store.")
task_option = click.option("--task", metavar="T", default="", help="The id of a task, as `depl show` has it.")
reason_option = click.option("--reason", metavar="TEXT", default="", help="Why; it is kept with the record.")


def parameters(texts: Sequence[str]) -> dict[str, str]:
    """What --set gave. Errors: UsageError."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            refuse(f"--set {text!r} is not KEY=VALUE")
        if name.strip() in given:
            refuse(f"--set gives {name.strip()} twice")
        given[name.strip()] = value
    return given


def made(cls: type[Rollout], given: Mapping[str, Any], *, ask: bool) -> Rollout:
    """A rollout with its parameters; those that are not given are asked for on a terminal. Errors: Mistakes."""
    from depl.rollout.parameters import parameters_of

    values = dict(given)
    if ask and sys.stdin.isatty():
        for name, parameter in parameters_of(cls).items():
            if name not in values and (parameter.required or not parameter.advanced):
                values[name] = _asked(parameter)
    return cls(**values)


def _asked(parameter: Any) -> Any:
    """Ask until the answer is one that the parameter can take."""
    text = f"{parameter.name} ({parameter.help})" if parameter.help else parameter.name
    if parameter.choices is not None:
        text += f" [{', '.join(map(str, parameter.choices))}]"
    default = None if parameter.required else _as_typed(parameter.default)

    def value(typed: str) -> Any:
        try:
            return parameter.value(typed)
        except ValueError as wanted:
            raise click.UsageError(f"{typed!r} is not {wanted}") from None

    return click.prompt(text, default=default, value_proc=value, err=True, show_default=bool(default))


def _as_typed(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _ids() -> list[str]:
    try:
        from depl.cli.session import project
        from depl.rollout.records import recorded_rollouts

        return recorded_rollouts(os.path.join(project(), ".depl"))
    except Exception:  # noqa: BLE001 - whoever presses TAB is not to be told anything
        return []


def _names() -> list[str]:
    try:
        from depl.cli.session import project
        from depl.rollout.files import rollout_files

        return list(rollout_files(project()))
    except Exception:  # noqa: BLE001 - likewise
        return []
