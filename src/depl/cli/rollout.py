"""`depl rollout`: rollouts written by hand, and what people say to those under way. Imported when they are called."""

from __future__ import annotations

import click

from depl.cli.lazy import Lazy
from depl.cli.options import examples

SUBCOMMANDS = {  # name: where it lives, what the list of commands says about it
    "list": ("planning", "List what can be started, with its parameters."),
    "new": ("planning", "Plan a rollout, and start it later."),
    "plan": ("planning", "Show what a rollout does, task by task."),
    "start": ("starting", "Run a rollout, and put everything back where it fails."),
    "follow": ("following", "Watch a rollout until it is over."),
    "signal": ("signalling", "Say what you wish of a rollout under way."),
    "approve": ("signalling", "Say yes where a rollout waits for that."),
    "reject": ("signalling", "Say no there, and why."),
    "retry": ("signalling", "Try again what failed."),
    "resume": ("resuming", "Go on with a rollout that nobody is at work on any more."),
    "undo": ("resuming", "Take a rollout back."),
}


@click.group(
    cls=Lazy,
    homes={name: f"depl.cli.rollout_{home}" for name, (home, _) in SUBCOMMANDS.items()},
    commands={name: click.Command(name, help=text) for name, (_, text) in SUBCOMMANDS.items()},
    epilog=examples(
        "depl rollout list",
        "depl rollout start release --set version=2.1",
        "depl rollout approve latest",
        "depl rollout undo 20260102-030405-ab12",
    ),
)
def rollout() -> None:
    """Run rollouts written by hand in rollouts/NAME.py, and tell those under way what you wish.

    ROLLOUT is an id, the beginning of one, or `latest`. `depl rollouts` lists them, `depl show` tells of one.
    """
