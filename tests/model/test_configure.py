"""Configuration to a stable state: how often, in which order, and every mistake."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import depl
from depl.component import Component, HookComponent
from depl.configure import Model, configure
from depl.environment import Environment
from depl.errors import ConfigurationError, DeplError, Mistakes

Build = Callable[..., Environment]
ModelOf = Callable[..., Model]
MistakesOf = Callable[..., list[DeplError]]


def texts(found: Iterable[DeplError]) -> list[str]:
    return [mistake.message for mistake in found]


def line_of(method: Callable[..., Any], text: str) -> int:
    lines, first = inspect.getsourcelines(method)
    return first + next(number for number, line in enumerate(lines) if text in line)


class Provider(Component):
    def configure(self) -> None:
        self.provide("address", self.host.name)


class Lenient(Component):
    def configure(self) -> None:
        self.require("address", strict=False)


class Consumer(Component):
    def configure(self) -> None:
        self.found = self.require("address")


class TestStability:
    def test_a_consumer_sees_what_is_provided_later(self, model: ModelOf) -> None:
        assert model({"a": [Consumer], "b": [Provider]}).get("consumer@a").component.found == ["b"]

    def test_an_exception_of_an_early_pass_does_not_count(self, model: ModelOf) -> None:
        class Eager(Component):
            def configure(self) -> None:
                self.found = self.require("address")[0]

        assert model({"a": [Eager], "b": [Provider]}).get("eager@a").component.found == "b"

    def test_equal_values_do_not_configure_again(self, model: ModelOf) -> None:
        calls = []

        class Counted(Component):
            def configure(self) -> None:
                calls.append(self.require("address", strict=False))

        class Changing(Component):
            def configure(self) -> None:
                self.require("other")
                self.provide("address", [1])

        class Other(Component):
            def configure(self) -> None:
                self.provide("other", 1)

        model({"a": [Changing, Counted, Other]})
        assert calls == [[[1]]]

    def test_dirty_is_not_configured_again_but_ordered(self, model: ModelOf) -> None:
        calls = []

        class Dirty(Component):
            def configure(self) -> None:
                calls.append(self.require("address", dirty=True))

        found = model({"a": [Dirty, Provider]})
        assert calls == [[]]
        assert [root.name for root in found.roots] == ["provider", "dirty"]

    def test_a_dirty_root_that_failed_is_tried_again(self, model: ModelOf) -> None:
        class Dirty(Component):
            def configure(self) -> None:
                self.found = self.require_one("address", dirty=True)

        assert model({"a": [Dirty, Provider]}).get("dirty@a").component.found == "a"

    def test_what_was_required_in_an_early_pass_only_is_forgotten(self, model: ModelOf) -> None:
        class Fickle(Component):
            def configure(self) -> None:
                if not self.require("address"):
                    self.require("never")
                self.provide("fickle", 1)

        class Fickles(Component):
            def configure(self) -> None:
                self.require("fickle")
                if not self.require("fickle"):
                    self.provide("never", 1)

        found = model({"a": [Fickle, Fickles, Provider]})
        assert [root.name for root in found.roots] == ["provider", "fickle", "fickles"]

    def test_a_hook_component_is_new_each_time_and_still_comes_to_rest(self, model: ModelOf) -> None:
        class Hook(HookComponent):
            key = "hooks"

        class Hooked(Component):
            def configure(self) -> None:
                self += Hook()

        class Collector(Component):
            def configure(self) -> None:
                self.found = self.require("hooks")

        found = model({"a": [Collector, Hooked]})
        hook = found.get("hooked@a").component.sub_components[0]
        assert found.get("collector@a").component.found == [hook]

    @pytest.mark.parametrize("eager", [True, False])
    def test_a_chain_in_the_worst_order_costs_calls_in_proportion(self, build: Build, eager: bool) -> None:
        assert chain(build, 100, eager) <= 2 * 100 + 2
        assert chain(build, 200, eager) <= 2 * 200 + 2

    def test_one_who_asks_all_of_a_chain_does_not_multiply_the_calls(self, build: Build) -> None:
        assert chain(build, 100, eager=True, monitor=True) <= 3 * 100

    def test_ties_are_broken_by_listing(self, model: ModelOf) -> None:
        class One(Component):
            pass

        class Two(Component):
            pass

        assert [root.id for root in model({"b": [Two, One], "a": [One]}).roots] == ["two@b", "one@b", "one@a"]

    def test_ignored_components_and_hosts_stay_in_the_model(self, build: Build) -> None:
        environment = build({"a": [Consumer], "b": [Provider]})
        environment.roots[1].ignore = True
        environment.hosts["b"].ignore = True
        assert configure(environment).get("consumer@a").component.found == ["b"]

    def test_nothing_is_written(self, model: ModelOf, tmp_path: Path) -> None:
        model({"a": [Consumer], "b": [Provider]})
        assert os.listdir(tmp_path) == []


def chain(build: Build, length: int, eager: bool, monitor: bool = False) -> int:
    """How many calls of configure() it takes if each root needs what the next one provides."""
    calls = []

    class Link(Component):
        def configure(self) -> None:
            calls.append(self)
            number = int(self.host.name)
            value = 0
            if number + 1 < length:
                values = self.require(f"link {number + 1}")
                value = values[0] if eager else sum(values)
            self.provide(f"link {number}", value + 1)
            self.provide("links", value)

    class Monitor(Component):
        def configure(self) -> None:
            calls.append(self)
            self.require("links")
            self.found = self.require("link 0", strict=False)

    if monitor:
        classes = {"0": [Monitor, Link], **{str(number): [Link] for number in range(1, length)}}
    else:
        classes = {**{str(number): [Link] for number in range(length)}, "end": [Monitor]}
    model = configure(build(classes))
    assert next(root for root in model.roots if root.name == "monitor").component.found == [length]
    return len(calls)


class TestMistakes:
    def test_unsatisfied_names_who_requires_and_where(self, mistakes: MistakesOf) -> None:
        (mistake,) = mistakes({"a": [Consumer]})
        assert mistake.message == "the resource 'address' is required, but nobody provides it"
        assert mistake.component == "consumer on a"
        assert (mistake.file, mistake.line) == (__file__, line_of(Consumer.configure, "require("))

    def test_unsatisfied_names_the_sub_component(self, mistakes: MistakesOf) -> None:
        class Outer(Component):
            def configure(self) -> None:
                self += Consumer()

        (mistake,) = mistakes({"a": [Outer]})
        assert mistake.component == "outer/Consumer on a"

    def test_unsatisfied_suggests_near_keys(self, mistakes: MistakesOf) -> None:
        class Misspelt(Component):
            def configure(self) -> None:
                self.require("adress")

        found = mistakes({"a": [Misspelt, Provider, Lenient]})
        assert [mistake.hint for mistake in found] == ["Did you mean 'address'?"]

    def test_unsatisfied_names_the_host_filter(self, mistakes: MistakesOf) -> None:
        class Local(Component):
            def configure(self) -> None:
                self.require("address", host="a")

        (mistake,) = mistakes({"a": [Local], "b": [Provider, Lenient]})
        assert mistake.message.endswith("nobody provides it on host 'a'")
        assert mistake.hint == "It is provided on b, but not there."

    def test_a_lenient_question_needs_no_answer_even_beside_a_strict_one(self, mistakes: MistakesOf) -> None:
        class Local(Component):
            def configure(self) -> None:
                self.found = self.require("address", host=self.host, strict=False)

        (mistake,) = mistakes({"a": [Local, Consumer]})
        assert mistake.component == "consumer on a"

    def test_require_one_without_answer_is_told_once(self, mistakes: MistakesOf) -> None:
        class One(Component):
            def configure(self) -> None:
                self.require_one("address")

        assert texts(mistakes({"a": [One]})) == ["the resource 'address' is required, but nobody provides it"]

    def test_the_index_error_that_follows_is_not_told(self, mistakes: MistakesOf) -> None:
        class Eager(Component):
            def configure(self) -> None:
                self.found = self.require("address")[0]

        assert texts(mistakes({"a": [Eager]})) == ["the resource 'address' is required, but nobody provides it"]

    def test_unused_names_who_provides_and_where(self, mistakes: MistakesOf) -> None:
        (mistake,) = mistakes({"a": [Provider]})
        assert mistake.message == "the resource 'address' is provided, but nobody requires it"
        assert mistake.component == "provider on a"
        assert (mistake.file, mistake.line) == (__file__, line_of(Provider.configure, "provide("))

    def test_a_lenient_question_is_a_use(self, model: ModelOf) -> None:
        model({"a": [Provider, Lenient]})

    def test_unused_is_judged_by_host(self, mistakes: MistakesOf) -> None:
        class Local(Component):
            def configure(self) -> None:
                self.require("address", host="a")

        (mistake,) = mistakes({"a": [Local, Provider], "b": [Provider]})
        assert mistake.component == "provider on b"
        assert mistake.hint == "It is only required from a."

    def test_hosts_with_the_same_mistake_share_it(self, mistakes: MistakesOf) -> None:
        found = mistakes({name: [Consumer] for name in ("a", "b", "c", "d")})
        assert [mistake.component for mistake in found] == ["consumer on a, b and 2 more hosts"]

    def test_a_cycle_is_the_shortest_with_its_resources(self, mistakes: MistakesOf) -> None:
        (mistake,) = mistakes({"h": [A, B, C, D]})
        assert (
            mistake.message
            == "the order of deployment is a cycle: a on h before d on h ('a'); d on h before a on h ('d')"
        )

    def test_reverse_and_dirty_break_a_cycle(self, model: ModelOf) -> None:
        class First(Component):
            def configure(self) -> None:
                self.provide("first", 1)
                self.require("second", reverse=True, dirty=True)

        class Second(Component):
            def configure(self) -> None:
                self.provide("second", 1)
                self.require("first")

        assert [root.name for root in model({"a": [Second, First]}).roots] == ["first", "second"]

    def test_who_does_not_come_to_rest_is_named_with_the_keys(self, mistakes: MistakesOf) -> None:
        class Restless(Component):
            def configure(self) -> None:
                self.require("pong")
                self.provide("ping", object())

        class Helper(Component):
            def configure(self) -> None:
                self.require("ping", reverse=True)
                self.provide("pong", object())

        (mistake,) = mistakes({"a": [Restless, Helper]})
        assert "does not come to rest" in mistake.message
        assert "restless on a (ping); helper on a (pong)" in mistake.message

    def test_any_exception_of_configure_is_told_with_its_line(self, mistakes: MistakesOf) -> None:
        class Broken(Component):
            def configure(self) -> None:
                {}["key"]

        class Outer(Component):
            def configure(self) -> None:
                self += Broken()

        (mistake,) = mistakes({"a": [Outer]})
        assert mistake.message == "configure() raised KeyError: 'key'"
        assert mistake.component == "outer/Broken on a"
        assert (mistake.file, mistake.line) == (__file__, line_of(Broken.configure, '["key"]'))

    def test_an_authors_error_keeps_its_text(self, mistakes: MistakesOf) -> None:
        class Strict(Component):
            def configure(self) -> None:
                raise ConfigurationError("the moon is not full", hint="Wait.")

        (mistake,) = mistakes({"a": [Strict]})
        assert (mistake.message, mistake.hint, mistake.component) == ("the moon is not full", "Wait.", "strict on a")
        assert mistake.line == line_of(Strict.configure, "raise")

    def test_leaving_the_program_is_a_mistake_too(self, mistakes: MistakesOf) -> None:
        class Leaving(Component):
            def configure(self) -> None:
                sys.exit(0)

        assert texts(mistakes({"a": [Leaving]})) == ["configure() raised SystemExit: 0"]

    def test_all_mistakes_are_told_together_with_those_of_loading(self, build: Build) -> None:
        class Broken(Component):
            def configure(self) -> None:
                raise ValueError("x")

        environment = build({"h": [A, D, B, C, Broken, Lost]})
        environment.mistakes.append(ConfigurationError("from loading"))
        with pytest.raises(Mistakes) as caught:
            configure(environment)
        assert sorted(text.split(":")[0] for text in texts(caught.value.mistakes)) == [
            "configure() raised ValueError",
            "from loading",
            "the order of deployment is a cycle",
            "the resource 'lost' is required, but nobody provides it",
        ]

    def test_what_may_follow_from_a_failure_is_held_back(self, build: Build) -> None:
        class Broken(Component):
            def configure(self) -> None:
                self.provide_address(1 / 0)

            def provide_address(self, value: float) -> None:
                self.provide("address", value)

        with pytest.raises(Mistakes) as caught:
            configure(build({"a": [Consumer, Broken]}))
        assert texts(caught.value.mistakes) == ["configure() raised ZeroDivisionError: division by zero"]
        assert caught.value.hint.startswith("One mistake more about resources")

    def test_what_may_follow_from_a_file_that_was_not_loaded_is_held_back(self, build: Build, tmp_path: Path) -> None:
        unloaded = tmp_path / "broken.py"
        unloaded.write_text('self.provide("address"')
        environment = build({"a": [Consumer, Lost]})
        broken = ConfigurationError("no Python", file=str(unloaded))
        environment.mistakes.append(broken)
        environment.components.mistakes.append(broken)
        with pytest.raises(Mistakes) as caught:
            configure(environment)
        assert sorted(texts(caught.value.mistakes)) == [
            "no Python",
            "the resource 'lost' is required, but nobody provides it",
        ]

    def test_two_who_wait_for_each_other_are_told(self, mistakes: MistakesOf) -> None:
        class Hen(Component):
            def configure(self) -> None:
                self.require_one("egg")
                self.provide("hen", 1)

        class Egg(Component):
            def configure(self) -> None:
                self.require_one("hen")
                self.provide("egg", 1)

        assert texts(mistakes({"a": [Hen, Egg]})) == [
            "the resource 'egg' is required, but nobody provides it",
            "the resource 'hen' is required, but nobody provides it",
        ]

    def test_conflicting_claims_name_both_lines(self, mistakes: MistakesOf) -> None:
        class Web(Component):
            def configure(self) -> None:
                self += Claiming("x", value=1)
                self += Claiming("x", value=1)
                self += Claiming("x", value=2)

        (mistake,) = mistakes({"a": [Web], "b": []})
        first, second = line_of(Web.configure, "value=1"), line_of(Web.configure, "value=2")
        assert mistake.message == f"the content of /x is wanted differently by web/Claiming(x) ({__file__}:{first})"
        assert (mistake.component, mistake.line) == ("web/Claiming(x)#3 on a", second)

    def test_ignored_roots_claim_nothing(self, build: Build) -> None:
        class One(Component):
            def configure(self) -> None:
                self += Claiming("x", value=1)

        class Two(Component):
            def configure(self) -> None:
                self += Claiming("x", value=2)

        environment = build({"a": [One, Two]})
        environment.roots[1].ignore = True
        configure(environment)

    def test_overrides_that_do_not_fit_are_told(self, mistakes: MistakesOf) -> None:
        class Web(Component):
            port: int = 80

        found = mistakes({"a": [Web], "b": [Web]}, {"web.port": "x"})
        assert [mistake.component for mistake in found] == ["web on a and b"]


class A(Component):
    def configure(self) -> None:
        self.provide("a", 1)
        self.require("c")
        self.require("d")


class B(Component):
    def configure(self) -> None:
        self.provide("b", 1)
        self.require("a")


class C(Component):
    def configure(self) -> None:
        self.provide("c", 1)
        self.require("b")


class D(Component):
    def configure(self) -> None:
        self.provide("d", 1)
        self.require("a")


class Lost(Component):
    def configure(self) -> None:
        self.require("lost")


class Claiming(Component):
    namevar = "name"
    value = 0

    def claims(self) -> Iterable[tuple[str, str, Any]]:
        yield "/x", "content", self.value


class TestWarnings:
    def test_a_component_that_is_never_added(self, model: ModelOf) -> None:
        class Forgetful(Component):
            def configure(self) -> None:
                Claiming("x")

        (warning,) = model({"a": [Forgetful]}).warnings
        assert warning.message == "Claiming('x') is created, but never added"
        assert warning.component == "forgetful on a"
        assert (warning.file, warning.line) == (__file__, line_of(Forgetful.configure, "Claiming"))

    def test_a_component_that_another_one_adds_is_fine(self, model: ModelOf) -> None:
        class Giving(Component):
            def configure(self) -> None:
                self.provide("thing", Claiming("x"))

        class Taking(Component):
            def configure(self) -> None:
                for thing in self.require("thing"):
                    self += thing

        found = model({"a": [Taking, Giving]})
        assert found.warnings == []
        assert [one.id for one in found.get("taking@a").component.sub_components] == ["taking/Claiming(x)"]

    def test_update_without_verify(self, model: ModelOf) -> None:
        class Blind(Component):
            def update(self) -> None: ...

        (warning,) = model({"a": [Blind], "b": [Blind]}).warnings
        assert warning.message == "Blind has an update(), but no verify(), and is therefore updated in each run"
        assert warning.line == line_of(Blind.update, "def update")

    def test_logs_of_the_last_configuration_are_kept_once_in_order(self, model: ModelOf) -> None:
        class Talking(Component):
            def configure(self) -> None:
                self.log("%d found", len(self.require("address")))

        class Too(Component):
            def configure(self) -> None:
                self.provide("address", 1)
                self.log("here")

        logs = model({"a": [Talking, Too]}).logs
        assert [(line.root.id, line.component, line.text) for line in logs] == [
            ("too@a", "too", "here"),
            ("talking@a", "talking", "1 found"),
        ]


SCRIPT = """
    from depl.component import Component, ComponentDefinition, RootComponent
    from depl.configure import configure
    from depl.environment import Environment
    from depl.errors import Mistakes
    from depl.host import Host

    class Ring(Component):
        def configure(self):
            number = int(self.host.name[1:])
            self.provide(f"ring {number}", object())
            self.require(f"ring {(number + 1) % 5}")

    class Peer(Component):
        def configure(self):
            self.provide("peer", self.host.name)

    class Asking(Component):
        def configure(self):
            print(self.require("peer"))
            self.require("nothing", strict=self.host.name == "h2")

    for classes in ([Asking, Peer], [Peer, Asking, Ring]):
        environment = Environment("test", "/")
        for number in range(5):
            host = environment.add_host(Host(f"h{number}"))
            for cls in classes:
                definition = ComponentDefinition(cls, "component.py", "/")
                environment.add_root(RootComponent(definition.name, environment, host, definition=definition))
        try:
            print([root.id for root in configure(environment).roots])
        except Mistakes as mistakes:
            for mistake in mistakes.mistakes:
                print(mistake.component, mistake.message, mistake.hint)
"""


def test_the_result_is_the_same_for_every_hash_seed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    source = str(Path(depl.__file__).parents[1])
    runs = [
        subprocess.Popen(
            [sys.executable, "-B", str(script)],
            env={"PYTHONPATH": source, "PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for seed in range(20)
    ]
    outputs = {run.communicate()[0] for run in runs}
    assert len(outputs) == 1
    assert "h2" in outputs.pop()
