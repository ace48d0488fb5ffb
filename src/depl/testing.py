"""A pytest plugin for authors of components: plan, deploy and undo them in a temporary directory. See docs/testing.rst.

pytest loads this module in every run, so it imports little; the rest comes with the fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from depl.errors import ComponentUsageError, DeplError, Mistakes

if TYPE_CHECKING:
    from depl.bench import Bench, Outcome
    from depl.change.fake import FakeSystem
    from depl.component import Component, RootComponent
    from depl.configure import Model
    from depl.environment import Environment

__all__ = ["Bench", "FakeSystem", "Outcome", "deploy", "environment", "model", "plan", "root", "undo"]


class Run(Protocol):
    """What the fixtures `plan` and `deploy` are."""

    def __call__(self, what: Component | Model | None = None, host: str = "") -> Outcome:
        """Of `root` with a component added to it, of `root` as it is, or of a host of a model (its first one)."""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An environment named `test` with one host, `localhost`, in a temporary directory."""
    from depl.environment import Environment
    from depl.host import Host

    made = Environment("test", str(tmp_path))
    made.add_host(Host("localhost"))
    return made


@pytest.fixture
def root(environment: Environment) -> RootComponent:
    """A root component of an empty component on a fake host: `root.component += File("x")`.

    `root.workdir` is `work/mycomponent` in the temporary directory; the latter is `root.defdir`, where templates and
    sources are looked for.
    """
    from depl.component import Component, ComponentDefinition, RootComponent

    class MyComponent(Component):
        """Empty."""

    definition = ComponentDefinition(MyComponent, defdir=environment.base_dir)
    made = RootComponent(definition.name, environment, environment.hosts["localhost"], definition=definition)
    environment.add_root(made).prepare()
    return made


@pytest.fixture
def depl_bench(tmp_path: Path) -> Bench:
    """Where `plan`, `deploy` and `undo` happen."""
    from depl.bench import Bench

    return Bench(tmp_path)


@pytest.fixture
def plan(request: pytest.FixtureRequest, depl_bench: Bench) -> Run:
    """Show what would change: `plan(File("x"))`, `plan()` or `plan(model("dev"))`. Touches nothing."""
    return lambda what=None, host="": depl_bench.plan(_made(what, request), host)


@pytest.fixture
def deploy(request: pytest.FixtureRequest, depl_bench: Bench) -> Run:
    """Make it so: `deploy(File("x"))`, `deploy()` or `deploy(model("dev"))`. What fails is put back."""
    return lambda what=None, host="": depl_bench.deploy(_made(what, request), host)


@pytest.fixture
def undo(depl_bench: Bench) -> Callable[[], Outcome]:
    """Take back what the newest deployment changed; called again, the one before."""
    return depl_bench.undo


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Model]:
    """Build and check the model of an environment of the project that the tests stand in: `model("dev")`.

    Working directories lie in the temporary directory. Encrypted secrets are read with your keys. Nobody needs one with
    `secrets={"component:web": {"password": "..."}}` or `secret_files={"tls.key": "..."}`: there are just those then.
    Errors: Mistakes, all of them; DeplError, if no key fits.
    """

    def build(
        environment: str,
        platform: str | None = None,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        secret_files: Mapping[str, str | bytes] | None = None,
    ) -> Model:
        from depl.configure import configure
        from depl.environment import Environment
        from depl.secrets.load import given, load_if_any
        from depl.settings import find_project

        base = find_project(str(request.path.parent))
        are_given = secrets is not None or secret_files is not None
        try:
            known = given(secrets or {}, secret_files or {}) if are_given else load_if_any(base, environment)
            workdirs = str(tmp_path / "work")
            return configure(Environment.load(environment, base, platform, workdir_base=workdirs, secrets=known))
        except DeplError as error:
            for one in error.mistakes if isinstance(error, Mistakes) else [error]:
                error.add_note(f"{one.place}: {one} {one.hint}".strip())
            raise

    return build


def _made(what: Any, request: pytest.FixtureRequest) -> Callable[[], Model]:
    """Makes the model that a test wants to run; what it adds to `root` is added once."""
    left = [what]

    def make() -> Model:
        if hasattr(what, "roots_of"):
            return what  # type: ignore[no-any-return]
        root = request.getfixturevalue("root")
        root.component += left.pop() if left else None
        return _checked(root)

    return make


def _checked(root: RootComponent) -> Model:
    """The model of one root component as it is: to configure it again would lose what was added.

    What it provides, nobody has to require here. Errors: Mistakes.
    """
    from depl.claims import conflicts
    from depl.configure import Model
    from depl.findings import merged

    resources = root.environment.resources
    mistakes = merged([*resources.unsatisfied([root]), *conflicts([root])])
    if resources.is_outdated(root):
        message = "a component was added before something that it requires was provided"
        mistakes.append(ComponentUsageError(message, root.name, hint="Call `root.component.provide(...)` first."))
    if mistakes:
        raise Mistakes(mistakes)
    return Model(root.environment, [root], {root.id: {}})


def __getattr__(name: str) -> Any:
    if name in ("Bench", "Outcome"):
        from depl import bench

        return getattr(bench, name)
    if name == "FakeSystem":
        from depl.change.fake import FakeSystem

        return FakeSystem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
