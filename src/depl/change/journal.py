"""The journal of a host on disk: one file per chain of rollouts that are undone together.

A line is a checksum and a record as JSON, so that people can read it and a torn end is noticed. Whoever writes holds
the host's lock, so a torn last line was left by somebody who is gone.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from contextlib import contextmanager
from dataclasses import replace
from typing import Callable, Iterator, Optional, Sequence

from depl.change.ledger import Ledger
from depl.change.private import make_private, sync_directory
from depl.change.records import NEWER, Begin, Record, from_json, to_json
from depl.errors import UNWRITABLE, JournalError

DAMAGED = "is damaged: its checksum does not fit"
LOOK_YOURSELF = "Then nobody knows what has still to react to its changes: restart that yourself."


class Journal:
    """One chain, open for writing.

    path: the file, made with the first record. number: of the next record. ledger: kept up to date with every record.
    begin, owed: what must be written before the next record. behind: the journal that was written to last, if another.
    """

    def __init__(
        self, path: str, number: int, ledger: Ledger, records: Sequence[Record] = (), behind: Optional[str] = None
    ) -> None:
        self.path = path
        self.number = number
        self.ledger = ledger
        self.records: list[Record] = list(records)
        self.begin: Optional[Begin] = None
        self.owed: Sequence[Record] = ()
        self.on_append: Callable[[Sequence[Record]], None] = lambda records: None
        self.behind = behind
        self._descriptor: Optional[int] = None

    def will_begin(self, begin: Begin) -> None:
        """What to write before the next record: a task that changes nothing leaves no trace."""
        self.begin = begin

    @property
    def next_number(self) -> int:
        """The number that the next record will get."""
        return self.number + len(self._heads)

    def append(self, *records: Record, durable: bool = False) -> list[Record]:
        """Write records; they as they were written, numbered. durable: they are on disk when this returns.

        Errors: JournalError; then nothing may be changed, as it could not be taken back.
        """
        heads = self._heads
        numbered = [replace(record, n=self.number + offset) for offset, record in enumerate((*heads, *records))]
        try:
            descriptor = self._open()
            sys.audit("depl.journal", "before", self.number)
            write_all(descriptor, b"".join(map(_line, numbered)), durable)
            sys.audit("depl.journal", "written", self.number)
        except OSError as error:
            raise JournalError(
                f"the journal {self.path} {UNWRITABLE}: {error.strerror}",
                file=self.path,
                hint="Nothing was changed for want of a way back. Make room or mend the rights of the .depl directory.",
            ) from error
        self.begin, self.owed = None, ()
        self.number += len(numbered)
        self.records.extend(numbered)
        for record in numbered:
            self.ledger.add(record)
        self.on_append(numbered)
        return numbered[len(heads) :]

    @property
    def _heads(self) -> Sequence[Record]:
        return (*((self.begin,) if self.begin else ()), *self.owed)

    @property
    def exists(self) -> bool:
        """Whether anything was written."""
        return bool(self.records)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            directory = os.path.dirname(self.path)
            make_private(directory)
            self._sync_what_it_builds_on()
            new = not os.path.exists(self.path)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if new:
                sync_directory(directory)
            else:
                _cut_torn_end(self.path)
        return self._descriptor

    def _sync_what_it_builds_on(self) -> None:
        """Whoever made the directories, or ended the rollout before, may have been killed before that."""
        records = os.path.dirname(os.path.dirname(self.path))
        for directory in (os.path.dirname(records), records):
            sync_directory(directory)
        if self.behind:
            with open(self.behind, "rb") as file:
                os.fsync(file.fileno())


def read(path: str) -> list[Record]:
    """The records of a journal. A torn last line is ignored. Errors: JournalError with file and line."""
    records: list[Record] = []
    with _reading(path), open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):  # else it was being written
                records.append(_record(path, number, line[:-1]))
    return records


def read_last(path: str) -> Optional[Record]:
    """The last whole record of a journal, without reading the rest."""
    with _reading(path), open(path, "rb") as file:
        size, window = file.seek(0, os.SEEK_END), 4096
        while True:
            file.seek(max(0, size - window))
            lines = file.read().split(b"\n")
            if len(lines) > 2 and is_whole(lines[-2]):
                return _record(path, None, lines[-2])
            if window >= size or len(lines) > 2:
                break
            window *= 16
    records = read(path)  # it is damaged, or there is just one
    return records[-1] if records else None


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unreadable(f"the journal {path}", path, error) from error


def unreadable(what: str, path: str, error: OSError) -> JournalError:
    """The error where something of the journals cannot be read."""
    hint = "Deploy as the user who deployed here before, or as root."
    return JournalError(f"{what} cannot be read: {error.strerror}", file=path, hint=hint)


def _line(record: Record) -> bytes:
    text = json.dumps(to_json(record), ensure_ascii=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def is_whole(line: bytes) -> bool:
    checksum, _, text = line.partition(b" ")
    return checksum == b"%08x" % zlib.crc32(text)


def _record(path: str, number: Optional[int], line: bytes) -> Record:
    """The record in a line. number: of the line; None for the last one."""
    place = f"{path}:{number}" if number else f"the last line of {path}"
    if not is_whole(line):
        raise JournalError(
            f"{place} {DAMAGED}",
            file=path,
            line=number,
            hint=f"The way back through this journal is lost. Move the file away to go on without it. {LOOK_YOURSELF}",
        )
    try:
        return from_json(json.loads(line[9:]))
    except JournalError as error:
        raise JournalError(f"{place}: {error.message}", file=path, line=number, hint=error.hint) from error
    except (ValueError, RecursionError) as error:
        raise JournalError(f"{place}: this is no record: {error}", file=path, line=number, hint=NEWER) from error


def _cut_torn_end(path: str) -> None:
    with open(path, "rb+") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            file.truncate(end)
            os.fsync(file.fileno())


def write_all(descriptor: int, content: bytes, durable: bool) -> None:
    """Write everything or leave the file as it was: a half-written record must not be followed by another."""
    start = os.fstat(descriptor).st_size
    view = memoryview(content)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
        if durable:
            os.fdatasync(descriptor)
    except OSError:
        os.ftruncate(descriptor, start)
        raise
