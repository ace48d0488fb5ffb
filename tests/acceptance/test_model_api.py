"""What component authors rely on, on real projects and by the command line: attributes, resources, order, mistakes."""

from __future__ import annotations

import json

import pytest


def test_all_mistakes_are_told_together_with_place_and_next_step(service):
    service.environment(
        """\
        [environment]
        connect_method = local
        [hosts]
        localhost = app, nothing, provider, lonely, left, right
        [component:app]
        unknown = 1
        number = many
        """
    )
    path = service.component(
        """
        class App(Component):
            number = Attribute(int, 1)

            def configure(self):
                self.number


        class Provider(Component):
            def configure(self):
                self.provide("never asked for", 1)


        class Lonely(Component):
            def configure(self):
                self.require("nobody has it")


        class Left(Component):
            def configure(self):
                self.provide("left", 1)
                self.require("right")


        class Right(Component):
            def configure(self):
                self.provide("right", 1)
                self.require("left")
        """
    )
    before = sorted(service.base.rglob("*"))
    told = service.mistakes()
    for mistake in (
        "'nothing'",
        "'unknown'",
        "'many'",
        "'never asked for'",
        "'nobody has it'",
        "left on localhost before right on localhost",
    ):
        assert mistake in told, told
    assert "error: 6 mistakes in the configuration" in told
    assert "environments/dev.cfg" in told
    assert str(path.relative_to(service.base)) in told
    assert told.count("hint: ") == 6
    assert sorted(service.base.rglob("*")) == before


def test_a_check_of_a_sound_model_deploys_nothing(service):
    service.component("class App(Component):\n    def configure(self):\n        self += File('x', content='')\n")
    assert service.check().out.startswith("dev: sound (1 host, 1 root component")
    assert not service.work.exists()
    assert not (service.base / ".depl").exists()


OVERRIDDEN = """
class App(Component):
    number = Attribute(int, 1)
    literal = Attribute("literal", ())
    names = Attribute("list", ())
    text = Attribute(str, "")
    plain = ""
    annotated: int = 0
    given = Attribute(str, ConfigString("{{host.name}}"))

    def configure(self):
        found = [self.number, self.literal, self.names, self.text, self.plain, self.annotated, self.given]
        self += File("found", content=repr(found), is_template=False)
"""


def test_overrides_are_expanded_and_converted_as_attributes_say(service):
    service.component(OVERRIDDEN)
    service.overrides(
        """\
        number = 4{{2}}
        literal = {"a": [1, None]}
        names = one, two,,
        text = on {{host.name}}
        plain = {{host.name}}
        annotated = 7
        """
    )
    service.local()
    found = [42, {"a": [1, None]}, ["one", "two"], "on localhost", "{{host.name}}", 7, "localhost"]
    assert (service.work / "app/found").read_text() == repr(found)


def test_an_override_of_an_unknown_attribute_names_component_attribute_and_line(service):
    service.component(OVERRIDDEN)
    service.overrides("nunber = 1")
    told = service.mistakes()
    assert "environments/dev.cfg:6" in told
    assert "app" in told
    assert "'nunber'" in told
    assert "number" in told.split("'nunber'")[1]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("Thing('x', colour='red')", "'colour'"),
        ("Thing('x', method=1)", "'method'"),
        ("Thing()", "'path'"),
        ("Thing('x', 'y')", "'y'"),
        ("Thing('x', path='y')", "'path'"),
        ("Nameless('x')", "'x'"),
    ],
)
def test_a_wrong_constructor_call_names_class_and_argument(call, named, service, line_of):
    path = service.component(
        f"""
        class Thing(Component):
            namevar = "path"
            color = ""

            def method(self):
                pass


        class Nameless(Component):
            pass


        class App(Component):
            def configure(self):
                self += {call}
        """
    )
    told = service.mistakes()
    assert call.partition("(")[0] in told
    assert named in told
    assert f"components/app/component.py:{line_of(path, '+= ')}" in told


CONSUMER = """
class Consumer(Component):
    def configure(self):
        self += File("found", content=repr(self.require("address")))


class Provider(Component):
    def configure(self):
        self.provide("address", self.host.name + " 1")
        self.provide("address", self.host.name + " 2")
"""


def order(service):
    """What `depl check` says on the order: host → root components."""
    return json.loads(service.check("--json").out.splitlines()[-1])["hosts"]


def test_a_provider_comes_before_its_consumer_wherever_both_are_listed(service):
    service.component(CONSUMER)
    service.hosts("localhost = consumer, provider")
    assert order(service) == {"localhost": ["provider", "consumer"]}
    service.local()
    assert (service.work / "consumer/found").read_text() == "['localhost 1', 'localhost 2']"


def test_a_consumer_sees_the_values_of_all_hosts_in_the_same_order_each_time(service):
    service.component(CONSUMER)
    service.environment("[hosts]\nlocalhost = consumer\nb = provider\nc = provider\na = provider\n")
    for _ in range(10):
        service.local("localhost")
        found = "['a 1', 'a 2', 'b 1', 'b 2', 'c 1', 'c 2']"
        assert (service.work / "consumer/found").read_text() == found


