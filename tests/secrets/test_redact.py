"""The filter: no spelling of a secret passes it, whole, cut or in pieces; all else passes unchanged."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import threading
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from depl.redact import Redactor, mask
from depl.spellings import SHORTEST, spellings, weakness

MARK = "guestbook.password #a1b2"
MASK = "‹secret guestbook.password #a1b2›"
PLAIN = "kX7mQ2vR9tLw"
SHAPES = {
    "plain": PLAIN,
    "spaces": "correct horse battery staple",
    "quotes": """it's "so" `odd` $HOME \\n""",
    "brackets": "<a&b>;{c,d}*[e]?!#~(f)|^%g",
    "unicode": "pässwörd € Ω",
    "control": "tab\tbell\aescape\x1bend",
    "number": "4711081547110815",
    "url": "p+q/r=s?t&u:v@w",
    "lines": 'first line\'s\nsecond "line"',
}


def hides(value: str, text: str, around: str = "") -> None:
    shown = Redactor([(MARK, value)])(text)
    assert MASK in shown
    left = shown.replace(MASK, "")
    assert not any(form in left for form in spellings(value))
    assert left.strip("\"'$ \r\n") == around


def bash(script: str, value: str, locale: str = "C.UTF-8") -> str:
    command = ["bash", "-c", script, "bash", value]
    done = subprocess.run(command, capture_output=True, env={"LC_ALL": locale, "PATH": "/usr/bin:/bin"})
    return done.stdout.decode("utf-8", "replace")


@pytest.fixture(params=SHAPES)
def value(request: pytest.FixtureRequest) -> str:
    return SHAPES[request.param]


@pytest.mark.parametrize(
    "write",
    [
        str,
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: json.dumps(value).replace("/", "\\/"),
        lambda value: json.dumps(json.dumps(value))[3:-3],
        repr,
        ascii,
        lambda value: repr(value.encode())[1:],
        shlex.quote,
        lambda value: json.dumps(shlex.quote(value)),
        lambda value: bash('printf %q "$1"', value),
        lambda value: bash('printf %q "$1"', value, "C"),
        lambda value: bash('echo "${1@Q}"', value),
        lambda value: bash("x=$1; declare -p x", value).partition("=")[2],
        lambda value: quote(value, safe=""),
        quote,
        quote_plus,
        lambda value: re.sub("%..", lambda found: found[0].lower(), quote(value)),
        html.escape,
        lambda value: html.escape(value, quote=False),
        lambda value: value.encode().hex(),
        lambda value: value.encode().hex().upper(),
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.b64encode(value.encode()).decode().rstrip("="),
        lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
        lambda value: quote(base64.b64encode(value.encode()).decode(), safe=""),
        lambda value: value.replace("%", "%%"),
        lambda value: value.replace("\n", "\r\n"),
    ],
)
def test_a_value_is_hidden_however_it_is_written(value, write):
    hides(value, write(value))


@pytest.mark.parametrize("style", ["'", '"'])
def test_a_value_in_yaml_is_hidden(style):
    text = yaml.dump({"password": SHAPES["quotes"]}, default_style=style, width=1000)
    assert MASK in Redactor([(MARK, SHAPES["quotes"])])(text)
    assert "odd" not in Redactor([(MARK, SHAPES["quotes"])])(text)


