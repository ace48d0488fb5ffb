"""The tree of a root component: adding, configuring what is added, names and ids."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple, TypeVar

from depl.errors import ComponentUsageError
from depl.facts import platform_component
from depl.places import Place, calling_place
from depl.root import PREPARE, NoSystem, RootComponent, configuring, root_being_configured

if TYPE_CHECKING:
    from depl.component import Component
    from depl.environment import Environment
    from depl.host import Host
    from depl.redact import Redactor

Self = TypeVar("Self", bound="InTree")


class InTree:
    """What a component is by its place in a tree. parent: another component, the RootComponent, or None so far."""

    namevar: Optional[str] = None
    parent: Any = None
    workdir: str = ""
    sub_components: List[Component]
    _: Any = None

    _root: Optional[RootComponent] = None
    _configured_in: Optional[Tuple[RootComponent, int]] = None
    _place: Optional[Place] = None
    _step = ""
    _named: Any = None
    _names: Dict[str, int]

    def configure(self) -> None:
        """Declare: add sub-components, provide and require resources. Pure, repeatable, may run on any machine."""

    def __iadd__(self: Self, component: Optional[Component]) -> Self:
        """Add a sub-component: configured at once, deployed before this one, in order of addition."""
        if component is not None:
            self._adopt(component)
            self.sub_components.append(component)
            self._ = component
        return self

    def __ior__(self: Self, component: Optional[Component]) -> Self:
        """Configure a component without adding it: it is not deployed."""
        if component is not None:
            self._adopt(component)
        self._ = component
        return self

    __add__ = __iadd__
    __or__ = __ior__

    def _adopt(self, component: Any) -> None:
        if not isinstance(component, InTree):
            raise self._misplaced(
                f"{component!r} is not a component and cannot be added", "Add an instance of a component."
            )
        node: Any = self
        while isinstance(node, InTree):
            if node is component:
                crumb = component._breadcrumb
                raise self._misplaced(f"{crumb} cannot be added to itself or to what it contains", "Make another one.")
            node = node.parent
        earlier, root = component._configured_in, self.root
        if earlier is None or (earlier[0] is root and earlier[1] != root.generation):
            component.prepare(self)
        elif component.parent is not self:
            component._come_under(self)

    def _misplaced(self, message: str, hint: str) -> ComponentUsageError:
        file, line = calling_place(PREPARE) or self.place
        return ComponentUsageError(message, self, file=file, line=line, hint=hint)

    def prepare(self, parent: Any) -> None:
        """Come under a parent and be configured."""
        self._come_under(parent)
        root = self.root
        self._configured_in = (root, root.generation)
        if "workdir" not in self.__dict__:
            self.workdir = parent.workdir
        self.sub_components, self._names = [], {}
        try:
            if root_being_configured() is root:
                self.configure()
            else:
                with configuring(root):
                    self.configure()
        except BaseException as failure:
            if root.failure is None or root.failure[0] is not failure:
                root.failure = (failure, self.id)
            raise
        self._assert_listed("reacts_to", InTree, "components")
        self._assert_listed("touches", (str, os.PathLike), "paths")
        on_platform = platform_component(type(self), root.host.platform)
        if on_platform is not None:
            self += on_platform()

    def _assert_listed(self, name: str, kind: Any, what: str) -> None:
        """Refuse an attribute that should be a list and is something else: a text, say, of which each letter is one."""
        value = getattr(self, name)
        if not value or (isinstance(value, (list, tuple)) and all(isinstance(one, kind) for one in value)):
            return
        file, line = self.place
        raise ComponentUsageError(
            f"{name} of {type(self).__name__} is {value!r}, not a list of {what}",
            self.id,
            file=file,
            line=line,
            hint=f"Write {name}=[...].",
        )

    def _come_under(self, parent: Any) -> None:
        self.parent = parent
        if not isinstance(parent, InTree):
            return
        crumb = type(self).__name__
        if self.namevar:
            crumb = f"{crumb}({self._shown_name(parent.workdir)})"
        number = parent._names[crumb] = parent._names.get(crumb, 0) + 1
        self._step = crumb if number == 1 else f"{crumb}#{number}"

    def _shown_name(self, workdir: str) -> str:
        return _below(workdir, str(self.namevar_for_breadcrumb))

    @property
    def id(self) -> str:
        """`web/File(nginx.conf)`: unique on a host, the same in every run. Without secrets, as it is written down."""
        steps, redact = self._steps(), self._redact
        if redact:
            node: Any = self
            for place in range(len(steps) - 1, 0, -1):
                steps[place] = node._step_without(redact)
                node = node.parent
        return "/".join(steps)

    @property
    def _redact(self) -> Optional[Redactor]:
        return self._root.environment.redact if self._root is not None else None

    def _step_without(self, redact: Redactor) -> str:
        """Its part of an id, without secrets."""
        if not self.namevar:
            return self._step
        workdir = self.parent.workdir
        return redact(self._step.replace(self._shown_name(workdir), _below(workdir, self._name_without(redact)), 1))

    def _name_without(self, redact: Redactor) -> str:
        """Its name for messages, without secrets; classes that shorten it look for them in all of it."""
        return redact(str(self.namevar_for_breadcrumb))

    @property
    def true_id(self) -> str:
        """The same with all that its names hold."""
        return "/".join(self._steps())

    def _steps(self) -> List[str]:
        steps = []
        node: Any = self
        while isinstance(node, InTree) and isinstance(node.parent, InTree):
            steps.append(node._step)
            node = node.parent
        steps.append(node._breadcrumb if node.parent is None else node.root.name)
        return steps[::-1]

    @property
    def namevar_for_breadcrumb(self) -> Any:
        """What stands for the name in messages; classes whose name holds a secret say something else."""
        return self._named

    @property
    def _breadcrumb(self) -> str:
        if not self.namevar:
            return type(self).__name__
        name = self._name_without(self._redact) if self._redact else str(self.namevar_for_breadcrumb)
        return f"{type(self).__name__}({name!r})"

    @property
    def _breadcrumbs(self) -> str:
        above = getattr(self.parent, "_breadcrumbs", "")
        return f"{above} > {self._breadcrumb}" if above else self._breadcrumb

    def __repr__(self) -> str:
        return f"<{self.id}>"

    @property
    def place(self) -> Place:
        """The file and line where it was made; those of the class for a component that an environment assigns."""
        if self._place is not None:
            return self._place
        return self.root.place if self._root is not None or self.parent is not None else ("", 0)

    @property
    def recursive_sub_components(self) -> Iterator[Component]:
        """All components below this one, each before what it contains."""
        ahead = self.sub_components[::-1]
        while ahead:
            component = ahead.pop()
            yield component
            ahead.extend(component.sub_components[::-1])

    @property
    def root(self) -> RootComponent:
        """The root component that this one belongs to."""
        node: Any = self
        while isinstance(node, InTree):
            if node.parent is None:
                if node._root is None:
                    raise ComponentUsageError(f"{self._breadcrumb} is not part of a root component yet", self)
                return node._root
            node = node.parent
        return node  # type: ignore[no-any-return]

    @property
    def environment(self) -> Environment:
        return self.root.environment

    @property
    def host(self) -> Host:
        return self.root.host

    @property
    def defdir(self) -> str:
        """The directory of the file that defines the root component."""
        return self.root.defdir

    @property
    def system(self) -> Any:
        """The machine: looks and verbs, for verify() and update()."""
        return self.root.system or NoSystem(self.id)


def _below(directory: str, path: str) -> str:
    return path[len(directory) + 1 :] if directory and path.startswith(directory + os.sep) else path
