"""The arguments of a task as data: taken when it is made, so that it can be made again from them, anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any

from depl.errors import ConfigurationError
from depl.places import calling_place

_SPREAD, _NAMED = Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD


def taken(cls: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name. Errors: ConfigurationError, which names the task and the argument."""
    try:
        bound = signature(cls.__init__).bind(None, *args, **kwargs)  # type: ignore[misc]
    except TypeError as error:
        names = [name for name in signature(cls.__init__).parameters if name != "self"]  # type: ignore[misc]
        hint = f"It takes {', '.join(names)}." if names else "It takes no arguments."
        raise mistaken(f"{cls.__name__} cannot be made: {error}", hint) from None
    _, *given = bound.arguments.items()
    arguments: dict[str, Any] = {}
    for name, value in given:
        arguments.update(value if bound.signature.parameters[name].kind is _NAMED else {name: value})
    return {name: plain(value, f"The argument {name!r} of {cls.__name__}") for name, value in arguments.items()}


def made(cls: type, arguments: Mapping[str, Any]) -> Any:
    """A task as it was made. Errors: ConfigurationError, where its class takes others by now."""
    args: list[Any] = []
    kwargs = dict(arguments)
    parameters = list(signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    spread = any(one.kind is _SPREAD and one.name in kwargs for one in parameters)
    for one in parameters:
        if one.kind is _SPREAD:
            args += kwargs.pop(one.name, ())
        elif one.name in kwargs and (
            one.kind is one.POSITIONAL_ONLY or (spread and one.kind is one.POSITIONAL_OR_KEYWORD)
        ):
            args.append(kwargs.pop(one.name))
    return cls(*args, **kwargs)


def plain(value: Any, what: str) -> Any:
    """A copy made of what JSON knows. what: begins the sentence. Errors: ConfigurationError for anything else."""
    if value is None or isinstance(value, (bool, str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        odd = next((key for key in value if not isinstance(key, str)), None)
        if odd is None:
            return {str(key): plain(one, what) for key, one in value.items()}
        raise mistaken(f"{what} has the key {odd!r}; keys must be text to be written down")
    if isinstance(value, (list, tuple)):
        return [plain(one, what) for one in value]
    hint = "Use text, numbers, booleans, None, and lists and dictionaries of them."
    if callable(value):
        hint = "Write where it is found: `rollouts/file.py:name`, or `module:name`."
    raise mistaken(f"{what} is {type(value).__name__} {value!r}, which cannot be written down", hint)


def mistaken(message: str, hint: str = "") -> ConfigurationError:
    """A mistake in the line of the project that led here."""
    file, line = calling_place() or (None, None)
    return ConfigurationError(message, file=file, line=line, hint=hint)
