"""The agent's end of the line: messages in and out, signs of life, and what is kept when the line is cut.

What went up and was not acknowledged is written beside the journal when the line is cut, with all that follows, so that
the agent that comes next can tell it: no gap in the output, and nothing is done twice.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Iterable, List, Optional, Tuple

from depl.errors import ProtocolError
from depl.protocol.framing import Decoder, encode
from depl.protocol.masking import masked
from depl.protocol.replies import NUMBERED, REPLIES, Said
from depl.protocol.requests import REQUESTS, Alive, Goodbye, Stop
from depl.redact import Redactor

PENDING = 4 * 1024 * 1024  # bytes that may wait to be sent; then whoever says more has to wait
SPOOLED = 64 * 1024 * 1024  # bytes of output that are kept while nobody listens
BEATS = 3  # missed signs of life after which the line counts as cut


class Line:
    """Reads requests and writes replies, each in a thread of its own, so that neither waits for the work.

    cut: nobody listens any more. interrupted: somebody wants this agent to leave. goodbye: so does the coordinator,
    once what it asked before is done. on_stop: called with the word of a Stop, at once. redact: hides secrets in what
    is said. keeps_output: whether output is kept for later, too; not where nothing is known that should be hidden.
    """

    def __init__(self, incoming: int, outgoing: int, initial: bytes = b"") -> None:
        self.cut = self.interrupted = self.goodbye = False
        self.redact = Redactor()
        self.keeps_output = True
        self.on_stop: Callable[[str], None] = lambda how: None
        self.beat = 5.0
        self._incoming, self._outgoing = incoming, outgoing
        self._initial = initial
        self._number = 0
        self._changed = threading.Condition()
        self._requests: Deque[Any] = deque()
        self._waiting: Deque[bytes] = deque()
        self._waiting_size = 0
        self._unseen: Deque[Tuple[int, bytes]] = deque()
        self._spool_path: Optional[str] = None
        self._spool: Optional[int] = None
        self._spooled = 0
        self._heard = time.monotonic()
        self._closing = False
        self._writer = threading.Thread(target=self._write, name="line-out", daemon=True)
        threading.Thread(target=self._read, name="line-in", daemon=True).start()
        self._writer.start()

    # -- for those who work ------------------------------------------------------------------------------

    def next(self, block: bool = True) -> Any:
        """The next request; None if there is none (yet, unless it blocks), or the line is cut."""
        with self._changed:
            while block and not self._requests and not self.cut and not self.interrupted:
                self._changed.wait()
            return self._requests.popleft() if self._requests else None

    def send(self, reply: Any) -> None:
        """Say something. A numbered message gets its number, and is kept until the other side has seen it."""
        reply = masked(reply, self.redact)
        with self._changed:
            if isinstance(reply, NUMBERED):
                self._number += 1
                reply = reply._replace(n=self._number)
            frame = encode(reply)
            if self.cut:
                self._keep(reply, frame)
                return
            if self._is_to_keep(reply):
                self._unseen.append((self._number, frame))
            self._waiting.append(frame)
            self._waiting_size += len(frame)
            self._changed.notify_all()
            # Only output has to wait, and never the thread that reads: it is the one to notice a cut.
            while isinstance(reply, Said) and self._waiting_size > PENDING and not self.cut:
                self._changed.wait(self.beat)

    def interrupt(self) -> None:
        """Let whoever waits for a request go; may be called by a signal handler."""
        self.interrupted = True
        with self._changed:
            self._changed.notify_all()

    def keeps_at(self, path: Optional[str]) -> None:
        """Where to keep what nobody hears; None: nowhere."""
        self._spool_path = path

    def tell_again(self, frames: Iterable[Tuple[int, bytes]], seen: int) -> None:
        """Send what an earlier agent kept, and number on from there. seen: what came through before."""
        with self._changed:
            self._number = max(self._number, seen)
            for number, frame in frames:
                self._number = max(self._number, number)
                self._unseen.append((number, frame))
                self._waiting.append(frame)
                self._waiting_size += len(frame)
            self._changed.notify_all()

    def close(self) -> None:
        """Send what waits, then no more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        while self._writer.is_alive() and not self.cut:
            self._writer.join(self.beat / 4)
        if self._spool is not None:
            os.fsync(self._spool)

    # -- threads -------------------------------------------------------------------------------------------

    def _read(self) -> None:
        decoder = Decoder(REQUESTS)
        try:
            self._take(decoder.feed(self._initial))
            while True:
                ready, _, _ = select.select([self._incoming], [], [], self.beat)
                if ready:
                    piece = os.read(self._incoming, 1 << 18)
                    if not piece:
                        break
                    self._heard = time.monotonic()
                    self._take(decoder.feed(piece))
                elif time.monotonic() - self._heard > BEATS * self.beat:
                    break
        except (OSError, ProtocolError):
            pass
        finally:
            self._is_cut()

    def _take(self, requests: Iterable[Any]) -> None:
        for request in requests:
            if isinstance(request, Alive):
                self._seen(request.seen)
            elif isinstance(request, Stop):
                self.on_stop(request.how)
            else:
                self.goodbye = self.goodbye or isinstance(request, Goodbye)
                with self._changed:
                    self._requests.append(request)
                    self._changed.notify_all()

    def _seen(self, number: int) -> None:
        with self._changed:
            while self._unseen and self._unseen[0][0] <= number:
                self._unseen.popleft()

    def _write(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self.cut and not self._closing:
                    self._changed.wait(self.beat)
                if self.cut or (self._closing and not self._waiting):
                    return
                pieces = b"".join(self._waiting) or encode(Alive())
                self._waiting.clear()
            try:
                _write_all(self._outgoing, pieces)
            except OSError:
                self._is_cut()
                return
            with self._changed:
                self._waiting_size = sum(map(len, self._waiting))
                self._changed.notify_all()

    def _is_cut(self) -> None:
        with self._changed:
            if not self.cut:
                for _, frame in self._unseen:
                    self._spool_frame(frame)
                self.cut = True  # last: whoever sees it gives the lock back, and the next agent reads what was kept
            self._changed.notify_all()

    # -- while nobody listens ------------------------------------------------------------------------------

    def _keep(self, reply: Any, frame: bytes) -> None:
        if self._is_to_keep(reply) and not (isinstance(reply, Said) and self._spooled > SPOOLED):
            self._spool_frame(frame)

    def _is_to_keep(self, reply: Any) -> bool:
        return isinstance(reply, NUMBERED) and (self.keeps_output or not isinstance(reply, Said))

    def _spool_frame(self, frame: bytes) -> None:
        if self._spool_path is None:
            return
        try:
            if self._spool is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
                self._spool = os.open(self._spool_path, flags, 0o600)
            _write_all(self._spool, frame)
            self._spooled += len(frame)
        except OSError:  # what is told is lost; what was done is in the journal
            self._spool_path = None


def kept(path: str, seen: int) -> List[Tuple[int, bytes]]:
    """What an earlier agent kept and nobody has seen: number and frame each. Half a frame at the end is none."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return []
    found: List[Tuple[int, bytes]] = []
    try:
        messages = Decoder(REPLIES).feed(content)
        found.extend((message.n, encode(message)) for message in messages if message.n > seen)
    except (ProtocolError, AttributeError):
        pass
    return found


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
