"""`depl secrets`: what is kept encrypted. Its subcommands are imported when they are called."""

from __future__ import annotations

import click

from depl.cli.lazy import Lazy
from depl.cli.options import examples

SUBCOMMANDS = {  # name: where it lives, what the list of commands says about it
    "edit": ("editing", "Change secrets in your editor."),
    "show": ("showing", "Print the secrets of an environment."),
    "get": ("showing", "Print one secret."),
    "set": ("setting", "Store one secret, read from standard input."),
    "unset": ("setting", "Remove one secret."),
    "members": ("members", "Show who may read which environment."),
    "add": ("sharing", "Let somebody read."),
    "remove": ("sharing", "Let somebody read no longer."),
    "reencrypt": ("sharing", "Encrypt everything anew, for who is on the lists now."),
    "diff": ("diff", "Show which secrets changed since a git revision."),
    "check": ("checking", "Look whether all secrets are sound."),
    "import": ("importing", "Take over a file of secrets of batou's."),
}


@click.group(
    cls=Lazy,
    homes={name: f"depl.cli.secrets_{home}" for name, (home, _) in SUBCOMMANDS.items()},
    commands={name: click.Command(name, help=text) for name, (_, text) in SUBCOMMANDS.items()},
    epilog=examples(
        "depl secrets add ~/.ssh/id_ed25519.pub --environments production",
        "depl secrets edit production",
        "pwgen 32 1 | depl secrets set production guestbook.password",
        "depl secrets members",
    ),
)
def secrets() -> None:
    """Keep secrets of environments, encrypted: in environments/ENV/secrets.cfg.age and secret-NAME.age.

    They are read with your own keys: DEPL_AGE_IDENTITY, ~/.config/depl/age, ~/.ssh/id_*.
    """
