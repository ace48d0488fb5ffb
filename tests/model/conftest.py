"""Environments that are built in place, for tests of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from depl.component import Component, ComponentDefinition, RootComponent
from depl.configure import Model, configure
from depl.environment import Environment
from depl.errors import DeplError, Mistakes
from depl.host import Host, Override
from depl.secret_values import Secrets

Build = Callable[..., Environment]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """An environment from hosts with their component classes: build({"web": [Nginx], "db": [Postgres]})."""

    def built(hosts: Mapping[str, list[type[Component]]], overrides: Mapping[str, str] | None = None) -> Environment:
        environment = Environment("test", str(tmp_path))
        for key, value in (overrides or {}).items():
            root, _, attribute = key.partition(".")
            override = Override(value, "environment.cfg", 7, f"[component:{root}]")
            environment.component_overrides.setdefault(root, {})[attribute] = override
        for name, classes in hosts.items():
            host = environment.add_host(Host(name))
            for cls in classes:
                definition = ComponentDefinition(cls, str(tmp_path / "component.py"), str(tmp_path))
                environment.add_root(RootComponent(definition.name, environment, host, definition=definition))
        return environment

    return built


@pytest.fixture
def model(build: Build) -> Callable[..., Model]:
    """The model of an environment that is built so."""
    return lambda *args, **more: configure(build(*args, **more))


@pytest.fixture
def mistakes(build: Build) -> Callable[..., list[DeplError]]:
    """What is wrong with an environment that is built so."""

    def found(*args: Any, **more: Any) -> list[DeplError]:
        with pytest.raises(Mistakes) as caught:
            configure(build(*args, **more))
        return list(caught.value.mistakes)

    return found


@pytest.fixture
def prepared(build: Build) -> Callable[..., Any]:
    """The component of a class as root on a host, configured alone."""

    def one(cls: type[Component], **overrides: str) -> Any:
        name = cls.__name__.lower()
        environment = build({"localhost": [cls]}, {f"{name}.{key}": value for key, value in overrides.items()})
        root = environment.roots[0]
        root.prepare()
        return root.component

    return one


COMPONENT = "from depl.component import Attribute, Component\n\n\n"
WEB = """
class Web(Component):
    port = 80
    name = Attribute(str, "web")

    def configure(self):
        pass

    @property
    def url(self):
        return f"http://{self.host.fqdn}"
"""


class Files:
    """A project in a directory. `Web` is its one component unless more are written."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.write("components/web/component.py", COMPONENT + WEB)

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def component(self, directory: str, text: str) -> Path:
        """Write a component file."""
        return self.write(f"components/{directory}/component.py", COMPONENT + dedent(text))

    def load(
        self, text: str = "[hosts]\none = web\n", platform: str | None = None, secrets: Secrets | None = None
    ) -> Environment:
        """Write environments/dev/environment.cfg and load it."""
        self.write("environments/dev/environment.cfg", text)
        return Environment.load("dev", str(self.base), platform, secrets=secrets)

    def mistakes(self, text: str = "[hosts]\none = web\n", secrets: Secrets | None = None) -> list[str]:
        """What is wrong with an environment: `file:line: message | hint`, in order."""
        return [
            f"{Path(m.file or '').name}:{m.line}: {m.message}" + (f" | {m.hint}" if m.hint else "")
            for m in sorted(self.load(text, secrets=secrets).mistakes, key=lambda m: m.sort_key)
        ]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A project whose files can be written, with the component `web`."""
    return Files(tmp_path)
