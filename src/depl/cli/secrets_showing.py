"""`depl secrets show` and `get`: the only commands that print what is secret, besides `diff --reveal`."""

from __future__ import annotations

import sys

import click

from depl.cli import options
from depl.cli.secrets_places import complete_places, existing
from depl.cli.secrets_vaults import file_argument, file_content, known, opened
from depl.cli.session import Session
from depl.secrets.commands import outputs


@click.command(epilog=options.examples("depl secrets show production", "depl secrets show production tls.key"))
@options.environment_argument
@file_argument
@click.pass_obj
def show(session: Session, environment: str, file: str | None) -> None:
    """Print the secrets of ENV as plain text, or its secret FILE.

    Commands (`!command ...`) are printed as they stand there, and not run.
    """
    vault = opened(session, known(session, environment))
    print_raw(file_content(vault, file) if file else vault.text().encode())


@click.command(
    epilog=options.examples(
        "depl secrets get production guestbook.password",
        "depl secrets get production host:web1.data-token | wl-copy",
    )
)
@options.environment_argument
@click.argument("place", metavar="SECRET", shell_complete=complete_places)
@click.pass_obj
def get(session: Session, environment: str, place: str) -> None:
    """Print one secret, and nothing else; where a command stands for it (`!command ...`), what that prints.

    SECRET is COMPONENT.ATTRIBUTE, HOST.data-KEY or HOST.COMPONENT.ATTRIBUTE.
    """
    vault = opened(session, known(session, environment))
    found = existing(place, vault)
    command = vault.command(found)
    value = vault.value(found) if command is None else outputs([command], session.base)(command)
    print_raw(value.encode() + (b"\n" if sys.stdout.isatty() else b""))


def print_raw(content: bytes) -> None:
    """Print bytes as they are: this is what was asked for."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
