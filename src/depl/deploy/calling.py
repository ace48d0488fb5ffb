"""An author's own way back: called until it succeeds, and only then on record, so that a crash calls it again."""

from __future__ import annotations

from typing import Any, Callable

from depl.change.acting import ActingSystem
from depl.change.changes import Call, Put
from depl.change.nodes import Absent
from depl.change.records import Did, Made
from depl.deploy.patience import patiently
from depl.errors import DeploymentError

Reverse = Callable[[Any, Call], None]  # Errors: DeploymentError, after which it may be called again; others at once


def call_back(system: ActingSystem, did: Did, call: Call, reverse: Reverse) -> None:
    """Take back what an update did, by its component's reverse(). Errors: those that reverse() fails with.

    What that does by verbs stays once it succeeded; where it was cut off, that is put back before the next call.
    """
    system.commit()
    system.journal.append(Made(0), durable=True)  # from here on it is known that the undo began
    first = system.journal.number
    patiently(lambda: _call(system, call, reverse), (DeploymentError,))
    done = [one for one in system.journal.records if isinstance(one, Did) and one.n >= first and one.undoes is None]
    stays = Put(system.directory, Absent(), Absent())
    records = [Did(0, did.component, call.reversal(), did.n), *(Did(0, one.component, stays, one.n) for one in done)]
    system.mark()
    system.journal.append(*records, Made(0), durable=True)  # in one piece: from here on it is not called again


def _call(system: ActingSystem, call: Call, reverse: Reverse) -> None:
    system.component, system.at_once = call.component, True  # what it does by other means must see what its verbs did
    try:
        reverse(system, call)
        system.commit()
    finally:
        system.at_once = False
        system.staged.clear()
