"""What is asked before a rollout is planned: parameters, declared on its class and given as texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from depl.annotated import PLAIN
from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.settings import did_you_mean
from depl.texts import words

REQUIRED: Any = ...  # as a default: there is none
TYPES = (str, int, float, bool)


class Parameter:
    """A value that a rollout by hand is started with, as an attribute of its class.

    type: str, int, float or bool. choices: the values that it may have. default: None for one that may be left out;
    without any it must be given. help: a few words for whoever is asked. advanced: asked for only on request.
    multiple: a list of such values, given as a text with commas.
    Errors: ConfigurationError for a declaration that contradicts itself.
    """

    name = ""

    def __init__(
        self,
        type: type = str,
        choices: Sequence[Any] | None = None,
        default: Any = REQUIRED,
        help: str = "",
        advanced: bool = False,
        multiple: bool = False,
    ) -> None:
        self.type, self.help, self.advanced, self.multiple = type, help, advanced, multiple
        self.choices = None if choices is None else list(choices)
        self.default = list(default) if multiple and isinstance(default, (list, tuple)) else default
        self._assert_sound()

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        try:
            return vars(instance)[self.name]
        except KeyError:
            raise AttributeError(self.name) from None

    def __set__(self, instance: Any, value: Any) -> None:
        message = f"The parameter {self.name!r} has the value that the rollout was started with, and keeps it"
        raise ConfigurationError(message, hint="Give what is made from it a name of its own.")

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    def value(self, given: Any) -> Any:
        """What is given, as a text or as it is meant. Errors: ValueError, saying what it should be."""
        if given is None or (given == "" and self.default is None):
            if self.default is None:
                return None
            raise ValueError(self._wanted())
        if not self.multiple:
            return self._single(given)
        return [self._single(item) for item in (words(given) if isinstance(given, str) else _listed(given))]

    def _single(self, given: Any) -> Any:
        value = _converted(given, self.type)
        if self.choices is not None and value not in self.choices:
            raise ValueError(self._wanted())
        return value

    def _wanted(self) -> str:
        if self.choices is not None:
            return f"one of {', '.join(str(choice) for choice in self.choices)}"
        return PLAIN[self.type].name

    def _assert_sound(self) -> None:
        if self.type not in TYPES:
            hint = "For a list of them say multiple=True."
            raise ConfigurationError("A parameter is of the type str, int, float or bool", hint=hint)
        if self.choices == []:
            raise ConfigurationError("A parameter has no choices; leave `choices` out where any value will do")
        for choice in self.choices or ():
            if type(choice) is not self.type and (self.type, type(choice)) != (float, int):
                raise ConfigurationError(f"The choice {choice!r} of a parameter is not {PLAIN[self.type].name}")
        if self.default is None or self.required:
            return
        try:
            value = self.value(self.default)
        except ValueError as wanted:
            raise ConfigurationError(f"The default {self.default!r} of a parameter is not {wanted}") from None
        if value != self.default:  # a text that could be made into one
            raise ConfigurationError(f"The default {self.default!r} of a parameter must be written as {value!r}")


def parameters_of(cls: type) -> dict[str, Parameter]:
    """The parameters of a rollout class by name, in the order of definition, those of its bases first."""
    found: dict[str, Parameter] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, Parameter):
                found[name] = value
            else:
                found.pop(name, None)  # a derived class has settled it
    return found


def values_of(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all parameters, from texts (or values as they were recorded).

    Errors: Mistakes, with all that is wrong with them.
    """
    parameters = parameters_of(cls)
    mistakes: list[DeplError] = list(_unknown(parameters, given))
    values: dict[str, Any] = {}
    for name, parameter in parameters.items():
        try:
            values[name] = _value(parameter, given)
        except ConfigurationError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise Mistakes(mistakes, "in the parameters")
    return values


def as_facts(cls: type) -> list[dict[str, Any]]:
    """What a form or a prompt needs to know of each parameter. default: None where there is none."""
    return [
        {
            "name": name,
            "type": parameter.type.__name__,
            "choices": parameter.choices,
            "default": None if parameter.required else parameter.default,
            "help": parameter.help,
            "advanced": parameter.advanced,
            "multiple": parameter.multiple,
            "required": parameter.required,
        }
        for name, parameter in parameters_of(cls).items()
    ]


def parameter_of(facts: Mapping[str, Any]) -> Parameter:
    """One of those that as_facts told of."""
    kind = next(type for type in TYPES if type.__name__ == facts["type"])
    default = REQUIRED if facts["required"] else facts["default"]
    return Parameter(kind, facts["choices"], default, multiple=bool(facts["multiple"]))


def _unknown(parameters: Mapping[str, Parameter], given: Mapping[str, Any]) -> Iterator[ConfigurationError]:
    for name in given:
        if name not in parameters:
            hint = did_you_mean(name, parameters) or "It has no parameters."
            yield ConfigurationError(f"There is no parameter {name!r}", hint=hint)


def _value(parameter: Parameter, given: Mapping[str, Any]) -> Any:
    name = parameter.name
    lacking = name not in given or (given[name] in ("", []) and parameter.required)
    if lacking and parameter.required:
        hint = f"Give it by: --set {name}=..." + (f" ({parameter.help})" if parameter.help else "")
        raise ConfigurationError(f"The parameter {name!r} is not given", hint=hint)
    if lacking:
        return list(parameter.default) if isinstance(parameter.default, list) else parameter.default
    try:
        return parameter.value(given[name])
    except ValueError as wanted:
        raise ConfigurationError(f"The parameter {name!r} is {given[name]!r}, which is not {wanted}") from None


def _converted(given: Any, wanted: type) -> Any:
    """A value of the wanted type that JSON and databases can hold. Errors: ValueError."""
    name = PLAIN[wanted].name
    value: Any
    if isinstance(given, str):
        try:
            value = PLAIN[wanted].convert(given)
            given.encode()
        except (ValueError, SyntaxError):
            raise ValueError(name) from None
    else:
        value = float(given) if wanted is float and type(given) is int else given
    is_odd = (isinstance(value, float) and not math.isfinite(value)) or "\0" in str(value)
    if type(value) is not wanted or is_odd:
        raise ValueError(name)
    return value


def _listed(given: Any) -> Sequence[Any]:
    if not isinstance(given, (list, tuple)):
        raise ValueError("a list")
    return given
