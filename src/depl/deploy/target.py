"""A target directory on this machine: its lock, journals, receipts, and the systems that act on it."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Mapping, Optional, Sequence

from depl.change.acting import ActingSystem
from depl.change.folds import ChainState
from depl.change.journal import Journal, Journals
from depl.change.records import Begin, Record, Settled
from depl.change.recovery import tail
from depl.deploy.lock import Lock
from depl.deploy.receipts import Receipts
from depl.errors import NothingToUndo
from depl.events import Emit, Output


class Target:
    """The directory that `work` and `.depl` lie in. Nothing is made before something must be written."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.records = os.path.join(directory, ".depl")
        self.journals = Journals(os.path.join(self.records, "journal"))

    def lock(self, wait: bool = False, terminated: Callable[[], bool] = lambda: False) -> Lock:
        """Take the lock. Errors: Locked."""
        return Lock(os.path.join(self.records, "lock"), wait, terminated)

    def receipts(self) -> Receipts:
        """What lies there as of the last run that went through."""
        return Receipts(self.records)

    def acting(
        self,
        journal: Journal,
        emit: Emit,
        *,
        durability: str = "full",
        command_timeout: Optional[float] = None,
        terminated: Callable[[], bool] = lambda: False,
        redact: Callable[[str], str] = str,
    ) -> ActingSystem:
        """A system that acts and writes to a journal; what an earlier one left half done is settled first."""
        system = ActingSystem(
            self.records,
            journal,
            durability=durability,
            command_timeout=command_timeout,
            on_output=lambda component, stream, text: emit(Output(component, stream, text)),
            terminated=terminated,
            redact=redact,
        )
        unsure = tail(journal.records)
        system.clear_stage()
        if unsure:
            system.settle_tail(unsure)
        return system

    def to_undo(self, environment: str, rollout: Optional[str] = None) -> tuple[str, ChainState]:
        """The journal to take back: an unsettled one first, else the newest that changed something and still stands.

        Errors: NothingToUndo.
        """
        newer: list[ChainState] = []
        for path, state in self.journals.states():
            mine = environment in state.environments
            named = mine and rollout in (*state.rollouts, *state.undos)
            if mine and rollout is None and (state.unsettled or state.outcome == "succeeded"):
                return path, _only_if_free(state, state.rollouts[-1], newer)
            if named:
                return path, _only_if_free(state, rollout or "", newer)
            newer.append(state)
        if rollout is not None:
            raise NothingToUndo(
                f"no rollout {rollout} of {environment} is recorded in {self.records}",
                hint="`depl undo` without a rollout takes back the newest one.",
            )
        raise NothingToUndo(f"there is no rollout of {environment} to undo", hint=f"Looked in {self.records}.")


def _only_if_free(state: ChainState, rollout: str, newer: Sequence[ChainState]) -> ChainState:
    """An older journal may be taken back alone only if none of its paths was changed later."""
    if rollout in state.undos:
        raise NothingToUndo(f"{rollout} is itself an undo", hint="Deploy again to go forward.")
    if not state.unsettled and state.outcome != "succeeded":
        raise NothingToUndo(f"rollout {rollout} is taken back already")
    mine = _paths(state)
    later = [other.rollouts[-1] for other in newer if other.rollouts and _paths(other) & mine]
    if later:
        raise NothingToUndo(
            f"rollout {rollout} cannot be taken back before {', '.join(later)}, which changed the same things later",
            hint="Undo the newer ones first, newest first.",
        )
    return state


def _paths(state: ChainState) -> set[str]:
    found: set[str] = set()
    for did in state.standing:
        if did.component != "receipts":
            found.update(filter(None, (getattr(did.change, "path", None), getattr(did.change, "to", None))))
    return found


def begin_of(
    rollout: str,
    environment: str,
    host: str,
    task: str,
    order: int,
    who: str,
    revision: str,
    undoes: Optional[str] = None,
) -> Begin:
    """The record that heads the work on a task."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Begin(0, rollout, environment, host, task, order, who, revision, _boot(), at, undoes)


def settle(journal: Journal, rollout: str, whole: bool, outcome: str) -> None:
    """Write the last word on a rollout."""
    journal.append(Settled(0, rollout, whole, outcome), durable=True)


def when_first_written(journal: Journal, act: Callable[[], None]) -> None:
    """Do something once the journal is really written to."""

    def once(_: Sequence[Record]) -> None:
        journal.on_append = lambda _: None
        act()

    journal.on_append = once


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def owner(rollout: str, environment: str, who: str) -> Mapping[str, Any]:
    """What others are told while the lock is held."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return {"who": who, "rollout": rollout, "environment": environment, "since": since, "pid": os.getpid()}
