"""Where batou keeps secrets, and how they are decrypted as a whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from depl.errors import ConfigurationError, DeplError
from depl.layout import environment_names
from depl.secrets import places
from depl.secrets.age_file import is_age_file
from depl.secrets.recipients import is_url, usable

if TYPE_CHECKING:
    from depl.secrets.identities import Identities

KEYS = "age_keys.txt"  # in which batou notes who the members are
BY_VALUE = ".age-diffable"
ARMOUR = b"-----BEGIN PGP MESSAGE-----"


@dataclass
class Found:
    """The files of an environment. files: NAME -> path. old: what goes, once all is depl's; nothing from elsewhere."""

    source: str
    by_value: bool
    files: dict[str, str]
    pinned: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)


def found(base_dir: str, environment: str, path: str | None = None) -> Found:
    """The files of an environment, or the one of this path with what lies beside it. Errors: ConfigurationError."""
    candidates = list(_candidates(base_dir, environment))
    source = os.path.abspath(path) if path else _only(candidates, base_dir, environment)
    _check(source, candidates, base_dir, environment)
    directory, name = os.path.split(source)
    by_age = is_age_file(raw(source)) or name.endswith(BY_VALUE)
    if name.startswith("secrets.cfg"):
        files = dict(_beside(directory, ".age" if by_age else ".gpg"))
        ignored = dict(_beside(directory, ".gpg" if by_age else ".age"))
    else:
        files, ignored = dict(_of_old_layout(source, base_dir)), {}
    result = Found(source, name.endswith(BY_VALUE), files)
    result.warnings = [f"{one} is left alone: batou does not read it beside {name}" for one in ignored.values()]
    if by_age:
        result.pinned = _pinned(os.path.join(directory, KEYS))
    if _is_within(source, base_dir):
        notes = [os.path.join(directory, KEYS)] if result.pinned else []
        result.old = [source, *files.values(), *notes]
    return result


def raw(path: str) -> bytes:
    """What is in a file. Errors: ConfigurationError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigurationError(f"The file cannot be read: {error.strerror}", file=path) from None


def content(path: str, identities: Identities, environment: str) -> bytes:
    """What is encrypted in a file, by age or gpg. Errors: DeplError."""
    encrypted = raw(path)
    if not encrypted:
        return b""
    if not is_age_file(encrypted):
        return _by_gpg(path)
    try:
        return identities.decrypted(encrypted, (), os.path.basename(path), environment)
    except DeplError as error:
        error.file = error.file or path
        raise


def _candidates(base_dir: str, environment: str) -> Iterator[str]:
    """The files of values that are batou's."""
    directory = places.directory(base_dir, environment)
    paths = [os.path.join(directory, name) for name in (places.FILE, *places.OF_BATOU)]
    for path in (*paths, os.path.join(os.path.abspath(base_dir), "secrets", f"{environment}.cfg")):
        if os.path.isfile(path) and (os.path.basename(path) != places.FILE or is_age_file(raw(path))):
            yield path


def _only(candidates: list[str], base_dir: str, environment: str) -> str:
    if candidates:
        return candidates[0]
    directory = places.directory(base_dir, environment)
    if os.path.exists(os.path.join(directory, places.FILE)):
        raise ConfigurationError("The secrets are depl's already", file=os.path.join(directory, places.FILE))
    message = f"batou has no secrets for {environment} here"
    hint = f"Looked for environments/{environment}/secrets.cfg.gpg, .age, .age-diffable and secrets/{environment}.cfg."
    raise ConfigurationError(message, hint=hint)


def _check(source: str, candidates: list[str], base_dir: str, environment: str) -> None:
    """Nothing that may still be needed is to be replaced, and only what batou encrypted is to be read."""
    own = os.path.join(places.directory(base_dir, environment), places.FILE)
    if os.path.exists(own) and own not in candidates:
        hint = "If an import was interrupted, remove it and import again; else remove batou's files."
        raise ConfigurationError("There are secrets of depl's already", file=own, hint=hint)
    others = [os.path.relpath(path, base_dir) for path in candidates if path != source]
    if others:
        message = f"There are secrets of batou's in {' and '.join(others)}, too"
        raise ConfigurationError(message, file=source, hint="Remove what is out of date.")
    encrypted = raw(source)
    is_gpg = encrypted.lstrip().startswith(ARMOUR) or encrypted[:1] >= b"\x80"
    if encrypted and not (is_gpg or is_age_file(encrypted) or source.endswith(BY_VALUE)):
        hint = "batou's are secrets.cfg.gpg, secrets.cfg.age and secrets.cfg.age-diffable."
        raise ConfigurationError("This is no file that batou encrypted", file=source, hint=hint)


def _beside(directory: str, suffix: str) -> Iterator[tuple[str, str]]:
    for name in sorted(os.listdir(directory)):
        if name.startswith(places.BEFORE) and name.endswith(suffix) and len(name) > len(places.BEFORE + suffix):
            yield name[len(places.BEFORE) : -len(suffix)], os.path.join(directory, name)


def _of_old_layout(source: str, base_dir: str) -> Iterator[tuple[str, str]]:
    """secrets/ENV-NAME, but not what belongs to an environment of a longer name."""
    directory, name = os.path.split(source)
    environment, listed = name.removesuffix(".cfg"), sorted(os.listdir(directory))
    others = {*environment_names(base_dir), *(one.removesuffix(".cfg") for one in listed if one.endswith(".cfg"))}
    longer = [other for other in others if other.startswith(f"{environment}-")]
    for one in listed:
        if one.startswith(f"{environment}-") and not any(one.startswith((f"{o}.cfg", f"{o}-")) for o in longer):
            yield one[len(environment) + 1 :], os.path.join(directory, one)


def _pinned(path: str) -> dict[str, list[str]]:
    """By address: the keys, as batou noted them."""
    pinned: dict[str, list[str]] = {}
    url = ""
    with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("#"):
                last = line.split()[-1]
                url = last if is_url(last) else ""
            elif url and line.strip():
                with suppress(ConfigurationError):
                    pinned.setdefault(url, []).append(usable(line))
    return pinned


def _is_within(path: str, base_dir: str) -> bool:
    base = os.path.realpath(base_dir)
    return os.path.commonpath([base, os.path.realpath(path)]) == base


def _by_gpg(path: str) -> bytes:
    program = shutil.which("gpg") or shutil.which("gpg2")
    if program is None:
        message = "The file is encrypted by gpg, which is not installed here"
        raise DeplError(message, file=path, hint="Install GnuPG, for this once.")
    environment = dict(os.environ)
    if sys.stdin.isatty():
        environment["GPG_TTY"] = os.ttyname(sys.stdin.fileno())  # for its question for the passphrase
    command = [program, "--quiet", "--decrypt", path]
    run = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if run.returncode:
        said = [line.strip() for line in run.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        why = said[-1].removeprefix("gpg: ") if said else f"it ended with status {run.returncode}"
        raise DeplError(f"gpg cannot decrypt the file: {why}", file=path, hint=f"Try it: gpg --decrypt {path}")
    return run.stdout
