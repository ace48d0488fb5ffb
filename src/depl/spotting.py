"""Finds many given forms in a text in one pass."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import Iterator, Mapping, NamedTuple, Optional

KEY = 4  # candidates are looked for by so many characters; no form is shorter
CONTEXT = 3 * KEY  # so many characters before a place have a say in what is found there: dots, and three short lines
ALPHABET = "A-Za-z0-9+/_-"  # of base64
BASE64 = re.compile(f"[{ALPHABET}]")
_CUT = re.compile(r"\.{3,}|…")


class Form(NamedTuple):
    """Whose a form is, and how many characters of base64 beside it (0 or 1) are partly its own."""

    mark: str
    before: int = 0
    after: int = 0


class Match(NamedTuple):
    """A form in a text, found at a place; start and end are those of what to hide."""

    at: int
    start: int
    end: int
    mark: str
    open: bool = False  # more text may belong to it


class Spotter:
    """Finds forms (of 4 characters or more) and, beside the dots of a shortened text, the beginnings and ends of them.

    The forms lie sorted: those that begin with a text are neighbours, right behind it.
    """

    def __init__(self, forms: Mapping[str, Form]) -> None:
        self._forms = sorted(forms)
        self._facts = [forms[form] for form in self._forms]
        self._inner = list(_inner(self._forms))
        self._longest = max(map(len, self._forms))
        self._takes_before = any(fact.before for fact in self._facts)
        self._keys = re.compile(_pattern({form[:KEY] for form in self._forms}))
        self._ends: Optional[_Ends] = None

    def scan(self, text: str, since: int = 0) -> tuple[list[Match], int]:
        """What is found at each place from `since` on, in order; and from where on more text could change that."""
        cuts = list(_CUT.finditer(text)) if "..." in text or "…" in text else []
        begins = [cut.start() for cut in cuts]
        matches: list[Match] = []
        settled = len(text)
        for candidate in self._keys.finditer(text, since):
            at = candidate.start()
            match = self._match(text, at, begins)
            if match:
                matches.append(match)
            near = at < settled and len(text) - at <= self._longest + 2
            if near and ((match and match.open) or self._may_go_on(text, at)):
                settled = at
        last = range(max(since, len(text) - KEY + 1), settled)
        settled = next((at for at in last if self._longer(text[at:]) is not None), settled)
        for at in (cut.end() for cut in cuts if cut.end() >= since):
            match, goes_on = self._end(text, at)
            matches.extend([match] if match else [])
            settled = min(settled, at) if goes_on else settled
        return sorted(matches, key=lambda match: (match.at, -match.end)), settled

    def may_hold(self, text: str) -> bool:
        """Whether a form may stand in a text; quick."""
        return self._keys.search(text) is not None

    def releasable(self, text: str, settled: int) -> int:
        """Up to where a text may be shown: a character of base64 may turn out to be partly of what comes next."""
        return settled - 1 if self._takes_before and settled and BASE64.match(text, settled - 1) else settled

    def _match(self, text: str, at: int, cuts: list[int]) -> Optional[Match]:
        index = bisect_right(self._forms, text[at : at + self._longest]) - 1
        while index >= 0 and not text.startswith(self._forms[index], at):
            index = self._inner[index]
        end = at + len(self._forms[index]) if index >= 0 else 0
        cut, whose = self._beginning(text, at, cuts)
        if cut > end:
            return Match(at, at, cut, self._facts[whose].mark)
        return with_neighbours(text, at, end, self._facts[index]) if end else None

    def _beginning(self, text: str, at: int, cuts: list[int]) -> tuple[int, int]:
        """Where a beginning of a form ends before dots, and the form; 0 if none does."""
        end = whose = 0
        for number in range(bisect_left(cuts, at + KEY), len(cuts)):
            cut = cuts[number]
            index = self._longer(text[at:cut]) if cut - at < self._longest else None
            if index is None:
                break
            end, whose = cut, index
        return end, whose

    def _may_go_on(self, text: str, at: int) -> bool:
        """Whether what begins at a place may become a form, or a beginning before dots."""
        dots = min(2, len(text) - len(text.rstrip(".")))
        ends = (len(text) - left for left in range(dots + 1))
        return any(end - at >= KEY and self._longer(text[at:end]) is not None for end in ends)

    def _longer(self, beginning: str) -> Optional[int]:
        """A form that begins so and goes on."""
        index = bisect_right(self._forms, beginning)
        return index if index < len(self._forms) and self._forms[index].startswith(beginning) else None

    def _end(self, text: str, at: int) -> tuple[Optional[Match], bool]:
        """The end of a form that stands after dots; and whether more text may become one."""
        if self._ends is None:
            self._ends = _Ends(self._forms)
        length, index, goes_on = self._ends.at(text, at)
        return Match(at, at, at + length, self._facts[index].mark) if length else None, goes_on


class _Ends:
    """Finds ends of forms; made where the first shortened text comes along."""

    def __init__(self, forms: list[str]) -> None:
        self._joined = "\0".join(forms)
        self._starts = [0]
        for form in forms:
            self._starts.append(self._starts[-1] + len(form) + 1)
        self._known: dict[str, list[tuple[int, int, int]]] = {}

    def at(self, text: str, at: int) -> tuple[int, int, bool]:
        """The length of the longest end of a form at a place (0: none), the form; whether there may be a longer one."""
        key = text[at : at + KEY]
        if len(key) < KEY:
            return 0, 0, bool(key) and key in self._joined
        length = index = 0
        goes_on = False
        for start, end, whose in self._places(key):
            if end - start > len(text) - at:
                goes_on = goes_on or self._joined.startswith(text[at:], start)
            elif end - start > length and text.startswith(self._joined[start:end], at):
                length, index = end - start, whose
        return length, index, goes_on

    def _places(self, key: str) -> list[tuple[int, int, int]]:
        """Where ends of forms begin so."""
        if key not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[key] = list(self._searched(key))
        return self._known[key]

    def _searched(self, key: str) -> Iterator[tuple[int, int, int]]:
        start = self._joined.find(key)
        while start >= 0:
            index = bisect_right(self._starts, start) - 1
            end = self._starts[index + 1] - 1
            if start > self._starts[index] and end - start >= KEY:
                yield start, end, index
            start = self._joined.find(key, start + 1)


def with_neighbours(text: str, at: int, end: int, fact: Form) -> Match:
    """What to hide where a form stands: also the characters beside it that are partly its own."""
    start = at - 1 if fact.before and at and BASE64.match(text, at - 1) else at
    if fact.after:
        end += 1 if BASE64.match(text, end) else 0
        end += 2 if text.startswith("==", end) else 1 if text.startswith("=", end) else 0
    return Match(at, start, end, fact.mark, fact.after > 0 and end == len(text))


def _inner(forms: list[str]) -> Iterator[int]:
    """For each of sorted forms the longest other one that it begins with; -1: none."""
    around: list[int] = []
    for index, form in enumerate(forms):
        while around and not form.startswith(forms[around[-1]]):
            around.pop()
        yield around[-1] if around else -1
        around.append(index)


def _pattern(keys: set[str]) -> str:
    """Matches the first character wherever one of the keys stands; and some more: an exact pattern compiles slowly."""
    seconds: dict[str, dict[str, tuple[set[str], set[str]]]] = {}
    for first, second, third, fourth in map(tuple, sorted(keys)):
        thirds, fourths = seconds.setdefault(first, {}).setdefault(second, (set(), set()))
        thirds.add(third)
        fourths.add(fourth)
    return "|".join(
        f"{re.escape(first)}(?={'|'.join(re.escape(one) + _class(a) + _class(b) for one, (a, b) in then.items())})"
        for first, then in seconds.items()
    )


def _class(characters: set[str]) -> str:
    return f"[{''.join(map(re.escape, sorted(characters)))}]"
