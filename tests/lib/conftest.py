"""What the tests of library blocks share: a project with one root component, run as the command line runs it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from depl.component import Component, ComponentDefinition, RootComponent
from depl.configure import Model
from depl.configure import configure as configured
from depl.environment import Environment
from depl.events import What
from depl.host import Host
from depl.rollout.options import Options
from depl.testing import Bench, Outcome

Tree = dict[str, tuple[Any, ...]]
COMPONENT = '"""A component of a test."""\n'


@pytest.fixture
def project(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Project]:
    """A factory: `project(lambda self: File("x", content="y"))`, also with a class or a list of components."""
    os.chmod(tmp_path, 0o755)
    short = tmp_path_factory.mktemp("p")  # supervisord's socket lies in it, and such paths must be short
    os.chmod(short, 0o755)
    return lambda configure=None, **how: Project(short / "p", configure, **how)


@pytest.fixture
def tree() -> Callable[[Any], Tree]:
    """Everything below a path except `.depl`: path -> (kind, mode, uid, gid, content or link)."""
    return look_at_tree


def look_at_tree(top: Any) -> Tree:
    """Everything below a path except `.depl`, for exact comparisons."""
    found: Tree = {}
    for directory, names, files in os.walk(top):
        if ".depl" in names:
            names.remove(".depl")
        for name in sorted([*names, *files]):
            path = os.path.join(directory, name)
            found[os.path.relpath(path, top)] = _seen(path)
    return found


def _seen(path: str) -> tuple[Any, ...]:
    found = os.lstat(path)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return ("link", 0o777, found.st_uid, found.st_gid, os.readlink(path))
    if stat.S_ISDIR(found.st_mode):
        return ("directory", mode, found.st_uid, found.st_gid, None)
    if stat.S_ISREG(found.st_mode):
        return ("file", mode, found.st_uid, found.st_gid, Path(path).read_bytes())
    return ("other", mode, found.st_uid, found.st_gid, None)


class Result(Outcome):
    """What a run came to."""

    @property
    def changed(self) -> list[str]:
        """The ids of the components that were (or would be) updated, in order, without the root's name."""
        return [id.partition("/")[2] for id in super().changed]

    @property
    def reasons(self) -> list[str]:
        """Why each of them was updated."""
        return [event.data["reason"] for event in self.events if event.what is What.CHANGED]


class Project:
    """A project with one root component named `app` on the host `localhost`.

    configure: a function of the component that adds what it wants or returns it (one component or several), or a
    component class. It may be replaced between runs. base: the project. defdir: beside the component file. work: the
    root's workdir. data: the host's.
    """

    def __init__(self, base: Path, configure: Any = None, *, data: Mapping[str, str] | None = None) -> None:
        self.base, self.configure, self.data = base, configure, dict(data or {})
        self.defdir = base / "components" / "app"
        self.work = base / "work" / "app"
        self.component: Any = None
        self.bench = Bench(base, Result)
        self.defdir.mkdir(parents=True, exist_ok=True)
        (self.defdir / "component.py").write_text(COMPONENT)
        (base / "environments" / "test").mkdir(parents=True, exist_ok=True)
        (base / "environments" / "test" / "environment.cfg").write_text("[hosts]\nlocalhost = app\n")

    def file(self, name: str, content: str | bytes = "", mode: int | None = None) -> Path:
        """A file beside the component file."""
        path = self.defdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if mode is not None:
            path.chmod(mode)
        return path

    def before(self, name: str, content: str | bytes = "", mode: int | None = None) -> Path:
        """A file in the workdir, from before depl came."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if mode is not None:
            path.chmod(mode)
        return path

    def root(self) -> RootComponent:
        """The configured root component, of a fresh environment. Errors: Mistakes."""
        return self.model().roots[0]

    def model(self) -> Model:
        """The model of a fresh environment. Errors: Mistakes."""
        environment = Environment("test", str(self.base))
        host = environment.add_host(Host("localhost", data=dict(self.data)))
        definition = ComponentDefinition(self._class(), str(self.defdir / "component.py"))
        environment.add_root(RootComponent("app", environment, host, definition=definition))
        model = configured(environment)
        self.component = model.roots[0].component
        return model

    def plan(self) -> Outcome:
        """What would change; everything stays as it is."""
        return self.bench.plan(self.model)

    def deploy(self) -> Outcome:
        """Make it so; what fails is rolled back."""
        return self.bench.deploy(self.model)

    def undo(self) -> Outcome:
        """Take back what the newest run changed that was not taken back yet."""
        return self.bench.undo()

    def options(self) -> Options:
        """How it is run."""
        return Options(target_directory=str(self.base), who="tester")

    def _class(self) -> type[Component]:
        if isinstance(self.configure, type):
            return self.configure
        wanted = self.configure

        class App(Component):
            def configure(self) -> None:
                made = wanted(self)
                for component in made if isinstance(made, (list, tuple)) else [made]:
                    if component is not self and component is not None:
                        self.__iadd__(component)

        return App
