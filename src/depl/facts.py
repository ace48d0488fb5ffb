"""What is true of a component class and all its instances: found out once per class."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import Any, Callable, Dict, FrozenSet, Mapping, Optional, Tuple, TypeVar

from depl.errors import ComponentUsageError
from depl.places import place_of_class

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])
AnyClass = TypeVar("AnyClass", bound=type)

FRAMEWORK = ("depl.component", "depl.assertions", "depl.toolbox", "depl.wiring", "depl.tree")
"""The modules whose classes every component inherits from; their attributes are no constructor arguments ..."""

ACCEPTED_BY_ALL = ("reacts_to", "workdir", "touches", "owns_workdir", "irreversible", "reverse_cmd")
"""... but for these."""

RESERVED = ("id", "parent", "place", "prepare", "root", "sub_components", "system")
"""What depl needs of every component, so that no subclass may use the name for something else."""

CHECK_ARGUMENTS = ("retries", "interval", "timeout")
SCOPES = ("*", "precursor")


@dataclass(frozen=True)
class Handler:
    """A method that wants to be called when something happens in its root component."""

    event: str
    scope: str
    method: str


@dataclass(frozen=True)
class Facts:
    """The facts on a component class.

    verifier, updater: the class that defines verify and update, None if none does. checks: it has a check().
    """

    arguments: FrozenSet[str]
    descriptors: FrozenSet[str]  # arguments that must be set through their descriptor
    mutable: Mapping[str, Any]  # defaults of which each instance needs its own copy
    handlers: Tuple[Handler, ...]
    verifier: Optional[type]
    updater: Optional[type]
    takes_predicting: bool
    enters: bool
    checks: bool
    verify_after_update: bool
    staged: bool
    predictable: bool

    @property
    def always_updates(self) -> bool:
        """There is an update(), but no verify() that could say that it is not needed."""
        return self.updater is not None and self.verifier is None


def facts_of(cls: type) -> Facts:
    """The facts on a component class."""
    facts: Optional[Facts] = cls.__dict__.get("_facts_of_class")
    if facts is None:
        facts = _find(cls)
        cls._facts_of_class = facts  # type: ignore[attr-defined]
    return facts


def _find(cls: type) -> Facts:
    _refuse_reserved_names(cls)
    members = _members(cls)
    _refuse_half_a_way_back(cls, members)
    verifier, updater = _definer(cls, "verify"), _definer(cls, "update")
    checks = _definer(cls, "check") is not None and _callable_without_arguments(members["check"])
    arguments = _arguments(cls, members, checks)
    acts = [definer for definer in (verifier, updater) if definer]
    return Facts(
        arguments=frozenset(arguments),
        descriptors=frozenset(name for name in arguments if _is_data_descriptor(members.get(name))),
        mutable={
            name: value
            for name, value in members.items()
            if type(value) in (list, dict, set, bytearray) and not name.startswith("__")
        },
        handlers=tuple(
            Handler(event, scope, name)
            for name, value in members.items()
            for event, scope in getattr(value, "_handles", ())
            if inspect.isfunction(value)
        ),
        verifier=verifier,
        updater=updater,
        takes_predicting=verifier is not None and _takes(members["verify"], "predicting"),
        enters=_definer(cls, "__enter__") is not None,
        checks=checks,
        verify_after_update=verifier is not None and _says(cls, verifier, "verify_after_update"),
        staged=all(_says(cls, definer, "staged") for definer in acts),
        predictable=updater is not None and _says(cls, updater, "predictable"),
    )


def _refuse_half_a_way_back(cls: type, members: Mapping[str, Any]) -> None:
    if inspect.isfunction(members.get("capture")) and not callable(members.get("reverse")):
        what = "has a capture(), but no reverse() that takes back what it captured"
        raise _refused(cls, what, "Write reverse(self, captured), or give capture() another name.")


def _refuse_reserved_names(cls: type) -> None:
    for base in cls.__mro__:
        for name in RESERVED if base.__module__ not in FRAMEWORK else ():
            if name in base.__dict__:
                what = f"has an attribute {name!r}, which is a name that depl needs for every component"
                raise _refused(base, what, "Give it another name.")


def _refused(cls: type, what: str, hint: str) -> ComponentUsageError:
    file, line = place_of_class(cls) or (None, None)
    return ComponentUsageError(f"{cls.__name__} {what}", file=file, line=line, hint=hint)


def _members(cls: type) -> Dict[str, Any]:
    """All attributes of a class without evaluating any; in the order of definition, bases first."""
    members: Dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        members.update(vars(base))
    return members


def _definer(cls: type, method: str) -> Optional[type]:
    for base in cls.__mro__:
        if method in base.__dict__:
            return None if base.__module__ in FRAMEWORK or base is object else base
    return None


def _arguments(cls: type, members: Mapping[str, Any], checks: bool) -> FrozenSet[str]:
    names = set(ACCEPTED_BY_ALL)
    if checks:
        names.update(CHECK_ARGUMENTS)
    if members.get("namevar"):
        names.add(members["namevar"])
    for base in cls.__mro__:
        if base.__module__ in FRAMEWORK or base is object:
            continue
        names.update(base.__dict__)
        names.update(own_annotations(base))
    if isinstance(members.get("namevar"), str):
        names.add(members["namevar"])
    return frozenset(name for name in names if not name.startswith("__") and not is_method(members.get(name)))


def is_method(value: object) -> bool:
    """Whether a class attribute is code rather than a value that could be given or overridden."""
    if isinstance(value, property):
        return value.fset is None
    if isinstance(value, (classmethod, staticmethod, functools.partialmethod, functools.cached_property)):
        return True
    return inspect.isroutine(value) and callable(value)  # an Attribute looks like a method descriptor


def own_annotations(cls: type) -> Mapping[str, Any]:
    """The annotations that a class itself makes. Those that cannot be evaluated count as none."""
    try:
        if "__annotations__" in cls.__dict__:
            return dict(cls.__dict__["__annotations__"])  # noqa: RUF063  (works on 3.9)
        return dict(inspect.get_annotations(cls)) if hasattr(inspect, "get_annotations") else {}
    except Exception:  # noqa: BLE001  evaluating annotations runs the author's code (Python 3.14)
        return {}


def _is_data_descriptor(value: object) -> bool:
    return hasattr(type(value), "__set__")


def _callable_without_arguments(function: Any) -> bool:
    if not inspect.isfunction(function):
        return False
    required = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    return sum(p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in required) == 1


def _takes(function: Any, parameter: str) -> bool:
    return inspect.isfunction(function) and parameter in inspect.signature(function).parameters


def _says(cls: type, definer: type, name: str) -> bool:
    """What a class says on itself; its bases beyond the definer say nothing on a method that replaces theirs."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return bool(base.__dict__[name])
        if base is definer:
            return False
    return False


