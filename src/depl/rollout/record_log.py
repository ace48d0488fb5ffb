"""The record of a rollout that a command drives by itself, as a Log: lines in the project's `.depl/rollouts`."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence

from depl.change.journal import write_all
from depl.change.private import make_private, sync_directory
from depl.deploy.begin import utc
from depl.errors import Locked
from depl.events import Event, Output
from depl.redact import Redactor, Stream
from depl.rollout.hands import ENDS, ENDS_BACK
from depl.rollout.log import LogFailed, Recorded
from depl.rollout.records import OUTPUT, as_line, path_of, read_record

PATIENCE = 1.0  # seconds; who only looks whether somebody is at work holds the lock for a moment


class RecordLog:
    """The record of one rollout, open for writing by us alone. Errors: Locked, LogFailed.

    records: the project's `.depl`. A line that was cut off when an earlier writer died is removed, numbers go on.
    """

    def __init__(self, records: str, rollout: str, redact: Redactor) -> None:
        self.rollout, self.path = rollout, path_of(records, rollout)
        self._redact = redact
        self._streams: dict[tuple[str, str, str], Stream] = {}
        self._output: _Lines | None = None
        self._output_path = path_of(records, rollout, OUTPUT)
        self._events: _Lines | None = _Lines(self.path)
        try:
            self._events.lock(rollout)
            self._events.begin()
            self._number = max((one.number for one in self.read()), default=0)
        except BaseException:
            self._events.close()
            raise

    def append(self, events: Sequence[Event], *, durable: bool = False) -> Sequence[Recorded]:
        """Write some, all or none; durable: they are on the disk afterwards. Errors: LogFailed."""
        at = utc()
        recorded = [Recorded(number, at, event) for number, event in enumerate(events, self._number + 1)]
        self._lines.write([as_line(one, self._redact) for one in recorded], durable)
        self._number += len(recorded)
        ended = {event.task for event in events if event.what in _ENDS}
        if ended and self._streams:
            self._end_streams([where for where in self._streams if where[0] in ended])
        return recorded

    def output(self, outputs: Sequence[Output]) -> None:
        """Write what tasks printed, as soon as it cannot be the beginning of something hidden. Errors: LogFailed."""
        lines = []
        for output in outputs:
            where = (output.component or "", output.stream, output.host or "")
            text = output.text
            if self._redact:
                text = self._streams.setdefault(where, self._redact.stream()).feed(text)
            if text:
                lines.append(_output_line(where, text))
        self._write_output(lines)

    def read(self, after: int = 0) -> Iterator[Recorded]:
        """Those with a higher number than that. Errors: LogFailed."""
        try:
            yield from read_record(self.path, after)
        except OSError as error:
            raise _failed(self.path, "read", error) from error

    def close(self) -> None:
        """Let go of it."""
        if self._events is None:
            return
        try:
            self._end_streams(list(self._streams))
        except LogFailed:
            pass  # what was held back of the output is lost, and nothing else
        if self._output is not None:
            self._output.close()
        self._events.close()
        self._events = None

    @property
    def _lines(self) -> _Lines:
        if self._events is None:
            raise LogFailed(f"the record of rollout {self.rollout} is closed")
        return self._events

    def _end_streams(self, ended: Sequence[tuple[str, str, str]]) -> None:
        rest = [(where, self._streams.pop(where).end()) for where in ended]
        self._write_output([_output_line(where, text) for where, text in rest if text])

    def _write_output(self, lines: Sequence[str]) -> None:
        if lines:
            if self._output is None:
                self._output = _Lines(self._output_path)
                self._output.begin()
            self._output.write(lines, durable=False)


class _Lines:
    """A file of whole lines, made with its directory if it is not there."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            make_private(os.path.dirname(path))
            is_new = not os.path.exists(path)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if is_new:
                sync_directory(os.path.dirname(path))
        except OSError as error:
            raise _failed(path, "written", error) from error
        self._size = 0

    def lock(self, rollout: str) -> None:
        """Be the only one who writes. Errors: Locked."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    hint = f"Look with `depl rollout follow {rollout}`, or wait until it is over."
                    raise Locked(f"somebody else is at work on rollout {rollout}", hint=hint) from error
                time.sleep(PATIENCE / 50)
            except OSError as error:
                raise _failed(self.path, "locked", error) from error

    def begin(self) -> None:
        """Cut off the half of a line that somebody left who died; only who holds the lock may do that."""
        try:
            self._size = _whole(self._descriptor, os.fstat(self._descriptor).st_size)
        except OSError as error:
            raise _failed(self.path, "read", error) from error

    def write(self, lines: Sequence[str], durable: bool) -> None:
        """Add lines, all or none. Errors: LogFailed."""
        content = "".join(line + "\n" for line in lines).encode()
        try:
            if os.fstat(self._descriptor).st_size != self._size:
                os.ftruncate(self._descriptor, self._size)
            write_all(self._descriptor, content, durable)
        except OSError as error:
            raise _failed(self.path, "written", error) from error
        self._size += len(content)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


def _whole(descriptor: int, size: int) -> int:
    """How far whole lines reach."""
    end = size
    while end > 0:
        begin = max(0, end - 65536)
        newline = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


def _output_line(where: tuple[str, str, str], text: str) -> str:
    task, stream, host = where
    return json.dumps({"task": task, "stream": stream, "text": text, "at": utc(), **({"host": host} if host else {})})


def _failed(path: str, how: str, error: OSError) -> LogFailed:
    return LogFailed(
        f"the record {path} cannot be {how}: {error.strerror}",
        file=path,
        hint="Make room, or mend the rights of the .depl directory.",
    )


_ENDS = ENDS | ENDS_BACK
