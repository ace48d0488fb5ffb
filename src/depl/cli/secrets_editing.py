"""`depl secrets edit`: in the editor of whoever calls. Nothing is lost, and nothing readable stays behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from depl.cli import options
from depl.cli.secrets_model import model_mistakes
from depl.cli.secrets_vaults import (
    file_argument,
    file_name,
    hide,
    known,
    locked,
    nothing_there,
    open_here,
)
from depl.cli.session import Session
from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.report.lines import Line
from depl.secrets import lines, plain
from depl.secrets.editor import Editing
from depl.secrets.vault import Place, Vault

TEXT = "the edited text"
Content = TypeVar("Content", str, bytes)
EDIT, KEEP, QUIT = "e", "k", "q"


@click.command(
    epilog=options.examples("depl secrets edit production", "EDITOR=nano depl secrets edit production tls.key")
)
@options.environment_argument
@file_argument
@click.pass_obj
def edit(session: Session, environment: str, file: str | None) -> None:
    """Change the secrets of ENV in $EDITOR, or its secret FILE, which is made if it is not there.

    What is edited lies in memory where possible, is readable by nobody else, and is removed however the editor ends.
    Values that stay the same stay encrypted as they are.
    """
    name = known(session, environment)
    with locked(session, [name]) as (vault,):
        if not vault.exists and not vault.keys:
            raise nothing_there(name)
        open_here(session, vault, session.identities)
        if file:
            changed = edit_file(session, vault, file_name(file))
        else:
            changed = edit_values(session, vault)
    if changed is not None:
        session.show([Line(f"{name}: {'encrypted' if changed else 'nothing changed'}")])


def edit_values(session: Session, vault: Vault) -> bool | None:
    """Edit all values. False: nothing changed; None: somebody gave up."""
    had_some = bool(vault.places)

    def take(text: str) -> list[DeplError]:
        vault.take(text, TEXT)
        hide(session, vault)
        if had_some and not text.strip():
            return [ConfigurationError(f"The text is empty: all secrets of {vault.environment} would be removed")]
        return of_text(model_mistakes(session, vault, lines_of(text)), vault)

    return rounds(session, vault, Editing(vault.text(), ".cfg"), take)


def edit_file(session: Session, vault: Vault, name: str) -> bool | None:
    """Edit one secret file. False: nothing changed; None: somebody gave up."""

    def take(content: bytes) -> list[DeplError]:
        vault.set_file(name, content)
        hide(session, vault)
        return []

    before = vault.file(name) if name in vault.files else b""
    return rounds(session, vault, Editing(before, os.path.splitext(name)[1]), take)


def rounds(
    session: Session, vault: Vault, editing: Editing[Content], take: Callable[[Content], list[DeplError]]
) -> bool | None:
    """Edit until it can be encrypted, or somebody gives up. take: brings it into the vault; what is wrong with it."""
    before, answer = editing.content, EDIT
    with editing:
        while True:
            may_keep, mistakes = False, list[DeplError]()
            try:
                if answer == EDIT:
                    if editing.run() == before:
                        return False
                    mistakes, may_keep = take(editing.content), True
                if not mistakes:
                    return vault.save()
            except DeplError as error:
                mistakes = of_text(error.mistakes if isinstance(error, Mistakes) else [error], vault)
            answer = asked(session, mistakes, may_keep)
            if answer == QUIT:
                session.declined()
                return None


def lines_of(text: str) -> dict[Place, int]:
    """Where the secrets stand in an edited text."""
    return {line.place: line.number for line in plain.read(text, TEXT)[0] if line.kind == lines.ENTRY}


def of_text(mistakes: Sequence[DeplError], vault: Vault) -> list[DeplError]:
    """Mistakes as those of the text that somebody has just seen."""
    for mistake in mistakes:
        if mistake.file == vault.path and mistake.line:
            mistake.file = TEXT
    return list(mistakes)


def asked(session: Session, mistakes: list[DeplError], may_keep: bool) -> str:
    """What to do about mistakes. Errors: the mistakes, where nobody can be asked."""
    if not sys.stdin.isatty():
        together = mistakes[0] if len(mistakes) == 1 else Mistakes(mistakes)
        together.hint = f"{together.hint} Nothing was written: the secrets are as they were.".lstrip()
        raise together
    if may_keep:
        session.complain_of_warnings(mistakes)
    else:
        session.complain_of(mistakes[0] if len(mistakes) == 1 else Mistakes(mistakes))
    keep = ", [k]eep it as it is" if may_keep else ""
    choice = click.Choice([EDIT, *([KEEP] if may_keep else []), QUIT])
    question = f"[e]dit again{keep}, [q]uit without saving"
    return str(click.prompt(question, type=choice, default=EDIT, show_choices=False, err=True))
