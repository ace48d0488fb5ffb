"""What texts of environment files mean: each function takes a text, and raises ValueError if it means nothing."""

from __future__ import annotations

import ast
from typing import Any, Dict, List


def integer(value: str) -> int:
    """A whole number: `10`, `-1`, `1_000`, `0o644`, `0xff`."""
    try:
        return int(value)
    except ValueError:
        return int(value, 0)


def boolean(value: str) -> bool:
    """`true`, `yes`, `on`, `1` or their opposites, in any case."""
    text = value.strip().lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0"):
        return False
    raise ValueError(value)


def literal(value: str) -> Any:
    """A Python literal."""
    return ast.literal_eval(value.strip())


def words(value: str) -> List[Any]:
    """The items of a list, separated by commas or new lines; also a Python list."""
    text = value.strip()
    if text.startswith("[") and text.endswith("]"):
        found = ast.literal_eval(text)
        if isinstance(found, list):
            return found
    return [item.strip() for line in text.splitlines() for item in line.split(",") if item.strip()]


def dictionary(value: str) -> Dict[Any, Any]:
    """A Python or JSON dictionary, or lines (or items between commas) of the form `key = value`."""
    text = value.strip()
    if text.startswith("{"):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            import json

            found = json.loads(text)
        if isinstance(found, dict):
            return found
        raise ValueError(value)
    pairs = [item.partition("=") for item in words(text)]
    if not all(separator for _, separator, _ in pairs):
        raise ValueError(value)
    return {key.strip(): item.strip() for key, _, item in pairs}
