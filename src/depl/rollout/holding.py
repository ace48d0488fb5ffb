"""What an undo would leave on other hosts, because a step that cannot be undone came after it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depl.change.ledger import root_of
from depl.protocol.replies import Undoing
from depl.rollout.graph import Plan, plan_from_chains

Step = Mapping[str, Any]


def with_held(journals: Mapping[str, Undoing]) -> dict[str, Undoing]:
    """The same steps; those that must stay say so: held."""
    plan = plan_from_chains({host: opened.tasks for host, opened in journals.items()})
    held = _held(plan, {id for host, opened in journals.items() for id in _standing(host, opened)})

    def told(host: str, step: Step) -> Step:
        cause = held.get(f"{root_of(str(step['component']))}@{host}")
        return {**step, "held": f"{cause} needs it and stays"} if cause and "stands" not in step else step

    return {
        host: opened._replace(steps=[told(host, step) for step in opened.steps]) for host, opened in journals.items()
    }


def _standing(host: str, opened: Undoing) -> list[str]:
    """The tasks that a host would not take back as a whole."""
    stops = [step for step in opened.steps if "stands" in step]
    roots = {root_of(str(step["component"])) for step in stops}
    roots |= {str(one).partition(":")[0] for step in stops for one in step["stands"] or ()}
    return sorted(f"{root}@{host}" for root in roots)


def _held(plan: Plan, standing: set[str]) -> dict[str, str]:
    """The tasks of other hosts that these need, directly or not, each with one that needs it."""
    held: dict[str, str] = {}
    reached = sorted(standing)
    while reached:
        cause = reached.pop()
        for id in sorted(plan.after.get(cause, ())):
            if id not in held and id not in standing:
                held[id] = cause
                reached.append(id)
    return held
