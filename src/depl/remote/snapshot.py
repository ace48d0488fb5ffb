"""A project as its files are now: what version control knows or does not ignore, less `.deplignore`."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

from depl.agent.manifests import Entry, Manifest
from depl.errors import ConfigurationError, ProtocolError
from depl.protocol.framing import LARGEST_DATA
from depl.protocol.replies import Wants
from depl.protocol.requests import Given
from depl.remote.digests import Digests
from depl.remote.listing import Listing

AT_ONCE = 1024 * 1024  # bytes of contents that are sent without being asked for
PARTS = 8192  # contents in one message
SAMPLE = 16 * 1024


class Snapshot:
    """The files of a project. key: the digest of its manifest. revision: that the working copy stands on, if known.

    May answer several hosts at the same time. Errors: ConfigurationError for files that cannot be read.
    """

    method = "snapshot"

    def __init__(self, base_dir: str, cache: str | None = None) -> None:
        from depl.deploy.begin import revision_of

        self.base_dir, self.revision = base_dir, revision_of(base_dir)
        listing = Listing(base_dir)
        self.warnings: Sequence[str] = listing.warnings
        self._digests = Digests(base_dir, cache)
        self.key = self._digests.key_of(listing)
        self._lock = threading.Lock()
        self._answers: dict[str, list[Given]] = {}

    def answer(self, wants: Wants) -> Iterator[Given]:
        """The manifest, or contents. Errors: ProtocolError, ConfigurationError for a file that changed meanwhile."""
        if wants.kind == "manifest":
            return self._first_answer([key for key in wants.items if isinstance(key, str)])
        if wants.kind == "contents":
            return self._frames(wants.kind, _indexes(wants.items, len(self._contents)))
        raise ProtocolError(f"a host wants {wants.kind!r}, which a snapshot does not have")

    @cached_property
    def _manifest(self) -> Manifest:
        return self._digests.manifest(self.key)

    @cached_property
    def _contents(self) -> list[Entry]:
        return self._manifest.contents

    def _first_answer(self, known: Sequence[str]) -> Iterator[Given]:
        """The manifest, or what changed since one that is known there; contents too, where they are few."""
        with self._lock:
            for key in known:
                if key in self._answers or (key != self.key and self._digests.has(key)):
                    return iter(self._answers.get(key) or self._remember(key))
            if not known:
                return iter(self._answers.get("") or self._remember(""))
        return _lasting(_in_pieces("manifest", {"base": ""}, self._manifest.text))

    def _remember(self, base: str) -> list[Given]:
        """An answer that many hosts may want, ready to be sent."""
        other = self._digests.manifest(base) if base else Manifest([])
        text = self._manifest.changes_from(other) if base else self._manifest.text
        there = {entry.digest for entry in other.contents}
        new = [index for index, entry in enumerate(self._contents) if entry.digest not in there]
        answer = list(_in_pieces("manifest", {"base": base}, text))
        if sum(self._contents[index].size for index in new) <= AT_ONCE:
            answer += self._frames("manifest", new)
        self._answers[base] = list(_lasting(answer))
        return self._answers[base]

    def _frames(self, kind: str, indexes: Iterable[int]) -> Iterator[Given]:
        """Contents, many small ones or a piece of a large one in a message."""
        return _lasting(self._each_frame(kind, indexes))

    def _each_frame(self, kind: str, indexes: Iterable[int]) -> Iterator[Given]:
        data = bytearray()
        parts: list[list[Any]] = []
        for index in indexes:
            for piece, last in self._pieces(self._contents[index], data):
                parts.append([index, len(piece), last])
                data += piece
                if len(data) == LARGEST_DATA or len(parts) == PARTS:
                    yield _given(kind, {"parts": parts}, bytes(data))
                    data.clear()
                    parts = []
        yield _given(kind, {"parts": parts}, bytes(data))

    def _pieces(self, entry: Entry, before: bytearray) -> Iterator[tuple[bytes, bool]]:
        """A content in pieces that fit behind what is in the message before, and whether they end it."""
        summed, left = sha256(), entry.size
        try:
            with open(os.path.join(self.base_dir, entry.path), "rb", buffering=0) as file:
                while left:
                    piece = file.read(min(left, LARGEST_DATA - len(before)))
                    if not piece:
                        break
                    summed.update(piece)
                    left -= len(piece)
                    yield self._verified(entry, summed, piece) if not left else (piece, False)
                if not entry.size:
                    yield b"", True
        except OSError as error:
            raise ConfigurationError(f"{entry.path} cannot be read any more: {error.strerror}", hint=AGAIN) from None
        if left:
            raise _changed(entry)

    def _verified(self, entry: Entry, summed: Any, piece: bytes) -> tuple[bytes, bool]:
        if summed.hexdigest() != entry.digest:
            raise _changed(entry)
        return piece, True


AGAIN = "Run depl again once nobody changes the project any more."


def _changed(entry: Entry) -> ConfigurationError:
    return ConfigurationError(f"{entry.path} changed while it was being transferred", hint=AGAIN)


def _in_pieces(kind: str, head: dict[str, Any], text: bytes) -> Iterator[Given]:
    for start in range(0, max(len(text), 1), LARGEST_DATA):
        yield _given(kind, head, text[start : start + LARGEST_DATA])


def _given(kind: str, head: dict[str, Any], data: bytes) -> Given:
    """A part of an answer, compressed where that helps."""
    if len(data) > 200 and len(zlib.compress(data[:SAMPLE], 1)) < 0.9 * len(data[:SAMPLE]):
        packed = zlib.compress(data, 1)
        if len(packed) < len(data):
            return Given(kind, {**head, "zlib": True}, last=False, data=packed)
    return Given(kind, head, last=False, data=data)


def _lasting(parts: Iterable[Given]) -> Iterator[Given]:
    """The same, the last one as such."""
    held: Given | None = None
    for part in parts:
        if held is not None:
            yield held
        held = part
    assert held is not None
    yield Given(held.kind, held.head, last=True, data=held.data)


def _indexes(ranges: Sequence[Any], count: int) -> Iterator[int]:
    """The numbers that some ranges stand for. Errors: ProtocolError."""
    after = 0
    for one in ranges:
        if not isinstance(one, list) or [type(number) for number in one] != [int, int]:
            raise ProtocolError("a host wants contents that nobody understands")
        if not after <= one[0] <= one[1] < count:
            raise ProtocolError("a host wants contents that are not in the project")
        after = one[1] + 1
    return (index for first, last in ranges for index in range(first, last + 1))
