"""The filter: what base64 or hexadecimal makes of a secret is hidden also where line ends cut through it."""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from depl.redact import Redactor, mask
from depl.spellings import SHORTEST, cores, spellings

MARK = "guestbook.password #a1b2"
MASK = mask(MARK)
VALUE = "kX7mQ2vR9tLwz"
SHOWN = 3  # so many characters of it may stay before a line end


def wrapped(encoded: str, width: int, line_end: str = "\n") -> str:
    return line_end.join(encoded[at : at + width] for at in range(0, len(encoded), width))


def in_pieces(redact: Redactor, text: str, size: int) -> str:
    stream = redact.stream()
    return "".join([*(stream.feed(text[at : at + size]) for at in range(0, len(text), size)), stream.end()])


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("before", [45, 46, 47])
def test_a_value_inside_a_longer_base64_text_is_hidden_wherever_a_line_ends(before, line_end):
    redact = Redactor([(MARK, VALUE)])
    encoded = base64.b64encode(b"-" * before + VALUE.encode() + b"-" * 40).decode()
    core = next(core for core in cores(VALUE) if core in encoded)
    for width in range(4, 90):
        shown = redact(wrapped(encoded, width, line_end))
        assert MASK in shown
        left = re.sub("[\r\n]", "", shown)
        assert core[SHOWN : SHOWN + 3] not in left and core[-3:] not in left
        assert left.startswith(encoded[:before]) and left.endswith(encoded[-40:])


@pytest.mark.parametrize("command", ["base64", "base64 -w 64", "openssl base64", "xxd -p", "xxd -p -u"])
def test_what_programs_print_of_a_file_has_no_secret_in_it(command, tmp_path):
    file = tmp_path / "settings"
    for before in range(30, 60):
        file.write_text("#" * before + VALUE + "#" * 50)
        done = subprocess.run(["sh", "-c", f"{command} <{file}"], capture_output=True, text=True)
        if done.returncode == 127:
            pytest.skip(f"{command} is not installed")
        shown = Redactor([(MARK, VALUE)])(done.stdout)
        assert shown.count(MASK) == 1
        assert len(shown.split()) >= 2
        assert in_pieces(Redactor([(MARK, VALUE)]), done.stdout, 7) == shown


def test_a_long_value_is_one_mask_over_all_its_lines():
    value = "".join(f"{number:03}-" for number in range(600))
    encoded = wrapped(base64.b64encode(f"password: {value}, and more".encode()).decode(), 76)
    shown = Redactor([(MARK, value)])(encoded)
    assert shown == f"cGFzc3dvcmQ6I{MASK}wgYW5kIG1vcmU="


def test_a_line_is_shown_at_once_though_its_last_characters_may_begin_a_secret():
    redact, core = Redactor([(MARK, VALUE)]), min(cores(VALUE))
    stream = redact.stream()
    for length in range(SHOWN + 1):
        line = f"all is done: {core[:length]}\n"
        assert stream.feed(line) == line
    assert stream.feed(core[SHOWN:]) + stream.end() == MASK
    stream = redact.stream()
    assert stream.feed(f"all {core[:5]}\r\n") == "all "
    assert stream.feed("more\n") == f"{core[:5]}\r\nmore\n"


def test_of_a_shortened_text_what_lies_across_a_line_end_is_hidden():
    core = min(cores(VALUE), key=len)
    redact = Redactor([(MARK, VALUE)])
    assert redact(f"-- {core[:5]}\n{core[5:8]}... --") == f"-- {MASK}... --"
    assert redact(f"-- ...{core[4:9]}\n{core[9:]} --") == f"-- ...{MASK} --"


def test_only_what_is_encoded_is_looked_for_across_line_ends_and_only_across_one_at_a_time():
    core = next(iter(cores(VALUE)))
    redact = Redactor([(MARK, VALUE), ("pin #1", "471108")])
    for text in (
        "47\n1108\n4711\n08",
        f"{VALUE[:6]}\n{VALUE[6:]}",
        f"{core[:6]}\n\n{core[6:]}",
        f"{core[:6]}\r{core[6:]}",
    ):
        assert redact(text) == text


