"""Which parts of the files that depl wrote are secret, so that diffs hide the values of yesterday as well."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, AbstractSet, Any, Dict, Iterable, List, Optional, Tuple

from depl.change.changes import Put
from depl.change.disk import look, read, real_path
from depl.change.leads import hidden, leads_in
from depl.change.nodes import Digest, File, Node, Path
from depl.change.private import make_private, replace_file
from depl.redact import Redactor, mask

if TYPE_CHECKING:
    from depl.change.looks import Staged

LARGEST_DIFF = 256 * 1024  # bytes of either side; larger contents are told by size and digest
KEPT = 3  # contents of a path that are remembered, the last ones

Span = Tuple[int, int, str]  # start, end and mark of a secret in a text
Known = Dict[Path, List[Dict[str, Any]]]  # digest, spans and leads of the contents of a path, the latest last


class Masks:
    """The places of secrets in contents, by their digest; never the secrets. Read when needed, made when needed.

    path: the file; without one nothing is kept. redact: the filter of this run. It learns the secrets of yesterday
    where they are met, as whatever else is shown may repeat them.
    """

    def __init__(self, path: Optional[Path] = None, redact: Optional[Redactor] = None) -> None:
        self._path = path
        self._redactor = Redactor() if redact is None else redact
        self._loaded: Optional[Known] = None

    def learn(self, put: Put, old: Optional[bytes]) -> None:
        """Take notice of the secrets of then in what is at a path: parts of it may come back in what will be there."""
        text = None if old is None else text_of(old)
        if text is not None:
            values = {(mark, text[start:end]) for start, end, mark in self._spans_of_then(put.path, put.before)}
            unknown = sorted((mark, value) for mark, value in values if not self._redactor.found(value))
            if unknown:
                self._redactor.learn(unknown)

    def sides(self, put: Put, old: str, new: str) -> tuple[str, str]:
        """The text that is at a path and the one that will be, to be shown: with masks for what is or was secret."""
        then = self._spans_of_then(put.path, put.before)
        now = self._spans(new)
        before, after = masked(old, [*then, *self._spans(old)]), masked(new, now)
        leads = {
            (length, text) for entry in self._known.get(real_path(put.path), ()) for length, text in entry["leads"]
        }
        if leads and not then:  # somebody edited it: a part of then, which nobody knows now, may have stayed
            after = hidden(after, leads, sparing=True)
        leads |= leads_in(new, now)
        if not leads:
            return before, after
        return hidden(before, leads, kept=after, sparing=bool(then), whole_lines=not then), after

    def keep(self, staged: Iterable[Staged]) -> None:
        """Write down what is secret in files that are about to be put in place: atomically, synced, for us only."""
        # What is put back was written down when it was new, if it was ours.
        noted = [self._note(one) for one in staged if one.undoes is None] if self._redactor else []
        if self._path is not None and any(noted):
            self._write(self._path)

    def forget(self, needed: AbstractSet[Digest]) -> None:
        """Drop what is known of contents that are not needed any more, where a newer known one is in place."""
        before = dict(self._known)
        for path, entries in before.items():
            with suppress(OSError):
                now = look(path, content=True)
                if any(isinstance(now, File) and entry["digest"] == now.digest for entry in entries):
                    kept = {now.digest, *needed} if isinstance(now, File) else needed
                    self._known[path] = [entry for entry in entries if entry["digest"] in kept]
        if self._path is not None and self._known != before:
            self._write(self._path)

    def _write(self, path: Path) -> None:
        make_private(os.path.dirname(path))
        replace_file(path, json.dumps({name: entries for name, entries in self._known.items() if entries}).encode())

    def _note(self, staged: Staged) -> bool:
        """Whether there is something secret in what is staged."""
        put, text = staged.change, _new_text(staged)
        if text is None or not isinstance(put.after, File):
            return False
        spans = merged([*self._spans_of_then(put.path, put.after), *self._spans(text)])
        if spans:
            entry = {"digest": put.after.digest, "spans": spans, "leads": sorted(leads_in(text, spans))}
            known = self._known.setdefault(real_path(put.path), [])
            known[:] = [*(one for one in known if one["digest"] != put.after.digest), entry][-KEPT:]
        return bool(spans)

    @property
    def _known(self) -> Known:
        if self._loaded is None:
            self._loaded = {} if self._path is None else _read(self._path)
        return self._loaded

    def _spans_of_then(self, path: Path, node: Optional[Node]) -> list[Span]:
        """Where the secrets are in a file that was written here, or elsewhere before it was moved."""
        digest = node.digest if isinstance(node, File) else None
        if digest is None or not self._known:
            return []
        entries = [*self._known.get(real_path(path), ()), *(one for many in self._known.values() for one in many)]
        spans = next((entry["spans"] for entry in entries if entry["digest"] == digest), ())
        return [(start, end, mark) for start, end, mark in spans]

    def _spans(self, text: str) -> list[Span]:
        return self._redactor.spans(text) if self._redactor else []


def text_of(content: bytes) -> Optional[str]:
    """A content as text that can be compared line by line; None where it is large or no text."""
    if len(content) > LARGEST_DIFF or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def masked(text: str, spans: Iterable[Span]) -> str:
    """A text with masks at some places."""
    pieces, at = [], 0
    for start, end, mark in merged(spans):
        pieces += [text[at:start], mask(mark), "\n" if text[start:end].endswith("\n") else ""]
        at = end
    return "".join([*pieces, text[at:]])


def merged(spans: Iterable[Span]) -> list[Span]:
    """Places in order, those that overlap made one."""
    found: list[Span] = []
    for start, end, mark in sorted(spans, key=lambda span: span[0]):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]), found[-1][2])
        else:
            found.append((start, end, mark))
    return found


def _new_text(staged: Staged) -> Optional[str]:
    """The content that a file will have, if it is a new one and a text."""
    if staged.source is not None and os.path.isfile(staged.source) and os.path.getsize(staged.source) <= LARGEST_DIFF:
        return text_of(read(staged.source))
    return None if staged.content is None else text_of(staged.content)


def _read(path: Path) -> Known:
    """What was kept. Nothing where it cannot be read: then every old content counts as unknown."""
    try:
        with open(path, encoding="utf-8") as file:
            known: Any = json.load(file)
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
