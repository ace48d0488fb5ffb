"""Secrets that batou encrypted: by gpg or age as a whole, or value by value. Read, and written as depl's own.

What batou makes of its files holds here, too: keys in lower case, [X] for [component:X], data of hosts with or without
`data-`, values as they stand.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from depl import ini
from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.secrets import age_file, batou_files, lines, places, plain
from depl.secrets.batou_files import Found
from depl.secrets.lines import COMMENT, ENTRY, SECTION, Line
from depl.secrets.recipients import fetched, is_url, usable

if TYPE_CHECKING:
    from depl.ini import Entry, Ini
    from depl.secrets.identities import Identities
    from depl.secrets.vault import Vault

MEMBERS = "batou"  # the section that names them
NOBODY = "none of batou's members has a key that age could encrypt for"


@dataclass
class Imported:
    """What batou's files held.

    text: values, and comments, in the form to edit; sections: the values of it. files: NAME -> content. recipients: the
    members that depl can encrypt for. pinned: address -> keys, as batou last saw them. old: the files that go.
    """

    source: str
    text: str = field(repr=False)
    sections: dict[str, dict[str, str]] = field(repr=False)
    files: dict[str, bytes] = field(repr=False)
    recipients: list[str] = field(default_factory=list)
    pinned: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)


def read(base_dir: str, environment: str, identities: Identities, path: str | None = None) -> Imported:
    """Read batou's secrets of an environment, or those in another file and beside it.

    Errors: ConfigurationError, Mistakes: there are none, or they are none; DeplError: nobody here can read them.
    """
    found = batou_files.found(base_dir, environment, path)
    text = _text(found, identities, environment)
    parsed = ini.parse(text, found.source, quote=False)
    taken = list(_taken(text, parsed, _opener(found, identities, environment)))
    mistakes = [*parsed.mistakes, *lines.mistakes_of_places(taken, found.source)]
    if mistakes:
        raise Mistakes(mistakes)
    sections: dict[str, dict[str, str]] = {}
    for line in taken:
        if line.kind == ENTRY:
            sections.setdefault(line.section, {})[line.key] = line.text
    files = {name: batou_files.content(one, identities, environment) for name, one in found.files.items()}
    imported = Imported(found.source, plain.written(taken), sections, files, old=found.old, pinned=found.pinned)
    imported.warnings = [*found.warnings, *_renamed(parsed)]
    _add_recipients(imported, parsed)
    return imported


def into(vault: Vault, imported: Imported, recipients: Sequence[str] = ()) -> list[str]:
    """Write what was read as depl's own; then remove batou's files, which version control still has: their paths.

    vault: made with `replaces_batou`. recipients: further ones. Errors: DeplError; then batou's files are as they were.
    """
    readers = list(dict.fromkeys([*imported.recipients, *recipients]))
    if not readers:
        raise ConfigurationError(NOBODY, file=imported.source, hint="Name somebody: --recipient ~/.ssh/id_ed25519.pub")
    resolved = {url: _keys_behind(url, imported) for url in readers if is_url(url)}
    vault.set_recipients(readers, resolved, rotate=False)
    vault.take(imported.text, imported.source)
    for name, content in imported.files.items():
        vault.set_file(name, content)
    vault.save()
    written = [vault.path, *(places.secret_file(vault.directory, name) for name in imported.files)]
    removed = [
        path for path in imported.old if not any(os.path.realpath(path) == os.path.realpath(new) for new in written)
    ]
    for path in removed:
        _remove(path)
    return removed


def _text(found: Found, identities: Identities, environment: str) -> str:
    """The INI, with values that may still be encrypted one by one."""
    content = (
        batou_files.raw(found.source) if found.by_value else batou_files.content(found.source, identities, environment)
    )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError("What is encrypted is not UTF-8 text", file=found.source) from None


def _opener(found: Found, identities: Identities, environment: str) -> Callable[[Entry, str], str]:
    """What makes a plain value of an entry of a section."""

    def opened(entry: Entry, section: str) -> str:
        if not found.by_value:
            return entry.value
        what = f"the value of {entry.key!r} in [{section}]"
        sealed = _sealed(entry.value)
        if sealed is None:
            message = f"{what} is not encrypted as batou does it"
            raise ConfigurationError(message, file=entry.file, line=entry.line, hint=age_file.RESTORE)
        try:
            return identities.decrypted(sealed, (), what, environment).decode()
        except UnicodeDecodeError:
            raise ConfigurationError(f"{what} is not UTF-8 text", file=entry.file, line=entry.line) from None
        except DeplError as error:
            error.file, error.line = error.file or entry.file, error.line or entry.line
            raise

    return opened


def _sealed(value: str) -> bytes | None:
    """The age file that a value stands for: base64, or (older) armour with a backslash and n for the ends of lines."""
    armour = value.replace("\\n", "\n").strip().encode()
    if age_file.is_age_file(armour):
        return armour
    try:
        content = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if age_file.is_age_file(content) else None


def _taken(text: str, parsed: Ini, opened: Callable[[Entry, str], str]) -> Iterator[Line]:
    """The lines as depl's form to edit has them; comments stay."""
    entries = {entry.line: entry for section in parsed.sections.values() for entry in section.entries.values()}
    header = section = ""
    for line in lines.read(text, parsed.file)[0]:
        if line.kind == SECTION:
            header, section = line.text, _section(line.text)
        if header == MEMBERS and line.kind != COMMENT:
            continue
        if line.kind == SECTION:
            yield Line(SECTION, "", line.number, section, text=section)
        elif line.kind == COMMENT:
            yield line
        else:
            value = opened(entries[line.number], header)
            yield Line(ENTRY, "", line.number, section, _key(line.key, section), value)
            yield from _comments_within(line)


