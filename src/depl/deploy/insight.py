"""How much can be known of the paths that a component works with: what it says of them, and how it looks."""

from __future__ import annotations

from typing import Iterator

from depl.component import Component
from depl.facts import facts_of

BY_COMMANDS = "depl.lib.command"  # what commands look at, nobody knows but who wrote them


def claims_all(component: Component) -> bool:
    """Whether its claims() speak of all that it makes: no class below the one that claims looks or acts otherwise."""
    classes = type(component).__mro__
    claiming = next((place for place, cls in enumerate(classes) if "claims" in vars(cls)), len(classes))
    return claiming < len(classes) and all(claiming <= classes.index(cls) for cls in _acting(component))


def looks_by_itself(component: Component) -> bool:
    """Whether paths may matter to it which nobody can know, as it looks at them by other means than the system."""
    facts = facts_of(type(component))
    staged = component.__dict__.get("staged", facts.staged) and not facts.handlers
    return not staged and not claims_all(component) and not all(map(_is_of_library, _acting(component)))


def _acting(component: Component) -> Iterator[type]:
    """The classes that say how it looks and acts."""
    facts = facts_of(type(component))
    yield from (cls for cls in (facts.verifier, facts.updater) if cls is not None)
    for handler in facts.handlers:
        yield next(cls for cls in type(component).__mro__ if handler.method in vars(cls))


def _is_of_library(cls: type) -> bool:
    return cls.__module__.startswith("depl.lib.") and cls.__module__ != BY_COMMANDS
