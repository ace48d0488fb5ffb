"""What a rollout by hand is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from depl.errors import ConfigurationError, Mistakes
from depl.rollout import Parameter, Rollout
from depl.rollout.parameters import as_facts, values_of


class Release(Rollout):
    version = Parameter(str, help="what to release")
    canary = Parameter(choices=["web1", "web2"], default="web1", advanced=True)
    workers = Parameter(int, default=0)
    share = Parameter(float, default=0.5)
    quick = Parameter(bool, default=False)
    hosts = Parameter(multiple=True, default=[])
    ports = Parameter(int, multiple=True, default=None)
    note = Parameter(default=None)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("canary", "web2", "web2"),
        ("canary", "web1", "web1"),
        ("workers", "12", 12),
        ("share", "2", 2.0),
        ("quick", "yes", True),
        ("quick", "False", False),
        ("hosts", "a, b", ["a", "b"]),
        ("hosts", "", []),
        ("ports", "80,443", [80, 443]),
        ("note", "", None),
        ("note", " spaces stay ", " spaces stay "),
    ],
)
def test_a_text_becomes_the_value_that_is_meant(name: str, text: str, value: Any) -> None:
    assert values_of(Release, {"version": "1", name: text})[name] == value


def test_what_is_not_given_has_its_default() -> None:
    values = values_of(Release, {"version": "1.2"})
    assert list(values) == ["version", "canary", "workers", "share", "quick", "hosts", "ports", "note"]
    assert (values["canary"], values["workers"], values["hosts"], values["note"]) == ("web1", 0, [], None)


def test_values_as_they_were_recorded_are_taken_as_they_are() -> None:
    values = values_of(Release, {"version": "1.2", "ports": "1,2", "share": "3"})
    assert values_of(Release, values) == values


def test_all_mistakes_are_told_together() -> None:
    given = {
        "versoin": "1",
        "canary": "web3",
        "workers": "many",
        "share": "nan",
        "quick": "perhaps",
        "ports": "80,http",
        "note": "\0",
    }
    with pytest.raises(Mistakes) as caught:
        values_of(Release, given)
    assert [(mistake.message, mistake.hint) for mistake in caught.value.mistakes] == [
        ("The parameter 'canary' is 'web3', which is not one of web1, web2", ""),
        ("The parameter 'note' is '\\x00', which is not a text", ""),
        ("The parameter 'ports' is '80,http', which is not a whole number", ""),
        ("The parameter 'quick' is 'perhaps', which is not true or false", ""),
        ("The parameter 'share' is 'nan', which is not a number", ""),
        ("The parameter 'version' is not given", "Give it by: --set version=... (what to release)"),
        ("The parameter 'workers' is 'many', which is not a whole number", ""),
        ("There is no parameter 'versoin'", "Did you mean 'version'?"),
    ]


def test_an_empty_text_is_no_value_for_what_must_be_given() -> None:
    with pytest.raises(Mistakes) as caught:
        values_of(Release, {"version": ""})
    assert caught.value.mistakes[0].message == "The parameter 'version' is not given"


def test_a_form_knows_all_of_a_parameter_in_the_order_of_definition() -> None:
    facts = as_facts(Release)
    assert [fact["name"] for fact in facts][:2] == ["version", "canary"]
    assert facts[0] == {
        "name": "version",
        "type": "str",
        "choices": None,
        "default": None,
        "help": "what to release",
        "advanced": False,
        "multiple": False,
        "required": True,
    }
    assert (facts[1]["choices"], facts[1]["default"], facts[1]["advanced"]) == (["web1", "web2"], "web1", True)
    assert facts[7]["required"] is False


def test_a_derived_rollout_has_the_parameters_of_its_base_unless_it_settles_them() -> None:
    class Nightly(Release):
        version = "nightly"  # type: ignore[assignment]
        workers = Parameter(int, default=8)
        day = Parameter()

    names = [fact["name"] for fact in as_facts(Nightly)]
    assert (names[0], names[-1]) == ("canary", "day")
    assert Nightly(day="Monday").version == "nightly"
    assert Nightly(day="Monday").workers == 8


def test_an_instance_has_the_values_and_keeps_them() -> None:
    release = Release(version="1.2", workers="3")
    assert (release.version, release.workers, release.hosts) == ("1.2", 3, [])
    release.hosts.append("a")
    assert Release(version="1").hosts == []
    with pytest.raises(ConfigurationError, match="'version' has the value that the rollout was started with"):
        release.version = "1.3"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"type": dict}, "of the type str, int, float or bool"),
        ({"choices": []}, "has no choices"),
        ({"choices": ["a"], "default": "b"}, "The default 'b' of a parameter is not one of a"),
        ({"type": int, "choices": ["1"]}, "The choice '1' of a parameter is not a whole number"),
        ({"type": int, "default": "5"}, "must be written as 5"),
        ({"type": int, "default": True}, "The default True of a parameter is not a whole number"),
        ({"multiple": True, "default": "a,b"}, r"must be written as \['a', 'b'\]"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Parameter(**declared)


def test_what_becomes_of_a_failure_may_be_asked_for() -> None:
    class Careful(Rollout):
        on_failure = Parameter(choices=["rollback", "stop"], default="stop")

    assert (Careful().on_failure, Careful(on_failure="rollback").on_failure) == ("stop", "rollback")


def test_a_parameter_cannot_be_named_as_what_a_rollout_has_already() -> None:
    with pytest.raises(ConfigurationError, match="No parameter can be named 'interval'"):

        class Odd(Rollout):
            interval = Parameter(int)  # type: ignore[assignment]
