"""Lines of text with a style, and the printer that puts them on a terminal or into a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TextIO

from depl.redact import Redactor
from depl.rollout.masking import visible

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Line(NamedTuple):
    """One line of text; style is empty or a word of STYLES."""

    text: str
    style: str = ""


class Stage(Protocol):
    """Lines below all others on a terminal, that have to give way while something is printed (depl.report.live)."""

    def print(self, text: str, otherwise: Callable[[str], None]) -> None: ...

    def aside(self) -> AbstractContextManager[None]: ...


class Printer:
    """Writes lines, with every value that must not be shown replaced.

    redact: one object for the whole run; it may learn more. before: called before anything is printed. A reader that
    went away (`| head`) or a full disk must not end a deployment half-way: what cannot be written is dropped from then
    on.
    """

    def __init__(self, out: TextIO, err: TextIO, redact: Redactor | None = None) -> None:
        self.out, self.err = out, err
        self.redact = Redactor() if redact is None else redact
        self.before: Callable[[], None] = _nothing
        self._broken: set[int] = set()
        self.stage: Stage | None = None
        for stream in (out, err):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")

    @property
    def interactive(self) -> bool:
        """Whether somebody looks at a terminal that can redraw a line."""
        return is_terminal(self.out)

    def clean(self, text: str) -> str:
        """The text as it may be shown: filtered once more when colours in the middle of a value are gone."""
        return self.redact(visible(self.redact(text)))

    def show(self, lines: Iterable[Line]) -> None:
        """Print lines to the output."""
        self.before()
        self._write(self.out, lines)

    def complain(self, lines: Iterable[Line]) -> None:
        """Print lines to the error output."""
        self.before()
        self._flush(self.out)
        self._write(self.err, lines)

    def raw(self, text: str) -> None:
        """Print a line for programs: no style, nothing escaped."""
        self.before()
        self._put(self.out, text + "\n")

    def on_stage(self, stream: TextIO) -> bool:
        """Whether there are lines on this stream that have to give way to what is printed, by whole lines."""
        return self.stage is not None and is_terminal(stream)

    def pass_on(self, stream: TextIO, text: str) -> None:
        """Print what was filtered already, as it is."""
        if self.stage is not None and self.on_stage(stream):
            self.stage.print(text, lambda text: self._put(stream, text))
        else:
            self._put(stream, text)

    def _write(self, stream: TextIO, lines: Iterable[Line]) -> None:
        text = "".join(self._styled(stream, line) for line in lines)
        if text:
            self.pass_on(stream, text)

    def _styled(self, stream: TextIO, line: Line) -> str:
        text = self.clean(line.text)
        if line.style and has_colours(stream):
            text = "\n".join(f"\x1b[{STYLES[line.style]}m{one}\x1b[0m" for one in text.split("\n"))
        return text + "\n"

    def _put(self, stream: TextIO, text: str) -> None:
        if id(stream) in self._broken:
            return
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError):
            self._broken.add(id(stream))
            _silence(stream)

    def _flush(self, stream: TextIO) -> None:
        self._put(stream, "")


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can redraw a line."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # it was closed
        return False


def has_colours(stream: TextIO) -> bool:
    """Whether styles may be used on a stream (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and is_terminal(stream)


class Pieces:
    """Joins the pieces of a stream to whole lines; a progress bar's line is what the last carriage return left."""

    def __init__(self) -> None:
        self._rest = ""

    @property
    def partial(self) -> str:
        """The line that has not ended yet."""
        return _overwritten(self._rest)

    def add(self, text: str) -> Iterator[str]:
        """The lines that a piece completes."""
        *whole, self._rest = (self._rest + text).split("\n")
        for one in whole:
            yield _overwritten(one)

    def end(self) -> Iterator[str]:
        """What is left when nothing more comes."""
        rest, self._rest = self._rest, ""
        if rest:
            yield _overwritten(rest)


def _overwritten(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def _nothing() -> None:
    pass


def _silence(stream: TextIO) -> None:
    """Let the interpreter's own flush at its end find somewhere to write to."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass
