"""Who took a target directory over, for whoever was at work there before and comes back."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Mapping, Optional

from depl.change.private import make_private
from depl.errors import TakenOver

NAME = "takeover"  # in `.depl`


def announce(records: str, who: str, rollout: str) -> None:
    """Write down that somebody takes over; what is written stays, until somebody else does."""
    path = os.path.join(records, NAME)
    temporary = f"{path}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        make_private(records)
        with open(os.open(temporary, flags, 0o600), "w") as file:
            json.dump({"who": who, "rollout": rollout, "at": time.time()}, file)
        os.replace(temporary, path)
    except OSError:
        pass  # where nothing can be written, the lock says so


def taken_over(records: str, since: float, rollout: str) -> Optional[TakenOver]:
    """What to tell a rollout that began at a time, if somebody else took over since then."""
    try:
        with open(os.path.join(records, NAME)) as file:
            said: Any = json.load(file)
        return lost(said) if said["rollout"] != rollout and said["at"] >= since else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def lost(said: Mapping[str, Any]) -> TakenOver:
    """The error of whoever was at work there before."""
    return TakenOver(
        f"{said['who']} took over with rollout {said['rollout']}",
        who=str(said["who"]),
        hint="Look at what they are doing before you go on.",
    )
