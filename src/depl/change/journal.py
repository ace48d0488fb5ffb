"""The journal of a host on disk: one file per chain of rollouts that are undone together.

A line is a checksum and a record as JSON, so that people can read it and a torn end is noticed. Whoever writes holds
the host's lock, so a torn last line was left by somebody who is gone.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import zlib
from dataclasses import replace
from typing import Callable, Iterator, Mapping, Optional, Sequence

from depl.change.folds import ChainState, chain_state
from depl.change.ledger import Ledger
from depl.change.records import Begin, Record, Settled, from_json, to_json
from depl.errors import JournalError


class Journal:
    """One chain, open for writing.

    path: the file, made with the first record. number: of the next record. ledger: kept up to date with every record.
    """

    def __init__(self, path: str, number: int, ledger: Ledger, records: Sequence[Record] = ()) -> None:
        self.path = path
        self.number = number
        self.ledger = ledger
        self.records: list[Record] = list(records)
        self.begin: Optional[Begin] = None
        self.on_append: Callable[[Sequence[Record]], None] = lambda records: None
        self._descriptor: Optional[int] = None

    def will_begin(self, begin: Begin) -> None:
        """What to write before the next record: a task that changes nothing leaves no trace."""
        self.begin = begin

    @property
    def next_number(self) -> int:
        """The number that the next record will get."""
        return self.number + (1 if self.begin else 0)

    def append(self, *records: Record, durable: bool = False) -> list[Record]:
        """Write records, numbered. durable: they are on disk when this returns.

        Errors: JournalError; then nothing may be changed, as it could not be taken back.
        """
        if self.begin is not None:
            records = (self.begin, *records)
        numbered = [replace(record, n=self.number + offset) for offset, record in enumerate(records)]
        try:
            descriptor = self._open()
            sys.audit("depl.journal", "before", self.number)
            write_all(descriptor, b"".join(map(_line, numbered)), durable)
            sys.audit("depl.journal", "written", self.number)
        except OSError as error:
            raise JournalError(
                f"the journal {self.path} cannot be written: {error.strerror}",
                file=self.path,
                hint="Nothing was changed for want of a way back. Make room or mend the rights of the .depl directory.",
            ) from error
        self.begin = None
        self.number += len(numbered)
        self.records.extend(numbered)
        for record in numbered:
            self.ledger.add(record)
        self.on_append(numbered)
        return numbered

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
            new = not os.path.exists(self.path)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if new:
                sync_directory(directory)
            else:
                _cut_torn_end(self.path)
        return self._descriptor


class Journals:
    """All journals of a host, oldest first."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def paths(self) -> list[str]:
        """The files, oldest first: their names begin with the number of their first record."""
        try:
            names = sorted(name for name in os.listdir(self.directory) if name.endswith(".jsonl"))
        except FileNotFoundError:
            return []
        return [os.path.join(self.directory, name) for name in names]

    def states(self) -> Iterator[tuple[str, ChainState]]:
        """Every journal with what it comes to, newest first."""
        for path in reversed(self.paths()):
            yield path, chain_state(read(path))

    def open(self, rollout: str) -> Journal:
        """The journal to write to: an unsettled one, else a new one for this rollout."""
        ends = self._ends()
        unsettled = [path for path, end in ends.items() if not isinstance(end, Settled)]
        if unsettled:
            return self._open(unsettled[-1], ends)
        ledger, number = self._ledger(ends)
        return Journal(os.path.join(self.directory, f"{number:010d}-{rollout}.jsonl"), number, ledger)

    def open_at(self, path: str) -> Journal:
        """An existing journal, to append to it."""
        return self._open(path, self._ends())

    def _open(self, path: str, ends: Mapping[str, Record]) -> Journal:
        ledger, number = self._ledger(ends)
        return Journal(path, number, ledger, read(path))

    def _ends(self) -> dict[str, Record]:
        """The last record of each journal that has any, in the order in which they were written."""
        found = {path: end for path in self.paths() if (end := read_last(path)) is not None}
        return dict(sorted(found.items(), key=lambda one: one[1].n))

    def _ledger(self, ends: Mapping[str, Record]) -> tuple[Ledger, int]:
        """The ledger since the last whole Settled, read from the end as far as that; and the next number."""
        records: list[Record] = []
        start = 0
        for path, end in reversed(list(ends.items())):
            if end.n <= start:
                break
            if isinstance(end, Settled) and end.whole and not records:
                start = end.n  # nothing came after it
                break
            records += read(path)
            start = max([start, *(one.n for one in records if isinstance(one, Settled) and one.whole)])
        ledger = Ledger()
        for record in sorted(records, key=lambda record: record.n):
            if record.n > start:
                ledger.add(record)
        paths = self.paths()
        # Somebody may have been killed before the first record: that file must not come after the next one's.
        taken = int(os.path.basename(paths[-1]).partition("-")[0]) if paths else 0
        return ledger, max([taken, *(end.n for end in ends.values())]) + 1


def read(path: str) -> list[Record]:
    """The records of a journal. A torn last line is ignored; a broken one before it is a JournalError."""
    lines = _content(path).split(b"\n")
    records: list[Record] = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        record = _record(line)
        if record is None:
            if number == len(lines):  # no newline behind it: it was being written
                break
            raise JournalError(
                f"{path}:{number} is damaged: its checksum does not fit",
                file=path,
                line=number,
                hint="The way back through this journal is lost. Move the file away to go on without it.",
            )
        records.append(record)
    return records


def read_last(path: str) -> Optional[Record]:
    """The last whole record of a journal, without reading the rest."""
    lines = _content(path, last=4096).split(b"\n")
    if lines[-1] or len(lines) < 3:
        records = read(path)
        return records[-1] if records else None
    return _record(lines[-2]) or read(path)[-1]


def _content(path: str, last: Optional[int] = None) -> bytes:
    """What is in a journal, or at its end. Errors: JournalError."""
    try:
        with open(path, "rb") as file:
            if last is not None:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - last))
            return file.read()
    except OSError as error:
        raise JournalError(
            f"the journal {path} cannot be read: {error.strerror}",
            file=path,
            hint="Deploy as the user who deployed here before, or as root.",
        ) from error


def _line(record: Record) -> bytes:
    text = json.dumps(to_json(record), ensure_ascii=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _record(line: bytes) -> Optional[Record]:
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    return from_json(json.loads(text))


def _cut_torn_end(path: str) -> None:
    with open(path, "rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            file.truncate(whole)
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


def make_private(directory: str) -> None:
    """A directory of depl's own, with its parents, for the owner only; synced."""
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(directory)
    if not os.path.isdir(parent):
        make_private(parent)
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:  # somebody else was quicker
        return
    sync_directory(parent)


def sync_directory(path: str) -> None:
    """See to it that the names in a directory are on disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # one that may be written but not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot
            raise
    finally:
        os.close(descriptor)
