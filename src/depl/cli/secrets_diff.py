"""`depl secrets diff`: which secrets changed, shown by their masks; values only for who asks for them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from depl.cli import options
from depl.cli.secrets_forms import UNREADABLE, Forms, unreadable
from depl.cli.secrets_showing import print_raw
from depl.cli.secrets_vaults import hide, is_encrypted, known, nothing_there, sound, with_secrets
from depl.cli.session import Session, refuse
from depl.errors import ConfigurationError, DeplError
from depl.layout import environment_names
from depl.report.lines import Line
from depl.secrets import places
from depl.secrets.identities import Identities
from depl.secrets.vault import Vault

STYLES = {"-": "red", "+": "green", "@": "cyan"}
STAND_IN = "x"  # the environment that a file belongs to which git shows alone


@click.command(
    epilog=options.examples(
        "depl secrets diff",
        "depl secrets diff production main~3 --reveal",
        "git config diff.depl-secrets.textconv './depl secrets diff --textconv'",
    )
)
@click.argument("environment", metavar="[ENV]", required=False, shell_complete=options.complete_environments)
@click.argument("revision", metavar="[REV]", required=False)
@click.option("--textconv", metavar="FILE", help="Print one encrypted file as text, as git wants it for its own diffs.")
@click.option("--reveal", is_flag=True, help="Show the values themselves.")
@click.pass_obj
def diff(session: Session, environment: str | None, revision: str | None, textconv: str | None, reveal: bool) -> None:
    """Show how the secrets of ENV (default: of all), and who may read them, differ from the git revision REV
    (default: HEAD).

    A value is shown as a mask with a hash: another hash is another value.
    """
    if environment and textconv:
        refuse("give either ENV or --textconv FILE")
    if textconv:
        print_raw("".join(f"{line}\n" for line in converted(session, textconv, reveal)).encode())
        return
    found = []
    for name in [known(session, environment)] if environment else with_secrets(session, []):
        found += differences(session, name, revision or "HEAD", reveal, required=environment is not None)
    if reveal:
        print_raw("".join(f"{line}\n" for line in found).encode())
    else:
        session.show(Line(line, STYLES.get(line[:1], "")) for line in found)


def differences(session: Session, name: str, revision: str, reveal: bool, *, required: bool = True) -> list[str]:
    """What differs, as a unified diff. Errors: DeplError if the secrets of today cannot be read, but are required."""
    identities = session.identities
    with at_revision(session.base, name, revision) as directory:
        old, new = Vault(directory, name), sound(Vault(session.base, name))
        if not any((old.exists, old.files, new.exists, new.files)):
            raise nothing_there(name)
        for vault in (new, old):
            opened_if_possible(session, vault, identities, required=required and vault is new)
        forms = Forms(new.mask_key or old.mask_key or os.urandom(32), reveal)
        file = f"environments/{name}/{places.FILE}"
        before, after = (forms.members(vault) + forms.values(vault) for vault in (old, new))
        found = list(unified(before, after, file, revision))
        for one in sorted({*old.files, *new.files}):
            before, after = (forms.file(vault, one) if one in vault.files else [] for vault in (old, new))
            found += unified(before, after, f"environments/{name}/{places.BEFORE}{one}{places.AFTER}", revision)
    return found


def opened_if_possible(session: Session, vault: Vault, identities: Identities, *, required: bool) -> None:
    """Make a vault readable. Those who came later cannot read what was before them: that is a warning only."""
    try:
        if is_encrypted(sound(vault)):
            vault.open(identities)
    except DeplError as error:
        if required:
            raise
        before = "" if vault.directory.startswith(session.base) else "before: "
        session.complain_of_warnings([f"{before}{error.message}"])
    hide(session, vault)


def unified(before: Sequence[str], after: Sequence[str], file: str, revision: str) -> Iterator[str]:
    """The lines of a unified diff."""
    import difflib

    return difflib.unified_diff(before, after, f"a/{file} ({revision})", f"b/{file}", lineterm="")


@contextmanager
def at_revision(base: str, name: str, revision: str) -> Iterator[str]:
    """A project that has just the encrypted files of an environment, as they were. Errors: ConfigurationError."""
    commit = (
        git(base, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    )
    inside = f"environments/{name}"
    listed = git(base, "ls-tree", "-z", "--name-only", commit, f"{inside}/").decode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory() as directory:
        os.makedirs(os.path.join(directory, inside))
        for path in listed.split("\0"):
            file = os.path.basename(path)
            if file == places.FILE or (file.startswith(places.BEFORE) and file.endswith(places.AFTER)):
                with open(os.path.join(directory, inside, file), "wb") as stream:
                    stream.write(git(base, "cat-file", "blob", f"{commit}:./{inside}/{file}"))
        yield directory


def git(base: str, *arguments: str) -> bytes:
    """What a git command prints. Errors: ConfigurationError with what git said."""
    try:
        done = subprocess.run(
            ["git", "-C", base, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise ConfigurationError(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ") or "there is no such revision"
        hint = "The project has to be in git, and the revision has to be one that git knows."
        raise ConfigurationError(f"git cannot tell how the secrets were: {said}", hint=hint)
    return done.stdout


def converted(session: Session, path: str, reveal: bool) -> list[str]:
    """One encrypted file as text. What cannot be read is no error: git would end its diff. Nobody is asked."""
    identities = Identities(None)
    file = re.fullmatch(r"(?:.*[/_])?(secrets\.cfg\.age|secret-.+\.age)", path)
    name = file[1] if file else places.FILE
    for beside in surroundings(session, path) if name != places.FILE else [None]:
        with tempfile.TemporaryDirectory() as directory:
            inside = os.path.join(directory, "environments", STAND_IN)
            os.makedirs(inside)
            try:
                for source, target in ((beside, places.FILE), (path, name)):
                    if source is not None:
                        shutil.copyfile(source, os.path.join(inside, target))
                vault = Vault(directory, STAND_IN)
                opened_quietly(vault, identities)
            except OSError as error:
                raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
            forms = Forms(vault.mask_key or b"-", reveal)
            is_file = name != places.FILE
            lines = forms.file(vault, vault.files[0]) if is_file else forms.members(vault) + forms.values(vault)
        if lines and not lines[0].startswith(UNREADABLE):
            return lines
    with open(path, "rb") as stream:
        return [unreadable(stream.read())]


def opened_quietly(vault: Vault, identities: Identities) -> None:
    """Make a vault readable, if that is possible."""
    try:
        vault.open(identities)
    except DeplError:
        pass


def surroundings(session: Session, path: str) -> Iterator[str | None]:
    """The files of values beside which a secret file may belong: git shows it alone, in a temporary directory."""
    own = os.path.join(os.path.dirname(path), places.FILE)
    if os.path.exists(own):
        yield own
    try:
        names = environment_names(session.base)
    except DeplError:
        names = []
    for name in names:
        file = os.path.join(places.directory(session.base, name), places.FILE)
        if os.path.exists(file):
            yield file
    yield None
