"""Groups of commands that cost nothing before one of them is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class Lazy(click.Group):
    """A group that knows its commands by name and imports the one that is called.

    homes: name of a command -> the module that has it, under this name or as NAME_command.
    """

    def __init__(self, *arguments: Any, homes: Mapping[str, str], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._homes = homes

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called, imported; an unknown one is answered with close matches."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name in self._homes:
            home = import_module(self._homes[name])
            command = getattr(home, f"{name}_command", None) or getattr(home, name)
        return name, command, rest