def platform(name: str, component: type) -> Callable[[AnyClass], AnyClass]:
    """Class decorator: add an instance of this class to each `component` (or subclass) on hosts of a platform."""

    def register(cls: AnyClass) -> AnyClass:
        platforms = component.__dict__.get("_platforms")
        if platforms is None:
            platforms = {}
            component._platforms = platforms  # type: ignore[attr-defined]
        known = platforms.get(name)
        # A component file that is loaded again in the same process replaces its own registration.
        if known is not None and known.__module__ != cls.__module__:
            raise ComponentUsageError(
                f"platform {name!r} of {component.__name__} is taken by {known.__module__}.{known.__qualname__}, "
                f"so {cls.__qualname__} cannot be registered for it"
            )
        platforms[name] = cls
        return cls

    return register


def platform_component(cls: type, name: Optional[str]) -> Optional[type]:
    """The class that is registered for a component class on a platform; the nearest base class wins."""
    for base in cls.__mro__ if name else ():
        platforms = base.__dict__.get("_platforms")
        if platforms and name in platforms:
            return platforms[name]  # type: ignore[no-any-return]
    return None


def handle_event(event: str, scope: str = "*") -> Callable[[AnyFunction], AnyFunction]:
    """Method decorator: call this when `event` happens to another component of the same root.

    event: `before-update` is the only one. scope: `*` for any component, `precursor` for those deployed before.
    """
    if scope not in SCOPES:
        raise ComponentUsageError(f"scope {scope!r} of event {event!r} is neither '*' nor 'precursor'")

    def mark(function: AnyFunction) -> AnyFunction:
        function._handles = (*getattr(function, "_handles", ()), (event, scope))  # type: ignore[attr-defined]
        return function

    return mark
