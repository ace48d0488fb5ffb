"""Files that hold data: what is written can be read again, and is the same for the same data."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Callable
from configparser import RawConfigParser
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from depl.lib.file import INIContent, JSONContent, TOMLContent, YAMLContent
from depl.lib.files import ini, toml

Made = Callable[..., Any]


def deployed(made: Any) -> str:
    assert made.deploy().error == ""
    content: str = (made.work / "x").read_text()
    return content


def test_json_is_sorted_and_readable_or_compact(project: Made) -> None:
    data = {"b": [1, None], "a": {"c": True}}
    assert deployed(project(lambda self: JSONContent("x", data=data))) == json.dumps(data, sort_keys=True, indent=4)
    compact = project(lambda self: JSONContent("x", data=data, human_readable=False))
    assert deployed(compact) == '{"a":{"c":true},"b":[1,null]}'


def test_a_source_is_read_and_overridden(project: Made) -> None:
    made = project(lambda self: JSONContent("x", source="a.json", override={"a": {"c": 2}, "l": [3], "n": 1}))
    made.file("a.json", '{"a": {"b": 1, "c": 1}, "l": [1, 2]}')
    wanted = {"a": {"b": 1, "c": 2}, "l": [1, 2, 3], "n": 1}
    assert json.loads(deployed(made)) == wanted
    assert made.component.sub_components[0].data == wanted


def test_the_file_of_the_same_name_is_read_where_nothing_is_given(project: Made) -> None:
    made = project(lambda self: YAMLContent("x", override={"b": 2}))
    made.file("x", "a: 1\n")
    assert deployed(made) == "a: 1\nb: 2\n"


def test_falsy_data_is_data(project: Made) -> None:
    assert deployed(project(lambda self: JSONContent("x", data={}))) == "{}"


@pytest.mark.parametrize(
    ("block", "source", "read"),
    [
        (YAMLContent, "b: [1, {c: ä}]\na: null\n", yaml.safe_load),
        (TOMLContent, 'b = 1\n[a]\nc = ["x"]\n[[a.d]]\ne = 1979-05-27\n', tomllib.loads),
        (JSONContent, '{"b": [1, {"c": "ä"}], "a": null}', json.loads),
    ],
)
def test_a_source_of_each_format_is_written_as_it_was_meant(block: Any, source: str, read: Any, project: Made) -> None:
    made = project(lambda self: block("x", source="a"))
    made.file("a", source)
    assert read(deployed(made)) == read(source)


def test_a_source_that_an_earlier_component_makes_is_read_on_the_host(project: Made) -> None:
    made = project(
        lambda self: [JSONContent("a", data={"b": 1}), YAMLContent("x", source=self.map("a"), override={"c": 2})]
    )
    assert made.plan().error == ""
    assert deployed(made) == "b: 1\nc: 2\n"


def test_ini_of_all_kinds_of_values(project: Made) -> None:
    data = {"Server": {"Port": 80, "debug": True, "hosts": ["a", "b"], "flag": None, "text": "one\ntwo", "none": ""}}
    text = deployed(project(lambda self: INIContent("x", data=data)))
    parser = RawConfigParser(allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    assert dict(parser["Server"]) == {
        "Port": "80", "debug": "true", "hosts": "\na\nb", "flag": None, "text": "one\ntwo", "none": "",
    }  # fmt: skip


def test_ini_is_read_and_written_again(project: Made) -> None:
    made = project(lambda self: INIContent("x", source="a.ini", override={"s": {"B": 2}, "t": {"c": 3}}))
    made.file("a.ini", "[s]\nA: 1\nB = 1\n")
    assert deployed(made) == "[s]\nA = 1\nB = 2\n\n[t]\nc = 3\n"


def test_ini_refuses_what_would_be_read_differently() -> None:
    for data in ({"a]": {}}, {"a": {" b": 1}}, {"a": {"#b": 1}}, {"a": {"b": "c\n# d"}}, {"a": {"b": {"c": 1}}}):
        with pytest.raises(ValueError, match=r"cannot be|comment|of type"):
            ini.dumps(data)


leaves = (
    st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.dates(min_value=dt.date(1000, 1, 1))
    | st.datetimes(min_value=dt.datetime(1000, 1, 1))  # noqa: DTZ001  (local times are times, too)
)
keys = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(leaves, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(keys, inside, max_size=3))


@given(st.dictionaries(keys, values, max_size=4))
def test_toml_is_read_as_it_was_written(data: dict[str, Any]) -> None:
    assert tomllib.loads(toml.dumps(data)) == data
