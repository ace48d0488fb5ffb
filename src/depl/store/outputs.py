"""What tasks printed, in pieces that know where they stand, so that any window of it can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from depl.deploy.begin import utc
from depl.store.schema import output

PIECE = 32768  # characters
AT_ONCE, LOOKS = 1_000_000, 8  # characters that a search goes through at once, and how often
LONGEST = 1000  # characters of what is sought


@dataclass(frozen=True)
class Printed:
    """A piece of what a task printed. at: UTC; now, if it is empty. offset: how many characters come before it."""

    task: str
    stream: str
    host: str
    text: str
    at: str = ""
    offset: int = 0


@dataclass(frozen=True)
class Window:
    """A part of what a task printed. total: how many characters there are of it by now."""

    pieces: Sequence[Printed]
    total: int


@dataclass(frozen=True)
class Found:
    """Where a text stands in what a task printed. after: where to look on; None: that was all."""

    offsets: Sequence[int]
    after: int | None


def write_output(connection: Connection, rollout: str, printed: Sequence[Printed]) -> None:
    """Add pieces at the end; the rollout's line must be locked."""
    ends: dict[str, int] = {}
    rows = []
    for piece in (part for one in printed for part in _cut(one)):
        if piece.task not in ends:
            ends[piece.task] = _end(connection, rollout, piece.task)
        told = {"task": piece.task, "offset": ends[piece.task], "stream": piece.stream, "host": piece.host}
        rows.append({"rollout": rollout, **told, "text": piece.text, "at": piece.at or utc()})
        ends[piece.task] += len(piece.text)
    if rows:
        connection.execute(output.insert(), rows)


def window(connection: Connection, rollout: str, task: str, offset: int, limit: int) -> Window:
    """Characters from an offset on; from the end where it is negative."""
    total = _end(connection, rollout, task)
    begin = max(0, total + offset) if offset < 0 else offset
    of_task = (output.c.rollout == rollout) & (output.c.task == task)
    nearest = select(func.max(output.c.offset)).where(of_task, output.c.offset <= begin)
    first = connection.execute(nearest).scalar() or 0
    query = select(output).where(of_task, output.c.offset >= first, output.c.offset < begin + limit)
    pieces = []
    for row in connection.execute(query.order_by(output.c.offset)):
        start, stop = max(0, begin - row.offset), begin + limit - row.offset
        text = row.text[start:stop]
        if text:
            pieces.append(Printed(row.task, row.stream, row.host, text, row.at, row.offset + start))
    return Window(pieces, total)


def search(connection: Connection, rollout: str, task: str, text: str, after: int, limit: int) -> Found:
    """See depl.store.looking.Looking.search."""
    sought, offsets, at = _folded(text), list[int](), max(0, after)
    if not 0 < len(sought) <= LONGEST:
        return Found([], None)
    for _ in range(LOOKS):
        printed = _folded("".join(piece.text for piece in window(connection, rollout, task, at, AT_ONCE).pieces))
        place = printed.find(sought)
        while place >= 0:
            offsets.append(at + place)
            if len(offsets) == limit:
                return Found(offsets, at + place + len(sought))
            place = printed.find(sought, place + len(sought))
        if len(printed) < AT_ONCE:
            return Found(offsets, None)
        at += AT_ONCE - len(sought) + 1  # what begins in one part may end in the next
    return Found(offsets, at)


def _folded(text: str) -> str:
    """In small letters, as long as before."""
    return text.replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "i").lower()


def _end(connection: Connection, rollout: str, task: str) -> int:
    query = select(output.c.offset, output.c.text).where(output.c.rollout == rollout, output.c.task == task)
    last = connection.execute(query.order_by(output.c.offset.desc()).limit(1)).first()
    return last.offset + len(last.text) if last else 0


def _cut(piece: Printed) -> Iterator[Printed]:
    """As the database counts it: a character that it does not take is another one there."""
    text = piece.text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    for start in range(0, len(text), PIECE):
        yield replace(piece, text=text[start : start + PIECE])
