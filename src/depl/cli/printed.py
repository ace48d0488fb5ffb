"""What component code and the commands that it starts print by themselves, filtered before anybody reads it."""

from __future__ import annotations

import atexit
import codecs
import os
import select
import sys
import threading
from contextlib import suppress
from typing import TextIO

from depl.report.lines import Printer

PIECE = 65536  # bytes: all that a pipe holds
LAST = 1000  # pieces that are read at the end, whoever still goes on printing


class Prints:
    """While this lasts, what is written to the standard streams by anybody but the printer passes its filter.

    apart: all of it goes to the error output, as a program reads the other one. The printer keeps the real streams, and
    prints what others have written first.
    """

    def __init__(self, printer: Printer, *, apart: bool = False) -> None:
        self._printer, self._process, self._ended = printer, os.getpid(), False
        self._reading = threading.Lock()
        self._over, self._wake = os.pipe()
        self._ends = (
            _End(printer, "out", "stdout", 1, to="err" if apart else "out"),
            _End(printer, "err", "stderr", 2, to="err"),
        )
        self._thread = threading.Thread(target=self._pump, name="printed", daemon=True)
        self._thread.start()
        printer.before = self.drain
        atexit.register(self._at_exit)  # what an author's code registers later is called before

    def drain(self) -> None:
        """Print what was written so far."""
        if os.getpid() != self._process:  # a component's code forked: what it prints is read by its parent
            return
        _flush()
        with self._reading:
            self._read()

    def rest(self) -> None:
        """Print all that was written so far; what comes yet, at the end of the process, is filtered as well."""
        if os.getpid() != self._process:
            return
        _flush()
        with self._reading:
            self._read_all()
            for end in self._ends:
                end.rest()

    def end(self) -> None:
        """Give the streams back; nothing that was written is lost."""
        if os.getpid() != self._process or self._ended:
            return
        self._ended = True
        atexit.unregister(self._at_exit)
        self._printer.before = lambda: None
        _flush()
        for end in self._ends:
            end.give_back()
        os.close(self._wake)
        self._thread.join()
        with self._reading:
            self._read_all()
            for end in self._ends:
                end.close()
        os.close(self._over)

    def _at_exit(self) -> None:
        with suppress(OSError):  # nobody reads it any more
            self.end()

    def _pump(self) -> None:
        while self._over not in (ready := _ready([self._over, *self._open], None)):
            if ready:
                with self._reading:
                    self._read()

    @property
    def _open(self) -> list[int]:
        return [end.pipe for end in self._ends if end.open]

    def _read_all(self) -> None:
        for _ in range(LAST):
            if not self._read():
                break

    def _read(self) -> bool:
        """Print a piece of each stream on which there is something; whether there was."""
        ready = _ready(self._open, 0)
        for end in self._ends:
            if end.pipe in ready:
                end.read()
        return bool(ready)


class _End:
    """One of the standard streams, taken over."""

    def __init__(self, printer: Printer, own: str, name: str, number: int, to: str) -> None:
        self._printer, self._own, self._name, self._number, self._to = printer, own, name, number, to
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        self._stream, self._partial, self.open = printer.redact.stream(), "", True
        self._before, self._printers = getattr(sys, name), getattr(printer, own)
        _flush()
        self._real = os.dup(number)
        if _number_of(self._printers) == number:
            real = open(os.dup(number), "w", encoding=self._printers.encoding, errors="backslashreplace")  # noqa: SIM115
            setattr(printer, own, real)
        self.pipe, start = os.pipe()
        os.dup2(start, number)
        os.close(start)
        self._ours = open(number, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, self._ours)

    def read(self) -> None:
        """Print what can be shown by now."""
        piece = os.read(self.pipe, PIECE)
        self.open = bool(piece)
        self._print(self._stream.feed(self._decode(piece)))

    def give_back(self) -> None:
        """From now on others write where they did before."""
        os.dup2(self._real, self._number)
        os.close(self._real)
        if getattr(sys, self._name) is self._ours:
            setattr(sys, self._name, self._before)

    def rest(self) -> None:
        """Print what was held back."""
        self._print(self._stream.feed(self._decode(b"", True)) + self._stream.end(), whole=True)

    def close(self) -> None:
        """Print the rest, and no more."""
        self.rest()
        os.close(self.pipe)
        real = getattr(self._printer, self._own)
        if real is not self._printers:
            setattr(self._printer, self._own, self._printers)
            with suppress(OSError):
                real.close()

    def _print(self, text: str, whole: bool = False) -> None:
        to: TextIO = getattr(self._printer, self._to)
        text = self._partial + text
        self._partial = ""
        if self._printer.on_stage(to) and not whole:
            text, newline, self._partial = text.rpartition("\n")
            text += newline
        if text:
            self._printer.pass_on(to, text)


def _ready(descriptors: list[int], timeout: float | None) -> list[int]:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(timeout)]


def _number_of(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