def test_a_value_in_csv_is_hidden():
    out = io.StringIO()
    csv.writer(out).writerow(['a "quoted", value'])
    hides('a "quoted", value', out.getvalue())


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "some user:"])
@pytest.mark.parametrize("after", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_value_inside_a_longer_base64_text_leaves_nothing_of_itself(before, after, encode):
    shown = set()
    for value in ("päss?>word", "~~~xÿ>>>??", "0123456789a"):
        redact = Redactor([(MARK, value)])
        shown.add(redact(encode(f"{before}{value}{after}".encode()).decode()))
    assert len(shown) == 1
    assert MASK in shown.pop()


def test_short_values_are_hidden_in_basic_authentication():
    for user in ("u", "us", "use"):
        assert MASK in Redactor([(MARK, "hunt2")])(base64.b64encode(f"{user}:hunt2".encode()).decode())


def test_wrapped_base64_of_a_long_value_is_hidden_line_by_line():
    value = "".join(f"{number:03}-" for number in range(60))
    redact = Redactor([(MARK, value)])
    for width in (64, 76):
        lines = textwrap.wrap(base64.b64encode(value.encode()).decode(), width)
        assert redact("\n".join(lines)) == MASK
        assert redact("\n".join("  > " + line for line in lines[:-1])).count(MASK) == len(lines) - 1


def test_the_lines_of_a_value_are_hidden_one_by_one_but_the_armour_of_a_key_is_not():
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n  aGVsbG8gdGhlcmU=\n-----END PRIVATE KEY-----\n"
    redact = Redactor([(MARK, key)])
    assert redact(key) == MASK
    shown = redact("key: |\n" + textwrap.indent(key, "      "))
    assert "-----BEGIN PRIVATE KEY-----" in shown
    assert shown.count(MASK) == 2
    assert "MII" not in shown
    assert "aGV" not in shown


def test_lines_that_stand_in_every_text_are_not_looked_for():
    assert Redactor([(MARK, "secret-word-1\n-----\ntrue\nxyz\n}")])("----- true xyz }") == "----- true xyz }"


def test_the_password_in_a_url_is_hidden_alone_quoted_and_unquoted():
    redact = Redactor([(MARK, "postgresql://app:p%40ssw0rd!@db.example.org/app?options=a@b")])
    assert redact("PGPASSWORD=p%40ssw0rd! or p@ssw0rd! on db.example.org") == (
        f"PGPASSWORD={MASK} or {MASK} on db.example.org"
    )


def test_space_around_a_value_may_be_missing():
    assert Redactor([(MARK, f"  {PLAIN}\n")])(f"[{PLAIN}]") == f"[{MASK}]"


@pytest.mark.parametrize("value", ["", "abc", " ab \n", "   \n   "])
def test_nothing_shorter_than_four_characters_is_looked_for(value):
    redact = Redactor([(MARK, value)])
    assert not redact
    assert redact(f"it is {value}, or YWJj") == f"it is {value}, or YWJj"
    assert not spellings(value)


def test_a_redactor_that_knows_nothing_lets_everything_through():
    redact, stream = Redactor(), Redactor().stream()
    assert not redact
    assert redact(PLAIN) is not None
    assert redact(PLAIN) == stream.feed(PLAIN) == redact.data(PLAIN) == PLAIN
    assert redact.found(PLAIN) == redact.spans(PLAIN) == []


def test_a_redactor_that_knows_nothing_imports_no_machinery():
    script = "import sys; from depl.redact import Redactor; Redactor()('text'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"depl.spellings", "depl.spotting", "json", "urllib.parse"} & set(loaded)


def test_masks_stay_what_they_are_so_that_redacting_twice_changes_nothing():
    redact = Redactor([("guestbook.password #a1b2", "guestbook"), ("b #2", "password #a1b2"), ("c #3", "2› and")])
    shown = redact("the guestbook has guestbook and more")
    assert shown == f"the {MASK} has {MASK} and more"
    assert redact(shown) == shown
    stream = redact.stream()
    assert "".join([*map(stream.feed, shown), stream.end()]) == shown
    assert redact("‹secret guestbook.other›") == f"‹secret {MASK}.other›"


def test_of_two_secrets_with_one_value_the_first_mark_counts():
    redact = Redactor([("a #1", PLAIN), ("b #1", PLAIN)])
    redact.learn([("c #1", PLAIN)])
    assert redact(PLAIN) == mask("a #1")


def test_of_secrets_within_each_other_the_longest_is_shown():
    redact = Redactor([("short #1", "horse"), ("long #2", "correct horse battery")])
    assert redact("correct horse battery; horse") == "‹secret long #2›; ‹secret short #1›"
    assert redact.found("correct horse battery") == ["long #2"]


def test_of_secrets_that_overlap_nothing_is_left():
    redact = Redactor([("a #1", "abcdef"), ("b #2", "efghij")])
    assert redact("-abcdefghij-") == "-‹secret a #1›‹secret b #2›-"
    assert redact.spans("-abcdefghij-") == [(1, 7, "a #1"), (7, 11, "b #2")]
    assert Redactor([("a #1", "abab")])("-ababab-") == "-‹secret a #1›-"


def test_a_value_counts_more_than_a_line_of_another_one():
    assert Redactor([("file #1", f"user\n{PLAIN}\n"), ("word #2", PLAIN)])(PLAIN) == mask("word #2")


@pytest.mark.parametrize("dots", ["…", "...", "....."])
def test_what_is_left_of_a_value_in_a_shortened_text_is_hidden(dots):
    redact = Redactor([(MARK, PLAIN), ("other #1", "kX7mABCDEFGH")])
    assert redact(f"run {PLAIN[:7]}{dots} failed") == f"run {MASK}{dots} failed"
    assert redact(f"run {dots}{PLAIN[5:]} failed") == f"run {dots}{MASK} failed"
    assert redact(f"run {PLAIN[:3]}{dots}") == f"run {PLAIN[:3]}{dots}"
    assert redact(f"run {PLAIN[:7]}, {PLAIN[5:]}") == f"run {PLAIN[:7]}, {PLAIN[5:]}"


def test_texts_in_data_are_redacted_and_other_values_stay():
    redact = Redactor([(MARK, PLAIN), ("pin #1", "123456"), ("ratio #2", "1.2345"), ("flag #3", "True")])
    given = {PLAIN: [PLAIN, ("a", PLAIN)], "pin": 123456, "in": 9123456, "ratio": 1.2345, "n": 7, "t": True, "no": None}
    assert redact.data(given) == {
        MASK: [MASK, ("a", MASK)],
        "pin": mask("pin #1"),
        "in": "9" + mask("pin #1"),
        "ratio": mask("ratio #2"),
        "n": 7,
        "t": True,
        "no": None,
    }
    assert redact.data({1: "x"}) == {1: "x"}


def test_found_names_the_secrets_in_a_text_once_and_sorted():
    redact = Redactor([("b #1", PLAIN), ("a #2", "other value")])
    assert redact.found(f"{PLAIN} {PLAIN} other%20value") == ["a #2", "b #1"]
    assert redact.found(mask("a #2")) == []


def test_spans_are_places_of_the_text_as_it_was():
    text = f"a {PLAIN} b '{PLAIN}'"
    assert [text[start:end] for start, end, _ in Redactor([(MARK, PLAIN)]).spans(text)] == [PLAIN, PLAIN]


def test_who_holds_a_redactor_hears_of_what_it_learns_later():
    redact = Redactor()
    stream = redact.stream()
    assert stream.feed("kX7m") == "kX7m"
    redact.learn([(MARK, PLAIN)])
    assert redact
    assert redact(PLAIN) == MASK
    assert stream.feed(PLAIN) + stream.end() == MASK


def test_one_thread_may_learn_while_others_redact():
    redact = Redactor([("s0 #0", "secret-number-0!")])
    errors: list[AssertionError] = []

    def use(number: int) -> None:
        try:
            for one in range(30):
                redact.learn([(f"s{number} #{one}", f"secret-{number}-{one}!")])
                assert "-" not in redact(f"secret-{number}-{one}!secret-number-0!")
        except AssertionError as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_a_stream_shows_at_once_what_cannot_become_a_secret():
    stream = Redactor([(MARK, PLAIN)]).stream()
    assert stream.feed("Continue? [y/n] ") == "Continue? [y/n] "
    assert stream.feed("so kX7") == "so "
    assert stream.feed("mQ") == ""
    assert stream.feed("2 no ") == "kX7mQ2 no "
    assert stream.feed(PLAIN) + stream.feed("\n") == f"{MASK}\n"
    assert stream.feed("kX7m") + stream.end() == "kX7m"


def test_a_stream_that_was_cut_short_is_redacted_at_its_end():
    stream = Redactor([(MARK, PLAIN)]).stream()
    assert stream.feed(PLAIN[:8] + "..") == ""
    assert stream.feed(".") + stream.end() == f"{MASK}..."


ALPHABET = "abAQ=.\"'…\\\n ‹%é-1"


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[str], str, list[int]]:
    """Values, a text that has spellings of them, whole and cut, and where to split it."""
    values = draw(st.lists(st.text(ALPHABET, min_size=4, max_size=14) | st.text(max_size=12), min_size=1, max_size=4))
    forms = sorted({form for value in values for form in spellings(value)} | {mask("m0")})
    text = ""
    for _ in range(draw(st.integers(1, 6))):
        form, dots = draw(st.sampled_from(forms)), draw(st.sampled_from(["...", "…", "....", ".."]))
        at = draw(st.integers(0, len(form)))
        broken = draw(st.sampled_from(["\n", "\r\n"])).join([form[:at], form[at : at + 4], form[at + 4 :]])
        text += draw(st.sampled_from([form, broken, form[:at] + dots, dots + form[at:], draw(st.text(ALPHABET))]))
    return values, text, sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))


