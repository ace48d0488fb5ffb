"""Resources: order of answers, filters, what is forgotten, edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from depl.component import Component
from depl.configure import Model
from depl.environment import Environment
from depl.errors import ConfigurationError, DeplError
from depl.resources import same

Build = Callable[..., Environment]


class Provider(Component):
    def configure(self) -> None:
        self.provide("address", f"{self.host.name}:1")
        self.provide("address", f"{self.host.name}:2")


class Another(Component):
    def configure(self) -> None:
        self.provide("address", f"another {self.host.name}")


class Consumer(Component):
    def configure(self) -> None:
        self.found = self.require("address")


def test_answers_are_ordered_by_host_root_and_provision(model: Callable[..., Model]) -> None:
    found = model({"c": [Consumer], "b": [Provider, Another], "a": [Provider]})
    consumer = found.get("consumer@c").component
    assert consumer.found == ["a:1", "a:2", "another b", "b:1", "b:2"]


@pytest.mark.parametrize("as_object", [True, False])
def test_one_host_can_be_asked(model: Callable[..., Model], as_object: bool) -> None:
    class Local(Component):
        def configure(self) -> None:
            self.found = self.require("address", host=self.host if as_object else self.host.name)

    found = model({"a": [Local, Provider], "b": [Local, Provider]})
    assert found.get("local@b").component.found == ["b:1", "b:2"]


def test_a_host_that_is_not_known_is_an_error(mistakes: Callable[..., list[DeplError]]) -> None:
    class Local(Component):
        def configure(self) -> None:
            self.require("address", host="webb")

    (mistake,) = mistakes({"web": [Local]})
    assert mistake.message == "there is no host 'webb' in environment 'test'"
    assert mistake.hint == "Did you mean web?"
    assert mistake.file == __file__


def test_require_one_gives_the_value(model: Callable[..., Model]) -> None:
    class One(Component):
        def configure(self) -> None:
            self.found = self.require_one("address")

    assert model({"a": [One, Another]}).get("one@a").component.found == "another a"


def test_require_one_gives_none_where_none_is_fine(model: Callable[..., Model]) -> None:
    class One(Component):
        found: Any = "unset"

        def configure(self) -> None:
            self.found = self.require_one("address", strict=False)

    assert model({"a": [One]}).get("one@a").component.found is None


def test_require_one_names_all_if_there_are_more(mistakes: Callable[..., list[DeplError]]) -> None:
    class One(Component):
        def configure(self) -> None:
            self.require_one("address")

    (mistake,) = mistakes({"a": [One], "b": [Another], "c": [Another]})
    assert mistake.message == "one 'address' is required, but there are 2: from another on b, another on c"


def test_a_changed_answer_does_not_change_what_is_provided(model: Callable[..., Model]) -> None:
    class Greedy(Component):
        def configure(self) -> None:
            self.require("address").clear()

    found = model({"a": [Greedy, Another]})
    assert found.environment.resources.answer("address") == ["another a"]


def test_forgetting_a_root_leaves_nothing_of_it(build: Build) -> None:
    environment = build({"a": [Another, Consumer]})
    for root in environment.roots:
        root.prepare()
    another, consumer = environment.roots
    environment.resources.forget(another)
    environment.resources.forget(consumer)
    assert environment.resources.answer("address") == []
    assert list(environment.resources.asking("address")) == []


def test_requiring_makes_order_across_hosts(model: Callable[..., Model]) -> None:
    found = model({"a": [Consumer], "b": [Another]})
    assert [root.id for root in found.roots] == ["another@b", "consumer@a"]
    assert found.providers == {"consumer@a": {"another@b": ["address"]}, "another@b": {}}
    assert [root.id for root in found.roots_of("a")] == ["consumer@a"]


def test_reverse_turns_it_round(model: Callable[..., Model]) -> None:
    class Before(Component):
        def configure(self) -> None:
            self.require("address", reverse=True)

    found = model({"a": [Another], "b": [Before]})
    assert [root.id for root in found.roots] == ["before@b", "another@a"]
    assert found.providers["another@a"] == {"before@b": ["address"]}


def test_the_host_filter_limits_order(model: Callable[..., Model]) -> None:
    class Local(Component):
        def configure(self) -> None:
            self.require("address", host=self.host)

    found = model({"a": [Local, Another], "b": [Local, Another]})
    assert found.providers["local@a"] == {"another@a": ["address"]}


def test_what_a_root_provides_itself_makes_no_cycle(model: Callable[..., Model]) -> None:
    class Both(Component):
        def configure(self) -> None:
            self.provide("peers", self.host.name)
            self.found = self.require("peers")

    assert model({"a": [Both]}).roots[0].component.found == ["a"]


def test_values_that_cannot_be_compared_differ() -> None:
    class Rude:
        def __eq__(self, other: object) -> bool:
            raise ConfigurationError("no")

        __hash__ = None  # type: ignore[assignment]

    rude = Rude()
    assert same([rude], [rude])
    assert not same([rude], [Rude()])
    assert not same([1], [1, 2])