def _section(header: str) -> str:
    return header if header.startswith("host:") else f"component:{header.replace('component:', '')}"


def _key(key: str, section: str) -> str:
    key = key.lower()
    return f"data-{key.replace('data-', '', 1)}" if section.startswith("host:") else key


def _comments_within(line: Line) -> Iterator[Line]:
    for raw in lines.physical(line.raw)[1:]:
        if raw.strip().startswith(ini.COMMENTS):
            yield Line(COMMENT, raw, line.number, line.section, text=raw.strip())


def _renamed(parsed: Ini) -> Iterator[str]:
    for name, section in parsed.sections.items():
        for key in section.entries if name != MEMBERS else ():
            if key != key.lower():
                yield f"{key!r} in [{name}] is {key.lower()!r} now: batou reads the keys of secrets in lower case"


def _add_recipients(imported: Imported, parsed: Ini) -> None:
    """The members that depl can encrypt for, and a warning on each other."""
    for item in _members(parsed):
        try:
            if not item.startswith("https://"):
                usable(item)
        except ConfigurationError as error:
            imported.warnings.append(f"{error.message}: whoever it is cannot read the secrets any more")
        else:
            imported.recipients.append(item)


def _members(parsed: Ini) -> Iterable[str]:
    entries = {key.lower(): entry for key, entry in parsed.entries(MEMBERS).items()}
    return [item for item, _ in entries["members"].items() if item] if "members" in entries else []


def _keys_behind(url: str, imported: Imported) -> list[str]:
    """The keys behind an address; those that batou noted, where it does not answer."""
    try:
        keys, warnings = fetched(url)
    except DeplError as error:
        noted = imported.pinned.get(url)
        if not noted:
            raise
        imported.warnings.append(f"{error.message}; the keys that batou noted in age_keys.txt are taken for it")
        return noted
    imported.warnings.extend(warnings)
    return keys


def _remove(path: str) -> None:
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        message = f"The secrets are depl's now, but batou's file cannot be removed: {error.strerror}"
        raise DeplError(message, file=path, hint="Remove it by hand.") from None
