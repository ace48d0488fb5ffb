"""Questions before a run: what asks refuses off a terminal, unless it was answered on the command line."""

from __future__ import annotations

import sys

import click

from depl.cli.session import refuse


class Consent:
    """The answers that the command line gave.

    yes: to everything. confirm: the name of the environment that may be changed. by: the options for that.
    """

    def __init__(
        self, environment: str, yes: bool = False, confirm: str | None = None, by: str = "--yes or --confirm {}"
    ) -> None:
        if confirm is not None and confirm != environment:
            refuse(f"--confirm names {confirm}, but the command is about {environment}")
        self.environment, self.given, self.by = environment, yes or confirm is not None, by.format(environment)

    def to_name(self) -> bool:
        """Whether somebody types the environment's name."""
        if self.given:
            return True
        self._needs_terminal("is protected (`confirm = True`)")
        typed = click.prompt(f"Type {self.environment} to go on", default="", show_default=False, err=True)
        return str(typed).strip() == self.environment

    def to(self, question: str) -> bool:
        """Whether somebody says yes."""
        if self.given:
            return True
        self.assert_possible()
        return click.confirm(question, err=True)

    def assert_possible(self) -> None:
        """Refuse now where somebody would have to be asked, and cannot be."""
        if not self.given:
            self._needs_terminal("has to be asked about")

    def _needs_terminal(self, why: str) -> None:
        if not sys.stdin.isatty():
            refuse(f"{self.environment} {why}, and there is no terminal to ask on: add {self.by}")
