"""Two components of one host must not want different things of one path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterable, Tuple

from depl.errors import ConfigurationError, DeplError

if TYPE_CHECKING:
    from depl.component import Component
    from depl.root import RootComponent


def conflicts(roots: Iterable[RootComponent]) -> Iterable[Tuple[RootComponent, DeplError]]:
    """A mistake for each pair of components that determine the same aspect of a path with different values.

    A component class says what it determines by a method `claims()`: (path, aspect, value) each.
    """
    claimed: Dict[Tuple[str, str, str], Tuple[Any, Component]] = {}
    for root in roots:
        if root.ignore or root.host.ignore:
            continue
        for component in (root.component, *root.component.recursive_sub_components):
            if not has_claims(component):
                continue
            for path, aspect, value in component.claims():
                first, other = claimed.setdefault((root.host.name, path, aspect), (value, component))
                if first != value:
                    yield root, _conflict(path, aspect, component, other)


def has_claims(component: Component) -> bool:
    """Whether a component says what it determines."""
    return callable(getattr(type(component), "claims", None))


def _conflict(path: str, aspect: str, component: Component, other: Component) -> ConfigurationError:
    file, line = component.place
    there = ":".join(map(str, other.place))
    return ConfigurationError(
        f"the {aspect} of {path} is wanted differently by {other.id} ({there})",
        component,
        file=file,
        line=line,
        hint="Remove one of them, or give them different paths.",
    )
