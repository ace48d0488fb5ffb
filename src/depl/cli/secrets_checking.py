"""`depl secrets check`: whether everything can be read, by the right people, and means something."""

from __future__ import annotations

import click

from depl.cli import options
from depl.cli.secrets_model import as_content, model_mistakes
from depl.cli.secrets_vaults import environments_argument, hide, is_encrypted, with_secrets
from depl.cli.session import Session
from depl.cli.status import WRONG
from depl.errors import DeplError, Mistakes
from depl.report.lines import Line
from depl.rollout.wording import counted
from depl.secret_values import as_text
from depl.secrets.identities import Identities
from depl.secrets.load import label_of
from depl.secrets.vault import Vault
from depl.spellings import weakness
from depl.surroundings import Caution


@click.command(epilog=options.examples("depl secrets check", "depl secrets check production --json"))
@environments_argument
@options.json_option
@click.pass_obj
def check(session: Session, environments: tuple[str, ...], as_json: bool) -> None:
    """Check the secrets of each ENV (default: of all): that everything can be decrypted and that the model knows it.

    Commands (`!command ...`) are not run, and no list is fetched.
    """
    session.begin(as_json=as_json)
    identities = session.identities
    names = with_secrets(session, environments)
    for name in names:
        check_one(session, Vault(session.base, name), identities)
    if not names:
        session.show([Line("no environment has secrets yet")])


def check_one(session: Session, vault: Vault, identities: Identities) -> None:
    """Check one environment, and tell."""
    mistakes = mistakes_of(session, vault, identities)
    warnings = [] if mistakes else warnings_of(vault)
    report = session.json(environment=vault.environment) if session.as_json else None
    session.complain_of_warnings(warnings)
    if report:
        for warning in warnings:
            report.print("warning", warning=warning)
    if mistakes:
        together = Mistakes(mistakes)
        if report:
            report.print("error", error=together, exit_status=WRONG)
        session.complain_of(together)
        session.status = WRONG
        return
    if report:
        report.print("sound", values=len(vault.places), files=vault.files, exit_status=0)
    values, files = counted(len(vault.places), "value"), counted(len(vault.files), "file")
    session.show(
        [Line(f"{vault.environment}: sound ({values}, {files}, {counted(len(vault.keys), 'key')} to read them)")]
    )


def mistakes_of(session: Session, vault: Vault, identities: Identities) -> list[DeplError]:
    """All that is wrong; what only follows from other mistakes is left out."""
    if vault.mistakes:
        return list(vault.mistakes)
    try:
        if is_encrypted(vault):
            vault.open(identities)
    except DeplError as error:
        return list(error.mistakes) if isinstance(error, Mistakes) else [error]
    hide(session, vault)
    return [*vault.mistakes, *vault.damages()] or model_mistakes(session, vault, vault.places)


def warnings_of(vault: Vault) -> list[Caution]:
    """What is not wrong, but should not stay: values that cannot be hidden, and those left from a merge."""
    found = []
    stale = set(vault.stale)
    for place, line in vault.places.items():
        if vault.command(place) is None and (why := weakness(vault.value(place))):
            found.append(Caution.at(f"The secret {label_of(place)}: {why}", vault.path, line))
        if place in stale:
            what = f"{label_of(place)} is encrypted for a former key of the file: `depl secrets reencrypt` mends that"
            found.append(Caution.at(what, vault.path, line))
    for name in vault.stale_files:
        what = f"the secret file {name} is encrypted for a former key: `depl secrets reencrypt` mends that"
        found.append(Caution(what))
    contents = ((name, as_text(as_content(vault.file(name))).strip()) for name in vault.files)
    return found + [Caution(f"The secret file {name}: {why}") for name, text in contents if (why := weakness(text))]
