"""What programs send, looked at before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from depl.web.errors import Invalid


def text(given: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text. Errors: Invalid."""
    return str(typed(given, name, str, default))


def texts(given: Mapping[str, Any], name: str) -> Sequence[str]:
    """Some texts. Errors: Invalid."""
    found = typed(given, name, list, [])
    if not all(isinstance(one, str) for one in found):
        raise Invalid(f"`{name}` is a list of texts")
    return list(found)


def typed(given: Mapping[str, Any], name: str, kind: Any, default: Any = None) -> Any:
    """A value of a kind; without a default it must be there. Errors: Invalid."""
    value = given.get(name, default)
    if value is None:
        raise Invalid(f"`{name}` is not given")
    if not isinstance(value, kind):
        words = {str: "a text", list: "a list", bool: "true or false", int: "a whole number", (int, float): "a number"}
        raise Invalid(f"`{name}` is not {words.get(kind, 'an object')}")
    return value
