"""Hearing one agent: what it says, as messages; and whether it still says anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Optional

from depl.errors import ProtocolError, Unreachable
from depl.protocol.framing import Decoder
from depl.protocol.replies import REPLIES
from depl.remote.connection import Connection, Process

BEATS = 3  # missed signs of life after which the line counts as cut


class Cut(Exception):
    """Nobody answers at the other end. ended: the agent is known to have ended, it is not the line."""

    def __init__(self, why: str, ended: bool = False) -> None:
        super().__init__(why)
        self.why, self.ended = why, ended


def messages(process: Process, beat: float, host: str) -> Iterator[Any]:
    """The messages of an agent; None where none came for a beat. Errors: Cut; Unreachable for what is no message."""
    decoder = Decoder(REPLIES)
    heard = time.monotonic()
    while True:
        piece = _read(process, beat)
        if piece:
            heard = time.monotonic()
            yield from _decoded(decoder, piece, host)
        elif time.monotonic() - heard > BEATS * beat:
            raise Cut("it does not answer any more")
        yield None


def _read(process: Process, beat: float) -> bytes:
    try:
        piece = process.read(beat)
    except TimeoutError:
        return b""
    except Unreachable as error:
        raise Cut(error.message) from error
    if not piece:
        last = process.errors().strip().splitlines()[-1:]
        ended = process.status() is not None
        raise Cut(last[0] if last else "the agent ended" if ended else "the connection broke off", ended)
    return piece


def _decoded(decoder: Decoder, piece: bytes, host: str) -> Iterator[Any]:
    try:
        yield from decoder.feed(piece)
    except ProtocolError as error:
        raise not_understood(host, error) from error


def not_understood(host: str, error: ProtocolError) -> Unreachable:
    """The error of a host that says what no agent says."""
    return Unreachable(
        f"{host} answered what no agent says: {error.message}",
        hint="Look at what runs there; depl takes nothing from it.",
    )


def unexpected(host: str, reply: Any) -> Unreachable:
    """The error of a host that says something which nobody here knows what to do with."""
    return not_understood(host, ProtocolError(f"{type(reply).__name__} is no answer to anything"))


def hang_up(connection: Optional[Connection], process: Optional[Process]) -> None:
    """Close a connection with what runs on it."""
    for one in (connection, process):
        if one is not None:
            one.close()