@settings(max_examples=300, deadline=None)
@given(texts())
def test_no_spelling_passes_whole_or_in_pieces(case):
    values, text, places = case
    redact = Redactor((f"m{number}", value) for number, value in enumerate(values))
    stream = redact.stream()
    shown = redact(text)
    pieces = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    assert "".join([*map(stream.feed, pieces), stream.end()]) == shown
    assert redact(shown) == shown
    for number in range(len(values)):
        shown = shown.replace(mask(f"m{number}"), "\0\0\0")
    assert not [form for value in values for form in spellings(value) if form in shown and form.strip("\0")]


@settings(max_examples=100, deadline=None)
@given(texts())
def test_a_stream_holds_no_more_than_the_longest_form(case):
    values, text, places = case
    redact = Redactor((f"m{number}", value) for number, value in enumerate(values))
    longest = max(map(len, [mask("m0"), *(form for value in values for form in spellings(value))]))
    stream = redact.stream()
    for start, end in zip([0, *places], [*places, len(text)], strict=True):
        stream.feed(text[start:end])
        assert len(re.sub("[\r\n]", "", stream._text)) <= longest + 20


@settings(max_examples=200, deadline=None)
@given(texts())
def test_spans_lie_apart_and_in_order(case):
    values, text, _ = case
    places = [at for start, end, _ in Redactor([("m0", values[0])]).spans(text) for at in (start, end)]
    assert places == sorted(places)
    assert all(start < end for start, end in zip(places[::2], places[1::2], strict=True))


