"""A component class that an environment assigned to a host: the unit of order and of dispatch."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, Optional, Protocol, Sequence, Tuple

from depl import conversion
from depl.elsewhere import Assigned
from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.facts import facts_of
from depl.places import Place, calling_place, place_of_class
from depl.utils import resolving

if TYPE_CHECKING:
    from depl.component import Component
    from depl.environment import Environment
    from depl.host import Host


class Attempt(Protocol):
    """What the engine tells a root component's methods while it deploys (or predicts) them."""

    updating: bool  # an update() is running, so that commands act
    predicting: bool

    def changed(self, asked: Component) -> bool:
        """Whether a component changed since the one that is being verified last succeeded."""

    def is_half_done(self, component: Component) -> bool:
        """Whether a component's last update began and did not end, so that nobody knows what it left."""

    def product(self, path: str) -> None:
        """The component that is being verified or updated makes the file at this path."""

    def log(self, component: Component, text: str) -> None:
        """A component has something to say."""


class ComponentDefinition:
    """A component class that a project defines, by which environments know it.

    factory: the class. filename: the file that defines it. defdir: where its templates and files lie.
    """

    def __init__(self, factory: Callable[[], Component], filename: str = "", defdir: str = "") -> None:
        self.factory = factory
        self.filename = filename
        self.defdir = defdir or os.path.dirname(filename)
        self.name: str = getattr(factory, "__name__", "component").lower()

    def __repr__(self) -> str:
        return f"ComponentDefinition({self.name!r}, {self.filename!r})"


class RootComponent(Assigned):
    """A component at the root of a tree, on a host.

    component: the instance of the author's class, made anew by every prepare(). system: what its verbs act on, given by
    the engine, None in configure(). attempt: what the engine tells, likewise. log_lines: what configure() logged.
    """

    def __init__(
        self,
        name: str,
        environment: Environment,
        host: Host,
        features: Sequence[str] = (),
        ignore: bool = False,
        definition: Optional[ComponentDefinition] = None,
        workdir: str = "",
    ) -> None:
        if definition is None:
            raise ConfigurationError(f"root component {name!r} has no definition")
        self.name = name
        self.environment = environment
        self.host = host
        self.features = list(features)
        self.ignore = ignore
        self.definition = definition
        self.workdir = workdir or os.path.join(environment.workdir_base, name)
        self.component: Any = None
        self.system: Any = None
        self.attempt: Optional[Attempt] = None
        self.log_lines: List[Tuple[str, str]] = []  # component id, text
        self.warnings: List[ConfigurationError] = []
        self.created: List[Component] = []
        self.generation = 0
        self.failure: Optional[Tuple[BaseException, str]] = None  # what configure() raised, and the component's id
        self._overrides: Optional[Mapping[str, Any]] = None

    def __repr__(self) -> str:
        return f"<RootComponent {self.label}>"

    @property
    def root(self) -> RootComponent:
        return self

    @property
    def factory(self) -> Callable[[], Component]:
        return self.definition.factory

    @property
    def defdir(self) -> str:
        return self.definition.defdir

    @property
    def _breadcrumbs(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        """Where its class is defined."""
        found = place_of_class(self.definition.factory) if isinstance(self.definition.factory, type) else None
        return found or (self.definition.filename, 1)

    @property
    def overrides(self) -> Mapping[str, Any]:
        """What the environment says on the attributes of this component: name → Override."""
        if self._overrides is None:
            self._overrides = self.environment.overrides_for(self.name, self.host)
        return self._overrides

    @property
    def settings(self) -> Any:
        return self.environment.settings

    def prepare(self) -> None:
        """Make the component and configure it, with all below it, from the start. Raises what configure() raises."""
        self.generation += 1
        self.component, self.failure = None, None
        self.log_lines, self.warnings, self.created = [], [], []
        self.environment.resources.forget(self)
        with configuring(self):
            self.component = self.definition.factory()
            self.component.parent, self.component.workdir = self, self.workdir
            if self.features:
                self.component.features = list(self.features)
            self._apply_overrides(self.component)
            self.component.prepare(self)

    def _apply_overrides(self, component: Component) -> None:
        values: Dict[str, Any] = {}
        mistakes: List[DeplError] = []
        arguments = facts_of(type(component)).arguments if self.overrides else ()
        for name, override in self.overrides.items():
            if name not in arguments:
                continue  # a mistake of the environment, which reports it
            try:
                values[name] = conversion.overridden(component, name, override)
            except DeplError as error:
                mistakes.append(error)
        if mistakes:
            raise Mistakes(mistakes)
        component.assign(values)

    def failed_in(self, failure: BaseException) -> Optional[str]:
        """The id of the component whose configure() raised."""
        return self.failure[1] if self.failure and self.failure[0] is failure else None

    def never_added(self) -> List[ConfigurationError]:
        """A warning for each component that configure() created and nobody added."""
        return [
            ConfigurationError(
                f"{component._breadcrumb} is created, but never added",
                self.name,
                file=component.place[0],
                line=component.place[1],
                hint="Add it with `self += ...`, or do not create it.",
            )
            for component in self.created
            if component.parent is None
        ]


_configured: ContextVar[Optional[RootComponent]] = ContextVar("configured", default=None)


def root_being_configured() -> Optional[RootComponent]:
    """The root component whose configure() runs at the moment."""
    return _configured.get()


@contextmanager
def configuring(root: RootComponent) -> Iterator[None]:
    """Run code as part of the configuration of a root component: with its definition directory as working directory."""
    token = _configured.set(root)
    try:
        with resolving(root.environment.resolver), _inside(root.defdir):
            yield
    finally:
        _configured.reset(token)


@contextmanager
def _inside(directory: str) -> Iterator[None]:
    try:
        before = os.getcwd()
    except FileNotFoundError:  # somebody removed it: there is nowhere to go back to
        before = ""
    if directory and directory != before:
        os.chdir(directory)
    try:
        yield
    finally:
        if before and directory != before:
            os.chdir(before)


class NoSystem:
    """The system during configure(): refuses everything, by name."""

    def __init__(self, component: str) -> None:
        self._component = component

    def __getattr__(self, verb: str) -> Any:
        if verb.startswith("__"):
            raise AttributeError(verb)
        file, line = calling_place() or (None, None)
        raise ConfigurationError(
            f"self.system.{verb} cannot be used in configure(), which may run on any machine and must change nothing",
            self._component,
            file=file,
            line=line,
            hint="Look in verify() and act in update().",
        )


PREPARE = RootComponent.prepare.__code__
