"""`depl completion`: what a shell needs to complete commands, environments, hosts and components."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from depl.cli.options import examples


@click.command(
    epilog=examples(
        "depl completion bash > ~/.local/share/bash-completion/completions/depl",
        "depl completion zsh > ~/.zfunc/_depl",
        "depl completion fish > ~/.config/fish/completions/depl.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"nothing is known of completion in {shell}")
    script = kind(ctx.find_root().command, {}, "depl", "_DEPL_COMPLETE")
    click.echo(script.source_template % script.source_vars())
