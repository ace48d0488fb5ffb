"""What the commands about secrets share: whose keys are tried, which environments, and that nothing shows."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from depl.cli import names as project_names
from depl.cli.options import unknown
from depl.cli.session import Session, project
from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.layout import environment_file, environment_names
from depl.secrets.identities import Identities
from depl.secrets.load import label_of, mark_of
from depl.secrets.places import has_secrets
from depl.secrets.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The last environment of `A,B`."""
    before, comma, begun = incomplete.rpartition(",")
    return [CompletionItem(before + comma + one) for one in project_names.environments() if one.startswith(begun)]


def _complete_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The secret files of the environment that was typed."""
    try:
        files = Vault(project(), str(ctx.params.get("environment"))).files
        return [CompletionItem(name) for name in files if name.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - whoever presses TAB is not to be told anything
        return []


environments_argument = click.argument("environments", metavar="[ENV]...", nargs=-1, shell_complete=_complete)
environments_option = click.option(
    "--environments", metavar="A,B", help="Only these environments, not all.", shell_complete=_complete
)

file_argument = click.argument("file", metavar="[FILE]", required=False, shell_complete=_complete_files)


def known(session: Session, name: str) -> str:
    """The name of an environment as depl knows it. Errors: ConfigurationError if there is none."""
    name = name.removesuffix(".cfg")
    environment_file(name, session.base)
    return name


def split(names: str | None) -> list[str]:
    """The names in `A,B`."""
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def chosen(session: Session, names: Sequence[str]) -> list[str]:
    """The environments of these names, in order; without a name, all."""
    given = [known(session, name) for name in names]
    return sorted(set(given or environment_names(session.base)))


def with_secrets(session: Session, names: Sequence[str]) -> list[str]:
    """The environments of these names, without a name all that have secrets. Errors: one that has none was named."""
    found = []
    for name in chosen(session, names):
        if has_secrets(session.base, name):
            found.append(name)
        elif names:
            raise nothing_there(name)
    return found


def nothing_there(name: str) -> ConfigurationError:
    """The error for an environment that has no secrets yet."""
    command = f"depl secrets add ~/.ssh/id_ed25519.pub --environments {name}"
    hint = f"Begin with whoever may read them, yourself first, for example: `{command}`."
    return ConfigurationError(f"the environment {name} has no secrets yet", hint=hint)


def file_name(text: str) -> str:
    """The NAME of a secret file, also of one that was given as `secret-NAME.age`."""
    found = re.fullmatch(r"(?:.*/)?secret-(.+)\.age", text)
    return found[1] if found else text


def file_content(vault: Vault, text: str) -> bytes:
    """The content of a secret file. Errors: ConfigurationError if there is none of this name."""
    name = file_name(text)
    if name not in vault.files:
        raise unknown(f"secret file of {vault.environment}", name, vault.files)
    return vault.file(name)


def sound(vault: Vault, besides: tuple[type[DeplError], ...] = ()) -> Vault:
    """A vault in whose file nothing is wrong, besides mistakes of some classes. Errors: all that is."""
    mistakes = [mistake for mistake in vault.mistakes if not isinstance(mistake, besides)]
    if mistakes:
        raise mistakes[0] if len(mistakes) == 1 else Mistakes(mistakes)
    return vault


def opened(session: Session, name: str, identities: Identities | None = None) -> Vault:
    """The secrets of an environment, readable; from now on nothing prints them by accident."""
    vault = sound(Vault(session.base, name))
    if not vault.exists and not vault.files:
        raise nothing_there(name)
    open_here(session, vault, identities or session.identities)
    return vault


def open_here(session: Session, vault: Vault, identities: Identities) -> None:
    """Make a vault readable; from now on nothing prints what is in it by accident. Errors: DeplError."""
    if is_encrypted(vault):
        vault.open(identities)
    hide(session, vault)
    sound(vault)


def is_encrypted(vault: Vault) -> bool:
    """Whether there is anything for which somebody needs a key."""
    return bool(vault.keys or vault.files)


def labels(vault: Vault) -> list[str]:
    """What is encrypted in a vault: values, then files."""
    values = [label_of(place) for place in vault.places if vault.command(place) is None]
    return [*values, *(f"file {name}" for name in vault.files)]


def hide(session: Session, vault: Vault) -> None:
    """Let nothing print the values of a vault, whatever it is about to print."""
    session.printer.redact.learn(readable(vault))


def readable(vault: Vault) -> Iterator[tuple[str, str]]:
    """Mark and value of all in a vault that can be read."""
    key = vault.mask_key or os.urandom(32)
    for place in vault.places:
        if vault.command(place) is None:
            try:
                value = vault.value(place)
            except DeplError:
                continue
            yield mark_of(label_of(place), value, key), value
    for name in vault.files:
        try:
            content = vault.file(name)
        except DeplError:
            continue
        yield mark_of(f"file {name}", content, key), content.decode("utf-8", "replace")


@contextmanager
def locked(session: Session, names: Sequence[str], besides: tuple[type[DeplError], ...] = ()) -> Iterator[list[Vault]]:
    """The secrets of environments, read while nobody else changes them. Errors: Locked, ConfigurationError.

    besides: mistakes in what stands there in clear that may be, as the caller mends them.
    """
    with ExitStack() as stack:
        vaults = []
        for name in names:
            with named(name, names):
                vault = Vault(session.base, name)
                stack.enter_context(vault.locked())
                vaults.append(sound(vault, besides))
        yield vaults


@contextmanager
def named(name: str, names: Sequence[str]) -> Iterator[None]:
    """Errors say which environment of several is the matter, and how to do without it."""
    try:
        yield
    except DeplError as error:
        if len(names) == 1:
            raise
        rest = ",".join(one for one in names if one != name)
        error.message = f"{name}: {error.message}"
        error.hint = f"{error.hint} Nothing was written; without {name}: `--environments {rest}`.".lstrip()
        raise
