"""Writing TOML 1.0 (the standard library only reads it)."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import Any, Iterator, Mapping

BARE = re.compile(r"[A-Za-z0-9_-]+")


def dumps(data: Mapping[str, Any]) -> str:
    """A dictionary as text. Errors: ValueError where TOML cannot hold it."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{type(data).__name__} is not a dictionary")
    return "\n".join(_table(data, ())).lstrip("\n") + "\n" if data else ""


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """The lines of a table: values first, then the tables in it, as otherwise values would end up in those."""
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    arrays = {key: value for key, value in table.items() if _is_array_of_tables(value)}
    for key, value in table.items():
        if key not in tables and key not in arrays:
            yield f"{_key(key)} = {_value(value, (*path, key))}"
    for key, value in tables.items():
        yield from ("", f"[{'.'.join(map(_key, (*path, key)))}]")
        yield from _table(value, (*path, key))
    for key, values in arrays.items():
        for value in values:
            yield from ("", f"[[{'.'.join(map(_key, (*path, key)))}]]")
            yield from _table(value, (*path, key))


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError(f"the key {key!r} is not a text")
    return key if BARE.fullmatch(key) else _text(key)


def _value(value: Any, path: tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(item, path) for item in value)}]"
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_value(item, (*path, key))}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    raise ValueError(f"the value of {'.'.join(path)} is of type {type(value).__name__}")


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which only JSON lets through.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
