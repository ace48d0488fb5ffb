"""A target directory on this machine: its lock, journals, receipts, and the systems that act on it."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Mapping, Optional, Sequence

from depl.change.acting import ActingSystem
from depl.change.changes import Move, Put
from depl.change.folds import ChainState
from depl.change.journal import Journal
from depl.change.journals import Journals
from depl.change.records import Record, Settled
from depl.change.recovery import tail
from depl.change.stage import Stage
from depl.deploy import receipts
from depl.deploy.lock import Lock
from depl.deploy.receipts import Receipts
from depl.errors import NothingToUndo
from depl.events import Emit, Event, Output, What


class Target:
    """The directory that `work` and `.depl` lie in. Nothing is made before something must be written."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.records = os.path.join(directory, ".depl")
        self.journals = Journals(os.path.join(self.records, "journal"))

    def lock(self, wait: bool, aborted: Callable[[], bool], emit: Emit) -> Lock:
        """Take the lock. Errors: Locked, Interrupted."""

        def on_wait(sentence: str) -> None:
            emit(Event(What.WARNING, data={"text": sentence}))

        return Lock(os.path.join(self.records, "lock"), wait, aborted, on_wait)

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
        self.clear_stage()
        if unsure:
            system.settle_tail(unsure)
        return system

    def clear_stage(self) -> None:
        """Remove new contents that somebody who is gone had not yet put in place; the lock is held."""
        Stage(self.records).clear()

    def to_undo(self, environment: str, rollout: Optional[str] = None) -> tuple[str, ChainState]:
        """The journal to take back: an unsettled one first, else the newest that changed something and still stands.

        Errors: NothingToUndo.
        """
        states = list(self.journals.states())
        wanted = [
            (path, state)
            for path, state in states
            if environment in state.environments
            and (rollout in (*state.rollouts, *state.undos) if rollout else _stands(state))
        ]
        # One that was cut off comes first, be it an old one whose undo did not get to its end.
        for path, state in sorted(wanted, key=lambda one: one[1].settled):
            newer = states[: states.index((path, state))]
            return path, _only_if_free(state, rollout or state.rollouts[-1], [one for _, one in newer])
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
    later = [other.rollouts[-1] for other in newer if other.rollouts and _overlap(state, other)]
    if later:
        raise NothingToUndo(
            f"rollout {rollout} cannot be taken back before {', '.join(later)}, which changed the same things later",
            hint="Undo the newer ones first, newest first.",
        )
    return state


def _stands(state: ChainState) -> bool:
    return state.unsettled or state.outcome == "succeeded"


def _overlap(older: ChainState, newer: ChainState) -> bool:
    """Whether both changed the same path, or one of them something in a tree that the other one moved or built."""
    paths, trees = _paths(older)
    newer_paths, newer_trees = _paths(newer)
    return bool(paths & newer_paths) or _reach(trees, newer_paths) or _reach(newer_trees, paths)


def _reach(trees: set[str], paths: set[str]) -> bool:
    return any(path.startswith(tree + "/") for tree in trees for path in paths)


def _paths(state: ChainState) -> tuple[set[str], set[str]]:
    """The paths that still stand changed, and those of them that are whole trees."""
    paths: set[str] = set()
    trees: set[str] = set()
    for did in state.standing:
        if isinstance(did.change, Put) and did.component != receipts.COMPONENT:
            paths.add(did.change.path)
        elif isinstance(did.change, Move):
            trees.update((did.change.path, did.change.to))
    return paths | trees, trees


def settle(journal: Journal, rollout: str, whole: bool, outcome: str) -> None:
    """Write the last word on a rollout."""
    journal.append(Settled(0, rollout, whole, outcome), durable=True)


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
