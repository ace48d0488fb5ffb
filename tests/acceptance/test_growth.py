"""Large models cost in proportion to their size: counted in calls, never in seconds."""

from __future__ import annotations

import sys
from collections import Counter
from types import CodeType, FrameType
from typing import Any

import pytest

from depl.configure import configure
from depl.environment import Environment


class Calls:
    """Counts the calls of functions while it is entered. total: all of them; of(): those of one."""

    def __init__(self) -> None:
        self._codes: Counter[CodeType] = Counter()
        self.total = 0

    def __enter__(self) -> Calls:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            self.total += 1
            if event == "call":
                self._codes[frame.f_code] += 1

    def of(self, name: str, file: str = "") -> int:
        """How often functions of this name, in files that end so, were called."""
        return sum(
            number for code, number in self._codes.items() if code.co_name == name and code.co_filename.endswith(file)
        )


@pytest.fixture
def cost(service, monkeypatch, tmp_path):
    """Build the model of `dev` and count."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # nothing is compiled yet

    def cost():
        with Calls() as calls:
            environment = Environment.load("dev", str(service.base))
            model = configure(environment)
        return model, calls

    return cost


ROOTS = """
class Database(Component):
    def configure(self):
        self.provide("database", self.host.name)


class Balancer(Component):
    def configure(self):
        self.backends = self.require("backend")


"""
ROOT = """
class App{number}(Component):
    def configure(self):
        self.database = self.require_one("database")
        self.provide("backend", f"{{self.host.name}} {number}")
"""


def roots(service, hosts):
    """A project with ten root components on each host."""
    service.component(ROOTS + "".join(ROOT.format(number=number) for number in range(10)))
    apps = ", ".join(f"app{number}" for number in range(10))
    service.environment(f"[hosts]\nfront = balancer\nh[1..{hosts}] = {apps}\nback = database\n")


def test_a_thousand_roots_cost_two_configurations_each(service, cost):
    roots(service, 100)
    model, calls = cost()
    assert len(model.roots) == 1002
    assert calls.of("configure", "app/component.py") <= 2 * 1002 + 2


def test_the_cost_of_roots_grows_as_their_number(service, cost):
    roots(service, 25)
    _, few = cost()
    roots(service, 50)
    _, many = cost()
    assert many.total < 2.3 * few.total


FILES = """
class App(Component):
    number: int = 1

    def configure(self):
        for number in range(self.number):
            self += File(f"file{number}", source="motd", template_args={"number": number})
"""


def files(service, number):
    """A project with one root component that has so many files of one template."""
    service.component(FILES)
    service.write("components/app/motd", "{{number}} on {{host.name}}\n")
    service.overrides(f"number = {number}")


def test_ten_thousand_components_are_configured_once_and_compile_one_template(service, cost):
    files(service, 10000)
    model, calls = cost()
    assert len(model.roots[0].component.sub_components) == 10000
    assert calls.of("configure", "app/component.py") == 1
    assert calls.of("configure", "files/file.py") == 10000
    assert calls.of("compile", "jinja2/environment.py") == 1


def test_the_cost_of_components_grows_as_their_number(service, cost):
    files(service, 500)
    _, few = cost()
    files(service, 1000)
    _, many = cost()
    assert many.total < 2.1 * few.total


@pytest.mark.parametrize("arguments", [["--plan"], [], ["--quiet"]], ids=["plan", "run", "no-op"])
def test_the_cost_of_a_run_grows_as_the_number_of_components(arguments, service, cost):
    def calls(number):
        files(service, number)
        if arguments == ["--quiet"]:
            service.local()
        with Calls() as calls:
            service.local(*arguments)
        service.depl("undo", "dev")
        return calls.total

    calls(5)  # what is imported and compiled once
    base, few, many = calls(5), calls(305), calls(605)
    assert many - base < 2.3 * (few - base)
