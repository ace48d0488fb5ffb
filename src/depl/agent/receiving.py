"""The parts of a project as they come over the line: bounded, verified, and written as they come."""

from __future__ import annotations

import zlib
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from depl.agent.building import Arriving, Building
from depl.agent.manifests import Entry, Manifest
from depl.errors import ProtocolError
from depl.protocol.framing import LARGEST_DATA
from depl.protocol.requests import Given


class Receiving:
    """An answer: first what makes up a manifest, then contents. Either may be left out."""

    def __init__(self, parts: Iterator[Given]) -> None:
        self._parts = parts
        self._held: Optional[Given] = None  # the first one with contents

    def manifest(self, known: Mapping[str, Manifest], key: str, largest: int) -> Manifest:
        """The manifest of a key, in full or as what changed from a known one. Errors: ProtocolError."""
        pieces: List[bytes] = []
        size = 0
        base: Any = ""
        for given in self._parts:
            if "parts" in given.head:
                self._held = given
                break
            base = given.head.get("base", base)
            pieces.append(_data(given))
            size += len(pieces[-1])
            if size > largest:
                raise ProtocolError("the list of the files of the project is too large")
        text = b"".join(pieces)
        if base:
            if not isinstance(base, str) or base not in known:
                raise ProtocolError("the project came as what changed from one that is not here")
            text = known[base].changed(text)
        manifest = Manifest.parse(text)
        if manifest.key != key:
            raise ProtocolError("the list of the files of the project is not the one that was announced")
        return manifest

    def contents(self, building: Building, contents: Sequence[Entry], arrived: Set[int]) -> None:
        """Write the contents that come, and note which. Errors: ProtocolError for any that is not as listed."""
        arriving: Optional[Arriving] = None
        try:
            for given in self._rest():
                data, start = _data(given), 0
                for index, size, last in _parts(given, len(contents)):
                    entry = contents[index]
                    if arriving is None:
                        if index in arrived:
                            raise ProtocolError(f"{entry.path!r} came twice")
                        arriving = building.open(entry.path, entry.mode)
                    if arriving.path != entry.path or start + size > len(data) or arriving.size + size > entry.size:
                        raise ProtocolError(f"{entry.path!r} did not arrive as it was announced")
                    arriving.write(data[start : start + size])
                    start += size
                    if last:
                        if (arriving.size, arriving.digest) != (entry.size, entry.digest):
                            raise ProtocolError(f"{entry.path!r} did not arrive as it was announced")
                        arriving.close()
                        arriving = None
                        arrived.add(index)
            if arriving is not None:
                raise ProtocolError(f"{arriving.path!r} did not arrive completely")
        finally:
            if arriving is not None:
                arriving.discard()

    def _rest(self) -> Iterator[Given]:
        if self._held is not None:
            yield self._held
        yield from self._parts


def unpacked(data: bytes, largest: int) -> bytes:
    """Uncompressed, up to a bound. Errors: ProtocolError."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(data, largest)
    except zlib.error as error:
        raise ProtocolError(f"what came cannot be unpacked: {error}") from None
    if not unpacking.eof:
        raise ProtocolError("what came cannot be unpacked, or is too large")
    return text


def as_ranges(indexes: Sequence[int]) -> List[List[int]]:
    """Sorted numbers as the first and last ones of their runs."""
    ranges: List[List[int]] = []
    for index in indexes:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return ranges


def _data(given: Given) -> bytes:
    return unpacked(given.data, LARGEST_DATA) if given.head.get("zlib") else given.data


def _parts(given: Given, count: int) -> Iterator[Tuple[int, int, bool]]:
    """What the data of a message consist of: the number of a content, how many bytes of it, whether they end it."""
    listed: Any = given.head.get("parts")
    for part in listed if isinstance(listed, list) else [None]:
        if not isinstance(part, list) or [type(one) for one in part] != [int, int, bool]:
            raise ProtocolError("what came are no contents of the project")
        if not 0 <= part[0] < count or part[1] < 0:
            raise ProtocolError("what came are no contents of the project")
        yield part[0], part[1], part[2]
