"""The secrets of an environment, read for a run: decrypted, asked for outside, and each with what is shown for it."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from contextlib import suppress

from depl.compiled import cache_home
from depl.errors import DeplError
from depl.ini import Entry, Ini, Section
from depl.secret_values import Content, Secrets, as_text
from depl.secrets.commands import outputs
from depl.secrets.identities import Identities
from depl.secrets.places import has_secrets
from depl.secrets.vault import Place, Vault
from depl.spellings import weakness
from depl.surroundings import Caution

MASK_KEY_SIZE = 32


def load(base_dir: str, environment: str, identities: Identities) -> Secrets:
    """All secrets of an environment, with all that is wrong with them. Commands for outside stores run once each.

    Errors: DeplError if nobody here may read them.
    """
    vault = Vault(base_dir, environment)
    commands = {place: command for place in vault.places if (command := vault.command(place)) is not None}
    encrypted = [place for place in vault.places if place not in commands]
    if encrypted or vault.files:
        vault.open(identities)
    mistakes: list[DeplError] = list(vault.mistakes)  # opening it may have found some
    ini, files = Ini(vault.path), dict[str, Content]()
    for name in vault.files:
        try:
            files[name] = _text_if_possible(vault.file(name))
        except DeplError as error:
            mistakes.append(error)
    read = outputs(commands.values(), base_dir)  # may take long: what lies in files is read by now, at one moment
    for place in vault.places:
        try:
            value = vault.value(place) if place not in commands else read(commands[place])
        except DeplError as error:
            error.file, error.line = error.file or vault.path, error.line or vault.places[place]
            mistakes.append(error)
        else:
            _add(ini, place, value, vault)
    return _marked(ini, files, vault.mask_key or own_mask_key(), mistakes)


def load_if_any(base_dir: str, environment: str) -> Secrets | None:
    """The same with those keys for which nobody has to be asked; None for an environment without secrets."""
    return load(base_dir, environment, Identities(None)) if has_secrets(base_dir, environment) else None


def given(values: Mapping[str, Mapping[str, str]], files: Mapping[str, Content]) -> Secrets:
    """Secrets that are at hand already: section -> key -> value, and NAME -> content."""
    ini = Ini("secrets")
    for name, section in values.items():
        entries = {key: Entry(key, value, ini.file, (0,)) for key, value in section.items()}
        ini.sections[name] = Section(name, ini.file, 0, entries)
    return _marked(ini, dict(files), os.urandom(MASK_KEY_SIZE), [])


def label_of(place: Place) -> str:
    """What a secret is called: `guestbook.password`, `web1.data-token`."""
    section, key = place
    return f"{section.partition(':')[2]}.{key}"


def mark_of(label: str, content: Content, key: bytes) -> str:
    """What is shown for a secret: another one for another value, from which nobody can guess it without the key."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return f"{label} #{hmac.digest(key, data, 'sha256').hex()[:4]}"


def own_mask_key() -> bytes:
    """The key of the masks where no file of secrets holds one: this user's own, so that they stay between runs."""
    path = os.path.join(cache_home(), "depl", "mask.key")
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with suppress(FileExistsError), open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(MASK_KEY_SIZE))
        with open(path, "rb") as file:
            key = file.read(MASK_KEY_SIZE)
    except OSError:
        key = b""
    return key if len(key) == MASK_KEY_SIZE else os.urandom(MASK_KEY_SIZE)


def _add(ini: Ini, place: Place, value: str, vault: Vault) -> None:
    name, key = place
    line = vault.places[place]
    section = ini.sections.setdefault(name, Section(name, vault.path, line))
    section.entries[key] = Entry(key, value, vault.path, (line,))


def _text_if_possible(content: bytes) -> Content:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _marked(ini: Ini, files: Mapping[str, Content], key: bytes, mistakes: list[DeplError]) -> Secrets:
    marks: dict[Place, str] = {}
    warnings: list[Caution] = []
    for name, section in ini.sections.items():
        for entry in section.entries.values():
            label = label_of((name, entry.key))
            marks[name, entry.key] = mark_of(label, entry.value, key)
            if why := weakness(entry.value):
                warnings.append(Caution.at(f"The secret {label}: {why}", entry.file, entry.line))
    file_marks = {name: mark_of(f"file {name}", content, key) for name, content in files.items()}
    for name, content in files.items():
        if why := weakness(as_text(content).strip()):
            warnings.append(Caution.at(f"The secret file {name}: {why}", ini.file, 0))
    return Secrets(ini, marks, files, file_marks, mistakes, warnings)
