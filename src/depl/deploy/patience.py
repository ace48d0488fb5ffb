"""Trying again what may only be in a bad moment."""

from __future__ import annotations

import time
from typing import Callable

from depl.errors import CmdExecutionError, DeploymentError, Interrupted

TRIES = 3
PAUSE = 0.2  # seconds before the second try; doubled before each further one


def patiently(act: Callable[[], None], bad: tuple[type[DeploymentError], ...] = (CmdExecutionError,)) -> None:
    """Do something up to three times, until it succeeds. bad: what is worth another try. Errors: of the last try."""
    pause = PAUSE
    for left in range(TRIES - 1, -1, -1):
        try:
            act()
            return
        except bad as error:
            if not left or isinstance(error, Interrupted):
                raise
            time.sleep(pause)
            pause *= 2
