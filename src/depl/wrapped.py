"""Finds forms that line ends cut through, as `base64`, `openssl` and `xxd -p` wrap what they print."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Iterator, Mapping, Optional

from depl.spotting import ALPHABET, CONTEXT, KEY, Form, Match, Spotter, with_neighbours

_BREAK = re.compile(rf"[\r\n](?<=[{ALPHABET}][\r\n])(?:(?<=\n)|(?<=\r)(?:\n|\Z))(?=[{ALPHABET}]|\Z)")
_REST = re.compile(rf"(?:\r?\n[{ALPHABET}]+)*(?:[.…]+|\r?\n?\Z)?")
_LINE_END = re.compile(r"\r\n?|\n")
_LETTERS = "".join(chr(code) for code in range(128) if re.match(f"[{ALPHABET}]", chr(code)))


class WrapSpotter(Spotter):
    """A spotter that finds cores also where line ends, at any column, lie in them.

    Fewer than 4 characters of a core before a line end stay, so that the line can be shown at once.
    """

    def __init__(self, forms: Mapping[str, Form], cores: Mapping[str, Form]) -> None:
        super().__init__(forms)
        self._cores = cores
        self._joined: Optional[Spotter] = None  # for texts without their line ends; its marks are the cores

    def scan(self, text: str, since: int = 0) -> tuple[list[Match], int]:
        """What is found at each place from `since` on, in order; and from where on more text could change that."""
        matches, settled = super().scan(text, since)
        broken: list[Match] = []
        for start, end in _runs(text, max(0, since - CONTEXT)):
            found, until = self._scan_run(text, start, end)
            broken += found
            settled = min(settled, max(since, until)) if end == len(text) else settled
        broken = [match for match in broken if match.at >= since]
        for match in broken:
            settled = min(settled, match.at) if match.open else settled
        return sorted([*matches, *broken], key=lambda match: (match.at, -match.end)) if broken else matches, settled

    def _scan_run(self, text: str, start: int, end: int) -> tuple[list[Match], int]:
        """The broken cores in a part of a text that is one but for its line ends, and from where on it could go on."""
        if self._joined is None:
            self._joined = Spotter({core: Form(core) for core in self._cores})
        joined = text[start:end].replace("\r", "").replace("\n", "")
        if end < len(text) and "." not in joined and "…" not in joined and not self._joined.may_hold(joined):
            return [], end
        found, settled = self._joined.scan(joined)
        if not found and settled == len(joined):
            return [], end
        lines = _Lines(text, start, end)
        broken = [match for match in found if lines.number(match.at) < lines.number(match.end - 1)]
        return [self._placed(text, match, lines) for match in broken], lines.place(lines.hidden_from(settled))

    def _placed(self, text: str, match: Match, lines: _Lines) -> Match:
        at, end = lines.place(lines.hidden_from(match.at)), lines.place(match.end - 1) + 1
        fact = self._cores[match.mark]
        if match.end - match.at < len(match.mark):  # cut by dots
            return Match(at, at, end, fact.mark)
        return with_neighbours(text, at, end, fact)


class _Lines:
    """The lines of a part of a text: what they hold, joined, and where it stands in the text."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._begins, self._shifts = [0], [start]
        for line_end in _LINE_END.finditer(text, start, end):
            self._begins.append(line_end.start() - self._shifts[-1])
            self._shifts.append(line_end.end() - self._begins[-1])

    def number(self, at: int) -> int:
        """Of the line of a character of the joined text."""
        return bisect_right(self._begins, at) - 1

    def place(self, at: int) -> int:
        """Where a character of the joined text stands."""
        return at + self._shifts[self.number(at)]

    def hidden_from(self, at: int) -> int:
        """From where on is hidden what begins at a character: behind a line end that follows closely."""
        return max(at, self._begins[self.number(at + KEY - 1)])


def _runs(text: str, since: int) -> Iterator[tuple[int, int]]:
    """Parts of a text that are base64 but for line ends, and the dots around them."""
    line_end = _BREAK.search(text, since)
    while line_end:
        at = line_end.start()
        line = text[max(since, text.rfind("\n", since, at) + 1) : at]
        rest = _REST.match(text, at)
        end = rest.end() if rest else at
        yield at - len(line) + len(line.rstrip(_LETTERS).rstrip(".…")), end
        line_end = _BREAK.search(text, end)
