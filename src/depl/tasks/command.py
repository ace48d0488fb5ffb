"""Commands that run here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from depl.change.process import shown
from depl.tasks.arguments import mistaken
from depl.tasks.task import Task

LONGEST = 100  # characters of a command in a title

Given = str | Sequence[str]


class Command(Task):
    """Run a command in the project's directory: a text by the shell, a list as it is.

    undo: the command that takes it back, also where it failed half-way. cwd: relative to the project. env: added to the
    environment. check: whether it fails where the command does. irreversible: why it cannot be undone.
    """

    def __init__(
        self,
        command: Given,
        undo: Given | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        irreversible: str = "",
    ) -> None:
        self.command, self.undo = assert_command(self, command), undo and assert_command(self, undo)
        self.cwd, self.env, self.check = cwd, env, check
        if irreversible and undo:
            raise mistaken("Command has an undo, and says that there is none", "Give undo or irreversible.")
        self.irreversible = irreversible
        self.title = f"Run {in_title(command)}"

    @property
    def can_reverse(self) -> bool:
        return bool(self.undo)

    def run(self) -> None:
        self.subprocess(self.command, cwd=self.cwd, env=self.env, check=self.check)

    def reverse(self) -> None:
        if self.undo:
            self.subprocess(self.undo, cwd=self.cwd, env=self.env)


def in_title(command: Given) -> str:
    """A command in a sentence."""
    text = shown(command, str)
    return f"`{text if len(text) <= LONGEST else text[: LONGEST - 3] + '...'}`"


def assert_command(task: Task, command: Given) -> Given:
    """Errors: ConfigurationError, where there is nothing that could run."""
    listed: Any = [command] if isinstance(command, str) else command
    is_text = isinstance(listed, (list, tuple)) and all(isinstance(one, str) for one in listed)
    if not is_text or not listed or not listed[0].strip():
        raise mistaken(f"{type(task).__name__} takes a command as a text or a list of texts, not {command!r}")
    return command
