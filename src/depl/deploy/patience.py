"""Trying again what may only be in a bad moment."""

from __future__ import annotations

import time
from typing import Callable

from depl.errors import CmdExecutionError

TRIES = 3
PAUSE = 0.2  # seconds before the second try; doubled before each further one


def patiently(act: Callable[[], None]) -> None:
    """Do something up to three times, until its command succeeds. Errors: CmdExecutionError of the last try."""
    pause = PAUSE
    for left in range(TRIES - 1, -1, -1):
        try:
            act()
            return
        except CmdExecutionError:
            if not left:
                raise
            time.sleep(pause)
            pause *= 2
