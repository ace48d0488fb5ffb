"""URLs with a user and a password in them."""

from __future__ import annotations

import re
from typing import Optional, Sequence


def masked(url: str) -> str:
    """A URL without the password in it."""
    return re.sub(r"(?<=//)([^/@:]*):[^/]*@", r"\1:***@", url)


def without_user(url: str) -> str:
    """A URL without user and password."""
    return re.sub(r"(?<=//)[^/]*@", "", url)


def authorization(url: str, pair: Optional[Sequence[str]] = None) -> dict[str, str]:
    """The header that says who asks: as in the URL, or as in a pair of user and password."""
    from base64 import b64encode
    from urllib.parse import unquote, urlsplit

    if pair is None:
        parts = urlsplit(url)
        if parts.username is None:
            return {}
        pair = (unquote(parts.username), unquote(parts.password or ""))
    return {"Authorization": "Basic " + b64encode(":".join(pair).encode()).decode()}
