"""A target directory on this machine: its lock, journals, receipts, and the systems that act on it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any, Callable, Mapping, Optional, Sequence

from depl.change.acting import ActingSystem
from depl.change.ends import note_ends
from depl.change.journal import Journal
from depl.change.journals import Journals
from depl.change.ledger import root_of
from depl.change.leftover import end_leftover
from depl.change.limit import CHANGE_LIMIT
from depl.change.passing import sweep
from depl.change.records import Record, Settled
from depl.change.recovery import tail
from depl.change.stage import Stage
from depl.deploy.lock import Lock
from depl.deploy.receipts import Receipts
from depl.events import Emit, Event, Output, What
from depl.redact import Redactor


class Target:
    """The directory that `work` and `.depl` lie in. Nothing is made before something must be written."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.records = os.path.join(directory, ".depl")
        self.journals = Journals(os.path.join(self.records, "journal"))

    def lock(
        self, patience: Optional[float], aborted: Callable[[], bool], emit: Emit, *, take_over: bool = False
    ) -> Lock:
        """Take the lock (see Lock). Errors: Locked, Interrupted."""

        def on_wait(sentence: str) -> None:
            emit(Event(What.WARNING, data={"text": sentence}))

        return Lock(os.path.join(self.records, "lock"), patience, aborted, on_wait, take_over=take_over)

    def receipts(self, project: str = "") -> Receipts:
        """What lies there as of the last run that went through. project: the name of the one that is at work."""
        return Receipts(self.records, project)

    def acting(
        self,
        journal: Journal,
        emit: Emit,
        *,
        durability: str = "full",
        change_limit: int = CHANGE_LIMIT,
        command_timeout: Optional[float] = None,
        terminated: Callable[[], bool] = lambda: False,
        redact: Optional[Redactor] = None,
    ) -> ActingSystem:
        """A system that acts and writes to a journal; what an earlier one left half done is settled first."""
        end_leftover(self.records)
        system = ActingSystem(
            self.records,
            journal,
            durability=durability,
            change_limit=change_limit,
            command_timeout=command_timeout,
            on_output=lambda component, stream, text: emit(Output(component, stream, text)),
            terminated=terminated,
            redact=redact,
        )
        system.warn.tell = warning_to(emit)
        unsure = tail(journal.records)
        self.clear_stage()
        if unsure:
            system.settle_tail(unsure)
        system.close_left_open()
        return system

    def clear_stage(self) -> None:
        """Remove new contents that somebody who is gone had not yet put in place; the lock is held."""
        Stage(self.records).clear()
        sweep()


def warning_to(emit: Emit) -> Callable[[str, str], None]:
    """Tells of warnings about components as events."""
    return lambda component, text: emit(Event(What.WARNING, root_of(component), component, {"text": text}))


def settle(journal: Journal, rollout: str, whole: bool, outcome: str) -> None:
    """Write the last word on a rollout."""
    settled = Settled(0, rollout, whole, outcome)
    ledger = None if whole else journal.ledger.carried(settled, journal.begin)
    journal.append(replace(settled, ledger=ledger), durable=True)
    note_ends(os.path.dirname(journal.path))


def when_first_written(journal: Journal, act: Callable[[], None]) -> None:
    """Do something once the journal is really written to."""

    def once(_: Sequence[Record]) -> None:
        journal.on_append = lambda _: None
        act()

    journal.on_append = once


def owner(rollout: str, environment: str, who: str) -> Mapping[str, Any]:
    """What others are told while the lock is held."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return {"who": who, "rollout": rollout, "environment": environment, "since": since, "pid": os.getpid()}
