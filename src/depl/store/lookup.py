"""The rollouts of a store, as they are looked up by people: the port of depl.rollout.lookup."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from depl.errors import ConfigurationError, NothingRecorded
from depl.events import Output
from depl.redact import Redactor
from depl.rollout.log import Log
from depl.rollout.lookup import Events, FileRecords, Records
from depl.rollout.records import is_driven as is_locked
from depl.rollout.records import path_of
from depl.rollout.summaries import Summary, is_interrupted, message_of

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.log import Recorded
    from depl.rollout.signals import Signals
    from depl.store.headers import Header
    from depl.store.store import Store

MANY = 1_000_000  # characters, or rollouts


class StoreRecords:
    """The rollouts of a store; see depl.rollout.lookup.Records. redact: filters what is written."""

    def __init__(self, store: Store, redact: Redactor) -> None:
        self.store, self._redact = store, redact

    def ids(self) -> list[str]:
        """All rollouts, the newest first."""
        return [header.id for header in self.store.rollouts(limit=MANY)]

    def knows(self, rollout: str) -> bool:
        """Whether it is one of them."""
        try:
            self.store.header(rollout)
        except NothingRecorded:
            return False
        return True

    def summary(self, rollout: str) -> Summary | None:
        """One in short."""
        return _summary(self.store.header(rollout))

    def state(self, rollout: str) -> State:
        """How one stands."""
        from depl.rollout.folding import fold

        return fold(self.store.log(rollout).read())

    def events(self, rollout: str) -> StoredEvents:
        """What happened in one, and what happens on."""
        return StoredEvents(self.store, rollout)

    def output(self, rollout: str, task: str, limit: int = 0) -> list[str]:
        """The lines that a task printed, with what is inside of it."""
        names = [id for id in self.state(rollout).tasks if id == task or (task and id.startswith(f"{task}/"))]
        pieces = [piece for name in names or [task] for piece in self.store.output(rollout, name, 0, MANY).pieces]
        lines = "".join(piece.text for piece in pieces).splitlines()
        return lines[-limit:] if limit else lines

    def signals(self, rollout: str) -> Signals:
        """Where people say what they wish of one."""
        return self.store.signals(rollout, self._redact)

    def is_ours(self, rollout: str) -> bool:
        """Whether it is written to by whoever uses the store, and no record elsewhere is read."""
        return self.knows(rollout) and not self.store.header(rollout).is_direct

    def log(self, rollout: str) -> Log:
        """The record of one that nobody drives (any more), for writing. Errors: Locked, LogFailed."""
        from depl.deploy.begin import who

        header = self.store.header(rollout)
        if header.is_direct and not header.state.is_over:
            message = f"rollout {rollout} was planned in another directory or on another machine: {header.taken_from}"
            raise ConfigurationError(message, hint="Say it there.")
        is_left = bool(header.owner)
        epoch = self.store.claim_this(rollout, who()).epoch if is_left else None
        return self.store.log(rollout, epoch, self._redact)

    def is_driven(self, rollout: str) -> bool:
        """Whether somebody is at work on one."""
        return _is_driven(self.store.header(rollout))

    def is_queued(self, rollout: str) -> bool:
        """Whether it is for workers to drive one."""
        return self.store.header(rollout).queue is not None


class StoredEvents:
    """The events of one rollout and what its tasks print, each given once."""

    def __init__(self, store: Store, rollout: str) -> None:
        self._store, self._rollout = store, rollout
        self._log = store.log(rollout)
        self._number = 0
        self._printed: dict[str, int] = {}  # by task, characters

    def new(self) -> Iterator[Recorded]:
        """Those that were not given yet."""
        for recorded in self._log.read(self._number):
            self._number = recorded.number
            if recorded.event.task:
                self._printed.setdefault(recorded.event.task, 0)
            yield recorded

    def outputs(self) -> Iterator[Output]:
        """What was printed since."""
        for task, before in self._printed.items():
            for piece in self._store.output(self._rollout, task, before, MANY).pieces:
                self._printed[task] = piece.offset + len(piece.text)
                yield Output(task, piece.stream, piece.text, piece.host or None)


class AllRecords:
    """Those of commands, and those of workers."""

    def __init__(self, files: FileRecords, store: StoreRecords) -> None:
        self._files, self._store = files, store
        self._is_shared = store.store.database.is_server  # whoever took a rollout over ends it in the store

    def ids(self) -> list[str]:
        """All rollouts, the newest first."""
        return sorted({*self._files.ids(), *self._store.ids()}, reverse=True)

    def summary(self, rollout: str) -> Summary | None:
        """One in short."""
        return self._of(rollout).summary(rollout)

    def state(self, rollout: str) -> State:
        """How one stands."""
        return self._of(rollout).state(rollout)

    def events(self, rollout: str) -> Events:
        """What happened in one, and what happens on."""
        return self._of(rollout).events(rollout)

    def output(self, rollout: str, task: str, limit: int = 0) -> list[str]:
        """The lines that a task printed."""
        return self._of(rollout).output(rollout, task, limit)

    def signals(self, rollout: str) -> Signals:
        """Where people say what they wish of one."""
        return self._of(rollout).signals(rollout)

    def is_driven(self, rollout: str) -> bool:
        """Whether somebody is at work on one."""
        return self._of(rollout).is_driven(rollout)

    def is_queued(self, rollout: str) -> bool:
        """Whether it is for workers to drive one."""
        return self._of(rollout).is_queued(rollout)

    def log(self, rollout: str) -> Log:
        """The record of one that nobody is at work on, for writing."""
        return self._of(rollout).log(rollout)

    def _of(self, rollout: str) -> Records:
        """What a command drives is known best where that writes it down."""
        if os.path.exists(path_of(self._files.directory, rollout)):
            return self._store if self._is_shared and self._store.is_ours(rollout) else self._files
        return self._store if self._store.knows(rollout) else self._files


def _summary(header: Header) -> Summary:
    comes_back = not header.owner and not header.is_direct  # whoever let go of it
    return Summary(
        rollout=header.id,
        name=header.name or ", ".join(header.environments),
        state=header.state,
        holds=header.holds,
        interrupted=is_interrupted(header.state, comes_back or _is_driven(header)),
        environments=header.environments,
        who=header.who,
        at=header.made or header.started,
        seconds=header.seconds if header.ended else None,
        undoes=header.undoes,
        reason=header.reason or message_of(header.error),
        changed=header.changed,
    )


def _is_driven(header: Header) -> bool:
    return header.is_driven or (header.is_direct and is_locked(header.taken_from))
