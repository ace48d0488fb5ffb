"""Messages as bytes: a frame is a head of nine bytes, a message as JSON text, and data. Touches nothing.

The head says whether the text is compressed, how long it is, and how long the data. Nothing that comes in is believed:
sizes are bounded; unknown messages, fields and types are errors.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any, Callable, Dict, Iterator, Mapping, Sequence, Type

from depl.errors import ProtocolError

LARGEST_TEXT = 16 * 1024 * 1024  # bytes of JSON in one frame, unpacked
LARGEST_DATA = 1024 * 1024  # bytes beside it
COMPRESSED_FROM = 1024  # bytes of JSON
HEAD = struct.Struct(">BII")


def encode(message: Any) -> bytes:
    """A message as a frame. Errors: ProtocolError for one that is too large."""
    values: Dict[str, Any] = {"is": type(message).__name__}
    data = b""
    for name, value in zip(message._fields, message):
        if isinstance(value, bytes):
            data = value
        else:
            values[name] = value
    text = json.dumps(values, separators=(",", ":"), default=_refused).encode("utf-8", "surrogatepass")
    if len(text) > LARGEST_TEXT or len(data) > LARGEST_DATA:
        raise ProtocolError(f"a message {values['is']!r} of {len(text) + len(data)} bytes is too large to be sent")
    compressed = len(text) >= COMPRESSED_FROM
    if compressed:
        text = zlib.compress(text, 1)
    return HEAD.pack(compressed, len(text), len(data)) + text + data


def _refused(value: Any) -> Any:
    raise ProtocolError(f"{value!r} cannot be sent: it is a {type(value).__name__}, not data")


class Decoder:
    """Turns bytes as they come into messages of a closed set (REQUESTS or REPLIES)."""

    def __init__(self, kinds: Sequence[Type[Any]]) -> None:
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[Any]:
        """The messages that are complete now. Errors: ProtocolError for anything that is not one."""
        self._buffer += piece
        while len(self._buffer) >= HEAD.size:
            compressed, length, extra = HEAD.unpack_from(self._buffer)
            if compressed > 1 or length > LARGEST_TEXT or extra > LARGEST_DATA:
                raise ProtocolError("what came is no message, or one that is too large")
            end = HEAD.size + length + extra
            if len(self._buffer) < end:
                return
            text = bytes(self._buffer[HEAD.size : HEAD.size + length])
            data = bytes(self._buffer[HEAD.size + length : end])
            del self._buffer[:end]
            yield self._message(_unpacked(text) if compressed else text, data)

    @property
    def partial(self) -> bool:
        """Whether the last message has not come to its end."""
        return bool(self._buffer)

    def _message(self, text: bytes, data: bytes) -> Any:
        try:
            values = json.loads(text.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"what came is no message: {error}") from None
        kind = self._kinds.get(str(values.pop("is", None))) if isinstance(values, dict) else None
        if kind is None:
            raise ProtocolError("what came is no message of a kind that is known here")
        known = kind.__annotations__
        if "data" in known and _type(known["data"]) == "bytes":
            values["data"] = data
        elif data:
            raise ProtocolError(f"a message {kind.__name__!r} came with data that it cannot have")
        for name, value in values.items():
            if name not in known:
                raise ProtocolError(f"a message {kind.__name__!r} came with {name!r}, which is not known")
            if not _CHECKS[_type(known[name])](value):
                raise ProtocolError(f"a message {kind.__name__!r} came with a wrong {name!r}")
        try:
            return kind(**values)
        except TypeError as error:
            raise ProtocolError(f"a message {kind.__name__!r} came incomplete: {error}") from None


def _unpacked(text: bytes) -> bytes:
    """Uncompressed, up to the bound: what unpacks to more is refused without being unpacked."""
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(text, LARGEST_TEXT)
    except zlib.error as error:
        raise ProtocolError(f"what came cannot be unpacked: {error}") from None
    if not unpacking.eof or unpacking.unconsumed_tail:
        raise ProtocolError("what came cannot be unpacked, or is too large")
    return unpacked


def _type(annotation: Any) -> str:
    """The text of an annotation: `Optional[str]`."""
    return str(getattr(annotation, "__forward_arg__", annotation))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": _is_integer,
    "bool": lambda value: isinstance(value, bool),
    "float": _is_number,
    "bytes": lambda value: isinstance(value, bytes),
    "Optional[str]": lambda value: value is None or isinstance(value, str),
    "Optional[float]": lambda value: value is None or _is_number(value),
    "Sequence[str]": _is_texts,
    "Sequence[Any]": lambda value: isinstance(value, list),
    "Sequence[Mapping[str, Any]]": _is_mappings,
    "Mapping[str, Any]": lambda value: isinstance(value, dict),
}
