"""Values as JSON data, and back."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from depl.attribute import ConfigString
from depl.component import Component
from depl.environment import Environment
from depl.errors import ConfigurationError
from depl.host import Host, Override
from depl.utils import Address, BagOfAttributes, NetLoc, Resolver
from depl.values import NotData, decode, encode, mapped_texts


def there_and_back(value: Any, environment: Environment | None = None) -> Any:
    return decode(json.loads(json.dumps(encode(value, environment))), environment)


DATA = [
    None,
    True,
    0,
    -5,
    10**5000,
    1.5,
    math.inf,
    "",
    "text \udc80 with \u00e9",
    b"bytes",
    b"\xff\x00",
    [],
    [1, [2, "3"]],
    (1, (2,)),
    {"a": 1, 2: "b", (3, 4): [5], None: {}},
    {1, "2", (3,)},
    frozenset({b"x"}),
    NetLoc("host", 80),
    NetLoc("host"),
    Address("host", 80),
    Address("[::1]:80"),
    Address("host:80", require_v4="optional", require_v6=True),
    {Address("host:80"): 1},
    BagOfAttributes(a=BagOfAttributes(b=1)),
    ConfigString("{{host.name}}"),
    Override("value", "environment.cfg", 3, "[component:web]"),
]


@pytest.mark.parametrize("value", DATA, ids=lambda value: type(value).__name__)
def test_data_comes_back_as_it_was(value: Any) -> None:
    back = there_and_back(value)
    assert (type(back), back) == (type(value), value)


def test_what_is_not_a_number_stays_that() -> None:
    assert math.isnan(there_and_back(math.nan))


def test_the_order_of_dictionaries_is_kept() -> None:
    assert list(there_and_back({"b": 1, "a": 2})) == ["b", "a"]


def test_sets_are_the_same_data_in_any_order() -> None:
    assert encode({"a", "b", "c", "d"}) == encode({"d", "c", "b", "a"})


def test_an_address_is_looked_up_where_it_comes_to(tmp_path: Any) -> None:
    there = Environment("there", str(tmp_path))
    there.resolver = Resolver({"host": ["10.1.1.1"]})
    address = Address("host:80")
    assert str(decode(encode(address), there).listen) == "10.1.1.1:80"


def test_a_host_is_the_one_of_its_name(tmp_path: Any) -> None:
    here, there = Environment("dev", str(tmp_path)), Environment("dev", str(tmp_path))
    host, same = here.add_host(Host("web")), there.add_host(Host("web"))
    assert decode(encode([host], here), there) == [same]


def test_a_host_of_another_environment_is_live(tmp_path: Any) -> None:
    with pytest.raises(NotData):
        encode(Host("web"), Environment("dev", str(tmp_path)))


PROJECT = """
import dataclasses, enum
from typing import NamedTuple

class Level(enum.Enum):
    low = 1
    high = 2

class Rights(enum.Flag):
    read = 1
    write = 2

class Path(str):
    pass

class Noted(str):
    def __new__(cls, text):
        made = str.__new__(cls, text)
        made.note = "x"
        return made

class Point(NamedTuple):
    x: int
    y: object

@dataclasses.dataclass(frozen=True)
class Backend:
    name: str
    ports: list = dataclasses.field(default_factory=list)
    level: Level = Level.low

    def __post_init__(self):
        if self.name == "made here":
            raise RuntimeError("made twice")

    @dataclasses.dataclass
    class Inner:
        of: object = None

@dataclasses.dataclass
class Numbers(list):
    name: str = ""

class Web(Component):
    pass
"""


@pytest.fixture
def project(files: Any) -> Any:
    """The module of a component file."""
    files.component("web", PROJECT)
    files.load()
    from depl.c import web

    return web


def test_values_of_classes_of_the_project_are_data(project: Any) -> None:
    backend = project.Backend("b", [1, ("x", project.Backend.Inner(NetLoc("h")))], project.Level.high)
    values = [backend, project.Level.low, project.Rights(3), project.Path("/x"), project.Point(1, (2,))]
    back = there_and_back(values)
    assert back == values
    assert [type(one) for one in back] == [type(one) for one in values]


def test_what_else_an_object_has_comes_along(project: Any) -> None:
    inner = project.Backend.Inner()
    inner.found = "later"
    assert there_and_back(inner).found == "later"


def test_reading_an_object_runs_nothing_of_its_class(project: Any) -> None:
    made = project.Backend("b")
    object.__setattr__(made, "name", "made here")
    assert there_and_back(made).name == "made here"


def itself() -> Any:
    found: list[Any] = []
    found.append([found])
    return found


def deep() -> Any:
    found: Any = ()
    for _ in range(100_000):
        found = (found,)
    return found


LIVE = {
    "a function": lambda project: itself,
    "a class": lambda project: project.Backend,
    "a component": lambda project: project.Web(),
    "an object": lambda project: object(),
    "an exception": lambda project: ValueError("x"),
    "a list with one of these": lambda project: [{"x": (object(),)}],
    "what contains itself": lambda project: itself(),
    "what is too deep": lambda project: deep(),
    "a value of a class elsewhere": lambda project: json.JSONDecoder(),
    "a text with more to it": lambda project: project.Noted("x"),
    "a list with more to it": lambda project: project.Numbers(),
    "an object of a class that nobody can find": lambda project: local_class(),
}


def local_class() -> Any:
    class Local(Component):
        pass

    return Local()


@pytest.mark.parametrize("name", LIVE)
def test_this_is_live(project: Any, name: str) -> None:
    with pytest.raises(NotData):
        encode(LIVE[name](project))


def test_what_contains_the_same_twice_is_data() -> None:
    twice = [1]
    assert there_and_back([twice, twice]) == [[1], [1]]


@pytest.mark.parametrize("module", ["os", "depl.nothing", "depl.c.nothing"])
def test_only_classes_of_depl_and_of_the_project_are_made(module: str) -> None:
    with pytest.raises(ConfigurationError, match=f"there is no class Popen in {module} here"):
        decode({"object": [module, "Popen", {}]})


def test_texts_are_found_at_any_depth() -> None:
    data = encode({"a": ["a", (b"a", 1, {"x": NetLoc("a")})]})
    assert decode(mapped_texts(data, str.upper)) == {"A": ["A", (b"A", 1, {"X": NetLoc("A")})]}
