"""The rollouts that are known somewhere, as they are looked up by people: in a project's own records, or in a store."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from depl.errors import ConfigurationError
from depl.events import Output, What
from depl.redact import Redactor
from depl.rollout.records import (
    OUTPUT,
    SIGNALS,
    Growing,
    LaterVersion,
    events_in,
    first_and_last,
    from_line,
    is_driven,
    path_of,
)
from depl.rollout.records import recorded_rollouts as ids_in
from depl.rollout.signals import SignalFile, Signals
from depl.rollout.states import IllegalTransition
from depl.rollout.summaries import Summary, summary_of, summary_of_ends
from depl.settings import did_you_mean

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.log import Log, Recorded

LATEST = "latest"


class Records(Protocol):
    """Where rollouts are known."""

    def ids(self) -> list[str]:
        """All rollouts, the newest first."""

    def summary(self, rollout: str) -> Summary | None:
        """One in short; nothing where its record cannot be read."""

    def state(self, rollout: str) -> State:
        """How one stands. Errors: ConfigurationError."""

    def events(self, rollout: str) -> Events:
        """What happened in one, and what happens on."""

    def output(self, rollout: str, task: str, limit: int = 0) -> list[str]:
        """The lines that a task printed, the last ones only if there is a limit."""

    def signals(self, rollout: str) -> Signals:
        """Where people say what they wish of one."""

    def is_driven(self, rollout: str) -> bool:
        """Whether somebody is at work on one."""

    def is_queued(self, rollout: str) -> bool:
        """Whether it is for workers to drive one."""

    def log(self, rollout: str) -> Log:
        """The record of one that nobody is at work on, for writing. Errors: Locked, LogFailed, Fenced."""


class Events(Protocol):
    """What happens in one rollout, each told once."""

    def new(self) -> Iterator[Recorded]:
        """The events that were not given yet."""

    def outputs(self) -> Iterator[Output]:
        """What tasks printed since this was asked last."""


def chosen_rollout(records: Records, name: str) -> str:
    """The id that a name stands for: an id, the beginning of just one, or `latest`. Errors: ConfigurationError."""
    ids = records.ids()
    if not ids:
        raise ConfigurationError("no rollout is recorded here", hint="`depl rollout list` shows what can be started.")
    if name == LATEST:
        return ids[0]
    found = [name] if name in ids else [id for id in ids if name and id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise ConfigurationError(f"{len(found)} rollouts begin with {name!r}", hint=f"One of: {listed}.")
    hint = did_you_mean(name, ids) if len(ids) <= 5 or name[:4] == ids[0][:4] else "`depl rollouts` lists them."
    raise ConfigurationError(f"there is no rollout {name!r}", hint=hint)


class FileRecords:
    """Those of a project. directory: its `.depl`. redact: filters what is written."""

    def __init__(self, directory: str, redact: Redactor | None = None) -> None:
        self.directory, self._redact = directory, Redactor() if redact is None else redact

    def ids(self) -> list[str]:
        """All rollouts, the newest first."""
        return ids_in(self.directory)

    def summary(self, rollout: str) -> Summary | None:
        """One in short: of what is over only the first and the last line are read."""
        ends = first_and_last(path_of(self.directory, rollout))
        try:
            if ends is not None and ends[1]["what"] == What.OVER.value:
                first, last = (from_line(one) for one in ends)
                if first is not None and last is not None and last.event.data.get("outcome") != "blocked":
                    return summary_of_ends(first, last)
            return summary_of(self.state(rollout), self.is_driven(rollout))
        except (ConfigurationError, ValueError, LookupError, TypeError):
            return None  # not ours

    def state(self, rollout: str) -> State:
        """How one stands. Errors: ConfigurationError where that cannot be told."""
        from depl.rollout.folding import fold

        path = path_of(self.directory, rollout)
        try:
            state = fold(self.events(rollout).new())
        except LaterVersion as later:
            message = f"the record of rollout {rollout} cannot be read: {later.message}"
            raise LaterVersion(message, file=path) from later
        except (OSError, IllegalTransition, ValueError, LookupError, TypeError) as error:
            raise ConfigurationError(f"the record of rollout {rollout} cannot be read: {error}", file=path) from error
        if not state.rollout:
            raise ConfigurationError(f"the record of rollout {rollout} tells nothing of it", file=path)
        return state

    def events(self, rollout: str) -> Events:
        """What happened in one, and what happens on."""
        return _Events(path_of(self.directory, rollout), path_of(self.directory, rollout, OUTPUT))

    def output(self, rollout: str, task: str, limit: int = 0) -> list[str]:
        """The lines that a task printed."""
        texts: deque[str] = deque()
        for line in Growing(path_of(self.directory, rollout, OUTPUT)).new():
            with suppress(ValueError, LookupError, TypeError):
                facts: Mapping[str, Any] = json.loads(line)
                if facts["task"] == task or (task and str(facts["task"]).startswith(f"{task}/")):
                    texts.append(str(facts["text"]))
        lines = "".join(texts).splitlines()
        return lines[-limit:] if limit else lines

    def signals(self, rollout: str) -> Signals:
        """The lines beside its record."""
        return SignalFile(path_of(self.directory, rollout, SIGNALS))

    def is_driven(self, rollout: str) -> bool:
        """Whether a process has its record open for writing."""
        return is_driven(path_of(self.directory, rollout))

    def is_queued(self, rollout: str) -> bool:
        """Commands drive them."""
        return False

    def log(self, rollout: str) -> Log:
        """Its record, for writing."""
        from depl.rollout.record_log import RecordLog

        return RecordLog(self.directory, rollout, self._redact)


class _Events:
    def __init__(self, path: str, output: str) -> None:
        self._lines, self._printed = Growing(path), Growing(output)

    def new(self) -> Iterator[Recorded]:
        yield from events_in(self._lines.new())

    def outputs(self) -> Iterator[Output]:
        for line in self._printed.new():
            with suppress(ValueError, LookupError, TypeError):
                facts = json.loads(line)
                yield Output(str(facts["task"]), str(facts["stream"]), str(facts["text"]), facts.get("host"))
