"""`depl secrets members`: who may read which environment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from depl.cli import options
from depl.cli.secrets_vaults import environments_argument, with_secrets
from depl.cli.session import Session
from depl.cli.status import WRONG
from depl.errors import ConfigurationError, Mistakes
from depl.report.lines import Line
from depl.secrets.recipients import is_url, name_of, usable
from depl.secrets.vault import Vault


@dataclass(frozen=True)
class Member:
    """Somebody who may read. name: as the file says, or empty; source: the list that the key comes from, or empty."""

    key: str
    name: str = ""
    source: str = ""

    @property
    def short(self) -> str:
        """The key, as far as people compare it."""
        return name_of(self.key)

    def __str__(self) -> str:
        from_where = f"(from {self.source})" if self.source else ""
        return "  ".join(part for part in (self.short, self.name, from_where) if part)


@click.command(epilog=options.examples("depl secrets members", "depl secrets members production --json"))
@environments_argument
@options.json_option
@click.pass_obj
def members(session: Session, environments: tuple[str, ...], as_json: bool) -> None:
    """Show who may read the secrets of each ENV (default: of all), as its file says; nothing is decrypted."""
    session.begin(as_json=as_json)
    names = with_secrets(session, environments)
    for name in names:
        vault = Vault(session.base, name)
        found = list(members_of(vault))
        if as_json:
            session.json(environment=name).print("members", members=[asdict(one) for one in found])
        session.show([Line(name, "bold"), *(Line(f"  {one}") for one in found)])
        if not found and not vault.mistakes:
            session.show([Line("  everybody: nothing is encrypted")])
        if vault.mistakes:
            session.fail(Mistakes(vault.mistakes))
            session.status = WRONG
    if not names:
        session.show([Line("no environment has secrets yet")])


def members_of(vault: Vault) -> Iterator[Member]:
    """Who may read, in the order of the file; keys that are mistakes are left out."""
    for line in vault.recipients:
        if is_url(line):
            yield from (member_of(pin, line) for pin in vault.resolved.get(line, ()))
            continue
        try:
            yield member_of(line)
        except ConfigurationError:
            continue


def member_of(line: str, source: str = "") -> Member:
    """The member that a line `KEY [NAME]` stands for."""
    key = usable(line)
    return Member(key, " ".join(line.split()[len(key.split()) :]), source)
