"""Whatever comes over the line: messages, or a ProtocolError; never anything else, and never much memory."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depl.errors import ProtocolError
from depl.protocol.framing import HEAD, LARGEST_DATA, LARGEST_TEXT, Decoder, encode
from depl.protocol.replies import REPLIES, Alive, Configured, Ready, Said, TaskOver, Told
from depl.protocol.requests import REQUESTS, Given, Goodbye, Hello, Slice, Start

SAMPLES = [
    Hello("r", "live", "web", "me@here", "~/x", done=["a", "b"], patience=None),
    Slice({"roots": [{"name": "web", "values": [1, 2.5, None, "ü\ud800"]}]}),
    Given("contents", {"digest": "0" * 64}, data=bytes(range(256))),
    Start([{"root": "web", "order": 1, "after": []}], True),
    Goodbye(),
]
ANSWERS = [
    Ready("3.9.18", "x86_64", "me", "/home/me", "/x", True, facts={"begun": []}),
    Configured(["one"], [{"text": "two"}]),
    Told(1, "changed", "web", None, {"long": "x" * 5000}),
    Said(2, None, "stdout", "\x00\n"),
    TaskOver(3, "web", 1, [{"message": "no"}]),
    Alive(7),
]


def messages_in(kinds, pieces):
    """What comes of some bytes; None where they are refused."""
    decoder = Decoder(kinds)
    found = []
    try:
        for piece in pieces:
            found += decoder.feed(piece)
    except ProtocolError:
        return None
    return found


def cut(content, places):
    """The bytes in pieces."""
    at = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return [content[start:end] for start, end in pairwise(at)]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_random_bytes_are_refused_or_wait_for_more(content, places):
    assert not messages_in(REQUESTS, cut(content, places))
    assert not messages_in(REPLIES, cut(content, places))


@given(st.booleans(), st.lists(st.integers(0, 5000), max_size=8))
def test_messages_arrive_as_they_were_sent_however_they_are_cut(reply, places):
    sent = ANSWERS if reply else SAMPLES
    content = b"".join(map(encode, sent))
    assert messages_in(REPLIES if reply else REQUESTS, cut(content, places)) == sent


@settings(max_examples=200)
@given(st.sampled_from([*SAMPLES, *ANSWERS]), st.data())
def test_frames_that_were_tampered_with_are_messages_or_refused(message, data):
    content = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    kinds = (REQUESTS, REPLIES)[data.draw(st.integers(0, 1))]
    for one in messages_in(kinds, cut(bytes(content), data.draw(st.lists(st.integers(0, 500), max_size=4)))) or ():
        assert isinstance(one, tuple(kinds))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({kind.__name__ for kind in (*REQUESTS, *REPLIES)} | {"Execute"})
FIELDS = sorted({name for kind in (*REQUESTS, *REPLIES) for name in kind._fields})


@given(st.sampled_from(NAMES), st.dictionaries(st.sampled_from([*FIELDS, "__class__", "is"]), JSON, max_size=6))
def test_texts_with_wrong_fields_are_messages_or_refused(name, values):
    text = json.dumps({"is": name, **values}).encode()
    for kinds in (REQUESTS, REPLIES):
        for one in messages_in(kinds, [HEAD.pack(0, len(text), 0) + text]) or ():
            assert isinstance(one, tuple(kinds))


@pytest.mark.parametrize(
    "content",
    [
        HEAD.pack(0, LARGEST_TEXT + 1, 0),
        HEAD.pack(0, 0, LARGEST_DATA + 1),
        HEAD.pack(2, 1, 0),
        HEAD.pack(0, 200_000, 0) + b"[" * 200_000,
        HEAD.pack(0, 1, 0) + b"\xff",
        HEAD.pack(0, 4, 0) + b"1e99",
        HEAD.pack(1, 3, 0) + b"abc",
        HEAD.pack(0, 6000, 0) + b"9" * 6000,
    ],
)
def test_what_is_no_message_is_refused(content):
    assert messages_in(REQUESTS, [content]) is None


def test_what_unpacks_to_too_much_is_refused_without_being_unpacked():
    bomb = zlib.compress(b" " * (8 * LARGEST_TEXT), 9)
    tracemalloc.start()
    try:
        assert messages_in(REPLIES, [HEAD.pack(1, len(bomb), 0) + bomb]) is None
        assert tracemalloc.get_traced_memory()[1] < 3 * LARGEST_TEXT
    finally:
        tracemalloc.stop()
