"""Attributes of components whose values are expanded, mapped and converted when they come as text."""

from __future__ import annotations

import copy
from typing import Any, Callable, Optional, Union

from depl import conversion, texts
from depl.annotated import PLAIN
from depl.errors import AttributeExpansionError, ConfigurationError, ConversionError, DeplError

_NONE = object()

Conversion = Union[str, Callable[[str], Any]]


class ConfigString(str):
    """A default that is treated like a value from an environment file: expanded, mapped, converted."""

    __slots__ = ()


class Attribute:
    """A class attribute that says how a text from an environment becomes its value.

    conversion: a callable, `"literal"` (a Python literal) or `"list"` (separated by commas). default: the value as it
    is; a ConfigString is treated like an override. expand: run the text through Jinja first. map: then map it as a
    path.
    Values that are given to the constructor or assigned are taken as they are.
    """

    def __init__(
        self, conversion: Conversion = str, default: Any = _NONE, expand: bool = True, map: bool = False
    ) -> None:
        self.conversion = conversion
        self.default = default
        self.expand = expand
        self.map = map
        self.name = "attribute"

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    # Without a __set__, what is in an instance's __dict__ comes first: a value is worked out once, at its first use.
    def __get__(self, component: Any, owner: Optional[type] = None) -> Any:
        if component is None:
            return self
        if self.default is _NONE:
            raise AttributeError(
                f"{type(component).__name__}.{self.name} has no value: it has no default, was not given to the "
                "constructor and is not set by the environment"
            )
        if isinstance(self.default, ConfigString):
            value = self.from_text(component, self.default)
        else:
            value = copy.deepcopy(self.default)
        component.__dict__[self.name] = value
        return value

    def from_text(self, component: Any, text: str, override: Any = None) -> Any:
        """The value for a text: expanded, mapped, converted. override: where the text comes from."""
        origin = conversion.origin(override)
        if self.expand and not getattr(override, "mark", ""):  # a secret is no template: it may hold any characters
            text = self._expanded(component, text, origin)
        if self.map:
            text = component.map(text)
        try:
            return _converter(self.conversion)(text)
        except ConfigurationError as error:
            if error.file is not None:
                raise
            message = f"attribute {self.name!r} of {component.id!r} is {conversion.shown(text)}: {error.message}"
            raise ConversionError(message, component, **{**origin, "hint": error.hint or origin.get("hint")}) from error
        except DeplError:
            raise
        except Exception as error:  # the conversion is the author's
            wanted = conversion.wanted(self.conversion)
            reason = "" if self.conversion in PLAIN else str(error)
            raise conversion.error(component, self.name, text, wanted, origin, reason) from error

    def _expanded(self, component: Any, text: str, origin: Any) -> str:
        try:
            return str(component.expand(str(text)))
        except (ConversionError, AttributeExpansionError):
            raise
        except ConfigurationError as error:
            shown = conversion.shown(text)
            message = f"attribute {self.name!r} of {component.id!r} is the template {shown}: {error.message}"
            raise AttributeExpansionError(
                message, component, **{**origin, "hint": error.hint or origin.get("hint")}
            ) from error


def _converter(wanted: Conversion) -> Callable[[str], Any]:
    if wanted == "literal":
        return texts.literal
    if wanted == "list":
        return texts.words
    if wanted in (bool, list, dict):  # which would take "False" for true and a text for a list of letters
        return PLAIN[wanted].convert
    if not callable(wanted):
        raise ConfigurationError(f"{wanted!r} is no conversion", hint="Use a callable, 'literal' or 'list'.")
    return wanted
