"""The form in which secrets are edited."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from depl.secrets import plain
from depl.secrets.lines import ENTRY, Line

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg==\n\nabc\n-----END PRIVATE KEY-----"


def written(value: str) -> str:
    return plain.written([Line(ENTRY, "", section="component:a", key="b", text=value)])


def read(text: str) -> list[tuple[str, str, bool]]:
    found, mistakes = plain.read(text, "x.cfg")
    assert [error.message for error in mistakes] == []
    return [(line.key, line.text, line.command) for line in found if line.kind == ENTRY]


def mistakes_of(text: str) -> list[tuple[int, str]]:
    return sorted((error.line, error.message) for error in plain.read(text, "x.cfg")[1])


@given(
    st.text()
    | st.lists(st.sampled_from(["", " ", "a", "#", ";", "[b]", "c = d", "!command x", "\t", "\r", '"'])).map("\n".join)
)
@example("!command ls")
@example('!text "a"')
@example("!command")
@example("# no comment")
@example("a\n# no comment\nb")
@example("\n")
@example("\r\n")
@example("ü\u2028\x85\x1c")
@example("x" * 65536)
@example("line of a key\n" * 5000)
def test_any_value_is_read_as_it_was_written(value):
    assert read(f"[a]\n{written(value)}c = 1\n") == [("b", value, False), ("c", "1", False)]


def test_a_value_of_several_lines_is_written_in_several_lines():
    assert written(PEM) == (
        "b = -----BEGIN PRIVATE KEY-----\n    MIIEvQIBADANBg==\n\n    abc\n    -----END PRIVATE KEY-----\n"
    )


@pytest.mark.parametrize(
    "value", ["", "hunter2", "ein schönes Wort", "a # b", "!important", '"quoted"', "a=b:c", "age:x"]
)
def test_a_usual_value_stands_as_it_is(value):
    assert written(value).rstrip() == f"b = {value}".rstrip()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (" a", '!text " a"'),
        ("a\n", '!text "a\\n"'),
        ("ü\u00a0b", '!text "\\u00fc\\u00a0b"'),
        ("ü ", '!text "ü "'),
        ("!command x", '!text "!command x"'),
    ],
)
def test_a_value_that_ini_does_not_carry_is_written_as_json(value, shown):
    assert written(value) == f"b = {shown}\n"


def test_a_command_is_told_from_a_value():
    assert read("[a]\nb = !command  pass show x\nc = !commander\n") == [
        ("b", "pass show x", True),
        ("c", "!commander", False),
    ]


def test_comments_within_a_value_follow_it():
    found, _ = plain.read("[a]\nb = 1\n  # why\n  2\nc = 3\n", "")
    assert [(line.kind, line.text) for line in found] == [
        ("section", "a"),
        ("entry", "1\n2"),
        ("comment", "# why"),
        ("entry", "3"),
    ]


def test_all_mistakes_are_told_at_once_with_their_lines():
    text = """\
[group:web]
a = 1
[x]
b = 1
c = !text nonsense
d = !command
[component:x]
b = 2
[host:h]
plain = 1
data- = 1
data-ok = 1
x.attribute = 1
[y] more
    """
    assert mistakes_of(text) == [
        (1, "The section [group:web] cannot hold secrets"),
        (5, "The value of 'c' in [component:x] begins with !text, but no \"JSON string\" follows"),
        (6, "'d' in [component:x] has no command"),
        (8, "The key 'b' of [component:x] is there already, in line 4"),
        (10, "A key in [host:h] is neither data-KEY nor COMPONENT.ATTRIBUTE"),
        (11, "A key in [host:h] is neither data-KEY nor COMPONENT.ATTRIBUTE"),
        (14, "Something stands behind the name of the section [y]"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[a]\nb = x\nSECRET\n",
        "[a]\nb = x\nSECRET==\n",
        "[host:a]\nSECRET = x\n",
        "SECRET\n[a]\n",
        "[a]\n= SECRET\n",
        "[a]\nb = !text SECRET\n",
        '[a]\nb = !text "SECRET\n',
    ],
)
def test_no_mistake_shows_a_line_that_may_be_a_secret(text):
    _, mistakes = plain.read(text.replace("SECRET", "c2Vj/cmV0"), "x.cfg")
    assert mistakes
    for error in mistakes:
        assert "c2Vj" not in repr(error.facts) + repr(error.__context__)


def test_the_end_of_a_pasted_key_is_not_taken_for_a_key_of_the_file():
    pasted = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU="
    for end in ("", "="):
        (mistake,) = plain.read(f"[web]\npassword =\n{pasted}{end}\n", "x")[1]
        assert (mistake.line, "Indent" in mistake.hint, pasted[:8] in mistake.message) == (3, True, False)
    assert plain.read("[web]\npassword_of_the_administrator =\n", "x")[1] == []


@pytest.mark.parametrize("command", ["", " ", "a\nb", "a ", "\x1b"])
def test_a_command_that_is_not_one_line_is_refused(command):
    with pytest.raises(plain.ConfigurationError, match="single line"):
        plain.command_line(command)


def test_the_text_may_have_the_line_ends_and_the_mark_of_windows():
    assert read("\ufeff[a]\r\nb = 1\r\n  2\r\n") == [("b", "1\n2", False)]
