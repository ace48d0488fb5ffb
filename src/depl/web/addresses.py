"""The paths of pages."""

from __future__ import annotations

from urllib.parse import quote


def url(*parts: str, **query: object) -> str:
    """The path of a page, each part quoted; query: what is empty is left out."""
    found = "/" + "/".join(quote(part, safe="") for part in parts)
    given = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items() if value not in ("", None))
    return f"{found}?{given}" if given else found
