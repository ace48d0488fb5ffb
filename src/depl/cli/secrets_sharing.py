"""`depl secrets add`, `remove` and `reencrypt`: all environments are prepared before the first one is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click

from depl.cli import options
from depl.cli.secrets_members import Member, member_of, members_of
from depl.cli.secrets_vaults import (
    chosen,
    environments_option,
    hide,
    is_encrypted,
    labels,
    locked,
    named,
    open_here,
    split,
    with_secrets,
)
from depl.cli.session import Session
from depl.errors import ConfigurationError, DeplError
from depl.report.lines import Line
from depl.secrets.head import NotFetched
from depl.secrets.identities import Identities
from depl.secrets.recipients import encrypted, fetched, is_url, name_of, of_argument, usable
from depl.secrets.vault import Vault
from depl.settings import did_you_mean

Lists = dict[str, list[str]]  # address of a list of keys -> the keys


@click.command(
    epilog=options.examples(
        "depl secrets add ~/.ssh/id_ed25519.pub",
        "depl secrets add 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p alice' --environments dev",
        "depl secrets add https://github.com/alice.keys --environments dev,staging",
    )
)
@click.argument("recipient", metavar="RECIPIENT")
@environments_option
@click.pass_obj
def add(session: Session, recipient: str, environments: str | None) -> None:
    """Let RECIPIENT read the secrets of all environments, or of some. The file is made where there is none.

    RECIPIENT is a key (age1..., ssh-ed25519 ... or ssh-rsa ..., perhaps with a name behind it), a .pub file, or the
    https:// address of a list of such keys, which is fetched now and again by `reencrypt`.
    """
    line = of_argument(recipient)
    lists = fetched_lists(session, [line] if is_url(line) else [])
    new = line if is_url(line) else usable(line)
    names = chosen(session, split(environments))
    identities = session.identities
    with locked(session, names) as vaults:
        changed = []
        for vault in vaults:
            with named(vault.environment, names):
                if any(is_same(line, new) for line in vault.recipients):
                    session.show([Line(f"{vault.environment}: {name_of(line)} may read it already")])
                    continue
                open_here(session, vault, identities)
                is_new = not vault.keys
                vault.set_recipients([*vault.recipients, line], {**vault.resolved, **lists}, rotate=False)
                changed.append((vault, is_new and not identities.seem_to_fit(vault.keys)))
        for vault, is_of_others in changed:
            vault.save()
            session.show([Line(f"{vault.environment}: {name_of(line)} added")])
            if is_of_others:
                warning = f"you cannot read the new secrets of {vault.environment}: add yourself as well"
                session.complain_of_warnings([warning])
    if not names:
        raise ConfigurationError("the project has no environments", hint="Write environments/NAME/environment.cfg.")


@click.command(
    epilog=options.examples("depl secrets remove alice", "depl secrets remove bob --environments production")
)
@click.argument("recipient", metavar="RECIPIENT")
@environments_option
@click.pass_obj
def remove(session: Session, recipient: str, environments: str | None) -> None:
    """Let RECIPIENT no longer read the secrets of all environments, or of some: they are encrypted anew.

    RECIPIENT is a name, a key, a .pub file, or the address of a list. What was read before is known for ever, so the
    values themselves have to be changed; they are listed.
    """
    names = with_secrets(session, split(environments))
    identities = session.identities
    with locked(session, names) as vaults:
        leaving = {vault.environment: lines_of(recipient, vault) for vault in vaults}
        if not any(leaving.values()):
            raise nobody(recipient, vaults)
        changed = [vault for vault in vaults if leaving[vault.environment]]
        for vault in changed:
            with named(vault.environment, names):
                remaining = [line for line in vault.recipients if line not in leaving[vault.environment]]
                assert_somebody_is_left(recipient, vault, remaining)
                open_here(session, vault, identities)
                vault.set_recipients(remaining, only(vault.resolved, remaining), rotate=True)
        for vault in changed:
            vault.save()
            gone = ", ".join(name_of(line) for line in leaving[vault.environment])
            session.show([Line(f"{vault.environment}: {gone} removed, and everything encrypted anew")])
            warn_of_access(session, vault, leaving[vault.environment], identities)
    tell_what_is_known(session, changed)


@click.command(epilog=options.examples("depl secrets reencrypt", "depl secrets reencrypt --environments production"))
@environments_option
@click.pass_obj
def reencrypt(session: Session, environments: str | None) -> None:
    """Encrypt everything anew, in all environments or in some, for who may read it now.

    The https:// lists are fetched again: who came, and who went, is shown.
    """
    names = with_secrets(session, split(environments))
    identities = session.identities
    lists: Lists = {}
    with locked(session, names, besides=(NotFetched,)) as vaults:
        changed: list[tuple[Vault, list[Line]]] = []
        for vault in vaults:
            with named(vault.environment, names):
                if not is_encrypted(vault):
                    session.show([Line(f"{vault.environment}: nothing is encrypted")])
                    continue
                vault.open(identities)  # recipients that somebody wrote into the file by hand count from now on
                hide(session, vault)
                wanted = [line for line in vault.recipients if is_url(line)]
                lists |= fetched_lists(session, [url for url in wanted if url not in lists])
                before, by_hand = list(members_of(vault)), bool(vault.mistakes)
                vault.set_recipients(vault.recipients, only(lists, wanted), rotate=True)
                after = list(members_of(vault))
                everybody = [Line(f"  for {one}") for one in after]  # who came by hand is not known
                changed.append((vault, everybody if by_hand else came_and_went(before, after)))
        for vault, members in changed:
            vault.save()
            session.show([Line(f"{vault.environment}: encrypted anew"), *members])
    if not names:
        session.show([Line("no environment has secrets yet")])


def fetched_lists(session: Session, urls: Iterable[str]) -> Lists:
    """The keys behind addresses; those that age cannot use are warned of."""
    lists = {}
    for url in urls:
        lists[url], warnings = fetched(url)
        session.complain_of_warnings(warnings)
    return lists


def only(lists: Mapping[str, Sequence[str]], lines: Iterable[str]) -> Lists:
    """The lists that are still among the recipients."""
    return {url: list(lists[url]) for url in lines if url in lists}


def is_same(line: str, wanted: str) -> bool:
    """Whether a line stands for a key or an address."""
    return line == wanted if is_url(line) else not is_url(wanted) and usable(line) == wanted


def lines_of(text: str, vault: Vault) -> list[str]:
    """The recipients of a vault that a name, key or address stands for. Errors: ConfigurationError, if several may."""
    by_name = [line for line in vault.recipients if not is_url(line) and member_of(line).name == text]
    if len(by_name) > 1:
        keys = " or ".join(member_of(line).key for line in by_name)
        raise ConfigurationError(
            f"{vault.environment} knows {len(by_name)} keys named {text}", hint=f"Give one: {keys}"
        )
    if by_name:
        return by_name
    wanted = of_argument(text)
    if not is_url(wanted):
        try:
            wanted = usable(wanted)
        except ConfigurationError:
            if wanted.startswith(("age1", "ssh-")):
                raise
            return []
    return [line for line in vault.recipients if is_same(line, wanted)]


def nobody(text: str, vaults: Iterable[Vault]) -> ConfigurationError:
    """The error for somebody who is not there to be removed."""
    vaults = list(vaults)
    everybody = [member for vault in vaults for member in members_of(vault)]
    for member in everybody:
        if member.source and member.key in text:
            hint = "Remove the list as a whole, or take the key off it and call `depl secrets reencrypt`."
            return ConfigurationError(f"the key comes from the list {member.source}", hint=hint)
    where = ", ".join(vault.environment for vault in vaults) or "any environment"
    known = {member.name or member.source or member.short for member in everybody}
    return ConfigurationError(f"nobody named {text!r} may read {where}", hint=did_you_mean(text, known))


def assert_somebody_is_left(text: str, vault: Vault, remaining: list[str]) -> None:
    """Refuse to make values unreadable for everybody."""
    if not remaining and labels(vault):
        hint = "Add somebody else first: `depl secrets add RECIPIENT`."
        raise ConfigurationError(f"{text} is the last who can read the secrets of {vault.environment}", hint=hint)


def warn_of_access(session: Session, vault: Vault, removed: Sequence[str], identities: Identities) -> None:
    """Say who still reads, though removed, and whether it is the caller who does not any more."""
    gone = {member_of(line).key for line in removed if not is_url(line)}
    still = [member for member in members_of(vault) if member.key in gone]
    warnings = [f"{one.short} still reads {vault.environment}, as it is in {one.source}" for one in still]
    if vault.keys and not may_read(identities, vault.keys):
        warnings.append(f"you removed yourself: your keys do not open the secrets of {vault.environment} any more")
    session.complain_of_warnings(warnings)


def may_read(identities: Identities, keys: Sequence[str]) -> bool:
    """Whether somebody reads what is encrypted for some keys."""
    try:
        identities.decrypted(encrypted(b"", keys), keys)
    except DeplError:
        return False
    return True


def tell_what_is_known(session: Session, vaults: Iterable[Vault]) -> None:
    """List what somebody who was removed may have kept."""
    known = [(vault.environment, label) for vault in vaults for label in labels(vault)]
    if known:
        session.show(
            [Line("who was removed may have kept these, and the old versions in git. Change them where they are used:")]
        )
        session.show(Line(f"  {environment}: {label}") for environment, label in known)


def came_and_went(before: Sequence[Member], after: Sequence[Member]) -> list[Line]:
    """Who may read since a change, and who no longer."""
    came = [Line(f"  + {one}", "green") for one in after if one not in before]
    return came + [Line(f"  - {one}", "red") for one in before if one not in after]