@pytest.mark.parametrize("host", ["self.host", "self.host.name", "'localhost'"])
def test_a_requirement_may_be_for_one_host(host, service):
    service.component(CONSUMER.replace('require("address")', f'require("address", host={host})'))
    service.hosts("a = provider\nlocalhost = provider, consumer")
    done = service.depl("local", "dev", "localhost", "--component", "consumer")
    assert "unused" not in done.err
    assert "'address'" in done.err  # what the other host provides is asked for by nobody
    service.hosts("localhost = provider, consumer")
    service.local()
    assert (service.work / "consumer/found").read_text() == "['localhost 1', 'localhost 2']"


def test_an_unsatisfied_requirement_names_who_requires_and_where(service, line_of):
    path = service.component(CONSUMER.replace('require("address")', 'require("address", host=self.host)'))
    service.hosts("a = provider\nlocalhost = consumer")
    told = service.mistakes()
    assert f"line {line_of(path, 'require')}: " in told
    assert "consumer on localhost" in told


def test_a_lenient_requirement_is_content_with_nothing_even_beside_a_strict_one(service):
    service.component(
        """
        class Lenient(Component):
            def configure(self):
                self += File("found", content=repr(self.require("address", host="localhost", strict=False)))


        class Strict(Component):
            def configure(self):
                self.require("address")


        class Provider(Component):
            def configure(self):
                self.provide("address", 1)
        """
    )
    service.hosts("localhost = lenient, strict\nother = provider")
    service.local("localhost")
    assert (service.work / "lenient/found").read_text() == "[]"


def test_what_nobody_requires_is_a_mistake_unless_somebody_would_take_it(service):
    service.component(
        """
        class Provider(Component):
            def configure(self):
                self.provide("address", 1)


        class Lenient(Component):
            def configure(self):
                self.require("address", strict=False)
        """
    )
    service.hosts("localhost = provider")
    assert "'address'" in service.mistakes()
    service.hosts("localhost = provider, lenient")
    service.check()


CYCLE = """
class One(Component):
    def configure(self):
        self.provide("one", 1)
        self.require("two")


class Two(Component):
    def configure(self):
        self.provide("two", 2)
        self.require("one")
"""


def test_those_who_require_each_other_are_named_the_same_way_each_time(service):
    service.component(CYCLE)
    service.hosts("localhost = two, one")
    told = {service.mistakes() for _ in range(3)}
    assert len(told) == 1
    assert (
        "two on localhost before one on localhost ('two'); one on localhost before two on localhost ('one')"
        in told.pop()
    )


def test_a_cycle_is_broken_by_turning_one_requirement_round(service):
    service.component(CYCLE.replace('self.require("two")', 'self.require("two", reverse=True, dirty=True)'))
    service.hosts("localhost = two, one")
    assert order(service) == {"localhost": ["one", "two"]}


def test_an_ignored_component_is_skipped_visibly_and_still_provides(service):
    service.component(CONSUMER)
    service.hosts("localhost = consumer, !provider")
    done = service.local()
    assert "provider" in done.out
    assert "ignored" in done.out
    assert (service.work / "consumer/found").read_text() == "['localhost 1', 'localhost 2']"
    assert not (service.work / "provider").exists()


def test_an_ignored_host_is_skipped_visibly_and_still_provides(service):
    service.component(CONSUMER)
    service.hosts("!other = provider\nlocalhost = consumer")
    assert "dev/other: skipped" in service.local("other").out
    assert not service.work.exists()
    service.local("localhost")
    assert (service.work / "consumer/found").read_text() == "['other 1', 'other 2']"


ADDRESS = """
from depl.utils import Address


class App(Component):
    address = Attribute(Address, ConfigString("web.test.invalid:80"))

    def configure(self):
        self += File("listen", content=str(self.address.listen), is_template=False)
"""


def test_an_address_of_the_resolver_needs_no_dns(service):
    service.component(ADDRESS)
    service.environment(
        "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n[resolver]\nweb.test.invalid = 10.1.2.3\n"
    )
    service.local()
    assert (service.work / "app/listen").read_text() == "10.1.2.3:80"


def test_an_address_without_port_is_a_mistake_of_the_override(service):
    service.component(ADDRESS)
    service.overrides("address = web.test.invalid")
    told = service.mistakes()
    assert "environments/dev.cfg:6" in told
    assert "'address'" in told
    assert "port" in told


def test_an_address_of_the_other_kind_must_be_required_first(service):
    service.component(ADDRESS.replace("address.listen)", "address.listen_v6)"))
    service.environment(
        "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n[resolver]\nweb.test.invalid = 10.1.2.3\n"
    )
    told = service.mistakes()
    assert "web.test.invalid:80" in told
    assert "require_v6" in told
