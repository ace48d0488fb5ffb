"""How an update that acts by itself can be undone, as far as that is said before it runs."""

from __future__ import annotations

from contextlib import suppress
from typing import Optional, Sequence

from depl.change.answering import NOT_REPEATED
from depl.change.changes import WayBack
from depl.change.limit import TOO_LARGE
from depl.change.owned import below
from depl.change.refusal import WANTED, is_unsafe
from depl.component import Component
from depl.errors import DeploymentError


def promised(component: Component, products: Sequence[str], reaction: bool, new: bool = False) -> tuple[WayBack, str]:
    """The way back of an update that acts by itself, and what is to be said of it.

    An author is believed. products: paths that it writes, as its verify() says; reaction: it reacts to others; new: it
    was not on the host before, so that it is not repeated on the way back.
    """
    declared = declared_way_back(component)
    touched = [component.map(path) for path in component.touches or ()]
    if declared is not None:
        way_back, _, reason = declared
        return way_back, reason
    if _has_code(component):
        return WayBack.COMPENSATING, ""
    large = too_large(component, touched)
    if large:
        return WayBack.UNKNOWN, f"{TOO_LARGE}: {', '.join(large)}"
    if component.owns_workdir:
        return WayBack.EXACT, f"{component.root.workdir} is captured whole"
    if touched:
        return WayBack.EXACT, f"for {', '.join(dict.fromkeys([*touched, *products]))}; what else it does is not known"
    if reaction:
        return (WayBack.UNKNOWN, NOT_REPEATED) if new else (WayBack.REPEAT, "")
    return WayBack.UNKNOWN, f"of its effects {', '.join(products)} would be put back" if products else ""


def too_large(component: Component, touched: Sequence[str]) -> list[str]:
    """The files that an update may change, and that are too large to be kept."""
    system = component.root.system
    if system is None:
        return []
    owned: list[str] = []
    with suppress(OSError):  # what cannot be looked at is told when it must be captured
        owned += below(component.root.workdir) if component.owns_workdir else ()
    return [path for path in (*touched, *owned) if not system.limit.fits(path)]


def assert_promised(component: Component, products: Sequence[str], reaction: bool, new: bool = False) -> None:
    """Refuse an update that acts by itself where nobody says how it is undone. Errors: DeploymentError."""
    way_back, reason = promised(component, products, reaction, new)
    if is_unsafe(way_back):
        known = f"is {way_back.value}{f' ({reason})' if reason else ''}"
        raise DeploymentError(
            f"its update() was not called: its way back {known}, and {WANTED}",
            hint="Declare its way back (`touches`, `owns_workdir`, `reverse_cmd`, `capture()` and `reverse()`), or say "
            "`reversibility = ask` or `allow` in the environment.",
        )


def says_its_way_back(component: Component) -> bool:
    """Whether the author says on the way back of an update that acts by itself what there is to be said."""
    return _has_code(component) or declared_way_back(component) is not None


def _has_code(component: Component) -> bool:
    return hasattr(component, "capture") and hasattr(component, "reverse")


def answered_for(component: Component, products: Sequence[str]) -> Optional[WayBack]:
    """The way back that an author declared for all that an update does, its commands too; None: nobody did."""
    way_back, _ = promised(component, products, False)
    return way_back if way_back in (WayBack.EXACT, WayBack.COMPENSATING) else None


def declared_way_back(component: Component) -> Optional[tuple[WayBack, Optional[str], str]]:
    """What the author says on the way back of an update that acts by itself: class, undo command, reason."""
    if component.irreversible:
        return WayBack.IRREVERSIBLE, None, str(component.irreversible)
    if component.reverse_cmd:
        return WayBack.COMPENSATING, component.expand(component.reverse_cmd), ""
    return None
