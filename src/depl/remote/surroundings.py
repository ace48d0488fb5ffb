"""What the lines of a fleet share."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any, Protocol

from depl.host import Host
from depl.protocol import replies
from depl.protocol.requests import Given
from depl.remote.connection import Connection, Process


class Surroundings(Protocol):
    """The fleet, as its lines see it.

    inbox: takes what hosts answer. patience: seconds for which a lost host is looked for; reconnects: whether it is.
    base_dir: the project.
    """

    inbox: SimpleQueue[tuple[str, Any]]
    patience: float  # seconds for which a lost host is looked for
    reconnects: bool
    base_dir: str

    def open_agent(self, host: Host, first: bytes) -> tuple[Connection, Process]: ...

    def answer(self, wants: replies.Wants) -> Iterator[Given]: ...

    def warn(self, host: str, text: str) -> None: ...

    def noted(self) -> None: ...

    def wait_for_go(self) -> bool: ...
