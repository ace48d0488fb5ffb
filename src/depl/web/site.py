"""What one web process knows: made once by `depl serve`, and by tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from depl.project import WebSettings
from depl.redact import Redactor

if TYPE_CHECKING:
    from depl.store.store import Store
    from depl.web.reader import Reader
    from depl.web.visitors import Links


@dataclass(frozen=True)
class Site:
    """name: of the project. base: its directory. key: what form tokens are made with. reader: of what happens.

    links: those by which somebody without a password signs in; the process prints one where there are no users.
    owner: whose name they have then.
    """

    store: Store
    settings: WebSettings
    name: str
    base: str
    key: bytes
    reader: Reader
    links: Links
    owner: str
    redact: Redactor = field(default_factory=Redactor)