def steps(work: object, *args: object) -> int:
    """How many calls some work takes."""
    count = 0

    def one_more(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(one_more)
    try:
        work(*args)  # type: ignore[operator]
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "line",
    ["ordinary output, line by line...\n", f"it has {PLAIN} in it\n", "kX7m" * 8, "-" * 30, "a1g3\nbVEydl\n", "no\n.."],
)
def test_the_work_grows_with_the_text_and_not_faster(line):
    redact = Redactor([(MARK, PLAIN), ("key #1", "-----BEGIN KEY-----\nabcdefgh\n"), ("run #2", "kX7m" * 40)])
    redact(line)
    few, many = steps(redact, line * 20), steps(redact, line * 200)
    assert many <= 11 * few


def test_five_hundred_secrets_cost_ordinary_text_no_more_steps_than_a_few():
    text = "ordinary output, line by line, of a deployment: 17 files were changed.\n" * 50
    many = Redactor((f"s{number} #1", f"{number}kX7mQ2{number}!") for number in range(500))
    assert many(text) == text
    assert steps(many, text) < len(text) / 4


@pytest.mark.parametrize(
    ("value", "part"),
    [("abc", "shorter than 4"), (" a ", "shorter"), ("Password", "common word"), ("true\n", "common"), (PLAIN, "")],
)
def test_weak_values_are_told_of(value, part):
    assert part in weakness(value)
    assert bool(part) == bool(weakness(value))
    assert SHORTEST == 4


@pytest.mark.parametrize(
    ("shell", "script"),
    [
        ("dash", 'echo "$0"'),
        ("dash", 'printf %b "$0"'),
        ("bash", 'echo -e "$0"'),
        ("bash", 'printf %b "$0"'),
    ],
)
@pytest.mark.parametrize(
    "value",
    [r"pass\nword\tx", r"a\\b\0101c\101d", r"x\x41y\e[0mzz", r"abcd\cefg", r"q\'w\"e\u00e9r", "word\\", r"p\xwz\u"],
)
def test_a_value_is_hidden_where_a_shell_takes_its_backslashes_for_escapes(shell, script, value):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-c", script, value], capture_output=True, env={"LC_ALL": "C.UTF-8"})
    hides(value, done.stdout.decode("utf-8", "replace"))


@pytest.mark.parametrize("value", ["a" * 100_000, "0f" * 300_000, "a://b:" * 4000, "x://" + "y" * 100_000])
def test_a_long_value_does_not_take_long(value):
    script = "import sys; from depl.redact import Redactor; print(Redactor([('long #1', sys.stdin.read())])('text'))"
    done = subprocess.run([sys.executable, "-c", script], input=value, text=True, capture_output=True, timeout=30)
    assert done.stdout == "text\n"
