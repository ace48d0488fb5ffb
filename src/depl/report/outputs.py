"""What commands print while a run goes on: line by line, with the last lines of each who prints."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from depl.events import Output
from depl.report.errors import TAIL
from depl.report.lines import Pieces


class Outputs:
    """Joins pieces of output to lines, and remembers the last ones; by who prints: components, or tasks by hand."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[str, str], Pieces] = {}
        self._tails: dict[str, deque[str]] = {}

    def add(self, output: Output) -> Iterator[str]:
        """The lines that a piece completes."""
        who = output.component or ""
        return self._remembered(who, self._of(output).add(output.text))

    def partial(self, output: Output) -> str:
        """The line of its stream that has not ended yet."""
        return self._of(output).partial

    def end(self) -> Iterator[tuple[str, str]]:
        """What is left when nothing more comes, and who printed it."""
        for (who, _), pieces in self._pieces.items():
            yield from ((who, line) for line in self._remembered(who, pieces.end()))

    def last(self, who: str) -> Sequence[str]:
        """The last lines of one of them."""
        return tuple(self._tails.get(who, ()))

    def shown(self) -> set[str]:
        """The last lines of all."""
        return {line for tail in self._tails.values() for line in tail}

    def _of(self, output: Output) -> Pieces:
        return self._pieces.setdefault((output.component or "", output.stream), Pieces())

    def _remembered(self, who: str, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            self._tails.setdefault(who, deque(maxlen=TAIL)).append(line)
            yield line
