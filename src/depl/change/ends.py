"""Where each journal of a host ends, and a note of it, so that not all of them are opened each time.

The note is only ever a shortcut: it holds for files of the size that it names (a journal grows, and is cut only behind
its last whole record), and whoever finds none, or a torn one, looks for himself.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Mapping, Optional, Tuple

from depl.change.journal import DAMAGED, is_whole, read_last, unreadable
from depl.change.private import replace_file
from depl.change.records import Settled
from depl.errors import JournalError

Noted = Mapping[str, Tuple[int, int]]  # the name of a settled journal -> its size, and the number of its last record


@dataclass(frozen=True)
class End:
    """The end of a journal. n: the number of its last record; settled: whether that is the last word on it."""

    path: str
    n: int
    settled: bool


def journal_paths(directory: str) -> list[str]:
    """The journals in a directory, oldest first: their names begin with the number of their first record.

    Errors: JournalError.
    """
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".jsonl"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(f"the journals in {directory}", directory, error) from error
    return [os.path.join(directory, name) for name in names]


def ends(directory: str) -> list[End]:
    """The ends of all journals that have any record, in the order in which they were written. Errors: JournalError."""
    noted = _noted(directory)
    found = (_end(path, noted.get(os.path.basename(path))) for path in journal_paths(directory))
    return sorted((end for end in found if end is not None), key=lambda end: end.n)


def damage(path: str) -> str:
    """Which line of a journal is damaged, as a sentence; nothing if none is. Nothing is understood, so it is quick."""
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n") and not is_whole(line[:-1]):
                    return f"{path}:{number} {DAMAGED}"
    except OSError as error:
        return unreadable(f"the journal {path}", path, error).message
    return ""


def note_ends(directory: str) -> None:
    """Write the note anew; the lock is held. Where that cannot be, it is done without."""
    with suppress(OSError, JournalError):
        found = [end for end in ends(directory) if end.settled]
        settled = {os.path.basename(end.path): (os.stat(end.path).st_size, end.n) for end in found}
        text = json.dumps(settled, separators=(",", ":")).encode()
        replace_file(_path(directory), b"%08x %s\n" % (zlib.crc32(text), text), durable=False)


def _end(path: str, noted: Optional[Tuple[int, int]]) -> Optional[End]:
    with suppress(OSError):
        if noted is not None and os.stat(path).st_size == noted[0]:
            return End(path, noted[1], True)
    last = read_last(path)
    return None if last is None else End(path, last.n, isinstance(last, Settled))


def _noted(directory: str) -> Noted:
    try:
        with open(_path(directory), "rb") as file:
            checksum, _, text = file.read().rstrip(b"\n").partition(b" ")
        if checksum == b"%08x" % zlib.crc32(text):
            return {name: (int(size), int(n)) for name, (size, n) in json.loads(text).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        pass
    return {}


def _path(directory: str) -> str:
    return os.path.join(directory, "ends")
