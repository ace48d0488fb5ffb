"""Where a repository is, and the user and password for it, apart from each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

HIDDEN = "***"


@dataclass(frozen=True, repr=False)
class Address:
    """url: of a repository, with nothing in it that must not be seen. server: its part that names the server.

    user, password: for that server; None where the URL gives none.
    """

    url: str
    server: str = ""
    user: Optional[str] = None
    password: Optional[str] = None

    @property
    def needs_login(self) -> bool:
        return self.user is not None


def address(url: str) -> Address:
    """A URL taken apart. Errors: ValueError with a sentence."""
    if not url or url.startswith("-") or re.search(r"[\0-\x1f]", url):
        raise ValueError("is not the URL or path of a repository")
    if not re.match(r"[a-z+-]*http", url):
        if re.match(r"[a-z+]+://[^/@]*:[^/@]*@", url):
            raise ValueError("has a password in it, which cannot be handed over: give one for http or https, or a key")
        return Address(url)
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    place, _, server = parts.netloc.rpartition("@")
    clean = parts._replace(netloc=server).geturl()
    base = f"{parts.scheme}://{server}"
    if not place:
        return Address(clean, base)
    user, _, password = place.partition(":")
    return Address(clean, base, unquote(user), unquote(password))


def shown(url: str) -> str:
    """A URL with what must not be seen replaced: the user, too, as tokens are given in its place."""
    return re.sub(r"(?<=http://|ttps://)[^/]*@|(?<=://)(?<!ttps://)(?<!http://)[^/@:]*:[^/@]*@", f"{HIDDEN}@", url)
