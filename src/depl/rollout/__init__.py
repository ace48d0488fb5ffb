"""Rollouts: what is done in which order, and back. What those written by hand need can be imported from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from depl.rollout.byhand import Rollout
    from depl.rollout.parameters import Parameter

__all__ = ["Parameter", "Rollout"]


def __getattr__(name: str) -> Any:
    """Import them when they are asked for: every deployment imports this package, and few need them."""
    if name == "Rollout":
        from depl.rollout.byhand import Rollout

        return Rollout
    if name == "Parameter":
        from depl.rollout.parameters import Parameter

        return Parameter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
