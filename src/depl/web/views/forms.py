"""Forms made from the parameters of rollouts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depl.rollout.parameters import parameter_of

PREFIX = "set-"  # before the names of parameters in forms, as they may be called anything


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class Field:
    """What is asked. name: of the parameter; field: in the form, also as id. step: of numbers.

    kind: text, number, choice, check, lines (one value a line) or choices (any of them). value: as text; of a check
    `true` or nothing.
    """

    name: str
    field: str
    label: str
    kind: str
    value: str
    choices: Sequence[Choice]
    help: str
    required: bool
    advanced: bool
    error: str
    step: str = ""


def fields(
    facts: Sequence[Mapping[str, Any]],
    last: Mapping[str, Any] | None = None,
    sent: Mapping[str, Any] | None = None,
    mistakes: Mapping[str, str] | None = None,
) -> list[Field]:
    """facts: see depl.rollout.parameters.as_facts. last: the values of last time. sent: what `given` made of a form."""
    return [_field(one, _values(one, last or {}, sent), (mistakes or {}).get(one["name"], "")) for one in facts]


def given(facts: Sequence[Mapping[str, Any]], form: Mapping[str, Sequence[str]]) -> dict[str, str | list[str]]:
    """The parameters in a form that was sent, as a worker is asked for them."""
    found: dict[str, str | list[str]] = {}
    for one in facts:
        name, kind = str(one["name"]), _kind(one)
        texts = [text.replace("\r\n", "\n") for text in form.get(PREFIX + name, ())]
        if kind == "check":
            found[name] = "true" if texts else "false"
        elif kind == "lines":
            found[name] = [line.strip() for text in texts for line in text.split("\n") if line.strip()]
        elif kind == "choices":
            found[name] = [text for text in texts if text]
        elif texts and (texts[0] or not _means_nothing(one)):
            found[name] = texts[0]
    return found


def mistakes_in(facts: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with them, by name, as sentences; nothing: all is well."""
    found: dict[str, str] = {}
    for one in facts:
        name = str(one["name"])
        if one["required"] and values.get(name) in (None, "", []):
            found[name] = "This must be given."
        elif name in values:
            try:
                parameter_of(one).value(values[name])
            except ValueError as wanted:
                found[name] = f"This must be {wanted}."
    return found


def _kind(one: Mapping[str, Any]) -> str:
    if one["multiple"]:
        return "choices" if one["choices"] else "lines"
    if one["choices"]:
        return "choice"
    if one["type"] == "bool":
        return "choice" if one["default"] is None else "check"
    return "number" if one["type"] in ("int", "float") else "text"


def _means_nothing(one: Mapping[str, Any]) -> bool:
    """Whether an empty field was not filled in; to others no text at all is a text."""
    return one["type"] != "str" or bool(one["choices"]) or one["default"] is None


def _values(one: Mapping[str, Any], last: Mapping[str, Any], sent: Mapping[str, Any] | None) -> list[str]:
    """What stands in a field, as texts: what was sent, else what was said last time, else the default."""
    name = one["name"]
    if sent is not None:
        return _texts(sent.get(name))
    if name in last and not mistakes_in([one], {name: last[name]}):  # what was possible then may no longer be
        return _texts(last[name])
    return _texts(one["default"])


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return [_text(item) for item in value]
    return [_text(value)]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _field(one: Mapping[str, Any], values: Sequence[str], error: str) -> Field:
    name, kind = str(one["name"]), _kind(one)
    value = "\n".join(values)
    if kind == "check":
        value = "true" if value == "true" else ""
    return Field(
        name,
        PREFIX + name,
        name.replace("_", " "),
        kind,
        value,
        _choices(one, values) if kind in ("choice", "choices") else (),
        str(one["help"] or ""),
        bool(one["required"]) and kind != "check",
        bool(one["advanced"]),
        error,
        {"int": "1", "float": "any"}.get(str(one["type"]), "") if kind == "number" else "",
    )


def _choices(one: Mapping[str, Any], values: Sequence[str]) -> list[Choice]:
    listed = [_text(choice) for choice in one["choices"] or (True, False)]
    labels = {"true": "yes", "false": "no"} if one["type"] == "bool" else {}
    found = [Choice(text, labels.get(text, text), text in values) for text in listed]
    if one["multiple"]:
        return found
    chosen = any(choice.is_chosen for choice in found)
    if one["default"] is None:  # nothing is a choice, too, or somebody has to choose
        label = "choose one" if one["required"] else "none"
        return [Choice("", label, not chosen), *found]
    return found
