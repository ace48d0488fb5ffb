"""Components: pieces of target state, as authors write them."""

from __future__ import annotations

import copy
import difflib
from typing import Any, Dict, Mapping, Optional, Sequence

from depl.assertions import Assertions
from depl.attribute import Attribute, ConfigString
from depl.errors import ComponentUsageError
from depl.facts import facts_of, handle_event, is_method, platform
from depl.places import calling_place
from depl.root import PREPARE, Attempt, ComponentDefinition, RootComponent, root_being_configured

__all__ = [
    "Attempt",
    "Attribute",
    "Component",
    "ComponentDefinition",
    "ConfigString",
    "HookComponent",
    "RootComponent",
    "handle_event",
    "platform",
]


class Component(Assertions):
    """A piece of target state. Subclasses declare it in configure(), look in verify() and act in update().

    namevar: the name of the constructor's first, unnamed argument. The other class attributes are its keyword
    arguments, with their defaults; an environment may override those of a root component.
    """

    features: Sequence[str] = ()
    reacts_to: Sequence[Component] = ()

    # What an author says on verify() and update(). It is believed of the class that defines them.
    verify_after_update: bool = False  # verify() runs again after update(): success means verified
    staged: bool = False  # they use nothing but the verbs and looks of self.system
    predictable: bool = False  # update() acts through the verbs alone, run() included: a plan may call it
    touches: Sequence[str] = ()  # paths that update() changes by other means: captured before, restored after
    owns_workdir: bool = False  # what update() changes lies in the workdir of its root: captured whole, restored after
    irreversible: str = ""  # the reason
    reverse_cmd: str = ""

    # How check() is called: again `retries` times, `interval` seconds apart, for `timeout` seconds at most.
    retries: int = 0
    interval: float = 1.0
    timeout: Any = None

    def __init__(self, namevar: Any = None, /, *superfluous: Any, **attributes: Any) -> None:
        facts = facts_of(type(self))
        self._place = calling_place(PREPARE)
        if namevar is not None or self.namevar or superfluous:
            attributes = self._with_namevar(namevar, superfluous, attributes)
        if not facts.arguments.issuperset(attributes):
            self._refuse_unknown(attributes)
        for name, default in facts.mutable.items():
            if name not in attributes:
                self.__dict__[name] = copy.deepcopy(default)
        self.assign(attributes)
        self.sub_components, self._names = [], {}
        root = root_being_configured()
        if root is not None:
            self._root = root
            root.created.append(self)

    def _with_namevar(self, value: Any, superfluous: Sequence[Any], attributes: Mapping[str, Any]) -> Dict[str, Any]:
        name = self.namevar
        values = [given for given in (value, *superfluous) if given is not None]
        if name is None:
            raise self._misuse(f"takes no unnamed argument, but was given {values[0]!r}", "Give attributes by name.")
        if len(values) > 1 or (values and name in attributes):
            what = f"takes one unnamed argument, {name!r}, but was given more: {values[-1]!r}"
            raise self._misuse(what, "Give it once, and other attributes by name.")
        if not values and name not in attributes:
            alone = "" if self._place else " A root component is made without arguments: add it to another one."
            raise self._misuse(f"needs its {name!r} as first argument", f"Write {type(self).__name__}(...).{alone}")
        self._named = values[0] if values else attributes[name]
        return {**attributes, name: self._named}

    def _refuse_unknown(self, attributes: Mapping[str, Any]) -> None:
        known = facts_of(type(self)).arguments
        for name in attributes:
            if name in known:
                continue
            member = getattr(type(self), name, None)
            if hasattr(type(self), name) and not is_method(member) and not hasattr(Component, name):
                continue  # set on the class after the facts were found
            if is_method(member) or callable(member):
                what = f"cannot take {name!r} as an argument: it is a method"
                raise self._misuse(what, "Override it in a subclass, or give another attribute.")
            close = difflib.get_close_matches(name, sorted(known), 3)
            meant = f"Did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise self._misuse(f"has no attribute {name!r}", meant or f"It knows {', '.join(sorted(known))}.")

    def _misuse(self, what: str, hint: str = "") -> ComponentUsageError:
        file, line = self._place or (None, None)
        return ComponentUsageError(f"{type(self).__name__} {what}", file=file, line=line, hint=hint)

    def assign(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes as the constructor does."""
        self.__dict__.update(attributes)
        for name in facts_of(type(self)).descriptors.intersection(attributes):
            del self.__dict__[name]
            setattr(self, name, attributes[name])

    # What authors write, beside configure().

    def verify(self) -> None:
        """Look: raise UpdateNeeded, or fail an assertion, where the target is not as declared."""

    def update(self) -> None:
        """Act: bring the target to the declared state."""

    def check(self) -> None:
        """Is the service well, now? Raise if it is not. Runs after the deployment and in `depl check --live`."""

    def __enter__(self) -> Any:
        """Surround verify() and update()."""
        return self

    def __exit__(self, *exception: Any) -> Optional[bool]:
        return None


class HookComponent(Component):
    """A component that provides itself under its `key`."""

    key: Optional[str] = None

    def configure(self) -> None:
        if self.key is None:
            raise ComponentUsageError(f"{type(self).__name__} needs a key under which it provides itself", self)
        self.provide(self.key, self)
