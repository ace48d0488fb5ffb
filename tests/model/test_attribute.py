"""Values of attributes: defaults, overrides, conversions, annotations."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import pytest

from depl.component import Attribute, Component, ConfigString
from depl.errors import AttributeExpansionError, ConversionError, DeplError
from depl.utils import Address

Prepared = Callable[..., Any]


class Colour(enum.Enum):
    RED = "rouge"
    BLUE = "bleu"


class Described(Component):
    text = Attribute(default="x")
    number = Attribute(int, default=1)
    literal = Attribute("literal", default=())
    names = Attribute("list", default=[])
    flag = Attribute(bool, default=True)
    path = Attribute(default=ConfigString("etc/{{host.name}}"), map=True)
    raw = Attribute(default="x", expand=False)
    missing = Attribute()


class Annotated(Component):
    text: str = "x"
    number: int = 1
    ratio: float = 1.0
    flag: bool = False
    names: list = []  # type: ignore[type-arg]  # noqa: RUF012
    numbers: list[int] = []  # noqa: RUF012
    old_numbers: List[int] = []  # noqa: RUF012
    mapping: dict[str, str] = {}  # noqa: RUF012
    old_mapping: Dict[str, str] = {}  # noqa: RUF012
    file: Path = Path()
    colour: Colour = Colour.RED
    maybe: Optional[int] = None
    modern: int | None = None
    either: Union[int, str] = 1
    unknown: set[int] = frozenset()  # type: ignore[assignment]
    misspelt: Intt = 1  # type: ignore[name-defined]  # noqa: F821
    bare = 1


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "{{host.name}}", "localhost"),
        ("number", "{{1 + 1}}", 2),
        ("literal", "{'a': 1}", {"a": 1}),
        ("names", "a, b,,c", ["a", "b", "c"]),
        ("flag", "False", False),
        ("raw", "{{host.name}}", "{{host.name}}"),
    ],
)
def test_an_override_is_expanded_and_converted(prepared: Prepared, name: str, text: str, value: Any) -> None:
    assert getattr(prepared(Described, **{name: text}), name) == value


def test_an_override_is_mapped_between_the_two(prepared: Prepared) -> None:
    component = prepared(Described, path="{{host.name}}.conf")
    assert component.path == f"{component.workdir}/localhost.conf"


def test_a_config_string_is_treated_like_an_override(prepared: Prepared) -> None:
    component = prepared(Described)
    assert component.path == f"{component.workdir}/etc/localhost"


def test_other_defaults_are_taken_as_they_are(prepared: Prepared) -> None:
    assert prepared(Described).literal == ()


def test_given_and_assigned_values_are_taken_as_they_are() -> None:
    given = Described(number="{{x}}")
    assert given.number == "{{x}}"
    given.number = "2"
    assert given.number == "2"


def test_a_mutable_default_is_not_shared() -> None:
    Described().names.append("x")
    assert Described().names == []


def test_a_value_is_worked_out_once() -> None:
    one = Described()
    assert one.names is one.names


def test_no_value_is_an_error_at_its_use() -> None:
    with pytest.raises(AttributeError, match=r"Described\.missing has no value"):
        _ = Described().missing


def test_a_wrong_value_names_component_attribute_value_type_and_place(prepared: Prepared) -> None:
    with pytest.raises(DeplError) as caught:
        prepared(Described, number="ten")
    (mistake,) = caught.value.mistakes  # type: ignore[attr-defined]
    assert isinstance(mistake, ConversionError)
    assert mistake.message == "attribute 'number' of 'described' is 'ten', which is not a whole number"
    assert (mistake.component, mistake.file, mistake.line) == ("described", "environment.cfg", 7)
    assert mistake.hint == "Change it in [component:described]."


def test_the_reason_of_an_own_conversion_is_told(prepared: Prepared) -> None:
    def even(text: str) -> int:
        raise ValueError("odd")

    class Own(Component):
        number = Attribute(even)

    with pytest.raises(DeplError) as caught:
        prepared(Own, number="1")
    assert "is '1', which is not what even takes (odd)" in caught.value.mistakes[0].message  # type: ignore[attr-defined]


def test_what_an_own_conversion_refuses_in_our_words_has_the_place_of_the_value(prepared: Prepared) -> None:
    class Own(Component):
        address = Attribute(Address)

    with pytest.raises(DeplError) as caught:
        prepared(Own, address="web.example")
    (mistake,) = caught.value.mistakes  # type: ignore[attr-defined]
    assert mistake.message == "attribute 'address' of 'own' is 'web.example': The address 'web.example' needs a port"
    assert (mistake.file, mistake.line, mistake.hint) == ("environment.cfg", 7, "Write it as 'web.example:PORT'.")


def test_a_template_that_does_not_work_out_names_its_place(prepared: Prepared) -> None:
    with pytest.raises(DeplError) as caught:
        prepared(Described, text="{{nothing}}")
    (mistake,) = caught.value.mistakes  # type: ignore[attr-defined]
    assert isinstance(mistake, AttributeExpansionError)
    assert "'text' of 'described' is the template '{{nothing}}'" in mistake.message
    assert (mistake.file, mistake.line) == ("environment.cfg", 7)


def test_all_wrong_values_are_told_together(prepared: Prepared) -> None:
    with pytest.raises(DeplError) as caught:
        prepared(Annotated, number="ten", flag="perhaps")
    assert len(caught.value.mistakes) == 2  # type: ignore[attr-defined]


def test_a_long_value_is_not_shown_in_parts(prepared: Prepared) -> None:
    with pytest.raises(DeplError) as caught:
        prepared(Annotated, number="s" * 300)
    assert "is a text of 300 characters" in caught.value.mistakes[0].message  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", " {{x}}", " {{x}}"),
        ("number", "42", 42),
        ("number", "0o644", 0o644),
        ("ratio", "0.5", 0.5),
        ("flag", "Yes", True),
        ("flag", "off", False),
        ("names", "a, b\nc", ["a", "b", "c"]),
        ("names", "['a', 1]", ["a", 1]),
        ("numbers", "1, 2", [1, 2]),
        ("old_numbers", "1\n2", [1, 2]),
        ("mapping", "{'a': 'b'}", {"a": "b"}),
        ("mapping", '{"a": true}', {"a": True}),
        ("old_mapping", "a = b\nc=d", {"a": "b", "c": "d"}),
        ("file", "/etc", Path("/etc")),
        ("colour", "bleu", Colour.BLUE),
        ("colour", "BLUE", Colour.BLUE),
        ("maybe", "3", 3),
        ("maybe", "", None),
        ("maybe", "None", None),
        ("modern", "3", 3),
        ("either", "3", 3),
        ("either", "three", "three"),
        ("unknown", "1, 2", "1, 2"),
        ("misspelt", "1", "1"),
        ("bare", "1", "1"),
    ],
)
def test_an_annotation_converts_what_overrides_say(prepared: Prepared, name: str, text: str, value: Any) -> None:
    assert getattr(prepared(Annotated, **{name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("number", "1.5", "a whole number"),
        ("ratio", "x", "a number"),
        ("flag", "2", "true or false"),
        ("numbers", "1, x", "a list, each of its items a whole number"),
        ("mapping", "a", "a dictionary"),
        ("colour", "green", "one of rouge, bleu"),
        ("modern", "x", "a whole number or none"),
    ],
)
def test_what_does_not_fit_an_annotation_is_told_with_the_type(
    prepared: Prepared, name: str, text: str, wanted: str
) -> None:
    with pytest.raises(DeplError) as caught:
        prepared(Annotated, **{name: text})
    assert caught.value.mistakes[0].message.endswith(f"which is not {wanted}")  # type: ignore[attr-defined]


def test_annotations_that_are_objects_are_read_too(prepared: Prepared) -> None:
    class Objects(Component):
        pass

    Objects.__annotations__ = {"a": int, "b": Optional[int], "c": List[int], "d": list[int], "e": int | None}
    for name in "abcde":
        setattr(Objects, name, None)
    one = prepared(Objects, a="1", b="2", c="3", d="4", e="5")
    assert (one.a, one.b, one.c, one.d, one.e) == (1, 2, [3], [4], 5)


def test_annotations_of_base_classes_hold(prepared: Prepared) -> None:
    class Base(Component):
        level: int = 6

    class Derived(Base):
        level = 7

    assert prepared(Derived, level="8").level == 8
