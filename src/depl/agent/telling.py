"""What was done here, in parts that fit into a message."""

from __future__ import annotations

from itertools import islice
from typing import Any, Dict, Iterator, List, Optional

from depl.deploy.history import history
from depl.deploy.target import Target
from depl.protocol.failures import error_to_json
from depl.protocol.replies import Logged

ROWS = 1000  # in one message


def pages(target: Target, path: Optional[str], changes: bool) -> Iterator[Logged]:
    """The rows of a history; there is at least one page, and the last one says that it is."""
    unread: List[Dict[str, Any]] = []
    rows = history(target, path, changes, lambda error: unread.append(error_to_json(error)))
    page = list(islice(rows, ROWS))
    while True:
        following = list(islice(rows, ROWS))
        told, unread[:] = list(unread), []
        yield Logged(page, told, not following)
        if not following:
            return
        page = following
