"""A pytest plugin for authors of components: plan, deploy and undo them in a temporary directory. See docs/testing.rst.

pytest loads this module in every run, so it imports little; the rest comes with the fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from depl.errors import ComponentUsageError, DeplError, Mistakes
from depl.events import Event, Output, What

if TYPE_CHECKING:
    from depl.change.fake import FakeSystem
    from depl.component import Component, RootComponent
    from depl.configure import Model
    from depl.environment import Environment
    from depl.rollout import options

__all__ = ["Bench", "FakeSystem", "Outcome", "deploy", "environment", "model", "plan", "root", "undo"]

STATUS = {"nothing": 0, "succeeded": 0, "reversed": 3}  # the exit status of how a run ended; 4 for what is not here


@dataclass
class Outcome:
    """What a plan, a deployment or an undo came to.

    status: the exit status that the command line would give. output: of commands. left: what was not put back.
    """

    status: int = 0
    events: list[Event] = field(default_factory=list)
    output: list[Output] = field(default_factory=list)
    errors: list[DeplError] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def changed(self) -> list[str]:
        """The ids of the components that were (or would be) updated, in order."""
        return [event.component or "" for event in self.events if event.what is What.CHANGED]

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        """What was (or would be) changed, as it is shown to people."""
        return [change for event in self.events if event.what is What.CHANGED for change in event.data["changes"]]

    @property
    def diff(self) -> str:
        """All diffs as one text."""
        return "\n".join(str(change.get("diff") or "") for change in self.changes)

    @property
    def error(self) -> str:
        """All errors as one text, with their hints; empty where nothing went wrong."""
        return "\n".join(f"{error} ({error.hint})" for error in self.errors)

    def take(self, event: Event | Output) -> None:
        """Note what happened."""
        if isinstance(event, Output):
            self.output.append(event)
        else:
            self.events.append(event)

    def ended(self, outcome: options.Outcome, status: int) -> None:
        """Note how a run ended."""
        self.status, self.left = status, [*outcome.conflicts, *outcome.kept]
        self.errors += outcome.errors

    def refused(self, error: DeplError) -> None:
        """Note why nothing was begun."""
        self.status = 1
        self.errors += error.mistakes if isinstance(error, Mistakes) else [error]


class Bench:
    """Runs models in a directory as the command line does, the first host unless one is named.

    directory: where `.depl` lies, and `work` if the models say so. outcome: makes the outcomes.
    """

    def __init__(self, directory: Path, outcome: Callable[[], Outcome] = Outcome) -> None:
        from depl.rollout.options import Options

        self._options = Options(str(directory), durability="journal", who="tester")
        self._outcome = outcome
        self._environment = "test"  # that was deployed last
        self._model: Callable[[], Model] | None = None

    def plan(self, model: Callable[[], Model], host: str = "") -> Outcome:
        """What would change; everything stays as it is."""
        from depl.rollout.local import plan

        def act(outcome: Outcome) -> None:
            made = model()
            planned = plan(made, host or next(iter(made.environment.hosts)), self._options, outcome.take)
            outcome.errors += planned.errors
            outcome.status = 3 if planned.errors else 0

        return self._run(act)

    def deploy(self, model: Callable[[], Model], host: str = "") -> Outcome:
        """Make it so; what fails is put back."""
        from depl.rollout.local import realise

        def act(outcome: Outcome) -> None:
            made = model()
            self._environment, self._model = made.environment.name, model
            ended = realise(made, host or next(iter(made.environment.hosts)), self._options, outcome.take)
            outcome.ended(ended, STATUS.get(ended.status, 4))

        return self._run(act)

    def undo(self) -> Outcome:
        """Take back what the newest deployment changed that was not taken back yet."""
        from depl.rollout.local import undo

        def act(outcome: Outcome) -> None:
            ended = undo(self._environment, self._options, outcome.take, model=self._model)
            outcome.ended(ended, 0 if ended.status == "reversed" else 4)

        return self._run(act)

    def _run(self, act: Callable[[Outcome], None]) -> Outcome:
        outcome = self._outcome()
        try:
            act(outcome)
        except DeplError as error:
            outcome.refused(error)
        return outcome


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

    Working directories lie in the temporary directory. Errors: Mistakes, all of them.
    """

    def build(environment: str, platform: str | None = None) -> Model:
        from depl.configure import configure
        from depl.environment import Environment
        from depl.settings import find_project

        base = find_project(str(request.path.parent))
        loaded = Environment.load(environment, base, platform, workdir_base=str(tmp_path / "work"))
        try:
            return configure(loaded)
        except Mistakes as mistakes:
            for one in mistakes.mistakes:
                mistakes.add_note(f"{one.place}: {one} {one.hint}".strip())
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
    if name == "FakeSystem":
        from depl.change.fake import FakeSystem

        return FakeSystem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