def test_what_stands_on_the_line_behind_a_secret_stays():
    core = max(cores(VALUE), key=len)
    redact = Redactor([(MARK, VALUE)])
    assert redact(f"{core}\ndone\n") == f"{MASK}\ndone\n"
    assert redact(f"{core[:9]}\n{core[9:]}\ndone\n") == f"{MASK}\ndone\n"


def test_a_value_that_is_what_base64_makes_of_another_one_does_not_uncover_it():
    inner = VALUE[:12]
    redact = Redactor([("outer #1", base64.b64encode(inner.encode()).decode()), ("inner #2", inner)])
    text = wrapped(base64.b64encode(f"---{inner}---".encode()).decode(), 10)
    assert redact.found(text) == ["inner #2"]


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes, bytes]:
    """A value, and what stands before and behind it."""
    value = draw(st.text(st.characters(codec="utf-8") | st.sampled_from("aA0+/ \n"), min_size=4, max_size=90))
    value += "Z" * (12 - len(value.encode()))
    around = st.binary(max_size=120) | st.builds(lambda count: value.encode()[:4] * count, st.integers(0, 20))
    return value, draw(around), draw(around)


@settings(max_examples=300, deadline=None)
@given(files(), st.sampled_from([64, 76]), st.sampled_from(["\n", "\r\n"]), st.integers(1, 100))
@example((VALUE, b"-" * 50, b"--"), 76, "\n", 1)
def test_no_more_than_two_bytes_of_a_value_can_be_decoded_from_what_is_shown(file, width, line_end, size):
    value, before, after = file
    secret = value.encode()
    if len(value.strip()) < SHORTEST:
        return
    redact = Redactor([(MARK, value)])
    text = wrapped(base64.b64encode(before + secret + after).decode(), width, line_end)
    assert in_pieces(redact, text, size) == redact(text)
    hidden = {at for start, end, _ in redact.spans(text) for at in range(start, end)}
    flags = [at not in hidden for at, one in enumerate(text) if one not in "\r\n"]
    bytes_shown = [all(flags[bit // 6] for bit in (8 * at, 8 * at + 7)) for at in range(len(before + secret))]
    of_value = "".join("x" if shown else "." for shown in bytes_shown[len(before) :])
    assert "xxx" not in of_value
    assert in_pieces(redact, redact(text), size) == redact(text)


@settings(max_examples=200, deadline=None)
@given(files(), st.lists(st.integers(0, 300), max_size=40), st.sampled_from(["\n", "\r\n"]), st.integers(1, 100))
def test_line_ends_at_any_column_uncover_nothing(file, places, line_end, size):
    value, before, after = file
    if len(value.strip()) < SHORTEST:
        return
    redact = Redactor([(MARK, value)])
    encoded = base64.b64encode(before + value.encode() + after).decode()
    cuts = [0, *sorted({place for place in places if 0 < place < len(encoded)}), len(encoded)]
    text = line_end.join(encoded[start:end] for start, end in pairwise(cuts))
    shown = redact(text)
    assert in_pieces(redact, text, size) == shown
    left = re.sub("[\r\n]", "", shown.replace(MASK, "…"))
    assert not [form for form in spellings(value) if form in left and re.fullmatch("[A-Za-z0-9+/]+", form)]


def test_hexadecimal_is_hidden_at_any_column():
    redact = Redactor([(MARK, VALUE)])
    encoded = binascii.hexlify(f"----{VALUE}----".encode()).decode()
    for width in range(4, 40):
        left = redact(wrapped(encoded, width)).replace("\n", "")
        assert MASK in left and VALUE.encode().hex()[SHOWN : SHOWN + 4] not in left
