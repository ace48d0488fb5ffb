"""What classes and functions are called in a plan: `module:Name`, or `rollouts/file.py:Name` of the project."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import Any

from depl.errors import ConfigurationError
from depl.places import place_of_class
from depl.rollout.files import DIRECTORY, load
from depl.settings import did_you_mean


def named(cls: type) -> str:
    """How a class is written down. Errors: ConfigurationError, where it would not be found again."""
    if "<" in cls.__qualname__ or cls.__module__ == "__main__":
        file, line = place_of_class(cls) or (None, None)
        message = f"The task {cls.__name__} cannot be found again by its name, as a rollout that goes on must"
        hint = "Define it at the top level of a file in rollouts/, or of an installed module."
        raise ConfigurationError(message, file=file, line=line, hint=hint)
    if os.path.isabs(cls.__module__):
        return f"{DIRECTORY}/{os.path.basename(cls.__module__)}:{cls.__qualname__}"
    return f"{cls.__module__}:{cls.__qualname__}"


def find(base: str, name: str) -> Any:
    """What is called so, seen from the base directory of a project. Errors: ConfigurationError."""
    where, _, what = name.partition(":")
    if not where or not what:
        hint = "Write `module:name`, or `rollouts/file.py:name`."
        raise ConfigurationError(f"{name!r} does not say where something is found, and what", hint=hint)
    found: Any = load(os.path.join(base, where)) if where.endswith(".py") else _imported(where, name)
    for part in what.split("."):
        if not hasattr(found, part):
            known = [one for one in vars(found) if not one.startswith("_")]
            raise ConfigurationError(f"There is no {what} in {where}", hint=did_you_mean(part, known) or None)
        found = getattr(found, part)
    return found


def _imported(module: str, name: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        hint = "Is the package installed? What is in the project's files is written as `rollouts/file.py:name`."
        raise ConfigurationError(f"{name} cannot be imported: {error}", hint=hint) from error
