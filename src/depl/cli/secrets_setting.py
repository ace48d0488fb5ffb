"""`depl secrets set` and `unset`: one secret, without an editor."""

from __future__ import annotations

import sys

import click

from depl.cli import options
from depl.cli.secrets_places import NO_VALUE, complete_places, existing, full, new_or_existing
from depl.cli.secrets_vaults import file_name, known, locked, nothing_there, open_here
from depl.cli.session import Session, refuse
from depl.errors import ConfigurationError, DeplError
from depl.report.lines import Line
from depl.secrets.identities import Identities
from depl.secrets.load import label_of
from depl.secrets.vault import Vault
from depl.spellings import weakness


@click.command(
    context_settings={"allow_extra_args": True},  # a value among them is not to be repeated in a message
    epilog=options.examples(
        "depl secrets set production guestbook.password",
        "pwgen 32 1 | depl secrets set production guestbook.password",
        "echo pass show guestbook/token | depl secrets set production guestbook.token --command",
        "depl secrets set production --file tls.key < tls.key",
    ),
)
@options.environment_argument
@click.argument("place", metavar="[SECRET]", required=False, shell_complete=complete_places)
@click.option("--command", "is_command", is_flag=True, help="The input is a command that prints the value.")
@click.option("--file", metavar="NAME", help="The input is the secret file NAME.")
@click.pass_context
def set_command(ctx: click.Context, environment: str, place: str | None, is_command: bool, file: str | None) -> None:
    """Store the standard input as a secret of ENV; at a terminal the value is asked for.

    SECRET is COMPONENT.ATTRIBUTE, HOST.data-KEY or HOST.COMPONENT.ATTRIBUTE. One newline at the end of the input does
    not belong to the value. Who only stores needs no key.
    """
    session: Session = ctx.obj
    if ctx.args:
        refuse(NO_VALUE)
    if bool(place) == bool(file) or (file and is_command):
        refuse("give either SECRET or --file NAME; --command goes with SECRET")
    name = known(session, environment)
    with locked(session, [name]) as (vault,):
        assert_possible(vault, is_command)
        open_if_possible(session, vault)
        what = store(session, vault, place, is_command) if place else store_file(vault, file_name(file or ""))
        stored = vault.save()
    session.show([Line(f"{name}: {what} {'stored' if stored else 'is the same as before'}")])


@click.command(
    epilog=options.examples(
        "depl secrets unset production guestbook.password",
        "depl secrets unset production host:web1.data-token",
    )
)
@options.environment_argument
@click.argument("place", metavar="SECRET", shell_complete=complete_places)
@click.pass_obj
def unset(session: Session, environment: str, place: str) -> None:
    """Remove one secret of ENV. Who only removes needs no key.

    Secret files are removed like any other file: environments/ENV/secret-NAME.age.
    """
    name = known(session, environment)
    with locked(session, [name]) as (vault,):
        open_if_possible(session, vault)
        spot = existing(place, vault)
        vault.remove(spot)
        vault.save()
    session.show([Line(f"{name}: {full(spot)} removed")])


def store(session: Session, vault: Vault, place: str, is_command: bool) -> str:
    """Take the value of a secret; what it is called."""
    spot = new_or_existing(place, vault, session.base)
    value = typed(full(spot), is_command)
    if not is_command:
        session.printer.redact.learn([(label_of(spot), value)])
    vault.set(spot, value, command=is_command)
    session.complain_of_warnings(warnings_of(full(spot), value, is_command))
    return full(spot)


def warnings_of(what: str, value: str, is_command: bool) -> list[str]:
    """What somebody may have meant otherwise."""
    why = "" if is_command else weakness(value)
    warnings = [f"{what}: {why}"] if why else []
    if not is_command and value.startswith("!command"):
        warnings.append(f"{what} is this text now, and no command; for that use --command, without '!command'")
    return warnings


def store_file(vault: Vault, name: str) -> str:
    """Take the content of a secret file; what it is called."""
    if sys.stdin.isatty():
        refuse(f"the content of the file is read from standard input: --file {name} < FILE")
    vault.set_file(name, sys.stdin.buffer.read())
    return f"file {name}"


def open_if_possible(session: Session, vault: Vault) -> None:
    """Make a vault readable if a key is at hand, as equal values are noticed then, and damages. Nobody is asked."""
    try:
        open_here(session, vault, Identities(None))
    except ConfigurationError:
        raise
    except DeplError:
        vault.open(None)


def assert_possible(vault: Vault, is_command: bool) -> None:
    """Refuse before anything is typed where nobody could read it. A command stands in clear, so it needs nobody."""
    if not vault.keys and not is_command:
        raise nothing_there(vault.environment)


def typed(what: str, is_command: bool) -> str:
    """What somebody types, unseen and twice, or the standard input less one newline. Errors: ConfigurationError."""
    if sys.stdin.isatty():
        if is_command:
            return str(click.prompt(f"Command for {what}", err=True))
        return str(click.prompt(f"Value of {what}", hide_input=True, confirmation_prompt=True, err=True))
    try:
        value = sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError:
        hint = "Store it as a file: depl secrets set ENV --file NAME"
        raise ConfigurationError(f"the standard input for {what} is not UTF-8 text", hint=hint) from None
    if not value.strip():
        raise ConfigurationError(f"the standard input for {what} is empty; nothing was stored")
    return value
