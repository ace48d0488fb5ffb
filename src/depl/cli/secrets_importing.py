"""`depl secrets import`: batou's files of secrets become depl's own."""

from __future__ import annotations

import os

import click

from depl.cli import options
from depl.cli.secrets_vaults import known
from depl.cli.session import Session
from depl.report.lines import Line
from depl.rollout.wording import counted
from depl.secrets import batou
from depl.secrets.load import label_of, mark_of
from depl.secrets.recipients import is_url, of_argument, usable
from depl.secrets.vault import Vault


@click.command(
    epilog=options.examples(
        "depl secrets import production",
        "depl secrets import production ../old/secrets.cfg.gpg --recipient ~/.ssh/id_ed25519.pub",
    )
)
@options.environment_argument
@click.argument("file", metavar="[FILE]", required=False, type=click.Path())
@click.option("--recipient", "recipients", metavar="RECIPIENT", multiple=True, help="Who may read, too (repeatable).")
@click.pass_obj
def import_command(session: Session, environment: str, file: str | None, recipients: tuple[str, ...]) -> None:
    """Read batou's secrets of ENV, or those in FILE, and write them as depl's own, for the same members.

    batou's files (secrets.cfg.gpg, .age or .age-diffable, and secret files beside them) are decrypted by gpg or with
    your keys. Those of the environment itself are removed then; version control still has them.
    """
    name = known(session, environment)
    readers = [of_argument(one) for one in recipients]
    for reader in readers:
        if not is_url(reader):
            usable(reader)
    vault = Vault(session.base, name, replaces_batou=True)
    with vault.locked():
        imported = batou.read(session.base, name, session.identities, file)
        hide_imported(session, imported)
        removed = batou.into(vault, imported, readers)
    session.complain_of_warnings(imported.warnings)
    values = counted(sum(len(section) for section in imported.sections.values()), "value")
    files = counted(len(imported.files), "file")
    source = os.path.relpath(imported.source)
    session.show(
        [Line(f"{name}: {values} and {files} taken over from {source}, for {counted(len(vault.keys), 'key')}")]
    )
    session.show(Line(f"  removed: {os.path.relpath(path)}") for path in removed)


def hide_imported(session: Session, imported: batou.Imported) -> None:
    """Let nothing print what was read."""
    key = os.urandom(32)
    places = [((name, entry), value) for name, values in imported.sections.items() for entry, value in values.items()]
    session.printer.redact.learn((mark_of(label_of(place), value, key), value) for place, value in places)
    session.printer.redact.learn(
        (mark_of(f"file {name}", content, key), content.decode("utf-8", "replace"))
        for name, content in imported.files.items()
    )
