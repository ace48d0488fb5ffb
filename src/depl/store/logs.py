"""The record of one rollout in the store, as a Log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy

from sqlalchemy import Connection

from depl.deploy.begin import utc
from depl.events import Event, Output
from depl.redact import Redactor, Stream
from depl.rollout.hands import ENDS, ENDS_BACK
from depl.rollout.log import LogFailed, Recorded
from depl.store.database import Database
from depl.store.outputs import Printed, write_output
from depl.store.writing import PAGE, Writer, own_line, read_page

Where = tuple[str, str, str]  # task, stream, host


class StoreLog:
    """Events and output of a rollout that is in the store.

    epoch: of the lease under which it is written to; once somebody else has raised it, nothing more is written. None:
    for those who drive nothing, as long as nobody does. An append that failed may be tried again as it was: where the
    server vanished after it had taken the events, they are not written twice. at_end: is called in the transaction with
    which it is over.
    """

    def __init__(
        self,
        database: Database,
        rollout: str,
        epoch: int | None,
        redact: Redactor,
        at_end: Callable[[Connection, str], None] | None = None,
    ) -> None:
        self.rollout, self.epoch = rollout, epoch
        self._database, self._redact, self._at_end = database, redact, at_end
        self._writer = Writer(rollout, redact)
        self._known = 0  # the last number before an append of which we did not hear whether it was written
        self._is_unsure = False
        self._streams: dict[Where, Stream] = {}

    def append(self, events: Sequence[Event], *, durable: bool = False) -> Sequence[Recorded]:
        """Write some, all or none; all are durable. Errors: LogFailed, Fenced, IllegalTransition."""
        if not events:
            return ()
        ended = {event.task or "" for event in events if event.what in _ENDS}
        rest, kept = self._end_streams(ended)
        try:
            with self._database.writing() as connection:
                number = own_line(connection, self.rollout, self.epoch).number
                recorded = self._written(connection, number, events)
                at = utc()
                new = [Recorded(number + at_, at, event) for at_, event in enumerate(events[len(recorded) :], 1)]
                write_output(connection, self.rollout, rest)
                self._writer.write(connection, number, new)
                if self._at_end and self._writer.is_over:
                    self._at_end(connection, self.rollout)
        except BaseException as error:
            self._writer.forget()
            self._is_unsure = isinstance(error, LogFailed)
            raise
        self._streams, self._is_unsure = kept, False
        return [*recorded, *new]

    def output(self, outputs: Sequence[Output]) -> None:
        """Write what tasks printed, as soon as it cannot be the beginning of something hidden.

        Errors: LogFailed, Fenced; then it may be tried again.
        """
        streams, printed = dict(self._streams), []
        for output in outputs:
            where, text = (output.component or "", output.stream, output.host or ""), output.text
            if self._redact:
                stream = streams[where] = copy(streams[where]) if where in streams else self._redact.stream()
                text = stream.feed(text)
            printed.append(Printed(*where, text))
        with self._database.writing() as connection:
            own_line(connection, self.rollout, self.epoch)
            write_output(connection, self.rollout, printed)
        self._streams = streams

    def read(self, after: int = 0) -> Iterator[Recorded]:
        """Those with a higher number than that. Errors: LogFailed."""
        while True:
            with self._database.reading() as connection:
                page = list(read_page(connection, self.rollout, after))
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].number

    def close(self) -> None:
        """Let go of it."""
        if self._streams:
            rest, self._streams = self._end_streams({where[0] for where in self._streams})
            try:
                with self._database.writing() as connection:
                    own_line(connection, self.rollout, self.epoch)
                    write_output(connection, self.rollout, rest)
            except LogFailed:
                pass  # what was held back of the output is lost, and nothing else

    def _written(self, connection: Connection, number: int, events: Sequence[Event]) -> list[Recorded]:
        """Those at the beginning of some that were written already, when we did not hear of it."""
        if not self._is_unsure:
            self._known = number
            return []
        there = list(read_page(connection, self.rollout, self._known, number))
        same = [(one.event.what, one.event.task, one.event.host) for one in there]
        if same == [(event.what, event.task, event.host) for event in events[: len(there)]]:
            return [Recorded(one.number, one.at, event) for one, event in zip(there, events, strict=False)]
        return []

    def _end_streams(self, ended: set[str]) -> tuple[list[Printed], dict[Where, Stream]]:
        """The rest of what some tasks printed, and the streams of the others."""
        over = {where: copy(stream) for where, stream in self._streams.items() if where[0] in ended}
        kept = {where: stream for where, stream in self._streams.items() if where not in over}
        return [Printed(*where, stream.end()) for where, stream in over.items()], kept


_ENDS = ENDS | ENDS_BACK
