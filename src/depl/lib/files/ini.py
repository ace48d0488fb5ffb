"""Writing INI, as Python's RawConfigParser reads it."""

from __future__ import annotations

from typing import Any, Mapping


def dumps(data: Mapping[str, Mapping[str, Any]]) -> str:
    """{section: {key: value}} as text. Errors: ValueError where INI cannot hold it."""
    return "\n".join(_section(name, values) for name, values in data.items())


def _section(name: Any, values: Any) -> str:
    if not isinstance(name, str) or not name or "]" in name or "\n" in name:
        raise ValueError(f"{name!r} cannot be the name of a section")
    if not isinstance(values, Mapping):
        raise ValueError(f"the section {name!r} is of type {type(values).__name__}, not a dictionary")
    return f"[{name}]\n" + "".join(_line(key, value) for key, value in values.items())


def _line(key: Any, value: Any) -> str:
    name = str(key)
    if not name or name != name.strip() or name[0] in "[#;" or any(character in name for character in "=:\n"):
        raise ValueError(f"{key!r} cannot be a key")
    if value is None:
        return f"{name}\n"
    if isinstance(value, (list, tuple)):
        text = "".join(f"\n{_text(name, item)}" for item in value)
    else:
        text = _text(name, value)
    if any(line[:1] in ("#", ";") for line in text.split("\n")[1:]):
        raise ValueError(f"the value of {name!r} has a line that would be read as a comment")
    return f"{name} = ".rstrip(" " if text.startswith("\n") else "") + text.replace("\n", "\n    ") + "\n"


def _text(name: str, value: Any) -> str:
    if isinstance(value, (Mapping, list, tuple, set)):
        raise ValueError(f"the value of {name!r} is of type {type(value).__name__}")
    return str(value).lower() if isinstance(value, bool) else str(value)
