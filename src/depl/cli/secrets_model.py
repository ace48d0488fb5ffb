"""What the model of an environment says on its secrets: components, attributes and hosts that it does not have."""

from __future__ import annotations

import os
from collections.abc import Mapping

from depl.cli.printed import Prints
from depl.cli.session import Session
from depl.errors import ConversionError, DeplError, Mistakes
from depl.ini import Entry, Ini, Section
from depl.secret_values import Content, Secrets
from depl.secrets.load import label_of, mark_of
from depl.secrets.vault import Place, Vault


def model_mistakes(session: Session, vault: Vault, lines: Mapping[Place, int]) -> list[DeplError]:
    """What is wrong with the secrets of a vault that is open, as far as the model can tell; commands are not run.

    lines: where each stands. What is wrong with the model elsewhere is the business of `depl check`.
    """
    commands = {line for place, line in lines.items() if vault.command(place) is not None}
    return [
        mistake
        for mistake in all_mistakes(session, vault.environment, unsaved(vault, lines))
        if mistake.file == vault.path and not (isinstance(mistake, ConversionError) and mistake.line in commands)
    ]


def all_mistakes(session: Session, environment: str, secrets: Secrets) -> list[DeplError]:
    """All that is wrong with the model of an environment that has these secrets."""
    from depl.configure import configure
    from depl.environment import Environment

    printed = Prints(session.printer, apart=session.as_json)  # by component code, which knows the secrets
    try:
        configure(Environment.load(environment, session.base, secrets=secrets, redact=session.printer.redact))
    except Mistakes as mistakes:
        return list(mistakes.mistakes)
    finally:
        printed.end()
    return []


def unsaved(vault: Vault, lines: Mapping[Place, int]) -> Secrets:
    """The secrets of a vault as the model takes them; for a command its own text stands, as its output is not known."""
    ini, key = Ini(vault.path), vault.mask_key or os.urandom(32)
    marks: dict[Place, str] = {}
    for place, line in lines.items():
        command = vault.command(place)
        try:
            value = vault.value(place) if command is None else command
        except DeplError:
            continue
        name, attribute = place
        section = ini.sections.setdefault(name, Section(name, vault.path, line))
        section.entries[attribute] = Entry(attribute, value, vault.path, (line,))
        marks[place] = mark_of(label_of(place), value, key)
    files: dict[str, Content] = {}
    for name in vault.files:
        try:
            files[name] = as_content(vault.file(name))
        except DeplError:
            continue
    file_marks = {name: mark_of(f"file {name}", content, key) for name, content in files.items()}
    return Secrets(ini, marks, files, file_marks)


def as_content(content: bytes) -> Content:
    """Text where it is text."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content
