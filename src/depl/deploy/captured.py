"""What an author's capture() gives: checked before the update that relies on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from depl.component import Component
from depl.errors import DeploymentError

ALLOWED = (
    "Return a dict with text keys; its values are texts, finite numbers, booleans, None, and lists or dicts of these."
)


def captured_by(component: Component) -> dict[str, Any]:
    """What capture() of a component gives, as it will be read back. Errors: DeploymentError, also naming the line."""
    capture: Any = component.capture  # type: ignore[attr-defined]
    captured = capture()
    try:
        if captured is None:
            return {}
        if not isinstance(captured, Mapping):
            raise _Odd(f"gave {_named(captured)} instead of a dict")
        copy: dict[str, Any] = _plain(captured, "")
        return copy
    except _Odd as odd:
        code = getattr(getattr(capture, "__func__", capture), "__code__", None)
        place = {} if code is None else {"file": code.co_filename, "line": code.co_firstlineno}
        what = f"its update() was not called: its capture() {odd}"
        raise DeploymentError(what, component.id, hint=ALLOWED, **place) from None


class _Odd(Exception):
    """A value that the journal cannot hold as it is."""


def _plain(value: Any, key: str) -> Any:
    """A copy of a value that reads back as the same. key: where it stands."""
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list):
        return [_plain(one, f"{key}[{place}]") for place, one in enumerate(value)]
    if not isinstance(value, Mapping):
        raise _Odd(f"gave {_named(value)} under {key}")
    for name in value:
        if not isinstance(name, str):
            raise _Odd(f"gave the key {name!r}{f' under {key}' if key else ''}, {_named(name)} instead of a text")
    return {name: _plain(one, f"{key}[{name!r}]" if key else repr(name)) for name, one in value.items()}


def _named(value: Any) -> str:
    name = type(value).__name__
    if isinstance(value, float):
        return f"{value!r}, no finite number"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
