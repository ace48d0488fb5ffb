"""What tasks printed, as text that can be read: colours taken out, lines of bounded length. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

LINE = 2000  # characters of a line that are shown
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[PX^_][^\x1b\n]*\x1b\\|[ -/]*[0-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LONG = re.compile(f"([^\n]{{{LINE}}})([^\n]+)")


class Piece(Protocol):
    """As the store has it."""

    @property
    def stream(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class Part:
    """Some text. is_error: of the standard error; is_found: what was looked for."""

    text: str
    is_error: bool = False
    is_found: bool = False


def parts(pieces: Iterable[Piece], sought: str = "") -> list[Part]:
    """What pieces hold, as long as it comes from the same stream in one part; what is sought in parts of its own."""
    found: list[Part] = []
    for is_error, text in _by_stream(pieces):
        found += _marked(readable(text), is_error, sought)
    return found


def readable(text: str) -> str:
    """Text without what moves cursors and gives colours; of what a line was written over with, the last."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(_last(line) for line in text.split("\n"))
    text = _CONTROLS.sub("", text)
    return _LONG.sub(lambda match: f"{match[1]}… ({len(match[2])} more characters)", text)


def line_at(text: str, place: int) -> tuple[int, int]:
    """From where to where the line goes in which a place is."""
    end = text.find("\n", place)
    return text.rfind("\n", 0, place) + 1, len(text) if end < 0 else end


def _by_stream(pieces: Iterable[Piece]) -> Iterable[tuple[bool, str]]:
    texts: list[str] = []
    before = False
    for piece in pieces:
        is_error = piece.stream == "stderr"
        if is_error is not before and texts:
            yield before, "".join(texts)
            texts = []
        before = is_error
        texts.append(piece.text)
    if texts:
        yield before, "".join(texts)


def _marked(text: str, is_error: bool, sought: str) -> Sequence[Part]:
    if not sought:
        return [Part(text, is_error)]
    pattern = re.compile(f"({re.escape(sought)})", re.IGNORECASE)
    split = pattern.split(text)
    return [Part(one, is_error, place % 2 == 1) for place, one in enumerate(split) if one]


def _last(line: str) -> str:
    return next((part for part in reversed(line.split("\r")) if part), "")
