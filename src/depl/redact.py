"""The filter that every text passes on its way to people or files."""

from __future__ import annotations

from bisect import bisect_right
from threading import Lock
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, Optional

if TYPE_CHECKING:
    from depl.spotting import Form, Match, Spotter

MASK = ""  # the mark of what is a mask already


def mask(mark: str) -> str:
    """What stands in a text instead of a secret."""
    return f"‹secret {mark}›"


class Redactor:
    """Replaces secrets, in all their spellings, by their masks; what is a mask already stays.

    secrets: marks and values; of equal values the first mark counts. Whoever holds a redactor hears of what it learns
    later. One that knows no secret lets everything through, at the cost of one test.
    """

    def __init__(self, secrets: Iterable[tuple[str, str]] = ()) -> None:
        self._marks: dict[str, str] = {}  # value: mark
        self._forms: dict[str, Form] = {}
        self._cores: dict[str, Form] = {}  # those of the forms that line ends may cut through
        self._spelled = 0
        self._spotter: Optional[Spotter] = None
        self._lock = Lock()
        self.learn(secrets)

    def learn(self, secrets: Iterable[tuple[str, str]]) -> None:
        """Hide these, too, from now on. Any thread may call it, while others use the filter."""
        secrets = list(secrets)
        if not secrets:
            return
        from depl.spellings import SHORTEST

        with self._lock:
            for mark, value in secrets:
                if len(value.strip()) >= SHORTEST:
                    self._marks.setdefault(value, mark)
            self._spotter = None

    def __bool__(self) -> bool:
        return bool(self._marks)

    def __call__(self, text: str) -> str:
        """The text with masks in it."""
        if not self._marks:
            return text
        parts, end = [], 0
        for start, stop, mark in self.spans(text):
            parts += [text[end:start], mask(mark)]
            end = stop
        return "".join([*parts, text[end:]])

    def data(self, value: Any) -> Any:
        """A value made of lists, tuples, mappings and plain values, with all texts in it redacted; numbers as texts."""
        if not self._marks or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self(value)
        if isinstance(value, (int, float)):
            text = str(value)
            shown = self(text)
            return value if shown == text else shown
        if isinstance(value, Mapping):
            return {self.data(key): self.data(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(map(self.data, value)) if type(value) in {list, tuple} else list(map(self.data, value))
        return value

    def found(self, text: str) -> list[str]:
        """The marks of the secrets in a text, sorted."""
        return sorted({mark for _, _, mark in self.spans(text)})

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Where secrets stand in a text: start, end and mark, in order; they do not overlap."""
        spotter = self._ready()
        spans: list[tuple[int, int, str]] = []
        if spotter is None:
            return spans
        for start, end, mark, goes_on in _apart(spotter.scan(text)[0], len(text)):
            if goes_on:
                spans[-1] = (spans[-1][0], end, mark)
            elif mark != MASK:
                spans.append((start, end, mark))
        return spans

    def stream(self) -> Stream:
        """A filter for a text that comes in pieces."""
        return Stream(self)

    def _ready(self) -> Optional[Spotter]:
        """What knows all forms by now; None if there are none. It is made here, as a run may learn without showing."""
        spotter = self._spotter
        if spotter is None and self._marks:
            from depl.wrapped import WrapSpotter

            with self._lock:
                self._spell()
                spotter = self._spotter = self._spotter or WrapSpotter(self._forms, self._cores)
        return spotter

    def _spell(self) -> None:
        """Take up the forms of the values that came since."""
        from depl.spellings import cores, forms
        from depl.spotting import Form

        new = list(self._marks.items())[self._spelled :]
        self._spelled = len(self._marks)
        self._forms.update((value, Form(mark)) for value, mark in new)  # counts more than a part of another value
        for value, mark in new:
            self._forms.setdefault(mask(mark), Form(MASK))
            for form in forms(value):
                self._forms.setdefault(form, Form(mark))
            for core, shared in cores(value).items():
                self._forms.setdefault(core, self._cores.setdefault(core, Form(mark, *shared)))


class Stream:
    """Redacts a text that comes in pieces: holds back what may be the beginning of a secret, and no more."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._text = ""  # what is held back, and a few characters before it
        self._since = 0  # from where on nothing is decided
        self._shown = 0  # up to where it is shown, or hidden
        self._last: Optional[str] = None

    def feed(self, piece: str) -> str:
        """What may be shown by now."""
        spotter = self._redactor._ready()
        if spotter is None:
            rest, self._text, self._since, self._shown = self._text[self._shown :], "", 0, 0
            return rest + piece
        self._text += piece
        matches, settled = spotter.scan(self._text, self._since)
        return self._release(matches, settled, spotter.releasable(self._text, settled))

    def end(self) -> str:
        """The rest."""
        spotter = self._redactor._ready()
        matches = spotter.scan(self._text, self._since)[0] if spotter else []
        return self._release(matches, len(self._text), len(self._text))

    def _release(self, matches: list[Match], settled: int, until: int) -> str:
        parts = []
        for start, end, mark, goes_on in _apart(matches, settled, self._shown, self._last):
            parts.append(self._text[self._shown : start])
            if mark == MASK:
                parts.append(self._text[start:end])
            elif not goes_on:
                parts.append(mask(mark))
            self._shown, self._last = end, mark
        parts.append(self._text[self._shown : until])
        self._shown = max(self._shown, until)
        self._forget(min(self._shown, settled), settled)
        return "".join(parts)

    def _forget(self, until: int, settled: int) -> None:
        from depl.spotting import CONTEXT

        begin = max(0, until - CONTEXT)
        self._text, self._since, self._shown = self._text[begin:], settled - begin, self._shown - begin


def _apart(
    matches: list[Match], settled: int, after: int = 0, last: Optional[str] = None
) -> Iterator[tuple[int, int, str, bool]]:
    """Matches before a place, cut so that they do not overlap: start, end, mark, whether one goes on with the last.

    A mask is no part of a secret. after, last: where the match before these ended, and its mark.
    """
    masks = [match.at for match in matches if match.mark == MASK]
    for match in matches:
        if match.at >= settled:
            break
        into_mask = bisect_right(masks, match.at)
        if into_mask < len(masks) and masks[into_mask] < match.end:
            continue
        if match.end <= after or (match.start < after and last == MASK):
            continue
        yield max(match.start, after), match.end, match.mark, match.start < after and match.mark == last
        after, last = match.end, match.mark
