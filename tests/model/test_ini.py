from __future__ import annotations

import configparser
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from depl import ini

LINES = st.one_of(
    st.sampled_from(
        ["", " ", "\t", "[a]", "[b]", "[c]", "  [d]", "[e] x", "[f]]", "[]", "# no", "  ; no", "x", "  y = 2"]
    ),
    st.sampled_from(["k = v", "k2=v", "k3: v = w", " k4 =", "k5 = # v", "= v", ": v", "K = v", "k6  :v ; w", "no [x]"]),
    st.text(alphabet="ab=:[]#; \t\x0b\u2028", max_size=8),
)


def by_configparser(text: str) -> dict[str, dict[str, str]] | None:
    """What RawConfigParser makes of a text; None for a mistake."""
    parser = configparser.RawConfigParser(default_section="\0", empty_lines_in_values=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {name: dict(parser.items(name)) for name in parser.sections()}


@given(st.lists(LINES, max_size=14).map("\n".join))
@example("[a]\nk = 1\n  # no\n\n  2\n\n\nl = 3")
@example(" [a]\n   k = 1\n   l = 2\n     3\n [b]")
def test_it_reads_what_the_raw_config_parser_reads(text: str) -> None:
    expected = by_configparser(text)
    parsed = ini.parse(text, "x.cfg")
    if expected is None:
        assert parsed.mistakes
    else:
        found = {
            section.name: {e.key: e.value for e in section.entries.values()} for section in parsed.sections.values()
        }
        assert (parsed.mistakes, found) == ([], expected)


def test_every_section_and_key_knows_its_line() -> None:
    parsed = ini.parse("# x\n[hosts]\n\nweb = a\n[host:db]\nignore = True\n", "x.cfg")
    assert [(s.name, s.line, [e.line for e in s.entries.values()]) for s in parsed.sections.values()] == [
        ("hosts", 2, [4]),
        ("host:db", 5, [6]),
    ]


def test_items_are_separated_by_commas_and_lines_and_know_their_lines() -> None:
    entry = ini.parse("[h]\nx = a, b\n  # no\n\n  c,\n  d:e, !f\n", "x.cfg").entries("h")["x"]
    assert list(entry.items()) == [("a", 2), ("b", 2), ("c", 5), ("d:e", 6), ("!f", 6)]


def test_an_item_between_two_commas_is_empty() -> None:
    entry = ini.parse("[h]\nx = a,,b\n", "x.cfg").entries("h")["x"]
    assert [item for item, _ in entry.items()] == ["a", "", "b"]


def test_an_empty_value_has_no_items() -> None:
    assert list(ini.parse("[h]\nx =\n", "x.cfg").entries("h")["x"].items()) == []


def mistakes(text: str | bytes) -> list[tuple[int | None, str]]:
    return [(mistake.line, str(mistake)) for mistake in ini.parse(text, "x.cfg").mistakes]


def test_a_key_given_twice_names_both_lines_and_the_first_counts() -> None:
    parsed = ini.parse("[a]\nk = 1\nk = 2\n  3\n", "x.cfg")
    assert [(m.file, m.line, str(m)) for m in parsed.mistakes] == [
        ("x.cfg", 3, "The key 'k' in [a] is there already, in line 2")
    ]
    assert parsed.entries("a")["k"].value == "1"


def test_a_section_given_twice_names_both_lines_and_its_keys_are_read_on() -> None:
    parsed = ini.parse("[a]\nk = 1\n[b]\n[a]\nl = 2\n", "x.cfg")
    assert [str(m) for m in parsed.mistakes] == ["The section [a] is there already, in line 1"]
    assert sorted(parsed.entries("a")) == ["k", "l"]


def test_a_line_before_the_first_section_is_a_mistake_once() -> None:
    assert mistakes("k = 1\nl = 2\n[a]\n") == [(1, "The line 'k = 1' stands before the first section, such as [hosts]")]


def test_a_line_without_delimiter_is_a_mistake_and_its_continuation_is_not_another() -> None:
    assert mistakes("[a]\nk = 1\nnonsense\n  more\n") == [
        (3, "The line 'nonsense' in [a] is neither a section nor a key")
    ]


def test_a_line_without_key_is_a_mistake() -> None:
    assert mistakes("[a]\n= 1\n") == [(2, "The line '= 1' in [a] has no key before '='")]


def test_all_mistakes_are_collected() -> None:
    assert [line for line, _ in mistakes("[a]\nk=1\nk=2\nx\n[a]\n: y\n")] == [3, 4, 5, 6]


def test_bytes_that_are_not_utf8_are_a_mistake_with_their_line() -> None:
    assert mistakes(b"[a]\nk = \xff\n") == [(2, "The file is not UTF-8 text")]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    parsed = ini.parse("\ufeff[a]\r\nk = 1\r\n".encode(), "x.cfg")
    assert (parsed.mistakes, parsed.entries("a")["k"].value) == ([], "1")


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    parsed = ini.read(str(tmp_path / "missing.cfg"))
    assert [str(m) for m in parsed.mistakes] == ["The file cannot be read: No such file or directory"]
